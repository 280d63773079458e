"""Derivatives of solutions by parameters and initial values, against SciPy's solution of the variational equations.

The equations' own derivatives are held to finite differences, and finite where an equation has a kink.
"""

from functools import lru_cache

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import solve_ivp

import immunode as im
from immunode import models
from immunode.engine import METHODS, Directions, build, no_events, solve
from immunode.errors import Status, UnknownName
from immunode.functions import exp, hill, maximum, where
from immunode.model.declaration import Model, Output, Parameter, State
from immunode.model.trace import Trace

RTOL = 1e-10  # of the solver, so that 1e-6 is missed by mistakes alone
ALLOWED = 1e-6
methods = pytest.mark.parametrize("method", METHODS)


def cells_at_rest(p):
    """Return the steady state of `cells` at time 0, central held at its start: the root of a quadratic."""
    central = p["start"] * p["F"]
    drive = 1 + central**1.7 / (p["EC50"] ** 1.7 + central**1.7)
    supply = p["s"] * (1 + p["A"]) * drive
    return (-p["d"] + sp.sqrt(p["d"] ** 2 + 4 * p["e"] * supply)) / (2 * p["e"])


EVERYTHING = Model(
    name="everything",
    states=[
        State("depot", "MIU", bioavailability="F", lag="tlag"),
        State("central", "MIU", initial=lambda p: p.start * p.F, bioavailability=lambda p: p.F / (p.F + p.G)),
        State("cells", "1", initial="steady_state"),
    ],
    routes={"sc": "depot", "iv": "central"},
    parameters=[
        Parameter("ka", 3.0, "1/day"),
        Parameter("CL", 9.0, "L/day"),
        Parameter("V", 7.0, "L"),
        Parameter("Vmax", 2.0, "MIU/day"),
        Parameter("Km", 0.7, "MIU"),
        Parameter("F", 0.4, "1"),
        Parameter("G", 0.2, "1"),
        Parameter("start", 0.3, "MIU"),
        Parameter("s", 1.5, "1/day"),
        Parameter("A", 0.6, "1"),
        Parameter("w", 0.8, "1/day"),
        Parameter("EC50", 0.9, "MIU"),
        Parameter("d", 0.3, "1/day"),
        Parameter("e", 0.2, "1/day"),
        Parameter("base", 0.0, "1"),
        Parameter("tlag", 0.125, "day"),
    ],
    outputs=[
        Output("level", "IU/mL", lambda t, x, p: x.central / p.V),  # a factor of 1000 between the units
        Output("seen", "1", lambda t, x, p: (x.cells + p.base) ** 2 * exp(-p.w * t) / (1 + p.A)),
    ],
    derivative=lambda t, x, p: {
        "depot": -p.ka * x.depot,
        "central": p.ka * x.depot - p.CL / p.V * x.central - p.Vmax * x.central / (p.Km + x.central),
        "cells": p.s * (1 + p.A * exp(-p.w * t)) * (1 + hill(x.central, p.EC50, 1.7)) - (p.d + p.e * x.cells) * x.cells,
    },
)
PLAN = (
    im.dose("3 MIU", "sc", times=[0.0, 2.0])
    + im.dose("4 MIU", "iv", times=[1.0], duration="0.5 d")
    + im.dose("2 MIU", "iv", times=[1.25], duration="1 d")
    + im.dose("1 MIU", "iv", times=[4.0])
    + im.replace("central", "0.5 MIU", time=3.0)
    + im.multiply("cells", 1.5, time=3.5)
)


def acts(model, plan, lag):
    """Return (time, order, action, column, amount) of each dose; an infusion is two changes of a rate."""
    changes, names = [], [s.name for s in model.states]
    for i, dose in enumerate(plan):
        column = names.index(model.target(dose.into).name)
        when = dose.time + (lag[column] if dose.action == "add" else 0.0)
        rate = dose.amount / dose.duration if dose.duration else 0.0
        changes += [(when, i, "rate", column, rate), (when + dose.duration, i, "rate", column, -rate)] if rate else []
        changes += [] if rate else [(when, i, dose.action, column, dose.amount)]
    return changes


def partials(trace, expressions, by):
    """Return the derivatives of expressions by each of `by`: an initial value is in no equation."""
    parameters = {str(symbol): symbol for symbol in trace.parameters}
    out = sp.zeros(len(expressions), len(by))
    for k, name in enumerate(by):
        if name in parameters:
            out[:, k] = sp.Matrix(expressions).diff(parameters[name])
    return out


def numbers(expressions, typical):
    """Return what expressions of parameters are at the typical values, in 30 digits before they are rounded."""
    return np.array(sp.Matrix(expressions).subs(typical).evalf(30), dtype=float).reshape(len(expressions), -1)


def compiled(trace, expressions, by, typical):
    """Return a function of time and states: the expressions, their Jacobian, and their derivatives by `by`."""
    f = sp.Matrix(expressions)
    shapes = [f, f.jacobian(trace.states), partials(trace, expressions, by)]
    space = [{"Heaviside": lambda x, *_: float(x > 0)}, "math"]
    values = {symbol: sp.Float(value) for symbol, value in typical.items()}
    call = sp.lambdify((trace.time, trace.states), [m.xreplace(values).tolist() for m in shapes], space, cse=True)
    return lambda now, y: [np.array(m, dtype=float).reshape(s.shape) for m, s in zip(call(now, y), shapes)]


def beginning(trace, by, at_rest, typical):
    """Return the states at the start and the gains of doses: a column for the states, then one for each direction."""
    symbols = {str(s): s for s in (*trace.states, *trace.parameters)}
    rest = {name: make(symbols) for name, make in (at_rest or {}).items()}
    initial = [rest.get(str(s), e) for s, e in zip(trace.states, trace.initial, strict=True)]
    both = [
        np.hstack([numbers(part, typical), numbers(partials(trace, part, by).tolist(), typical)])
        for part in (initial, trace.bioavailability)
    ]
    for k, name in enumerate(by):
        if name in [str(s) for s in trace.states]:
            both[0][list(symbols).index(name), 1 + k] = 1.0
    return both


def reference(model, plan, times, by, start=0.0, at_rest=None, method="DOP853", tight=1e-12):
    """Return the observables [times, observables] and their derivatives [times, by, observables] by SciPy."""
    trace, width = model.trace(), len(model.states)
    typical = dict(zip(trace.parameters, model.values().values(), strict=True))
    slopes = compiled(trace, trace.derivative, by, typical)
    observed = compiled(trace, [*trace.states, *trace.observed], by, typical)
    z, gains = beginning(trace, by, at_rest, typical)
    lag = numbers(trace.lag, typical)[:, 0]
    events, rate = acts(model, plan, lag), np.zeros_like(z)

    def right(now, flat):
        y = flat.reshape(width, -1)
        f, j, g = slopes(now, y[:, 0])
        return (np.hstack([f, j @ y[:, 1:] + g]) + rate).ravel()

    def matrix(now, flat):
        """Return the Jacobian without what couples directions to states: Newton's iterations do without."""
        return np.kron(slopes(now, flat.reshape(width, -1)[:, 0])[1], np.eye(1 + len(by)))

    out, now, more = [], start, {} if method == "DOP853" else {"jac": matrix}
    for stop in sorted({e[0] for e in events} | set(times)):
        if stop > now:
            solution = solve_ivp(right, (now, stop), z.ravel(), method, rtol=tight, atol=tight / 100, **more)
            assert solution.success
            z, now = solution.y[:, -1].reshape(width, -1), stop
        if stop in times:
            seen, j, g = observed(stop, z[:, 0])
            out.append(np.hstack([seen, j @ z[:, 1:] + g]).T)
        for _, _, action, column, amount in sorted(e for e in events if e[0] == stop):
            if action in ("rate", "add"):
                (rate if action == "rate" else z)[column] += amount * gains[column]
            elif action == "multiply":
                z[column] *= amount
            else:
                z[column] = np.eye(1, 1 + len(by))[0] * amount
    return np.array(out)[:, 0], np.array(out)[:, 1:]


def held(course, model, exact, by):
    """Check values and derivatives: of its size, or of a thousandth of the largest of its course, 1e-6."""
    values, along = exact
    for i, name in enumerate(model.observables):
        derivatives = course[f"{name}_sensitivity"].values
        for k, which in enumerate(by):
            want = along[:, k, i]
            size = np.abs(want) + 1e-3 * np.abs(want).max()
            error = np.abs(derivatives[:, k] - want) / np.where(size > 0, size, 1e-6)
            assert error.max() < ALLOWED, (name, which, error, want)
        size = np.abs(values[:, i]) + 1e-3 * np.abs(values[:, i]).max() + 1e-12
        assert np.max(np.abs(course[name].values - values[:, i]) / size) < ALLOWED, name


TIMES = [0.0, 0.1, 0.25, 0.75, 1.0, 1.375, 2.0, 2.5, 3.0, 3.25, 3.5, 4.0, 4.5, 7.0]
BY = (*(p.name for p in EVERYTHING.parameters if p.name != "tlag"), *(s.name for s in EVERYTHING.states))


@lru_cache
def everything():
    solution = reference(EVERYTHING, PLAN, TIMES, BY, at_rest={"cells": cells_at_rest})
    assert np.all(np.abs(solution[1]).max(axis=(0, 2)) > 1e-3)  # each direction tells something
    return solution


@methods
def test_all_ways_of_dosing_and_all_kinds_of_parameters_agree_with_scipy(method):
    course = im.simulate(EVERYTHING, PLAN, times=TIMES, sensitivities=BY, method=method, rtol=RTOL)
    held(course, EVERYTHING, everything(), BY)


CYCLE = im.dose("3 MIU", "sc", days=[1, 2, 3, 4, 5], per_day=2)
LIBRARY = {
    "il2_sc": (CYCLE, 0.0, [0.0, 0.3, 0.55, 2.0, 4.75, 8.0],
               ("CL", "V", "ka", "F", "D50", "receptor_clearance", "depot")),
    "il2_cd4_hiv": (im.replace("art", 1, time=-14.0) + CYCLE, -14.0, [0.0, 0.55, 4.75, 12.0, 40.0],
                    ("CL", "EC50", "setpoint_rna", "cd4_start", "efficacy", "nadir_power", "virus")),
    "il2_receptors": (im.dose("3 MIU", "sc", times=[0.0, 0.5]), 0.0, [0.0, 0.05, 0.25, 1.0],
                      ("koff_alpha", "CL", "treg_cells")),
}  # fmt: skip
COURSES = [(name, method) for name in ("il2_sc", "il2_cd4_hiv") for method in METHODS]
COURSES += [pytest.param("il2_receptors", method, marks=pytest.mark.slow) for method in ("rodas5p", "auto")]


@lru_cache
def library(name):
    plan, start, times, by = LIBRARY[name]
    how = {"method": "Radau", "tight": 1e-10} if name == "il2_receptors" else {}
    return reference(models.model(name), plan, times, by, start=start, **how)


@pytest.mark.parametrize(("name", "method"), COURSES)
def test_library_models_agree_with_scipy(name, method):
    plan, start, times, by = LIBRARY[name]
    course = im.simulate(name, plan, times=times, start=start, sensitivities=by, method=method, rtol=RTOL)
    held(course, models.model(name), library(name), by)


def test_sensitivities_are_labelled():
    arguments = {"times": [0.5, 1.0], "outputs": ["il2", "central"], "sensitivities": ["CL", "depot"]}
    one = im.simulate("il2_sc", "3 MIU SC", **arguments)
    many = im.simulate("il2_sc", "3 MIU SC", parameters={"V": [13.4, 20.0, 30.0]}, **arguments)
    assert one["il2_sensitivity"].dims == ("time", "by")
    assert many["il2_sensitivity"].dims == ("patient", "time", "by")
    assert one["by"].values.tolist() == ["CL", "depot"]
    assert one["by_units"].values.tolist() == ["L/day", "MIU"]
    assert one["il2_sensitivity"].attrs["units"] == "IU/mL per by_units"
    assert_array_equal(many["il2_sensitivity"][0], one["il2_sensitivity"])
    # the output is 1000 central / V in IU/mL
    for patient, volume in enumerate([13.4, 20.0, 30.0]):
        got = many.isel(patient=patient)
        assert_allclose(got["il2_sensitivity"], got["central_sensitivity"] * 1000 / volume, rtol=1e-14)
    assert not any("sensitivity" in name for name in im.simulate("il2_sc", times=[1.0]))


def test_what_has_no_sensitivity_is_refused_by_name():
    with pytest.raises(UnknownName, match="no parameter or state 'Cl'; did you mean 'CL'"):
        im.simulate("il2_sc", times=[1.0], sensitivities=["Cl"])
    unused = im.simulate("il2_sc", "3 MIU IV bolus", times=[1.0], sensitivities=["tlag"])
    assert_array_equal(unused["il2_sensitivity"], 0.0)


@methods
def test_another_direction_changes_others_within_the_tolerance(method):
    arguments = {"times": [0.5, 2.0, 6.0], "method": method, "rtol": 1e-8}
    alone = im.simulate(EVERYTHING, PLAN, sensitivities=["CL"], **arguments)
    among = im.simulate(EVERYTHING, PLAN, sensitivities=["w", "start", "CL", "cells", "Km"], **arguments).sel(by=["CL"])
    for name in EVERYTHING.observables:
        size = np.abs(alone[f"{name}_sensitivity"]).max().item()
        gap = np.abs(among[f"{name}_sensitivity"].values - alone[f"{name}_sensitivity"].values).max()
        assert gap <= 1e-6 * size, name  # 100 x rtol: the steps are not the same


def by_p(patients):
    """Return the direction of the first parameter, the initial state fixed."""
    nothing = np.zeros((patients, 1, 1))
    return Directions(np.array([0]), np.ones((patients, 1)), nothing)


t, x, y, z, p = sp.symbols("t x y z p", real=True)
GIVEN = {"columns": [0], "start": 0.0, "rtol": 1e-9, "atol": 1e-12}


@methods
def test_crossings_and_failures_are_as_without_directions(method):
    solver = build(Trace(t, (y,), (p,), (p * y**2,)), method, sensitivities=True)  # y0 / (1 - p y0 t)
    y0, times = np.array([1.0, 0.1, 1.0] * 3), [0.0, 0.5, 2.0]
    arguments = {"end": 2.0, "watch": 0, "threshold": np.array([1.5, 0.11, 1e3] * 3), "directions": by_p(9)}
    got = solve(solver, y0[:, None], np.ones((9, 1)), no_events(9), times, **GIVEN, **arguments)
    assert_allclose(got.crossing, 1 / y0 - 1 / arguments["threshold"], rtol=1e-6)
    blown = y0 == 1.0
    assert set(got.status[blown]) <= {Status.step_too_small, Status.not_finite}
    assert_array_equal(got.status[~blown], Status.ok)
    assert np.isnan(got.along[blown, 2]).all()
    assert_allclose(got.along[blown, 1, 0, 0], 0.5 / 0.5**2, rtol=1e-6)  # y0^2 t / (1 - p y0 t)^2
    assert_allclose(got.along[~blown, 2, 0, 0], 0.01 * 2 / 0.8**2, rtol=1e-6)


def solved(slope, method, start, parameter, end):
    """Return the value of y and its derivative by p at the end, and the status."""
    solver = build(Trace(t, (y,), (p,), (sp.sympify(slope),)), method, sensitivities=True)
    arguments = {"end": end, "directions": by_p(1), **GIVEN}
    got = solve(solver, [[start]], [[parameter]], no_events(1), [end], **arguments)
    return got.values[0, 0, 0], got.along[0, 0, 0, 0], got.status[0]


@methods
def test_an_exponent_has_a_sensitivity_where_the_state_is_zero(method):
    assert solved(-hill(y, 1, p), method, 0.0, 1.7, 1.0) == (0.0, 0.0, Status.ok)


@methods
def test_directions_start_wherever_states_do(method):
    value, along, status = solved(-p * sp.sqrt(y), method, 1.0, 4.0, 0.4)  # (1 - p t / 2)^2, until 0
    assert status == Status.ok
    assert_allclose([value, along], [0.04, -0.2 * 0.4], rtol=1e-6)


MEET, LATE = np.log(6) / 2, np.log(3)
SLOPES = {  # slope, end, and there the value from 3 for p = 1 and its derivative
    "constant Jacobian": (p - y, 1.0, 1 + 2 * np.exp(-1), 1 - np.exp(-1)),
    "parameter chosen": (-where(y > 1, p, y), 1.0, 2.0, -1.0),
    "parameter otherwise": (-where(y > 1, y, p), 2.0, LATE - 1, LATE - 2),
    "chosen by parameter": (-where(p > 0.5, y, y * y), 1.0, 3 * np.exp(-1), 0.0),
    "absolute": (-p * abs(y), 1.0, 3 * np.exp(-1), -3 * np.exp(-1)),
    "maximum of a choice": (-maximum(p * y, where(y > 0.5, 2 * y, y / 2)), 2.0, np.exp(MEET - 2) / 2,
                            (MEET - 2) * np.exp(MEET - 2) / 2),
}  # fmt: skip


@pytest.mark.parametrize("method", ["tsit5", "rodas5p"])
@pytest.mark.parametrize("name", SLOPES)
def test_all_that_a_model_may_say_has_sensitivities(name, method):
    slope, end, value, along = SLOPES[name]
    assert_allclose(solved(slope, method, 3.0, 1.0, end), (value, along, Status.ok), rtol=1e-6, atol=1e-9)
