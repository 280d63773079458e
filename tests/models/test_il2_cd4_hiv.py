"""IL-2, CD4 cells and virus together: no rebound on therapy, rebound off it, gains that last, cells that come back."""

import numpy as np
import pytest

from immunode.evidence.library import load
from immunode.measures import Window, measure
from immunode.models import model
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


OFF = replace("art", 0, time=0.0)  # a suppressed patient stops therapy


def stopped(days_on, **patient):
    """Return the CD4 counts of a suppressed patient who stops therapy on day 0."""
    course = simulate("il2_cd4_hiv", OFF, times=days_on, parameters={"suppressed": 1, **patient}, outputs=["cd4"])
    return course["cd4"].values


def test_who_stops_therapy_falls_fast_and_then_slowly_as_four_trials_saw():
    """Counts over the days that the papers print. Nothing is fitted to these: within a factor of 1.6 of the first
    slope, and of the second within what a slope of a few cells can say."""
    month, week = 30.44, 7
    skiest = stopped(
        [0, 2 * month, 240], cd4_start=739, pretherapy_cd4=463, setpoint_rna=22387
    )  # JAIDS 2004;37:1351: -65, then -8 a month
    assert (skiest[1] - skiest[0]) / 2 == pytest.approx(-65, rel=0.6)
    assert -16 < (skiest[2] - skiest[1]) / (240 / month - 2) < -4
    actg = stopped([0, 8 * week, 48 * week], cd4_start=800, nadir=436)  # PubMed 17436222: -20 a week, then -2
    assert (actg[1] - actg[0]) / 8 == pytest.approx(-20, rel=0.6)
    assert -4 < (actg[2] - actg[1]) / 40 < -1


def test_nothing_said_of_a_past_means_the_count_at_the_start_and_a_nadir_stands_for_the_count_before_therapy():
    nothing = stopped([0, 240], cd4_start=500)
    assert nothing == pytest.approx(stopped([0, 240], cd4_start=500, nadir=500, pretherapy_cd4=500), rel=1e-9)
    low = stopped([0, 240], cd4_start=500, nadir=200)
    assert low == pytest.approx(stopped([0, 240], cd4_start=500, nadir=200, pretherapy_cd4=200), rel=1e-9)
    assert low[1] < nothing[1]


def test_a_history_says_what_a_declared_past_does():
    """A patient treated for years who stops, simulated from before therapy, against one declared suppressed.

    To a tenth: cells that came back from tissue make memory cells more than the half that is declared, and go back; and
    long-lived infected cells, which the history has left, start the virus.
    """
    history = simulate(
        "il2_cd4_hiv", replace("art", 1, time=0.0) + replace("art", 0, time=1500.0), times=[1500, 1560, 1740],
        parameters={"cd4_start": 250}, outputs=["cd4"],
    )["cd4"].values  # fmt: skip
    declared = stopped([0, 60, 240], cd4_start=float(history[0]), pretherapy_cd4=250)
    assert declared == pytest.approx(history, rel=0.1)


@pytest.mark.parametrize("count", [757.0, 900.0, 1500.0, 2000.0])
def test_supply_stays_positive_at_any_untreated_start(count):
    typical = model("il2_cd4_hiv").typical
    course = simulate("il2_cd4_hiv", times=[0, 56, 365], parameters={"cd4_start": count, "decline": 0})
    assert (course["infected"].values > 0).all()
    assert course["cd4"].values == pytest.approx(count, rel=1e-6)  # at rest
    assert course["cd4_without_virus"].values == pytest.approx(max(1.2 * count, typical["setpoint_cd4"]))


def test_il2_made_cells_are_trapped_and_come_back_as_memory_cells_do():
    cycles = prescribe("7.5 MIU SC BID days 1-5 every 56 days x3")
    times, values = [0, 168, 250], {"cd4_start": 500, "nadir": 300, "suppressed": 1, "expanded_trapping": 1}
    on = simulate("il2_cd4_hiv", cycles, times=times, parameters=values)
    off = simulate("il2_cd4_hiv", cycles + replace("art", 0, time=168.0), times=times, parameters=values)
    assert on["trapped_expanded"].values == pytest.approx(0, abs=0.05)  # residual virus, 1 copy/mL, traps hardly any
    held = off["trapped_expanded"].values[2] / off["expanded"].values[2]
    assert held == pytest.approx(off["trapped"].values[2] / off["memory"].values[2], rel=0.1)
    assert held > 0.1


def test_therapy_may_work_in_part():
    """Nucleosides of before HAART: `art` is a share of the efficacy, and the virus settles between."""
    rna = [
        simulate("il2_cd4_hiv", replace("art", share, time=0.0), times=[365], outputs=["rna"])["rna"].values[0]
        for share in (0.0, 0.3, 0.6, 1.0)
    ]
    assert (np.diff(rna) < 0).all()
    assert rna[-1] < 50 < rna[2]


def test_a_slow_decline_takes_cells_from_the_untreated_alone():
    untreated = simulate("il2_cd4_hiv", times=[0, 365], parameters={"decline": 0.0005, "cd4_start": 400})["cd4"].values
    assert untreated[1] < 380
    suppressed = simulate(
        "il2_cd4_hiv", times=[0, 365], parameters={"decline": 0.0005, "cd4_start": 400, "suppressed": 1, "nadir": 200}
    )["cd4"].values
    without = simulate(
        "il2_cd4_hiv", times=[0, 365], parameters={"decline": 0.0, "cd4_start": 400, "suppressed": 1, "nadir": 200}
    )["cd4"].values
    assert suppressed == pytest.approx(without, rel=1e-3)


def test_the_lymph_sees_what_the_skin_gives_up_and_an_infusion_gives_it_nothing():
    times = [0.2, 0.4]
    infused = simulate("il2_cd4_hiv", prescribe("9 MIU/day CIV day 1"), times=times, parameters={"lymph_potency": 1})
    assert (infused["stimulus"].values == infused["il2"].values).all()
    injected = simulate("il2_cd4_hiv", prescribe("9 MIU SC day 1"), times=times, parameters={"lymph_potency": 2})
    p = model("il2_sc").typical  # MIU/day out of the depot, over L/day, in IU/mL
    uptake = p["F"] * p["ka"] * injected["depot"].values / (1 + injected["depot"].values / p["D50"])
    expected = injected["il2"].values + 2 * 1000 * uptake / p["CL"]
    assert injected["stimulus"].values == pytest.approx(expected, rel=1e-9)
