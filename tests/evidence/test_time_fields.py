"""Fields that are times take a number or a text with its unit, and remember which it was."""

import pytest

import immunode as im
from immunode.errors import BadValue
from immunode.evidence.time_fields import times_of
from immunode.units import SaidDays, registry

ACTIONS = {"then": im.Action(label="a"), "otherwise": im.Action(label="b")}
WHEN = {"signal": "cd4", "above": 1.3}
PARTS = {
    "SetState.day": lambda time: im.SetState(state="art", value=1, day=time),
    "Baseline.day": lambda time: im.Baseline(observable="cd4", range=[200, 500], day=time, source="s"),
    "Endpoint.day": lambda time: im.Endpoint(signal="cd4", day=time),
    "Endpoint.from_day": lambda time: im.Endpoint(signal="cd4", measure="auc", from_day=time),
    "Figure.day": lambda time: im.Figure(label="f", kind="median", groups=["a"], observable="cd4", day=time),
    "Figure.from_day": lambda time: im.Figure(
        label="f", kind="test", test="wilcoxon", groups=["a"], observable="cd4", day="2 y", from_day=time
    ),
    "When.days": lambda time: im.When(days=[time], **WHEN),
    "When.baseline_day": lambda time: im.When(baseline_day=time, days=["2 y"], **WHEN),
    "Rule.day": lambda time: im.Rule(name="r", day=time, when=im.When(days=[1], **WHEN), **ACTIONS),
    "RecurringRule.every": lambda time: rule(every=time),
    "RecurringRule.first": lambda time: rule(first=time),
    "RecurringRule.until": lambda time: rule(until=time),
    "RecurringRule.days": lambda time: rule(days=[time]),
    "RecurringRule.min_gap": lambda time: rule(min_gap=time),
    "Adherence.delay": lambda time: im.Adherence(delay=time, source="s"),
    "Adherence.delay_sd": lambda time: im.Adherence(delay_sd=time, source="s"),
    "Dropout.by": lambda time: im.Dropout(share=0.2, by=time, source="s"),
    "Dropout.from_day": lambda time: im.Dropout(hazard=0.1, from_day=time, source="s"),
}


def rule(**fields):
    return im.RecurringRule(name="r", when="cd4 < 500", then=im.RuleAction(stop=True), **fields)


def times(part, name):
    return [time for field, time, _ in times_of(part) if field == name.partition(".")[2]]


@pytest.mark.parametrize("name", PARTS)
def test_every_time_of_a_part_is_a_number_of_days_or_a_text_with_its_unit(name):
    for said, days in (("36 h", 1.5), ("12 wk", 84), ("6 mo", 183), ("1 year", 365), (3 * registry().week, 21)):
        (time,) = times(PARTS[name](said), name)
        assert time == days
        assert isinstance(time, SaidDays)
    (time,) = times(PARTS[name](28), name)
    assert time == 28
    assert not isinstance(time, SaidDays)
    for wrong in ("1 mg", "soon", True, float("nan")):
        with pytest.raises(BadValue, match=name.partition(".")[2]):
            PARTS[name](wrong)


@pytest.mark.parametrize("said", ["0.1/year", "0.1 / year", "0.1 per year", "0.1 1/year", "10 %/y"])
def test_a_hazard_may_say_its_unit(said):
    assert im.Dropout(hazard=said, source="s").rate == pytest.approx(0.1 / 365.25, rel=1e-12)
    assert im.Dropout(hazard=0.1, source="s").rate == 0.1


@pytest.mark.parametrize("wrong", ["0.1 mg", "-0.1/year", "0.1/yeer", "often"])
def test_a_hazard_that_is_no_rate_is_refused(wrong):
    with pytest.raises(BadValue, match="Dropout: hazard = "):
        im.Dropout(hazard=wrong, source="s")
