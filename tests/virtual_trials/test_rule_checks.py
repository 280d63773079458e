"""A recurring rule that cannot decide, act or be reached is refused when the trial is made."""

from dataclasses import replace

import pytest

import immunode as im
from immunode.errors import BadValue, ImmunodeError
from tests.virtual_trials.linear import DECAY, WEEKLY, rule, trial

BOLUS = "70 mg IV bolus day 1"
LONG = "20 mg IV bolus days 1-5 QD"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"when": "y < 20 and y > 50"}, "'y < 20 and y > 50' can never hold: 'y < 20' and 'y > 50' contradict each"),
        ({"when": "not always"}, "'not always' can never hold"),
        ({"when": "z < 20"}, "has no output 'z'; known: y"),
        ({"when": "y < 20 d"}, "'y < 20 d': "),
        ({"when": "y < 20 for 40 visits"}, "needs 40 visits, and there are 12 up to day 77"),
        ({"when": "slope of y over 40 visits < 20"}, "needs 40 visits"),
        ({"when": "y < day 8"}, "day 8 is no visit; visits are on days 0, 7, 14"),
        ({"when": "y < day 84", "until": 30}, "day 84 comes after its last decision, day 28"),
        ({"when": "y < nadir", "days": [0], "start": -14}, "needs 2 visits"),
        ({"when": "mean of y over 40 visits < 20"}, "'visit mean of y over 40 visits < 20' needs 40 visits, and there"),
        ({"when": "auc of y since day 77 < 20"}, "needs 2 visits, and there are 1 from day 77 to 77"),
        ({"when": "auc of y < 20", "days": [0], "start": -14}, "needs 2 visits, and there are 1 from day 0 to 0"),
        ({"when": "mean of y since day 8 < 20"}, "day 8 is no visit; visits are on days 0, 7, 14"),
        ({"when": "mean of y since day 84 < 20"}, "day 84 comes after its last decision, day 77"),
        ({"when": "time above day 8 of y < 20"}, "day 8 is no visit; visits are on days 0, 7, 14"),
        ({"when": "auc of y < 20 mg"}, "'auc of y since baseline < 20 mg': 'mg' cannot be converted to"),
        ({"when": "time above 3 d of y < 20"}, "'d' cannot be converted to 'mg'"),
        ({"when": "time above 3 of y < 20 mg"}, "'mg' cannot be converted to 'day'"),
        ({"when": "time above 3 of y < 0"}, "can never hold: it is never less than 0"),
        ({"when": "auc of z < 20"}, "has no output 'z'; known: y"),
        ({"when": "given < 90 MIU"}, "no dose of the arm can be said in MIU; doses are in mg"),
        ({"when": "given < 90 d"}, "no dose of the arm can be said in d; doses are in mg"),
        ({"when": "doses < 90", "then": {"label": "R"}}, "'doses < 90': the arm has no doses, and no rule adds any"),
        ({"when": "cycles < 0"}, "'cycles < 0' can never hold: it is never less than 0"),
        ({"when": "cycles < 3 and cycles > 5"}, "'cycles < 3' and 'cycles > 5' contradict each"),
        ({"days": [90]}, "day 90 comes after the last visit, day 84"),
        ({"days": [0]}, "day 0 is not after the start, day 0"),
        ({"first": -3, "every": 7}, "first = -3 is not after the start, day 0"),
        ({"days": [84]}, "it never decides: no visit of the trial comes after its first day, 84"),
        (
            {"every": 100},
            "it never decides: no visit of the trial comes after its first day, 100; the last visit is on",
        ),
        ({"first": 70, "until": 75, "visits": [0, 84]}, "it never decides"),
        ({"add": LONG, "every": 3}, "it may decide again after 3 days, and what it adds takes 4 days: cycles would"),
        ({"add": LONG, "every": 4}, "it may decide again after 4 days, and what it adds takes 4 days: cycles would"),
        ({"add": LONG, "min_gap": 3}, "min_gap = 3 days is too short for the cycle that it adds, 4 days"),
        ({"add": BOLUS + " every 2 days x3", "at_most": 2}, "it adds 3 cycles at once, more than at_most = 2"),
        ({"total": "60 mg"}, "total = '60 mg' is too low for it to act: 0 mg are planned, and it adds 70 mg"),
        ({"total": "3 MIU"}, "total = '3 MIU': "),
        ({"total": "much"}, "total = 'much': "),
        ({"total": "90 mg", "then": {"label": "R"}}, "is a limit on doses, and the rule adds none"),
        ({"min_gap": 9, "then": {"label": "R"}}, "min_gap is a time between cycles, and the rule adds none"),
        ({"then": {"scale": 0.5}}, "nothing to scale from its first day on, 7: the arm has no doses, and no rule adds"),
        ({"then": {"stop": True}, "regimen": BOLUS}, "nothing to stop .*: the last planned dose is given on day 0"),
        ({"then": {"hold_until": "y > 5"}}, "nothing to hold from its first day on, 7"),
        ({"then": {"hold_until": "y < 50"}, "regimen": BOLUS + " every 9 days x5"}, "its hold ends where it begins"),
        ({"then": {"hold_until": "y<1 and y>2"}, "regimen": BOLUS + " every 9 days x5"}, "hold_until: .* can never"),
        ({"add": "70 mg PO"}, "no route or state 'po'"),
        ({"add": "70 BANANA IV"}, "BANANA"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_by_name(fields, message):
    options = {name: fields[name] for name in ("visits", "start", "regimen") if name in fields}
    fields = {name: value for name, value in fields.items() if name not in options}
    with pytest.raises(ImmunodeError, match=r"arm 'a', rule 'top up'.*" + message):
        trial(rule(**fields), **options)


@pytest.mark.parametrize(
    ("first", "second"),
    [("always", "y < 3"), ("y < 50", "y < 30"), ("y < 50 or y > 90", "y < 30"), ("y < baseline", "y < 0.5 x baseline")],
)
def test_a_rule_that_is_never_reached_is_refused(first, second):
    rules = [rule(first, name="one"), rule(second, name="other")]
    with pytest.raises(BadValue, match="rule 'other': it is never reached: rule 'one' before it matches whenever"):
        trial(*rules)
    assert trial(*reversed(rules))


@pytest.mark.parametrize("then", [{"stop": True}, {"hold_until": "y > 60"}])
def test_a_rule_that_a_stop_or_a_hold_always_forestalls_is_refused(then):
    rules = [rule("y < 50", name="one", then=then), rule("y < 30", name="other")]
    with pytest.raises(BadValue, match="rule 'other': it is never reached: rule 'one' before it"):
        trial(*rules, regimen="1 mg IV bolus every 7 days x9")
    trial(rule("y < 30", name="one", then=then), rule("y < 50", name="other"), regimen="1 mg IV bolus every 7 days x9")


@pytest.mark.parametrize("limit", [{"at_most": 3}, {"total": "200 mg"}, {"min_gap": 20}, {"every": 14}, {"until": 30}])
def test_a_rule_that_is_limited_leaves_room_for_the_next(limit):
    assert trial(rule("y < 50", name="one", **limit), rule("y < 30", name="other"))


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(BadValue, match="arm 'a': two rules are called 'top up'"):
        trial(rule("y < 3"), rule("y > 50"))


def test_a_rule_that_decides_once_may_name_patients_and_add_beside_recurring_ones():
    when = im.When(signal="y", days=[7], above=0.6)
    label = im.Rule(name="n", day=7, when=when, then=im.Action(label="R"), otherwise=im.Action(label="N"))
    assert trial(label, rule("y < 3"))
    adding = im.Rule(
        name="n", day=7, when=when, then=im.Action(label="R"), otherwise=im.Action(label="N", regimen=BOLUS)
    )
    assert trial(adding, rule("y < 3"))
    assert trial(adding, rule("y > 3", then={"scale": 0.5}))  # what it adds is something to scale
    with pytest.raises(BadValue, match="nothing to scale"):
        trial(label, rule("y > 3", then={"scale": 0.5}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"visit_window": 3.5}, "visit_window = 3.5: visits of arm 'a' on days 7 and 14 could change places; expected"),
        ({"visit_window": -1}, "visit_window = -1: expected a time of 0 or more"),
        ({"visit_window": "7 mg"}, "visit_window = '7 mg': expected a time of 0 or more"),
        ({"missed_visits": 1}, "missed_visits = 1: expected a share, at least 0 and below 1"),
        ({"missed_visits": 20}, "missed_visits = 20"),
    ],
)
def test_visits_that_cannot_be_are_refused(fields, message):
    with pytest.raises(BadValue, match=message):
        trial(rule(), **fields)


def test_a_window_may_not_make_cycles_overlap():
    with pytest.raises(BadValue, match=r"after 7 days \(a window of 2 days less at each end\)"):
        trial(rule(add=LONG), visit_window=2)
    assert trial(rule(add=LONG), visit_window=1)


def test_what_is_given_may_be_that_of_a_rule_alone_and_since_a_day_without_a_visit():
    assert trial(rule("given < 90 mg and doses < 5"))
    assert trial(rule("given since day 8 < 0.09 g"))


def test_an_output_with_the_name_of_what_is_given_is_no_signal_of_a_rule():
    model = replace(DECAY, outputs=[im.Output("doses", "mg", lambda t, x, p: x.x)])
    with pytest.raises(BadValue, match="'doses < 5': doses are those that patients were given, and an output of the"):
        im.Trial("t", im.Population(model), WEEKLY, [im.Arm("a", 5, rules=[rule("doses < 5")])])


@pytest.mark.parametrize(
    ("when", "until", "cure"),
    [
        ("y > 30", "y > 60", "y <= 30"),
        ("y < 0.3 x baseline", "y < 0.1 x baseline", "y >= 0.3 x baseline"),
        ("y > 30 or y < 3", "y > 40 mg", "y <= 30 and y >= 3"),
        ("percent change of y < -40", "percent change of y < -60", "percent change of y >= -40 %"),
    ],
)
@pytest.mark.parametrize("fields", [{}, {"every": 14}, {"confirm": True}, {"at_most": 2}])
def test_a_hold_that_begins_again_where_it_ends_is_refused_with_the_cure(when, until, cure, fields):
    regimen = BOLUS + " every 9 days x5"
    hold = rule(when, then={"hold_until": until}, **fields)
    with pytest.raises(
        BadValue, match=r"its hold begins again where it ends: '.*' holds wherever '.*' does; write"
    ) as told:
        trial(hold, regimen=regimen)
    end = str(told.value).partition("such as until ")[2]
    assert end.replace(" %", "") == cure.replace(" %", "")
    assert trial(rule(when, then={"hold_until": end}, **fields), regimen=regimen)


def test_a_hold_that_can_begin_but_once_may_end_where_its_condition_holds():
    for once in ({"at_most": 1}, {"days": [7]}):
        assert trial(rule("y > 30", then={"hold_until": "y > 60"}, **once), regimen=BOLUS + " every 9 days x5")
