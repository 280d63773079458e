"""A model that counts hours refuses a time that is a number alone, wherever a trial says one; a unit cures it."""

import re

import pytest

import immunode as im
from immunode.errors import BadValue
from immunode.units import SaidDays


def model(time):
    per_day = {"day": 1.0, "h": 1 / 24}[time]
    return im.Model(
        "oral",
        states=[im.State("gut", "mg"), im.State("y", "mg", initial="y0")],
        routes={"po": "gut"},
        parameters=[
            im.Parameter("k", 2.4 * per_day, f"1/{time}", low=0.01, high=10, source="assumed"),
            im.Parameter("y0", 5, "mg", low=0.01, high=100, source="assumed"),
        ],
        outputs=[im.Output("conc", "mg", lambda t, x, p: x.y)],
        derivative=lambda t, x, p: {"gut": -p.k * x.gut, "y": p.k * x.gut - p.k * x.y},
        time=time,
    )


def trial(counts="h", visits=("0 h", "1 d", "2 d"), figures=(), start=0.0, visit_window=0.0, **arm):
    of = im.Population(model(counts), omega={"k": 0.3})
    return im.Trial("t", of, visits, [im.Arm("a", 5, **arm)], start=start, visit_window=visit_window, figures=figures)


def rule(add="1 mg PO", **fields):
    return im.RecurringRule(name="r", when="conc < 3", then=im.RuleAction(add=add), **fields)


def once(day, days, **when):
    condition = im.When(signal="conc", days=[days], above=1.2, **when)
    return im.Rule(name="r", day=day, when=condition, then=im.Action(label="x"), otherwise=im.Action(label="z"))


def figure(**fields):
    return [im.Figure(label="f", groups=["a"], **fields)]


SOURCE = {"source": "assumed"}
SAID = {
    "a day of visits": lambda d: {"visits": [0, d, "2 d"]},
    "start": lambda d: {"start": f"-{d}" if isinstance(d, str) else -d},
    "visit_window": lambda d: {"visit_window": "10 h" if isinstance(d, str) else 0.4},
    "set 'y': day": lambda d: {"set": [im.SetState(state="y", value=1, day=d)]},
    "baseline 'conc': day": lambda d: {
        "baseline": im.Baseline(observable="conc", solve="y0", median=5, log_sd=0.2, day=d, **SOURCE)
    },
    "dropout: by": lambda d: {"dropout": im.Dropout(share=0.2, by=d, **SOURCE)},
    "dropout: from_day": lambda d: {"dropout": im.Dropout(hazard="0.1/d", from_day=d, **SOURCE)},
    "dropout: hazard": lambda d: {"dropout": im.Dropout(hazard="1/d" if isinstance(d, str) else d, **SOURCE)},
    "adherence: delay": lambda d: {"regimen": "1 mg PO", "adherence": im.Adherence(delay=d, **SOURCE)},
    "adherence: delay_sd": lambda d: {"regimen": "1 mg PO", "adherence": im.Adherence(delay_sd=d, **SOURCE)},
    "rule 'r': every": lambda d: {"rules": [rule(every=d)]},
    "rule 'r': first": lambda d: {"rules": [rule(first=d)]},
    "rule 'r': until": lambda d: {"rules": [rule(until=d)]},
    "rule 'r': days": lambda d: {"rules": [rule(days=[d])]},
    "rule 'r': min_gap": lambda d: {"rules": [rule(min_gap=d)]},
    "rule 'r': day": lambda d: {"rules": [once(d, "1 d")]},
    "rule 'r': when.days": lambda d: {"rules": [once("1 d", d)]},
    "time above": lambda d: {
        "rules": [
            im.RecurringRule(
                name="r", when=f"time above 2 of conc < {1 if isinstance(d, float) else d}",
                then=im.RuleAction(add="1 mg PO"),
            )
        ]
    },
    "figure 'f': day": lambda d: {"figures": figure(kind="median", observable="conc", day=d)},
    "figure 'f': endpoint.day": lambda d: {"figures": figure(kind="endpoint", endpoint={"signal": "conc", "day": d})},
    "figure 'f': endpoint.from_day": lambda d: {
        "figures": figure(kind="endpoint", endpoint={"signal": "conc", "measure": "auc", "from_day": d})
    },
    "a time, duration, interval or rate without a unit": lambda d: {"regimen": im.dose("1 mg", "po", times=[d])},
}  # fmt: skip


@pytest.mark.parametrize("what", SAID)
def test_a_number_alone_is_refused_by_name_where_hours_are_counted_and_a_unit_is_taken(what):
    fields = SAID[what]
    with pytest.raises(BadValue, match=f"{re.escape(what)}.*a number alone is .*, and oral counts hours; write '"):
        trial(**fields(1.0))
    assert trial(**fields("24 h"))
    assert trial(**fields("1 d"))
    assert trial("day", **fields(1.0))


@pytest.mark.parametrize(
    "regimen",
    [
        "1 mg PO every 1 day while conc < 3, up to day 2",
        "2 mg PO day 1 then 1 mg PO every 12 h while conc < 3, at least 6 h apart",
        "1 mg PO QD days 1-2; stop when conc > 8",
    ],
)
def test_words_have_units(regimen):
    done = im.run_trial(trial(regimen=regimen, patients="y0 3-5", visits="every 12 h to 2 d"), n=5)
    assert (done.status == 0).all()
    assert trial(visits=im.days(0, 2)).visits == (0, 1, 2)
    assert all(isinstance(day, SaidDays) for day in trial(visits="day 0, 1 d, hour 48").visits)


def test_the_start_and_the_window_of_a_trial_may_say_their_unit():
    made = trial("day", start="-2 wk", visit_window="6 h")
    assert (made.start, made.visit_window) == (-14, 0.25)


def test_zero_needs_no_unit():
    assert trial(start=0, visits=[0, "1 d"], visit_window=0).start == 0
