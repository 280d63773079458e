"""Endpoints of a simulated trial: those of its measured counts and doses, exact where they are of courses."""

import numpy as np
import pytest

import immunode as im
from immunode.evidence.library import load
from immunode.studies.trial_endpoints import FEWEST, baseline_day, reference_arm, tenth, trial_endpoints
from immunode.virtual_trials.measured import measured_arms
from immunode.virtual_trials.trial_run import arm_runs, from_file, labelled


@pytest.fixture(scope="module")
def run():
    trial = from_file(load("tincati_2008"))
    runs = arm_runs(trial, 60, 1, progress=lambda *_: None)
    arms = measured_arms(trial, runs, 1)
    return labelled(trial, runs, arms, 1), trial_endpoints(trial, runs, arms, 1), trial, runs


def endpoints_of(trial, n):
    """Return the endpoints of a trial of n patients per arm."""
    runs = arm_runs(trial, n, 1, progress=lambda *_: None)
    return trial_endpoints(trial, runs, measured_arms(trial, runs, 1), 1)


def row(rows, arm, endpoint, label=""):
    return next(one for one in rows if (one.arm, one.endpoint, one.label) == (arm, endpoint, label))


def test_gains_are_those_of_the_counts_as_measured_and_differences_those_of_the_medians(run):
    result, rows, _, _ = run
    counts = result.cd4_patient.sel(arm=["IL-2+HAART", "HAART"])
    gains = (counts.isel(visit=-1) - counts.sel(visit=0)).values
    for arm, each in zip(("IL-2+HAART", "HAART"), gains, strict=True):
        q1, median, q3 = np.nanpercentile(each, [25, 50, 75])
        one = row(rows, arm, "cd4 gain")
        assert (one.estimate, one.patient_q1, one.patient_q3) == pytest.approx((median, q1, q3), rel=1e-12)
        assert one.low < median < one.high
    one = row(rows, "IL-2+HAART", "cd4 gain")
    assert one.versus == "HAART"
    assert one.difference == pytest.approx(np.nanmedian(gains[0]) - np.nanmedian(gains[1]), rel=1e-12)
    assert one.difference_low < one.difference < one.difference_high
    assert row(rows, "HAART", "cd4 gain").difference is None


def test_cycles_doses_and_amounts_are_those_given_by_arm_and_label(run):
    result, rows, _, _ = run
    arm = result.sel(arm="IL-2+HAART")
    for label in ("", "IL-2R", "IL-2NR"):
        chosen = np.ones(60, dtype=bool) if not label else arm.label.values == label
        for name, variable in (("cycles", "given_cycles"), ("doses", "given_doses"), ("MIU", "given_depot")):
            expected = arm[variable].values[chosen].mean()
            assert row(rows, "IL-2+HAART", name, label).estimate == pytest.approx(expected, rel=1e-12)
    share = row(rows, "IL-2+HAART", "patients", "IL-2R").estimate
    assert share == pytest.approx(100 * (arm.label.values == "IL-2R").mean())
    assert not any(one.kind in ("given", "exposure") for one in rows if one.arm == "HAART")


def test_exposure_is_that_of_a_formula():
    population = im.Population("il2_sc")
    linear = im.Arm("a", n=5, regimen="3 MIU IV over 2 h")
    trial = im.Trial("t", population, [0, 7], [linear])
    rows = endpoints_of(trial, 3)
    auc = 3e6 / (population.of.typical["CL"] * 1000)  # IU/mL day
    assert row(rows, "a", "il2 AUC").estimate == pytest.approx(auc, rel=1e-4)  # 100 rtol, of a week


def test_the_arm_without_doses_is_what_others_are_compared_with(run):
    _, _, trial, _ = run
    assert reference_arm(trial) == 1
    arms = [im.Arm("a", n=3, regimen="3 MIU SC"), im.Arm("b", n=3, regimen="6 MIU SC")]
    assert reference_arm(im.Trial("t", im.Population("il2_sc"), [0, 7], arms)) == 0


def test_the_baseline_is_day_0_or_the_first_visit():
    arm = im.Arm("a", n=3, regimen="3 MIU SC")
    population = im.Population("il2_sc")
    assert baseline_day(im.Trial("t", population, [-7, 0, 7], [arm], start=-7)) == 0.0
    assert baseline_day(im.Trial("t", population, [2, 7], [arm])) == 2.0


def test_a_tenth_is_of_some_two_hundred_at_least():
    assert [tenth(n) for n in (5, 300, 10_000)] == [5, FEWEST, 1000]


def test_an_arm_of_many_patients_has_intervals_too():
    arms = [im.Arm("a", n=50_000, regimen="3 MIU SC"), im.Arm("b", n=3)]
    trial = im.Trial("t", im.Population("cd4_turnover"), [0, 7], [im.Arm(one.name, one.n) for one in arms])
    rows = endpoints_of(trial, 20)
    assert row(rows, "a", "cd4 gain").low is not None
