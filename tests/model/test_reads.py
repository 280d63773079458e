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


@pytest.mark.filterwarnings("ignore:m. nothing reads")
@pytest.mark.parametrize(
    ("what", "name", "derivative"),
    [
        ("bioavailability", "F", lambda t, x, p: {"y": -p.F * p.k * x.y}),
        ("lag", "tlag", lambda t, x, p: {"y": -x.y / p.tlag}),
        ("duration", "D", lambda t, x, p: {"y": -x.y / p.D}),
        ("rate", "R", lambda t, x, p: {"y": p.R - p.k * x.y}),
    ],
)
@pytest.mark.parametrize("form", ["name", "function"])
def test_what_doses_apply_by_themselves_is_not_read_by_the_derivative(what, name, derivative, form):
    spec = name if form == "name" else lambda p: 1 * getattr(p, name)
    with pytest.raises(
        ModelError, match=f"the derivative reads {name}, the {what} of y: .*count twice; leave {name} out"
    ):
        model(derivative, **{what: spec})


def test_an_output_does_not_multiply_a_level_by_its_own_bioavailability_but_may_tell_it():
    with pytest.raises(ModelError, match="output level reads F, the bioavailability of y"):
        model(lambda t, x, p: {"y": -p.k * x.y}, [im.Output("level", "mg", lambda t, x, p: p.F * x.y)],
              KNOWN[:2], bioavailability="F")  # fmt: skip
    told = [im.Output("apparent", "1/day", lambda t, x, p: p.k / p.F)]
    assert model(lambda t, x, p: {"y": -p.k * x.y}, told, KNOWN[:2], bioavailability="F").outputs[0].name == "apparent"


def test_a_covariate_may_be_read_by_the_dose_and_the_equations():
    weight = P("WT", 70.0, "kg")
    known = [*KNOWN[:2], weight, P("usual", 70.0, "kg")]
    made = model(
        lambda t, x, p: {"y": -p.k * p.WT / p.usual * x.y}, (), known, bioavailability=lambda p: p.F * p.WT / p.usual
    )
    level = im.simulate(made, "10 mg IV", times=[1.0], parameters={"WT": 140.0})["y"]
    np.testing.assert_allclose(level, 10 * 0.5 * 2 * np.exp(-2), rtol=1e-5)  # the solver's 1e-6


def test_a_parameter_that_nothing_reads_is_said():
    with pytest.warns(UserWarning, match=r"^m: nothing reads F, D, to change it does nothing"):
        model(lambda t, x, p: {"y": p.R - x.y / p.tlag - p.k * x.y})


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
