"""At the value of a parameter where something jumps there is no derivative by what moves it; beside it there is."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.errors import SolveError
from immunode.functions import floor, maximum, where

WEIGHT = {"w": 60.0}  # as much as the cut


def model(slope=None, **declared):
    """Return a model in which y decays, with what it declares of y: a quarter of that jumps at 60 kg."""
    slope = slope or (lambda t, x, p: {"y": -p.k * x.y})
    parameters = [
        im.Parameter("w", 70.0, "kg"), im.Parameter("cut", 60.0, "kg"), im.Parameter("k", 0.5, "1/day"),
        im.Parameter("a", 0.6, "1"), im.Parameter("day", 0.3, "day"), im.Parameter("up", 4.0, "mg/day"),
    ]  # fmt: skip
    return im.Model("edgy", [im.State("y", "mg", scale=1.0, **declared)], slope, parameters, routes={"iv": "y"})


def heavy(p, value):
    return where(p.w > p.cut, value, 0.75 * value)


MODELS = {
    "slope": model(lambda t, x, p: {"y": -heavy(p, p.k) * x.y}),
    "whole": model(lambda t, x, p: {"y": -floor(p.w / p.cut) * p.k * x.y}),
    "bioavailability": model(bioavailability=lambda p: heavy(p, p.a)),
    "lag": model(lag=lambda p: heavy(p, p.day)),
    "duration": model(duration=lambda p: heavy(p, p.day)),
    "initial": model(initial=lambda p: heavy(p, p.up * p.day)),
    "output": dataclasses.replace(model(), outputs=[im.Output("o", "mg", lambda t, x, p: heavy(p, x.y))]),
}


def sensitivity(name, by, **more):
    dose = im.dose("8 mg", "iv", **({"duration": "modelled"} if name == "duration" else {}))
    try:
        course = im.simulate(MODELS[name], dose, times=[2.0], sensitivities=by, **more)
        return course["y_sensitivity"].values[..., 0]
    except SolveError as error:
        return str(error).split(" at ")[0].split()[-1]


@pytest.mark.parametrize("name", MODELS)
def test_at_an_edge_there_is_no_derivative_by_what_moves_the_condition(name):
    assert sensitivity(name, "w", parameters=WEIGHT) == "no_derivative"
    assert sensitivity(name, "cut", parameters=WEIGHT) == "no_derivative"
    assert sensitivity(name, ["k", "cut"], parameters=WEIGHT) == "no_derivative"
    assert_allclose(sensitivity(name, "w", parameters={"w": 61.0}), 0.0)
    by = {"slope": "k", "whole": "k", "output": "k", "bioavailability": "a"}.get(name, "day")
    got, moved = sensitivity(name, by, parameters=WEIGHT), {"k": 0.5, "a": 0.6, "day": 0.3}[by]
    ends = [
        im.simulate(
            MODELS[name], im.dose("8 mg", "iv", **({"duration": "modelled"} if name == "duration" else {})),
            times=[2.0], parameters=WEIGHT | {by: moved + h}, rtol=1e-10,
        )["y"].item()
        for h in (-1e-4, 1e-4)
    ]  # fmt: skip
    assert_allclose(got, np.diff(ends) / 2e-4, rtol=1e-4)


def test_patients_beside_it_go_on_and_quantities_of_no_dose_are_not_looked_at():
    course = im.simulate(
        MODELS["lag"], im.dose("8 mg", "iv"), times=[2.0], parameters={"w": [60.0, 61.0]}, sensitivities="w",
        throw=False,
    )  # fmt: skip
    assert course["status"].values.tolist() == [8, 0]
    without = im.simulate(MODELS["lag"], times=[2.0], parameters=WEIGHT, sensitivities="w")
    assert_allclose(without["y_sensitivity"], 0.0)


def test_what_only_bends_at_its_edge_has_the_derivative_of_one_side():
    bends = model(lambda t, x, p: {"y": p.up * maximum(p.w / p.cut - 1, 0)})
    course = im.simulate(bends, times=[2.0], parameters=WEIGHT, sensitivities="w")
    assert course["y_sensitivity"].item() in (0.0, pytest.approx(8 / 60))


@pytest.mark.parametrize("rule", ["locf", "nocb"])
def test_a_covariate_that_lies_on_the_edge_at_one_of_its_records_leaves_none(rule):
    def status(weights):
        return im.simulate(
            MODELS["slope"], im.dose("8 mg", "iv"), times=[4.0], covariates={"w": ([0.0, 2.0, 3.0], weights)},
            covariate_rule=rule, sensitivities="cut", throw=False,
        )["status"].item()  # fmt: skip

    assert (status([70.0, 60.0, 50.0]), status([70.0, 65.0, 50.0])) == (8, 0)


STARTS = {  # a model, and which sensitivities it has at its start
    "at rest": (lambda t, x, p: {"y": 0 * p.up, "z": where(x.y >= p.c, p.up, 2 * p.up)}, "k"),
    "away": (lambda t, x, p: {"y": where(x.y >= p.c, p.up, 2 * p.up), "z": p.k * (x.y - x.z)}, "k"),
    "across": (lambda t, x, p: {"y": where(x.y > p.c, p.up, 2 * p.up), "z": p.k * x.y}, "k"),
    "time": (lambda t, x, p: {"y": where(t > (p.c - p.two) / p.up, p.up, 0 * p.up), "z": p.k * x.y}, "k"),
}


@pytest.mark.parametrize("method", ["tsit5", "rodas5p"])
@pytest.mark.parametrize("name", STARTS)
def test_a_start_on_an_edge_has_derivatives_only_along_what_does_not_move_it(name, method):
    slope, smooth = STARTS[name]
    parameters = [
        im.Parameter("c", 2.0, "mg"), im.Parameter("two", 2.0, "mg"), im.Parameter("k", 0.5, "1/day"),
        im.Parameter("up", 4.0, "mg/day"),
    ]  # fmt: skip
    states = [im.State("y", "mg", scale=1.0, initial=lambda p: p.two), im.State("z", "mg", scale=1.0)]
    made = im.Model("starts", states, slope, parameters)

    def status(by, c):
        changed = {"c": c}
        return im.simulate(
            made, times=[0.0, 3.0], sensitivities=by, parameters=changed, throw=False, method=method
        )["status"].item()  # fmt: skip

    assert [status(by, 2.0) for by in ("c", "two", smooth)] == [8, 8, 0]
    assert [status(by, c) for by in ("c", "two") for c in (1.9, 2.1)] == [0] * 4
