"""Evidence becomes a trial and rows: sizes, kinds, visits and units; refused where a number has no size."""

import pytest

from immunode.calibration.population.trial_of_evidence import ready_trial
from immunode.errors import BadValue, UnitError, UnknownName
from immunode.evidence.printed import Evidence
from immunode.virtual_trials.population import Population
from tests.calibration.made_up import BOLUS
from tests.calibration.population.studies import AREA, PEAK, evidence

POPULATION = Population(BOLUS, omega={"CL": 0.4})


def rows_of(*printed, **changes):
    one = evidence(list(printed), **changes)
    return ready_trial(one, POPULATION, one.rows)


def test_each_variable_is_measured_once_whatever_is_printed_of_it():
    ready = rows_of({**AREA, "statistic": "median (q1-q3)", "value": "100 (80-120)"},
                    {**PEAK, "statistic": "median", "value": 200})  # fmt: skip
    assert [row.variable for row in ready.rows] == [0, 0, 0, 1]
    assert [row.kind for row in ready.rows] == ["normal"] * 4
    assert [arm.n for arm in ready.trial.arms] == [33]


def test_counts_percentages_and_limits_are_of_their_kinds_and_sizes():
    ready = rows_of(
        {**AREA, "statistic": "count_above", "limit": 120, "value": 4, "n": 24},
        {**AREA, "statistic": "percent_below", "limit": 80, "value": 30},
        {**AREA, "statistic": "median", "value": "<100"},
    )
    assert [row.kind for row in ready.rows] == ["binomial", "binomial", "below"]
    assert [(row.observed, row.size) for row in ready.rows[:2]] == [(4, 24), (10, 33)]  # 30 % of 33 is 9.9


def test_a_count_or_percentage_beyond_a_limit_is_no_count():
    """Of 30: "<5 %" is at most 1, "<10 %" at most 2, since 3 are 10 %."""
    counted = {**AREA, "statistic": "count_above", "limit": 120, "n": 30, "use": "check"}
    share = {**counted, "statistic": "percent_above"}
    ready = rows_of(
        *({**counted, "value": value} for value in ("<5", "≤5", ">5", "≥5")),
        *({**share, "value": value} for value in ("<5%", "<10%", "≤10%", ">90", "≥90 %")),
    )
    assert [row.kind for row in ready.rows[:4]] == ["below", "below", "above", "above"]
    assert [row.last for row in ready.rows] == [4, 5, 6, 5, 1, 2, 3, 28, 27]
    assert {row.size for row in ready.rows} == {30}


def test_n_of_pooled_arms_is_that_of_all_of_them():
    arms = [{"name": name, "regimen": "1 MIU IV bolus", "n": 30} for name in ("a", "b")]
    pooled = {**AREA, "arm": "a + b", "value": 100}
    one = Evidence(name="e", arms=arms, rows=[{**pooled, "n": 45}, {**pooled, "n": 60, "statistic": "mean"}])
    assert [(row.each, row.size) for row in ready_trial(one, POPULATION, one.rows).rows] == [((23, 22), 45), ((), 60)]


def test_an_average_over_visits_that_no_trial_says_is_over_monthly_ones():
    """Else it would be over the first and the last alone; as fits of the typical patient have it (measures.window)."""
    average = {**AREA, "measure": "visit_average", "day": 120, "value": 100}
    assert list(rows_of(average).trial.visits) == pytest.approx([0, 30, 60, 90, 120])
    assert list(rows_of(average, visits=[0, 60, 120]).trial.visits) == [0, 60, 120]


def test_a_check_is_ready_and_not_fitted():
    ready = rows_of({**AREA, "value": 100}, {**PEAK, "value": 200, "use": "check"})
    assert len(ready.rows) == 2
    assert len(ready.fitted) == 1


def test_a_unit_is_turned_into_that_of_the_row_and_one_that_cannot_be_is_refused():
    (row,) = rows_of({**PEAK, "value": 0.2, "unit": "MIU/L"}).rows
    assert row.to_unit == pytest.approx(0.001)
    with pytest.raises(UnitError, match="unit = 'kg'"):
        rows_of({**PEAK, "value": 0.2, "unit": "kg"})


def test_a_name_that_the_model_has_not_is_refused_by_its_row():
    with pytest.raises(UnknownName, match=r"t, row 2.*has no output 'levle'; did you mean 'level'\?"):
        rows_of({**AREA, "value": 100}, {**PEAK, "value": 200, "observable": "levle"})


def test_an_arm_of_unknown_size_is_refused():
    one = Evidence(name="e", arms={"a": "1 MIU IV bolus"}, rows=[{**AREA, "value": 100}])
    with pytest.raises(BadValue, match="arm 'a' has no n"):
        ready_trial(one, POPULATION, one.rows)
