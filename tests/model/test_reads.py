"""What a model reads: nothing of its doses twice, and every parameter once."""

import warnings

import numpy as np
import pytest

import immunode as im
from immunode.errors import ModelError

P = im.Parameter
KNOWN = [P("k", 1.0, "1/day"), P("F", 0.5, "1"), P("D", 2.0, "day"), P("R", 4.0, "mg/day"), P("tlag", 0.5, "day")]


def model(derivative, outputs=(), parameters=KNOWN, **of_doses):
    state = im.State("y", "mg", **of_doses)
    return im.Model("m", [state], derivative, parameters, outputs=outputs, routes={"iv": "y"})


def two(bioavailability, inflow=lambda x, p: p.k * x.dep, outputs=(), parameters=KNOWN[:2]):
    states = [im.State("dep", "mg", bioavailability=bioavailability), im.State("c", "mg")]
    return im.Model("m", states, lambda t, x, p: {"dep": -p.k * x.dep, "c": inflow(x, p) - p.k * x.c}, parameters,
                    outputs=outputs)  # fmt: skip


@pytest.mark.parametrize("form", ["F", lambda p: p.F])
def test_a_bioavailability_that_the_equations_apply_again_is_refused(form):
    with pytest.raises(
        ModelError, match=r"the derivative applies F, the bioavailability of dep, once more: .*leave F out"
    ):
        two(form, lambda x, p: p.F * p.k * x.dep)


def test_a_rate_that_the_equations_apply_again_is_refused():
    with pytest.raises(ModelError, match="the derivative applies R, the rate of y, once more: doses are infused at it"):
        model(lambda t, x, p: {"y": p.R - p.k * x.y}, (), [KNOWN[0], KNOWN[3]], rate="R")


@pytest.mark.parametrize("duration", ["D", None])
def test_what_is_read_otherwise_is_no_fault(duration):
    told = [im.Output("given", "mg", lambda t, x, p: x.dep / p.F), im.Output("cl", "1/day", lambda t, x, p: p.k / p.F)]
    assert two("F", outputs=told).outputs
    fed = [KNOWN[0], P("fed", 0.0, "1")]
    assert two(lambda p: 1 - 0.4 * p.fed, lambda x, p: p.k * (1 - 0.3 * p.fed) * x.dep, parameters=fed).states
    assert model(lambda t, x, p: {"y": -x.y / p.D}, (), [KNOWN[2]], duration=duration).states
    first = two("F")
    other = im.Model("o", [im.State("e", "1")], lambda t, x, p: {"e": p.kin * p.share - p.kin * x.e},
                     [P("kin", 1.0, "1/day")], inputs=[im.Input("share", "1")])  # fmt: skip
    assert im.compose("over", first, other, connect={"share": lambda t, x, p: p.F / (1 + p.F)}).states


def test_a_covariate_may_be_read_by_the_dose_and_the_equations():
    weight = P("WT", 70.0, "kg")
    known = [*KNOWN[:2], weight, P("usual", 70.0, "kg")]
    made = model(
        lambda t, x, p: {"y": -p.k * p.WT / p.usual * x.y}, (), known, bioavailability=lambda p: p.F * p.WT / p.usual
    )
    level = im.simulate(made, "10 mg IV", times=[1.0], parameters={"WT": 140.0})["y"]
    np.testing.assert_allclose(level, 10 * 0.5 * 2 * np.exp(-2), rtol=1e-5)  # the solver's 1e-6


def test_a_parameter_that_nothing_reads_is_said():
    with pytest.warns(UserWarning, match=r"^m: nothing reads F, D, to change it does nothing") as said:
        model(lambda t, x, p: {"y": p.R - x.y / p.tlag - p.k * x.y})
    assert said[0].filename == __file__


@pytest.mark.parametrize("reader", ["initial", "output", "trigger", "lag"])
def test_what_anything_reads_is_not_said(reader):
    state = im.State("y", "mg", **({"initial": lambda p: p.A} if reader == "initial" else {}),
                     **({"lag": lambda p: 1 * p.L} if reader == "lag" else {}))  # fmt: skip
    outputs = [im.Output("o", "mg", lambda t, x, p: p.A + x.y)] if reader == "output" else []
    trigger = im.Trigger(lambda t, x, p: x.y < p.A, {"y": lambda t, x, p: 2 * x.y})
    parameters = [KNOWN[0], P("L", 1.0, "day") if reader == "lag" else P("A", 1.0, "mg")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        im.Model("m", [state], lambda t, x, p: {"y": -p.k * x.y}, parameters, outputs=outputs,
                 triggers=[trigger] if reader == "trigger" else [])  # fmt: skip
