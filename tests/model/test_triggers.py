"""Triggers as they are declared: units and names are checked, what cannot be is refused by name, models carry them."""

import math

import pytest

import immunode as im
from immunode.errors import BadValue, ModelError, SolveError, UnitError, UnknownName
from immunode.functions import both, negate
from immunode.model.equations import latex_triggers, plain_triggers
from immunode.model.switches import switched
from immunode.report.models import ModelReport

PARAMETERS = [im.Parameter("c", 2.0, "mg"), im.Parameter("wait", 0.5, "day"), im.Parameter("k", 1.0, "1/day")]


def model(*triggers, **more):
    states = [im.State("y", "mg", initial=1.0), im.State("n", "1")]
    return im.Model(
        "m",
        states,
        lambda t, x, p: {"y": -p.k * x.y, "n": 0},
        PARAMETERS,
        triggers=triggers,
        routes={"iv": "y"},
        **more,
    )


def low(t, x, p):
    return x.y < p.c


def trigger(when=low, then=None, **more):
    return im.Trigger(when, then or (lambda t, x, p: {"y": x.y + p.c}), **more)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: im.Trigger("y < c", {"y": 1.0}), ModelError, "when = 'y < c' of a trigger: expected a function"),
        (lambda: im.Trigger(low, {}), ModelError, r"then = \{\} of a trigger"),
        (lambda: im.Trigger(low, 3.0), ModelError, "then = 3.0 of a trigger"),
        (lambda: trigger(delay=-1.0), BadValue, "delay of a trigger = -1.0: expected 0 or more"),
        (lambda: trigger(delay=math.nan), BadValue, "delay of a trigger = nan"),
        (lambda: trigger(delay=True), BadValue, "delay of a trigger = True"),
        (lambda: trigger(priority=math.nan), BadValue, "priority of a trigger = nan: expected a finite number"),
        (lambda: trigger(persistent=1), BadValue, "persistent of a trigger = 1: expected True or False"),
        (lambda: trigger(initial="no"), BadValue, "initial of a trigger = 'no'"),
        (lambda: trigger(values="now"), BadValue, "values of a trigger = 'now': expected due or trigger"),
        (
            lambda: model(trigger(then={"yy": 1.0})),
            UnknownName,
            "then of trigger 1 of m has no state 'yy'; did you mean",
        ),
        (lambda: model(trigger(then={"y": math.nan})), ModelError, "y must be a finite number in mg, not nan"),
        (lambda: model(trigger(then={"y": "wait"})), UnitError, "then of trigger 1 of m: y must be in mg"),
        (lambda: model(trigger(), trigger(then=lambda t, x, p: {"y": 3.0})), UnitError, "then of trigger 2 of m: y"),
        (lambda: model(trigger(then=lambda t, x, p: None)), ModelError, r"returns None: expected \{state: value\}"),
        (lambda: model(trigger(lambda t, x, p: x.y)), ModelError, "when of trigger 1 of m: when needs a condition"),
        (lambda: model(trigger(lambda t, x, p: x.y > p.wait)), UnitError, "when of trigger 1 of m"),
        (
            lambda: model(trigger(lambda t, x, p: x.z > p.c)),
            UnknownName,
            "when of trigger 1 of m: m has no quantity 'z'",
        ),
        (lambda: model(trigger(delay="c")), UnitError, "delay of trigger 1 of m must be in d"),
        (lambda: model(trigger(delay="w")), UnknownName, "delay of trigger 1 of m: m has no quantity 'w'"),
        (lambda: model(trigger(priority="c")), UnitError, "priority of trigger 1 of m must be a pure number"),
        (
            lambda: model(low),
            BadValue,
            r"triggers of m: .* is no Trigger; expected a list of Trigger, such as \[Trigger\(when, then\)\]",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_each_comparison_is_a_switch_though_no_slope_jumps_there():
    known = switched(model(trigger(lambda t, x, p: both(low(t, x, p), negate(t > p.wait)))).trace())
    assert [switch.timed for switch in known.switches] == [False, True] or len(known.switches) == 2
    assert known.slopes == switched(model().trace()).slopes
    assert {s.name for s in known.triggers[0].when.free_symbols} == {switch.symbol.name for switch in known.switches}


def test_models_with_other_triggers_are_others():
    traces = [
        model(*triggers).trace() for triggers in ([], [trigger()], [trigger(delay=1.0)], [trigger(initial=False)])
    ]
    assert len(set(traces)) == 4
    assert model(trigger()).trace() == model(trigger()).trace()


def test_equations_and_reports_show_triggers():
    made = model(trigger(delay="wait", priority=2.0))
    assert plain_triggers(made.trace()) == ["when y < c after wait: y := c + y (priority 2.0)"]
    assert r"\mathrm{y} \leftarrow \mathrm{c} + \mathrm{y}" in latex_triggers(made.trace())[0]
    assert ModelReport(made).json()["triggers"] == plain_triggers(made.trace())
    assert plain_triggers(made.trace())[0] in ModelReport(made).table()
    assert r"\leftarrow" in made._repr_html_()


def test_composed_models_carry_the_triggers_of_their_parts():
    source = im.Model("source", [im.State("y", "mg", initial=1.0)], lambda t, x, p: {"y": p.rise},
                      [im.Parameter("rise", 1.0, "mg/day")])  # fmt: skip
    passed = lambda t, x, p: 1 + p.signal / p.limit  # noqa: E731
    reader = im.Model(
        "reader", [im.State("n", "1")], lambda t, x, p: {"n": 0},
        [im.Parameter("limit", 3.0, "mg"), im.Parameter("wait", 0.5, "day")], inputs=[im.Input("signal", "mg")],
        triggers=[trigger(lambda t, x, p: p.signal > p.limit, {"n": passed}, delay="wait")],
    )  # fmt: skip
    whole = im.compose("whole", source, reader, connect={"signal": "y"})
    course = im.simulate(whole, times=[2.4, 2.6])  # 3 mg at 2 days, 3.5 at 2.5
    assert course["n"].values == pytest.approx([0.0, 2.0 + 0.5 / 3.0], rel=1e-6)


def test_a_steady_state_of_repeated_doses_is_refused():
    plan = im.dose("1 mg", "iv", steady_state="replace", every="1 d")
    refused = r"m has a trigger \(when y < c: y := c \+ y\): there is no steady state of repeated doses; write"
    with pytest.raises(SolveError, match=refused):
        im.simulate(model(trigger()), plan, times=[1.0])


def test_triggers_follow_covariates():
    made = model(trigger(lambda t, x, p: x.y < p.c, {"n": 1.0}))
    course = im.simulate(
        made, im.dose("0 mg", "iv"), times=[0.9, 1.1], covariates={"c": ([0.0, 1.0], [0.1, 2.0])}, covariate_rule="locf"
    )
    assert course["n"].values.ravel().tolist() == [0.0, 1.0]
