"""A switch ends a step: on time where a formula says when, else where the dense output crosses it.

The references are closed forms. Between two switches the solver errs by its tolerance, so values are held to 100 rtol
(as in test_methods) and what is linear to rounding.
"""

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal

import immunode as im
from immunode.engine import METHODS, Directions, build, no_events, solve
from immunode.errors import SolveError, Status
from immunode.functions import mod, where
from immunode.model.trace import Trace
from tests.support.engine_models import straight_lines_up_to

RTOL = 1e-8
methods = pytest.mark.parametrize("method", METHODS)
t, y, z, p, q = sp.symbols("t y z p q", real=True)


def solved(slopes, y0, values, times, method, *, states=(y,), along=False, end=None, **more):
    """Return the Solution of one or several patients."""
    slopes = slopes if isinstance(slopes, tuple) else (slopes,)
    solver = build(Trace(t, states, (p, q), tuple(map(sp.sympify, slopes))), method, sensitivities=along)
    values = np.atleast_2d(np.asarray(values, float))
    n, nothing = len(values), np.zeros((len(values), 2, len(states)))
    wanted = Directions(np.array([0, 1]), np.ones((n, 2)), nothing) if along else None
    y0 = None if "resume" in more else np.broadcast_to(np.asarray(y0, float), (n, len(states)))
    arguments = {"columns": range(len(states)), "start": 0.0, "rtol": RTOL, "atol": RTOL / 1000} | more
    end = times[-1] if end is None else end
    return solve(solver, y0, values, no_events(n), times, end=end, directions=wanted, **arguments)


def chosen(condition, yes, no=0):
    return sp.Piecewise((yes, condition), (no, True))


@methods
def test_a_window_that_opens_and_closes_between_two_steps_is_seen(method):
    slope = chosen(t > 1, chosen(t < p, 20)) - y
    got = solved(slope, [0.0], [[1.05, 0], [1.0 + 1e-9, 0]], [0.5, 2.0, 100.0], method)
    for row, width in zip(got.values[..., 0], (0.05, 1e-9), strict=True):
        exact = 20 * -np.expm1(-width) * np.exp(-(2.0 - 1 - width))
        assert_allclose(row[:2], [0.0, exact], rtol=100 * RTOL, atol=RTOL / 1000)


@methods
def test_windows_that_come_again_are_all_seen(method):
    slope = chosen(mod(t, p) < q, 1)
    got = solved(slope, [0.0], [[7.0, 0.5], [1.0, 1e-3], [0.25, 0.125]], [6.9, 7.1, 1000.0], method)
    for (period, width), row in zip(((7.0, 0.5), (1.0, 1e-3), (0.25, 0.125)), got.values[..., 0], strict=True):
        exact = [width * (time // period) + min(time % period, width) for time in (6.9, 7.1, 1000.0)]
        assert_allclose(row, exact, rtol=1e-12)


@pytest.mark.parametrize("rate", [1.0, -1.0])
def test_a_staircase_in_time_takes_each_step_at_its_time(rate):
    times = np.array([0.5, 3.0, 10.25])
    got = solved(sp.floor(p * t + q), [0.0], [[rate, 0.3]], times, "auto")
    fine = np.linspace(0, 1, 1_000_001)[:-1] + 5e-7  # midpoints: exact but for the cells with a step in them
    exact = [np.mean(np.floor(rate * time * fine + 0.3)) * time for time in times]
    assert_allclose(got.values[0, :, 0], exact, atol=2e-5)


@methods
def test_a_threshold_of_a_state_is_located(method):
    # 3 - t down to 1, then exp(-(t - 2))
    got = solved(chosen(y > 1, -1, -y), [3.0], [[0, 0]], [1.0, 2.0, 3.0], method)
    assert_allclose(got.values[0, :, 0], [2.0, 1.0, np.exp(-1.0)], rtol=100 * RTOL)
    assert got.steps[0] < 60


def test_two_roots_within_a_step_are_both_found():
    # y = sin(t), which is above q from asin(q) to pi - asin(q): z counts that time
    level = 0.999999
    slopes = (z, -y, chosen(y > q, 1))
    w = sp.Symbol("w", real=True)
    got = solved(slopes, [0.0, 1.0, 0.0], [[0, level]], [3.0, 6.0], "auto", states=(y, z, w), rtol=1e-11)
    assert_allclose(got.values[0, :, 2], np.pi - 2 * np.arcsin(level), rtol=1e-5)  # 1.4e-3 lasts: y is flat there


@methods
def test_a_dip_between_two_samples_of_a_long_step_is_seen(method):
    # y = u^3 - u^2 with u = t - p, whose steps err by nothing and grow: below q up to the first root, and in the dip
    places, level = np.linspace(2.0, 9.0, 71), -0.9 * 4 / 27
    u, states = t - p, (y, z)
    solver = build(Trace(t, states, (p, q), (3 * u**2 - 2 * u, chosen(y < q, 1))), method)
    start = np.column_stack([-(places**3) - places**2, np.zeros(71)])
    values = np.column_stack([places, np.full(71, level)])
    got = solve(solver, start, values, no_events(71), [20.0], end=20.0, columns=[1], start=0.0, rtol=1e-5, atol=1e-8)
    first, second, third = np.sort(np.roots([1, -1, 0, -level]).real)
    assert_allclose(got.values[:, 0, 0], places + first + third - second, rtol=1e-5)


def test_the_guard_of_rodas5p_knows_the_slope_at_the_end_of_a_step():
    # the first step, a tenth of the time, goes from the hump of u^3 - u^2 to u = 1 / p: the slope at its start tells
    # of no dip
    values = np.column_stack([np.linspace(0.97, 1.03, 7), np.full(7, -0.13)])
    u = t / p
    got = solved(((3 * u**2 - 2 * u) / p, chosen(y < q, 1)), [0.0, 0.0], values, [10.0], "rodas5p", states=(y, z))
    _, second, third = np.sort(np.roots([1, -1, 0, 0.13]).real)
    assert_allclose(got.values[:, 0, 1], values[:, 0] * (third - second), rtol=1e-5)


def test_a_thermostat_that_remembers_its_side_swings_between_its_thresholds():
    # on below p, off above q; the heater is a state that a dose could not know: its own sign says where it stands
    slopes = (chosen(z > 0, 1, -1), chosen((y > q) & (z > 0), -1e3, chosen((y < p) & (z < 0), 1e3)))
    got = solved(slopes, [0.5, 1.0], [[0.0, 1.0]], np.linspace(0.0, 20.0, 201), "auto", states=(y, z))
    assert got.status[0] == Status.ok
    assert -0.01 < got.values[0, :, 0].min() < 0.1
    assert 0.9 < got.values[0, :, 0].max() < 1.01


@methods
def test_a_whole_part_of_a_state_is_located_up_and_down(method):
    down = solved(-sp.floor(y) - 1, [3.5], [[0, 0]], [0.125, 0.125 + 1 / 3, 1.0], method)
    assert_allclose(down.values[0, :2, 0], [3.0, 2.0], rtol=1e-12)
    up = solved(sp.floor(y) + 1, [0.0], [[0, 0]], [1.0, 1.5, 1.5 + 1 / 3], method)
    assert_allclose(up.values[0, :, 0], [1.0, 2.0, 3.0], rtol=1e-12)


@methods
def test_a_switch_that_pushes_back_is_a_status_and_others_finish(method):
    got = solved(-sp.sign(y - p), [1.0], [[0.0, 0], [-10.0, 0], [2.0, 0]], [0.5, 2.0], method)
    assert_array_equal(got.status, [Status.chattering, Status.ok, Status.chattering])
    assert_allclose(got.status_time[[0, 2]], 1.0)
    assert_allclose(got.values[1, :, 0], [0.5, -1.0])


def test_a_switch_that_is_touched_and_not_crossed_changes_nothing():
    # y = (t - 1)^2 comes down to 0 and goes up again
    got = solved(chosen(y < -1e-7, 1e3, 2 * (t - 1)), [1.0], [[0, 0]], [1.0, 2.0], "auto")
    assert_allclose(got.values[0, :, 0], [0.0, 1.0], atol=1e-9)


def test_conditions_that_others_move_are_decided_anew():
    # the threshold itself jumps at 1, from 10 to 0.5, under a state that stands at 1
    slope = chosen(y > chosen(t < 1, 10, 0.5), -1)
    got = solved(slope, [1.0], [[0, 0]], [1.0, 1.25, 3.0], "auto")
    assert_allclose(got.values[0, :, 0], [1.0, 0.75, 0.5], rtol=1e-12)


@methods
def test_sensitivities_jump_where_a_switch_moves(method):
    slope = chosen(y > q, -p, -y)  # 3 - p t, from t1 = (3 - q) / p on q exp(t1 - t)
    got = solved(slope, [3.0], [[1.25, 0.75]], [1.0, 3.0], method, along=True)
    late = 0.75 * np.exp((3 - 0.75) / 1.25 - 3.0)
    exact = [[-1.0, 0.0], [-late * (3 - 0.75) / 1.25**2, late / 0.75 - late / 1.25]]
    assert_allclose(got.along[0, :, :, 0], exact, rtol=1e-6, atol=1e-8)


def test_sensitivities_jump_where_a_time_moves():
    slope = chosen(mod(t, p) < q, 3)  # five whole windows until 4.5 p
    got = solved(slope, [0.0], [[2.0, 0.5]], [1.0, 9.0], "auto", along=True)
    assert_allclose(got.along[0, :, :, 0], [[0.0, 3.0], [0.0, 15.0]], atol=1e-9)


def test_where_two_switches_that_move_apart_meet_there_is_no_derivative():
    got = solved(chosen(t > p, 1) + chosen(t > q, 2), [0.0], [[1.0, 1.0], [1.0, 1.5]], [2.0], "auto", along=True)
    assert_array_equal(got.status, [Status.no_derivative, Status.ok])
    assert_allclose(got.along[1, 0, :, 0], [-1.0, -2.0])


@methods
@pytest.mark.parametrize(
    ("slope", "start", "meeting", "beside"),
    [
        (chosen(y > q, 2 * p, p) * chosen(t > 1, 3, 1), 0.0, [1.0, 1.0], [1.0, 1.1]),  # p t reaches q at 1
        (chosen(y > q, -y, -2 * y) * chosen(t > 1, 3, 1), np.e, [1.0, 1.0], [1.0, 1.1]),  # known to rtol only
        (chosen(t > p + q, y, 2 * y) * chosen(t > sp.Float(0.3), 3, 1), 1.0, [0.1, 0.2], [0.1, 0.3]),  # 0.1 + 0.2
        (chosen(y > q, 2 * p, p), 1.0, [1.0, 1.0], [1.0, 1.1]),  # the threshold is where the patient starts
    ],
    ids=["threshold and time", "within the tolerance", "within rounding", "start"],
)
def test_where_a_place_and_a_time_that_move_apart_meet_there_is_no_derivative(slope, start, meeting, beside, method):
    got = solved(slope, [start], [meeting, beside], [2.0], method, along=True)
    assert_array_equal(got.status, [Status.no_derivative, Status.ok])
    assert_array_equal(solved(slope, [start], [meeting], [2.0], method).status, [Status.ok])


def test_where_a_place_and_a_time_always_are_one_there_is_a_derivative():
    got = solved(chosen(y > q, 2 * p, p) * chosen(t > q / p, 3, 1), [0.0], [[1.0, 1.0], [1.3, 0.7]], [2.0], "auto",
                 along=True)  # fmt: skip
    assert_array_equal(got.status, Status.ok)  # q + 6 p (2 - q / p)
    assert_allclose(got.along[:, 0, :, 0], [[12.0, -5.0]] * 2)


MIXED = chosen(y > q, -p, -y) - chosen(mod(t, 1) < 0.25, 0.5)


@methods
@pytest.mark.parametrize("along", [False, True], ids=["states", "sensitivities"])
def test_patients_with_switches_are_alone_what_they_are_in_a_batch_and_resumed(method, along):
    values = np.column_stack([np.linspace(0.5, 3.0, 40), np.linspace(2.9, 0.1, 40)])
    times = np.linspace(0.0, 6.0, 25)
    whole = solved(MIXED, [3.0], values, times, method, along=along)
    assert_array_equal(whole.status, Status.ok)
    for i in (0, 17, 39):
        alone = solved(MIXED, [3.0], values[i : i + 1], times, method, along=along)
        for name in ("values", "along", "steps", "switch"):
            assert_array_equal(getattr(alone, name)[0], getattr(whole, name)[i], err_msg=name)
    sparse = solved(MIXED, [3.0], values, [6.0], method, along=along)
    assert_array_equal(sparse.values[:, -1], whole.values[:, -1])
    for stop in (0.8, 3.0):  # at 3 a window opens
        first = solved(MIXED, [3.0], values, times[times <= stop], method, along=along, end=stop)
        second = solved(
            MIXED, None, values, times[times >= stop], method, along=along, start=stop, resume=first, end=6.0
        )
        again = solved(MIXED, None, values[::-1], times[times >= stop], method, along=along, start=stop, end=6.0,
                       resume=type(first)(**{k: v[::-1] for k, v in vars(first).items()}))  # fmt: skip
        assert_array_equal(again.values, second.values[::-1])
        if stop == 3.0:  # a stop there changes no step: a window opens there anyhow
            assert_array_equal(second.values[:, -1], whole.values[:, -1])


def test_loops_reach_switches_where_straight_lines_do():
    arguments = (MIXED, [3.0], [[0.7, 1.1], [2.0, 0.3]], [1.0, 4.5], "rodas5p")
    straight = solved(*arguments, along=True)
    with straight_lines_up_to(0):
        looped = solved(*arguments, along=True)
    assert_array_equal(looped.steps, straight.steps)
    assert_allclose(looped.values, straight.values, rtol=1e-9)
    assert_allclose(looped.along, straight.along, rtol=1e-8, atol=1e-9)  # sums in another order


def model(slope, *states):
    return im.Model(
        "switched", [im.State(name, "mg") for name in ("y", *states)], slope,
        [im.Parameter("k", 1.0, "1/day"), im.Parameter("c", 5.0, "mg"), im.Parameter("amp", 2.0, "mg/day")],
        routes={"iv": "y"},
    )  # fmt: skip


def test_a_dose_comes_after_the_threshold_of_its_time_and_before_it_is_looked_at_again():
    below = model(lambda t, x, p: {"y": where(x.y >= p.c, -p.k * x.y, 0 * p.amp)})
    course = im.simulate(below, im.dose("8 mg", "iv", times=[1.0]), times=[0.5, 1.0, 1.25, 4.0], at_dose="post")
    assert_allclose(course["y"], [0.0, 8.0, 8 * np.exp(-0.25), 5.0], rtol=1e-5)  # stays where it has stopped
    at = im.simulate(below, im.dose("4.999 mg", "iv", times=[1.0]), times=[4.0])
    assert_allclose(at["y"], 4.999)


def test_a_condition_on_a_state_that_doses_set_holds_from_the_dose_on():
    slopes = {"art": 0, "one": 0}
    flag = model(lambda t, x, p: slopes | {"y": where(x.art == x.one, -p.k * x.y, p.k * x.y)}, "art", "one")
    plan = im.dose("5 mg", "iv", times=[0.0]) + im.replace("one", "1 mg", time=0.0)
    plan += im.replace("art", "1 mg", time=1.0) + im.replace("art", "0 mg", time=2.0)
    course = im.simulate(flag, plan, times=[1.0, 2.0, 3.0])
    assert_allclose(course["y"], 5 * np.exp([1.0, 0.0, 1.0]), rtol=1e-5)


def at_one_time(slope, regimen, by, method="auto", beside=(), **values):
    """Return the sensitivity at 2 days where something is at 1 day, or the status."""
    names = {"k": "1/day", "c": "mg", "amp": "mg/day", "at": "day"}
    parameters = [im.Parameter(name, values.get(name, 1.0), unit) for name, unit in names.items()]
    states = [im.State("y", "mg", lag="at", scale=1.0), *(im.State(name, "mg", scale=1.0) for name in beside)]
    routes = {"iv": "y"} | {name: name for name in beside}
    made = im.Model("one", states, slope, parameters, routes=routes)
    try:
        course = im.simulate(made, regimen, times=[2.0], sensitivities=[by], rtol=1e-8, method=method)
        return float(course["y_sensitivity"].item())
    except SolveError as error:
        return str(error).split(" at ")[0].split()[-1]


def test_a_dose_at_the_time_of_a_switch_has_a_derivative_where_their_order_does_not_matter():
    into, dose = im.dose("1 mg", "iv"), "no_derivative"
    window = lambda t, x, p: {"y": where(t > 1 / p.k, p.amp, 0 * p.amp)}  # noqa: E731
    # input from 1 / k = 1 on: y(2) = 1 + amp (2 - 1 / k)
    assert at_one_time(window, into, "k") == pytest.approx(1.0, rel=1e-6)
    # an infusion only adds to slopes: 0.5 mg/day from `at` = 1 on
    faster = lambda t, x, p: {"y": where(t > 1 / p.k, p.k / 2, p.k) * (p.c - x.y)}  # noqa: E731
    infused = at_one_time(faster, im.dose("1 mg", "iv", duration="2 d"), "at")
    beside = [at_one_time(faster, im.dose("1 mg", "iv", duration="2 d"), "at", at=at) for at in (1 - 1e-4, 1 + 1e-4)]
    assert_allclose([infused] * 2, beside, rtol=1e-3)
    # what a dose brings is lost at a rate that has changed before it or changes behind it
    assert at_one_time(faster, into, "at") == dose
    assert at_one_time(faster, into, "at", at=1.01) != dose
    threshold = lambda t, x, p: {"y": where(x.y >= p.c, p.amp / 2, p.amp)}  # noqa: E731
    assert at_one_time(threshold, into, "at", c=1 - 1e-13) == dose  # the dose would bring y past it
    assert at_one_time(threshold, into, "at", at=1.5) == pytest.approx(0.0, abs=1e-9)


@methods
def test_what_takes_a_state_past_a_threshold_that_it_reaches_then_leaves_no_derivative(method):
    into = im.dose("1 mg", "iv")
    rises = lambda t, x, p: {"y": where(x.y >= p.c, p.amp / 2, p.amp)}  # noqa: E731
    # y(2) = 2.5 where c is passed by the dose at 1, as it is reached; by amp or `at` one side has another slope
    got = {by: at_one_time(rises, into, by, method) for by in ("at", "c", "amp", "k")}
    assert got == {"at": "no_derivative", "c": "no_derivative", "amp": "no_derivative", "k": 0.0}
    beside = {by: at_one_time(rises, into, by, method, at=0.5) for by in ("at", "c", "amp")}
    assert beside == pytest.approx({"at": 0.5, "c": 0.0, "amp": 1.25}, abs=1e-9)
    # z is at rest at its threshold, which the dose of y has nothing to do with
    rests = lambda t, x, p: {"y": where(x.z > 0, 2 * p.amp, p.amp) - p.k * x.y, "z": -p.k * x.z}  # noqa: E731
    assert at_one_time(rests, into, "at", method, ["z"]) == pytest.approx(np.exp(-1), rel=1e-6)


def test_what_turns_a_state_away_from_a_threshold_that_it_reaches_then_leaves_no_derivative():
    falls = lambda t, x, p: {"y": where(x.z > p.c, p.amp, 0 * p.amp), "z": p.amp}  # noqa: E731
    emptied = im.replace("z", "0 mg", time=1.0)
    assert at_one_time(falls, emptied, "c", beside=["z"]) == "no_derivative"
    assert at_one_time(falls, emptied, "c", beside=["z"], c=0.9) == pytest.approx(-2.0)  # passed at 0.9 and 1.9
    turns = lambda t, x, p: {"y": where(x.z > p.c, p.amp, 0 * p.amp), "z": where(t < 1 / p.k, p.amp, -p.amp)}  # noqa: E731
    assert at_one_time(turns, None, "c", beside=["z"]) == "no_derivative"
    assert at_one_time(turns, None, "c", beside=["z"], c=0.9) == pytest.approx(-2.0)


def test_two_events_that_move_apart_have_a_derivative_where_their_order_does_not_matter():
    both = im.dose("1 mg", "iv") + im.dose("2 mg", "z", times=[1.0])  # the first is lagged to 1
    slopes = {
        "beside": lambda t, x, p: {"y": -p.amp * x.y / (p.c + x.y), "z": -p.k * x.z},
        "product": lambda t, x, p: {"y": -p.k * x.y * x.z / p.c, "z": -p.k * x.z},
        "sum": lambda t, x, p: {"y": -where(x.y + x.z > 2.5 * p.c, 2 * p.k, p.k) * x.y, "z": 0},
    }
    got = {name: at_one_time(slope, both, "at", beside=["z"]) for name, slope in slopes.items()}
    assert (got["product"], got["sum"]) == ("no_derivative", "no_derivative")
    near = [at_one_time(slopes["beside"], both, "at", beside=["z"], at=1 + h) for h in (-1e-4, 1e-4)]
    assert got["beside"] == pytest.approx(np.mean(near), rel=1e-6)
    assert at_one_time(slopes["product"], both, "at", beside=["z"], k=0.0) == 0.0
    # the replacement at 1 takes the dose away if it comes behind it
    kept = im.dose("1 mg", "iv") + im.replace("y", "3 mg", time=1.0)
    assert at_one_time(slopes["beside"], kept, "at", beside=["z"]) == "no_derivative"
    assert at_one_time(slopes["beside"], kept, "at", beside=["z"], at=0.9) == 0.0
    # a lag of zero can only grow: a dose of it comes behind what stands still at its time
    put, dose = im.replace("y", "3 mg", time=1.0), im.dose("1 mg", "iv", times=[1.0])
    decays = lambda t, x, p: {"y": -p.k * x.y, "z": -p.k * x.z}  # noqa: E731
    assert at_one_time(decays, put + dose, "at", beside=["z"], at=0.0) == pytest.approx(np.exp(-1), rel=1e-6)
    assert at_one_time(decays, dose + put, "at", beside=["z"], at=0.0) == "no_derivative"
    # a window that opens at 1 / k adds to what is replaced at 1
    window = lambda t, x, p: {"y": where(t > 1 / p.k, p.amp, 0 * p.amp)}  # noqa: E731
    assert at_one_time(window, im.replace("y", "3 mg", time=1.0), "k") == "no_derivative"


def test_who_chatters_is_named():
    back = model(lambda t, x, p: {"y": where(x.y > p.c, -p.amp, p.amp)})
    with pytest.raises(SolveError, match=r"chattering at 2\.5 day"):
        im.simulate(back, times=[4.0])


def test_a_period_that_is_a_covariate_is_the_one_of_each_time_without_a_dose_too():
    windows = lambda t, x, p: {"y": where(mod(t, 1 / p.k) < 1 / (4 * p.k), p.amp, 0 * p.amp)}  # noqa: E731
    course = im.simulate(
        model(windows), times=[2.0, 4.0], covariates={"k": ([0.0, 2.0], [1.0, 2.0])}, covariate_rule="locf"
    )
    assert_allclose(course["y"], [1.0, 2.0], rtol=1e-9)  # amp = 2, a quarter of the time
