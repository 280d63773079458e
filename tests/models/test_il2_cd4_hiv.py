"""IL-2, CD4 cells and virus together: no rebound on therapy, rebound off it, gains that last, cells that come back."""

import numpy as np
import pytest

from immunode.evidence.library import load
from immunode.measures import Window, measure
from immunode.regimen import prescribe, replace
from immunode.simulation import days, simulate
from immunode.virtual_trials.arm_run import run_arm
from immunode.virtual_trials.trial_run import from_file

THERAPY = replace("art", 1, time=0.0)


def test_a_tenfold_fall_in_two_weeks_and_suppression_in_months():
    rna = simulate("il2_cd4_hiv", THERAPY, times=[0, 14, 120], outputs=["rna"])["rna"].values
    assert rna[1] < 0.1 * rna[0]
    assert rna[2] < 50


def test_no_rebound_on_therapy_and_rebound_when_it_stops():
    stopped = THERAPY + replace("art", 0, time=300.0)
    rna = simulate("il2_cd4_hiv", stopped, times=days(0, 420), outputs=["rna"])["rna"].values
    suppressed = np.flatnonzero(rna < 50)[0]
    assert rna[suppressed:301].max() < 50
    assert rna[420] > 1e4


def test_il2_pulses_expand_cd4_and_the_gain_decays_slowly():
    cycles = "3 MIU SC QD days 1-5,8-12 every 28 days x3"
    times = [0, 91, 183, 548, 1500]
    treated = simulate("cd4_turnover", times=times, parameters={"cd4_start": 300})["cd4"]
    on = simulate("il2_cd4_hiv", THERAPY + prescribe(cycles), times=times, parameters={"cd4_start": 300})
    off = simulate("il2_cd4_hiv", THERAPY, times=times, parameters={"cd4_start": 300})
    gain = (on["cd4"] - off["cd4"]).values
    assert gain[1] > 10
    assert (np.diff(gain[1:]) < 0).all()
    assert gain[3] > 0.5 * gain[1]  # Kovacs 2005: half-lives of months to years
    assert (np.diff(treated) > 0).all()


def test_redistribution_comes_before_regeneration():
    course = simulate("il2_cd4_hiv", THERAPY, times=[0, 21, 42, 60, 365, 730], parameters={"cd4_start": 100})
    back = 1 - course["trapped"].values / course["trapped"].values[0]
    assert back[1] > 0.6  # Pakker 1998: memory cells plateau at three weeks
    assert back[2] > 0.85
    cd4 = course["cd4"].values
    assert (cd4[3] - cd4[0]) / 60 > 3 * (cd4[5] - cd4[4]) / 365
    memory, naive = course["memory"].values, course["naive"].values
    assert (memory / memory[0])[2] > 2 * (naive / naive[0])[2]  # memory first, naive later


@pytest.mark.parametrize("efficacy", [0.992, 0.999])
def test_nobody_rebounds_on_therapy(efficacy):
    trial = from_file(load("tincati_2008", {"arms.1.values.efficacy": efficacy}))
    arm = run_arm(trial, trial.arms[1], 2000, seed=1, threads=2)
    rna = arm.values[arm.status == 0][:, :, arm.observables.index("rna")]
    window = Window(0.0, 1.0, visits=np.arange(rna.shape[1]), seen=rna, level=np.full(len(rna), 50.0))
    assert measure("rebound").reduce(window).sum() == 0
