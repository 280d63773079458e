"""Check sensitivities through lags, durations, rates and steady states, against differences of a SciPy solution.

The model eliminates by saturation and is not linear. The reference knows nothing of immunode: it integrates between
events with DOP853 at 1e-13 and finds steady states with SciPy's root; five-point differences of it are good to 1e-8.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp
from scipy.optimize import root

import immunode as im
from immunode.errors import BadValue
from immunode.model.declaration import Model, Output, Parameter, State

VALUES = {
    "ka": 1.5, "Vmax": 30.0, "Km": 2.0, "k0": 0.3, "V": 10.0, "lag": 0.15, "late": 0.2, "F": 0.8, "G": 0.9, "D": 0.5,
    "R": 60.0, "x0": 5.0,
}  # fmt: skip
UNITS = {
    "ka": "1/day", "Vmax": "mg/day", "Km": "mg/L", "k0": "1/day", "V": "L", "lag": "day", "late": "day", "F": "1",
    "G": "1", "D": "day", "R": "mg/day", "x0": "mg",
}  # fmt: skip
MODEL = Model(
    name="saturable",
    states=[
        State("depot", "mg", lag="lag", bioavailability="F"),
        State("central", "mg", initial="x0", lag=lambda p: 2 * p.late, duration="D", rate="R", bioavailability="G"),
    ],
    parameters=[Parameter(name, value, UNITS[name]) for name, value in VALUES.items()],
    outputs=[Output("level", "mg/L", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {
        "depot": -p.ka * x.depot,
        "central": p.ka * x.depot - p.Vmax * x.central / (p.Km * p.V + x.central) - p.k0 * x.central,
    },
)
AT = [0.12, 0.37, 0.64, 1.09, 1.52, 2.6]


def flow(y, span, rate, p):
    def slope(t, y):
        gone = p["Vmax"] * y[1] / (p["Km"] * p["V"] + y[1]) + p["k0"] * y[1]
        return [-p["ka"] * y[0], p["ka"] * y[0] - gone + rate]

    return solve_ivp(slope, span, y, "DOP853", rtol=1e-13, atol=1e-14).y[:, -1] if span[1] > span[0] else np.array(y)


def walk(y, rate, events, times, p):
    """Return the states at `times`, events (time, function of (y, rate)) in between."""
    now, out = 0.0, []
    for time, change in sorted([*events, *((t, None) for t in times)], key=lambda e: e[0]):
        y, now = flow(y, (now, time), rate, p), time
        if change is None:
            out.append([y[1] / p["V"], y[0]])
        else:
            y, rate = change(y, rate)
    return np.array(out), y


def bolus(i, amount):
    return lambda y, rate: (y + amount * np.eye(2)[i], rate)


def drip(change):
    return lambda y, rate: (y, rate + change)


def given(how, amount, p):
    """Return (delay, event) pairs of one dose at its record: into the depot or, by `how`, into the central state."""
    late, absorbed = 2 * p["late"], p["G"] * amount
    if how == "depot":
        return [(p["lag"], bolus(0, p["F"] * amount))]
    if how == "central":
        return [(late, bolus(1, absorbed))]
    over = {"over": 0.3, "modelled duration": p["D"], "rate": absorbed / 200, "modelled rate": absorbed / p["R"]}[how]
    return [(late, drip(absorbed / over)), (late + over, drip(-absorbed / over))]


def resting(how, amount, every, p):
    """Return the state and the rate at a record of a dose given for ever, from a long history before it."""
    events = given(how, amount, p)
    back = int(np.ceil(max(delay for delay, _ in events) / every)) + 1

    def period(y):
        y, rate, now = np.array(y), running(), 0.0
        due = sorted(((delay % every), change) for delay, change in events)
        for time, change in due:
            y, now = flow(y, (now, time), rate, p), time
            y, rate = change(y, rate)
        return flow(y, (now, every), rate, p)

    def running():
        rate = 0.0
        for k in range(1, back + 1):
            for delay, change in events:
                if delay - k * every < 0:
                    rate = change(np.zeros(2), rate)[1]
        return rate

    periodic = root(lambda y: period(y) - y, [1.0, 30.0], tol=1e-14).x
    left = [(delay - k * every, c) for k in range(1, back + 1) for delay, c in events if delay - k * every >= 0]
    return periodic, running(), left


def doses(how, amount, at):
    return lambda p: ([p_x0(p), 0.0, [(t + d, c) for t in at for d, c in given(how, amount, p)]])


def p_x0(p):
    return np.array([0.0, p["x0"]])


def steady(how, amount, every):
    def start(p):
        y, rate, left = resting(how, amount, every, p)
        return [y, rate, left + given(how, amount, p)]

    return start


def topped(amount, every):
    """Add the steady state of a bolus on day 1 to what a bolus at time 0 has left."""

    def start(p):
        y, _, left = resting("central", amount, every, p)
        first, again = given("central", 20, p), [(1.0 + d, c) for d, c in [*left, *given("central", amount, p)]]
        return [p_x0(p), 0.0, [*first, (1.0, lambda z, rate: (z + y, rate)), *again]]

    return start


def endless(rate):
    def start(p):
        slope = lambda y: p["Vmax"] * y / (p["Km"] * p["V"] + y) + p["k0"] * y - rate  # noqa: E731
        return [np.array([0.0, root(slope, 20.0, tol=1e-14).x[0]]), 0.0, []]

    return start


def reset(amount, at, time):
    def start(p):
        before = [(t + d, c) for t in at for d, c in given("central", amount, p) if t + d < time or t > time]
        return [p_x0(p), 0.0, [*before, (time, lambda y, rate: (p_x0(p), 0.0))]]

    return start


MG = "{} mg".format
CASES = {
    "bolus after a lag": (im.dose(MG(100), "depot", times=[0, 1]), doses("depot", 100, [0, 1])),
    "bolus after a lag of two parameters": (im.dose(MG(50), "central", times=[0, 1]), doses("central", 50, [0, 1])),
    "infusion": (im.dose(MG(60), "central", times=[0, 1], duration=0.3), doses("over", 60, [0, 1])),
    "infusion at a rate": (im.dose(MG(60), "central", times=[0, 1], rate="200 mg/day"), doses("rate", 60, [0, 1])),
    "modelled duration": (
        im.dose(MG(60), "central", times=[0, 1], duration="modelled"), doses("modelled duration", 60, [0, 1]),
    ),
    "modelled rate": (im.dose(MG(30), "central", times=[0, 1], rate="modelled"), doses("modelled rate", 30, [0, 1])),
    "reset before an arrival": (
        im.dose(MG(40), "central", times=[0, 0.3, 1]) + im.reset(time=0.5), reset(40, [0, 0.3, 1], 0.5),
    ),
    "steady state": (
        im.dose(MG(20), "central", times=[0], steady_state="replace", every=0.7), steady("central", 20, 0.7),
    ),
    "steady state of absorption": (
        im.dose(MG(20), "depot", times=[0], steady_state="replace", every=0.6), steady("depot", 20, 0.6),
    ),
    "steady state, lag beyond the interval": (
        im.dose(MG(10), "central", times=[0], steady_state="replace", every=0.35), steady("central", 10, 0.35),
    ),
    "steady state of infusions that overlap": (
        im.dose(MG(20), "central", times=[0], steady_state="replace", every=0.55, duration="modelled"),
        steady("modelled duration", 20, 0.55),
    ),
    "steady state at a modelled rate": (
        im.dose(MG(20), "central", times=[0], steady_state="replace", every=0.55, rate="modelled"),
        steady("modelled rate", 20, 0.55),
    ),
    "steady state added": (
        im.dose(MG(20), "central", times=[0]) + im.dose(MG(10), "central", times=[1], steady_state="add", every=0.7),
        topped(10, 0.7),
    ),
    "infusion without end": (
        im.dose(MG(0), "central", times=[0], steady_state="replace", rate="40 mg/day"), endless(40.0),
    ),
}  # fmt: skip


def reference(start):
    """Return the values at AT and their derivatives by every parameter, (T, 2) and (T, parameters, 2)."""

    def solved(**changed):
        p = VALUES | changed
        y, rate, events = start(p)
        return walk(y, rate, events, AT, p)[0]

    slopes = []
    for name, value in VALUES.items():
        h = 1e-3 * value
        low, less, more, high = (solved(**{name: value + k * h}) for k in (-2, -1, 1, 2))
        slopes.append((low - 8 * less + 8 * more - high) / (12 * h))
    return solved(), np.stack(slopes, axis=1)


@pytest.mark.filterwarnings("ignore:a lag is as long as the interval")
@pytest.mark.parametrize("name", CASES)
def test_sensitivities_go_through_every_way_of_dosing(name):
    regimen, start = CASES[name]
    values, slopes = reference(start)
    size = np.array(list(VALUES.values()))[:, None]
    for method in ("tsit5", "rodas5p"):
        course = im.simulate(
            MODEL, regimen, times=AT, outputs=["level", "depot"], rtol=1e-9, method=method, sensitivities=list(VALUES)
        )
        got = np.stack([course.level_sensitivity, course.depot_sensitivity], axis=-1)
        scale = np.abs(values).max(axis=0)
        assert_allclose(np.stack([course.level, course.depot], axis=-1), values, rtol=0, atol=1e-7 * scale.max())
        # relative to the output: each derivative times its parameter, as large as the output itself can be
        assert_allclose(got * size / scale.max(), slopes * size / scale.max(), rtol=1e-6, atol=1e-6)


def test_the_sensitivity_of_a_lag_is_that_of_the_closed_form_on_both_sides_of_the_arrival():
    decay = Model(
        name="decay",
        states=[State("central", "mg", lag="lag")],
        parameters=[Parameter("k", 0.7, "1/day"), Parameter("lag", 0.4, "day")],
        derivative=lambda t, x, p: {"central": -p.k * x.central},
    )
    times = np.array([0.3, 0.4, 0.5, 2.0])
    course = im.simulate(decay, im.dose("10 mg", "central"), times=times, rtol=1e-10, sensitivities=["lag", "k"])
    after = times > 0.4
    exact = np.where(after, 10 * np.exp(-0.7 * (times - 0.4)), 0.0)
    assert_allclose(course.central_sensitivity.sel(by="lag"), 0.7 * exact, rtol=1e-8)
    assert_allclose(course.central_sensitivity.sel(by="k"), -(times - 0.4) * exact, rtol=1e-8, atol=1e-12)


def test_many_patients_have_the_sensitivities_that_each_has_alone():
    regimens = [CASES["modelled duration"][0], CASES["steady state"][0], CASES["bolus after a lag"][0]] * 3
    lags = np.linspace(0.1, 0.3, 9)
    options = {"outputs": "level", "sensitivities": ["late", "Vmax", "D"]}
    many = im.simulate(MODEL, regimens, times=AT, parameters={"late": lags}, **options)
    for i in (0, 4, 8):
        alone = im.simulate(MODEL, [regimens[i]], times=AT, parameters={"late": lags[i : i + 1]}, **options)
        assert np.array_equal(alone.level_sensitivity[0], many.level_sensitivity[i])


def test_a_covariate_that_changes_in_time_has_no_sensitivity():
    with pytest.raises(BadValue, match="no sensitivity to 'k0'"):
        im.simulate(MODEL, times=AT, covariates={"k0": ([0, 1], [0.3, 0.4])}, sensitivities=["k0"])
