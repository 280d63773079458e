"""The trial of a comparison: its days, its visits, its patients."""

import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.errors import BadValue
from immunode.studies.comparison import compare
from tests.support.compared import DOSES, effect


def test_months_are_whole_days_as_in_trials():
    assert compare(effect(), DOSES[:1], until="12 mo", n=2).visit.values[-1] == 365
    assert compare(effect(), DOSES[:1], until="60 h", n=2).visit.values.tolist() == [0, 2.5]


def test_rules_see_patients_at_the_visits_that_are_said():
    rule = {"again": "10 mg IV bolus every 7 days while count < 1000, at most 9"}
    result = compare(effect(), rule, visits="every 2 weeks to 8 wk", n=2)
    assert result.visit.values.tolist() == [0, 14, 28, 42, 56]
    later = compare(effect(), rule, visits=[14, 28], until=60, n=2)
    assert later.visit.values.tolist() == [0, 14, 28, 60]


def test_patients_in_words_have_their_baseline_under_each_schedule():
    result = compare("il2_cd4_hiv", ["4.5 MIU SC BID days 1-5"], patients="cd4 200-500, suppressed", until=28, n=40)
    start = result.cd4_patient  # with the noise of the count, as their baseline is
    assert ((start[:, :, 0] >= 200) & (start[:, :, 0] <= 500)).all()
    assert_allclose(start[0, :, 0], start[1, :, 0], rtol=1e-12)
    assert "cd4 200-500" in result.attrs["patients"]
    assert "suppressed" in result.attrs["patients"]
    assert "untreated" in compare("il2_cd4_hiv", ["3 MIU SC"], until=7, n=3).attrs["patients"]


def hourly():
    return im.Model(
        "hourly", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y},
        [im.Parameter("k", 0.1, "1/h", low=0.01, high=1, source="assumed")], routes={"iv": "y"}, time="h",
    )  # fmt: skip


REFUSED = {
    "until": {"until": 4},
    "a day of visits": {"visits": [0, 4]},
    "dropout: by": {"dropout": im.Dropout(share=0.2, by=4, source="assumed")},
    "adherence: delay": {"adherence": im.Adherence(delay=0.1, source="assumed")},
    "endpoint .*: day": {"endpoints": [im.Endpoint(signal="y", day=4)]},
    "endpoint .*: limit": {
        "endpoints": [im.Endpoint(signal="y", measure="time_above", level=1, statistic="percent_above", limit=4)]
    },
    "figure 'f': endpoint.day": {
        "figures": [im.Figure(label="f", kind="endpoint", groups=["a"], endpoint={"signal": "y", "day": 4})]
    },
    "rule 'r': every": {
        "schedules": {
            "a": {"rules": [im.RecurringRule(name="r", every=4, when="y < 1", then=im.RuleAction(add="1 mg IV bolus"))]}
        }
    },
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_number_alone_is_no_time_where_hours_are_counted(what):
    fields = {"schedules": {"a": "1 mg IV bolus"}, "n": 2, "until": "9 d", **REFUSED[what]}
    with pytest.raises(BadValue, match=f"{what} = .*a number alone is days, and hourly counts hours; write '.* h' or"):
        compare(hourly(), **fields)


def test_times_with_units_and_those_that_nobody_says_are_taken_where_hours_are_counted():
    line = "1 mg IV bolus every 12 h while y < 1"
    assert compare(hourly(), [line], until="36 h", n=2).visit.values.tolist() == [0, 1.5]
    assert compare(hourly(), [line], visits=im.days(0, 3), n=2).visit.values[-1] == 3
    assert compare(hourly(), ["1 mg IV bolus"], n=2).visit.values[-1] == 365
