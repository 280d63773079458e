"""What is predicted of a trial: its figures, or its rows of evidence, in the units in which they are printed."""

import numpy as np
import pytest

from immunode.calibration.population.trial_of_evidence import ready_trial
from immunode.calibration.predicted_numbers import (
    medians_at_visits,
    numbers_of_figures,
    numbers_of_rows,
)
from immunode.evidence.printed import Evidence, Figure
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.measured import measured_arms
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.statistics import groups
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import arm_runs
from tests.calibration.made_up import BOLUS

POPULATION = Population(BOLUS, omega={"CL": 0.3})
ROW = {"arm": "a", "observable": "level", "day": 1}
ARMS = [{"name": name, "regimen": "1 MIU IV bolus", "n": 20} for name in ("a", "b")]


def told(rows):
    """Return the numbers of rows, and the groups of their trial."""
    evidence = Evidence(name="e", arms=ARMS, rows=rows, start=-1)
    printed = evidence.rows
    ready = ready_trial(evidence, POPULATION, printed)
    arms = measured_arms(ready.trial, arm_runs(ready.trial, 500, 1, threads=1), 1)
    named = {arm.name: arm for arm in arms}
    return numbers_of_rows(ready, printed), groups(named, named, 1, 400)


def test_rows_are_in_the_unit_in_which_they_are_printed():
    rows = [
        ROW | {"statistic": "median", "value": 27},
        ROW | {"statistic": "median", "value": 27000, "unit": "IU/L"},
        ROW | {"statistic": "percent_above", "limit": 27, "value": 50},
        ROW | {"statistic": "count_above", "limit": 27, "value": 10, "use": "check"},
    ]
    numbers, by_name = told(rows)
    median, in_litres, percent, count = (number.over(by_name) for number in numbers)
    np.testing.assert_allclose(in_litres, 1000 * median, rtol=1e-12)
    np.testing.assert_allclose(count, percent * 20 / 100, rtol=1e-12)
    assert [number.published for number in numbers] == [27, 27000, 50, 10]
    assert 20 < np.median(median) < 35  # 200 exp(-2) = 27


def test_differences_ratios_and_limits_are_predicted():
    rows = [
        ROW | {"versus": "b", "statistic": "mean", "value": 0},
        ROW | {"versus": "b", "statistic": "median", "value": 1, "compare": "ratio"},
        ROW | {"statistic": "median", "value": "<50"},
    ]
    numbers, by_name = told(rows)
    difference, ratio, limited = (number.over(by_name) for number in numbers)
    assert abs(difference.mean()) < 4 * difference.std() / 20 + 2
    assert 0.8 < np.median(ratio) < 1.25
    assert numbers[2].published == "<50"
    assert (limited > 0).all()


def test_counts_beyond_a_limit_and_of_some_pooled_patients_are_predicted_as_they_are_printed():
    pooled = {"arm": "a + b", "statistic": "count_above", "limit": 27}
    rows = [ROW | {**pooled, "n": 10, "value": "<9"}, ROW | {**pooled, "arm": "a", "value": 5}]
    numbers, by_name = told(rows)
    few, some = (number.over(by_name) for number in numbers)
    assert numbers[0].published == "<9"
    assert few.max() <= 10
    assert few.mean() / 10 == pytest.approx(some.mean() / 20, abs=4 * 0.5 / np.sqrt(10 * 400) + 0.02)


def test_p_values_are_predicted_of_trials_of_both_sizes():
    """Of two arms that are alike p is even from 0 to 1: below a half in half of the trials, within 4 errors."""
    test = ROW | {"versus": "b", "value": 0.2, "use": "check"}
    limited = {"limit": 27, "statistic": "p_fisher", "value": "<0.9"}
    rows = [test | {"statistic": "p_mann_whitney"}, test | {"statistic": "p_t_test"}, test | limited]
    numbers, by_name = told(rows)
    each = [number.over(by_name) for number in numbers]
    for p in each[:2]:
        assert (p < 0.5).mean() == pytest.approx(0.5, abs=4 * 0.5 / 20)
    assert ((each[2] > 0) & (each[2] <= 1)).all()
    assert numbers[2].published == "<0.9"


@pytest.mark.parametrize("named", [{}, {"level": 0.1}])
def test_a_trial_that_prints_nothing_has_its_medians(named):
    trial = Trial("t", POPULATION, visits=[0, 1], arms=[Arm("a", 5, "1 MIU IV bolus")], start=-1, noise=named)
    assert [number.label for number in medians_at_visits(trial)] == ["a: median level, day 0", "a: median level, day 1"]
    assert numbers_of_figures(trial) == []


def test_figures_that_are_no_number_over_patients_are_left_out():
    figures = [
        Figure(label="n", kind="given", published=5, groups=["a"], what="n"),
        Figure(label="seen", kind="median", published=27, groups=["a"], observable="level", day=1),
        Figure(label="words", kind="not_modelled", published="well tolerated"),
    ]
    trial = Trial("t", POPULATION, visits=[0, 1], arms=[Arm("a", 5, "1 MIU IV bolus")], start=-1, figures=figures)
    assert [number.label for number in numbers_of_figures(trial)] == ["seen"]
