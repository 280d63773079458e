"""What every method must do: its order, the same bits in any company, long chains, published problems, kinks, failures.

Sensitivities are held here to the states' own standards; test_sensitivities.py holds them to other codes.
"""

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import expm

from benchmarks import problem_a
from immunode.engine import (
    ADD,
    METHODS,
    RATE,
    STOP,
    Directions,
    build,
    no_events,
    one_regimen,
    solve,
)
from immunode.engine.codegen.elimination import eliminate
from immunode.engine.methods import rodas5p
from immunode.errors import Status
from immunode.functions import hill, log, maximum, minimum, sqrt, where
from immunode.model.equations import jacobian
from immunode.model.trace import Trace
from tests.support.engine_models import straight_lines_up_to

SUITE = Path(__file__).parents[3] / "shared" / "data" / "suites" / "ivp" / "problems.json"
RTOL, ATOL = 1e-8, 1e-12
methods = pytest.mark.parametrize("method", METHODS)
along = pytest.mark.parametrize("along", [False, True], ids=["states", "sensitivities"])
t, y, p, q = sp.symbols("t y p q", real=True)


def scalar(slope, method):
    """Return the solver of y' = slope(t, y, p, q)."""
    return build(Trace(t, (y,), (p, q), (sp.sympify(slope),)), method)


def solve_scalar(solver, y0, parameters, end, times=(), **more):
    y0 = np.asarray(y0, float).reshape(-1, 1)
    arguments = {"columns": [0], "start": 0.0, "end": end, "rtol": RTOL, "atol": ATOL} | more
    return solve(solver, y0 if "resume" not in more else None, parameters, no_events(len(y0)), times, **arguments)


def same(a, b):
    for name in vars(a):
        assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def take(solution, index):
    return type(solution)(**{name: array[index] for name, array in vars(solution).items()})


RATES, BEGIN, END = [[0.1, 1.0]], [[0.8, 0.9]], 4.0
BOTH = Directions(np.array([0, 1, -1, -1]), np.ones((1, 4)), np.eye(4)[None, :, 2:])
LOOSE = {"columns": [0, 1], "start": 0.0, "rtol": 1e3, "atol": 1e3, "directions": BOTH}  # no step is rejected


@lru_cache
def spiral():
    """Return a nonlinear oscillator whose clock speeds up, and its closed form with derivatives by p, q, start.

    The radius obeys r' = p r (1 - r^2) and the angle turns at the rate q (1 + t / 2).
    """
    a, b = sp.symbols("a b", real=True)
    r2, turn = a**2 + b**2, q * (1 + t / 2)
    slopes = (p * a * (1 - r2) - turn * b, p * b * (1 - r2) + turn * a)
    grown, angle = 1 / sp.sqrt(r2 + (1 - r2) * sp.exp(-2 * p * t)), q * (t + t**2 / 4)
    at = sp.Matrix([a * sp.cos(angle) - b * sp.sin(angle), a * sp.sin(angle) + b * sp.cos(angle)]) * grown
    exact = sp.lambdify((t, p, q, a, b), at.row_join(at.jacobian((p, q, a, b))))
    return Trace(t, (a, b), (p, q), slopes), exact


def errors(method, steps, times, end):
    """Return the error at `times` of so many equal steps up to `end`: the norm for the states and each direction."""
    trace, exact = spiral()
    solver, size = build(trace, method, sensitivities=True), end / steps
    begin = solve(solver, BEGIN, RATES, no_events(1), [], end=0.0, **LOOSE)
    begin = replace(begin, step=np.array([size]))
    stops = one_regimen(1, [(k * size, STOP, 0, 0.0) for k in range(1, steps)])
    got = solve(solver, None, RATES, stops, times, end=end, resume=begin, **LOOSE)
    assert (got.steps[0], got.rejected[0]) == (steps, 0)
    solutions = [np.column_stack([got.values[0, i], *got.along[0, i]]) for i in range(len(times))]
    wrong = [a - exact(time, *RATES[0], *BEGIN[0]) for a, time in zip(solutions, times, strict=True)]
    return np.linalg.norm(wrong, axis=1)


@methods
def test_error_of_states_and_sensitivities_falls_with_the_stated_order(method):
    coarse, fine = (errors(method, steps, [END], END)[0] for steps in (256, 512))
    assert fine.min() > 1e-14  # else it would be rounding's order
    assert_allclose(np.log2(coarse / fine), METHODS[method][0].ORDER, atol=0.2)


@methods
def test_dense_output_of_states_and_sensitivities_has_order_four(method):
    # within one step from the exact state an order of q shows as h^(q + 1)
    coarse, fine = (errors(method, 1, np.linspace(0, h, 21), h).max(axis=0) for h in (1 / 32, 1 / 64))
    assert fine.min() > 1e-14
    assert_allclose(np.log2(coarse / fine) - 1, 4, atol=0.2)


TIMES, VISIT = np.arange(0.0, 200.0, 7.0), 98.0
LAST = {False: 133.0, True: 155.0}  # the end, with sensitivities or not: some have gone implicit again by then
DOSES = [(float(day), ADD, 0, 3000.0) for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 100)]
EVENTS = sorted([*DOSES, (8.25, RATE, 0, 400.0), (8.75, RATE, 0, -400.0), (VISIT, STOP, 0, 0.0)])


def cohort(method, along, index, times=TIMES, start=0.0, end=0.0, records=EVENTS, **more):
    """Solve patients `index` of benchmark problem A, six states; with sensitivities to clearance and initial cells."""
    values, y0 = problem_a.population(1000)
    names, trace, index = list(problem_a.NOMINAL), problem_a.trace(), np.asarray(index)
    n, columns, arguments = len(index), [names.index("kel"), names.index("T0")], {"rtol": 1e-6, "atol": 1e-9}
    begin = np.zeros((n, 2, 6))
    begin[:, 1, 3] = y0[index, 3]
    wanted = Directions(np.array(columns), values[np.ix_(index, columns)], begin)
    arguments |= {"directions": wanted if along else None, "watch": 4, "threshold": np.full(n, 50.0)}
    arguments |= {"end": end or LAST[along]} | more
    solver, table = build(trace, method, sensitivities=along), one_regimen(n, list(records))
    first = None if "resume" in more else y0[index]
    times = times[(times >= start) & (times <= arguments["end"])]
    return solve(solver, first, values[index], table, times, columns=range(6), start=start, **arguments)


@lru_cache
def everyone(method, along):
    return cohort(method, along, np.arange(1000))


@along
def test_auto_goes_both_ways_in_the_model_of_these_tests(along):
    gap, whole = cohort("auto", along, np.arange(1000), end=VISIT), everyone("auto", along)
    assert gap.place.mean() > 0.9  # implicit in the long gap
    assert 0.1 < np.mean(whole.place) < 0.9  # the dose brings some back to explicit steps
    for pure in ("tsit5", "rodas5p"):
        assert np.mean(whole.steps != everyone(pure, along).steps) > 0.99  # some never leave the first method
    assert np.isfinite(whole.crossing).any()
    assert np.all(whole.status == Status.ok)


@methods
@along
def test_a_patient_is_the_same_in_a_batch_of_any_size_at_any_place(method, along):
    whole = everyone(method, along)
    for who in ([17], [999, 0, 17, 500], [3, 17, 500, 501, 502, 800, 0]):
        same(cohort(method, along, who), take(whole, who))


@methods
@along
def test_order_and_threads_change_no_bit(method, along):
    order = np.random.default_rng(2).permutation(1000)
    same(cohort(method, along, order, threads=2), take(everyone(method, along), order))


@methods
@along
def test_resuming_at_a_visit_is_one_solve(method, along):
    who = np.arange(0, 1000, 50)
    whole = cohort(method, along, who)
    one = cohort(method, along, who, end=VISIT)
    two = cohort(method, along, who, start=VISIT, records=EVENTS, resume=one)
    for name in ("values", "along"):
        joined = np.concatenate([getattr(one, name), getattr(two, name)[:, 1:]], axis=1)
        assert_array_equal(joined, getattr(whole, name), err_msg=name)
    for name in ("state", "step", "rate", "crossing", "place"):
        assert_array_equal(getattr(two, name), getattr(whole, name), err_msg=name)
    assert_array_equal(one.steps + two.steps, whole.steps)


@methods
@along
def test_output_grid_changes_neither_steps_nor_values(method, along):
    who = np.arange(7)
    fine = cohort(method, along, who, np.arange(0, 200, 0.125))
    coarse = take(everyone(method, along), who)
    for name in ("steps", "rejected", "state", "crossing"):
        assert_array_equal(getattr(fine, name), getattr(coarse, name), err_msg=name)
    for name in ("values", "along"):
        assert_array_equal(getattr(fine, name)[:, ::56], getattr(coarse, name), err_msg=name)


@pytest.mark.parametrize("method", ["tsit5", "rodas5p"])  # auto has the same steps
@along
def test_loops_give_what_straight_lines_give(method, along):
    arguments = {"times": np.linspace(0, 12, 49), "end": 12.0, "rtol": 1e-8}
    straight = cohort(method, along, np.arange(20), **arguments)
    with straight_lines_up_to(0):
        looped = cohort(method, along, np.arange(20), **arguments)
    # sums in another order differ by 1e-16: a step at the very border of acceptance may fall on its other side
    assert_allclose(looped.steps, straight.steps, rtol=0, atol=1)
    for name in ("values", "along"):
        a, b = getattr(looped, name), getattr(straight, name)
        scale = np.abs(b).max(axis=1, keepdims=True) + 1e-300
        # sums in another order differ by 1e-16, which moves the step sizes a little and with them errors of 1e-8
        assert_allclose(a / scale, b / scale, rtol=0, atol=1e-9, err_msg=name)


@lru_cache
def ring(pools):
    """Return pools in a ring: on at rate p, back at rate q, as a trace and the matrices of p and q."""
    states = sp.symbols(f"y:{pools}", real=True)
    on = np.roll(np.eye(pools), 1, axis=0) - np.eye(pools)
    slopes = [p * (states[i - 1] - s) + q * (states[(i + 1) % pools] - s) for i, s in enumerate(states)]
    return Trace(t, states, (p, q), tuple(slopes), (), (1,)), on, on.T


@methods
@along
def test_forty_states_in_a_ring_equal_the_matrix_exponential(method, along):
    rates, bolus, rate, n = (3.0, 0.5), 5.0, 2.0, 40
    trace, on, back = ring(n)
    # the matrix of states, their derivatives by p and by q, and the constant 1 that the infusion multiplies
    larger = np.zeros((3 * n + 1, 3 * n + 1))
    for k in range(3):
        larger[k * n : (k + 1) * n, k * n : (k + 1) * n] = rates[0] * on + rates[1] * back
    larger[n : 2 * n, :n], larger[2 * n : 3 * n, :n], larger[1, -1] = on, back, rate
    begin = np.zeros(3 * n + 1)
    begin[[0, -1]] = bolus, 1.0
    want = (expm(4.0 * larger) @ begin)[:-1].reshape(3, n)
    wanted = Directions(np.array([0, 1]), np.ones((1, 2)), np.zeros((1, 2, n)))
    records = one_regimen(1, [(0.0, ADD, 0, bolus), (0.0, RATE, 1, rate)])
    arguments = {"columns": range(n), "start": 0.0, "end": 4.0, "rtol": RTOL, "atol": ATOL}
    arguments["directions"] = wanted if along else None
    solver = build(trace, method, sensitivities=along)
    solution = solve(solver, np.zeros((1, n)), [list(rates)], records, [4.0], **arguments)
    tight = {"rtol": 100 * RTOL, "atol": RTOL}  # some hundred local errors add up; the pools hold 13 together
    assert_allclose(solution.values[0, 0], want[0], **tight)
    if along:
        assert_allclose(solution.along[0, 0], want[1:], **tight)


PUBLISHED = [
    *(("rober", m, 1e-18) for m in ("rodas5p", "auto")),
    *(("hires", m, 1e-14) for m in ("rodas5p", "auto")),
    *(("pleiades", m, 1e-12) for m in METHODS),  # 28 states, each moved by 13 others
]


@pytest.mark.skipif(not SUITE.exists(), reason="the suite of initial value problems is not here")
@pytest.mark.parametrize(("name", "method", "atol"), PUBLISHED)
def test_published_problems_end_within_eight_digits(name, method, atol):
    known = json.loads(SUITE.read_text(encoding="utf-8"))[name]
    states, rates = (sp.symbols([*known[kind]], real=True) for kind in ("states", "parameters"))
    names = {str(symbol): symbol for symbol in (*states, *rates)}
    slopes = tuple(sp.sympify(text, names) for text in known["rhs"])
    solver = build(Trace(t, tuple(states), tuple(rates), slopes), method)
    values, end = [list(known["parameters"].values())], float(known["t_end"])
    arguments = {"columns": range(len(states)), "start": known["t0"], "end": end, "rtol": 1e-11, "atol": atol}
    solution = solve(solver, [known["y0"]], np.reshape(values, (1, -1)), no_events(1), [end], **arguments).values[0, 0]
    size = np.maximum(np.abs(known["y_ref"]), known["error_floor"])
    assert np.max(np.abs(solution - known["y_ref"]) / size) < 1e-8


def oscillator(method, along, resting, level, rtol):
    """Return the error of an oscillator beside so many states that rest at a level, in units of rtol, and its steps."""
    states = sp.symbols(f"u v z:{resting}", real=True)
    slopes = (p * states[1], -p * states[0], *(p * (q - s) for s in states[2:]))
    solver, times = build(Trace(t, states, (p, q), slopes), method, sensitivities=along), np.linspace(0, 60, 601)
    begin = [[1.0, 0.0, *[level] * resting]]
    wanted = Directions(np.array([0]), np.ones((1, 1)), np.zeros((1, 1, len(states)))) if along else None
    arguments = {"columns": [0], "start": 0.0, "end": 60.0, "rtol": rtol, "atol": rtol / 1000, "directions": wanted}
    got = solve(solver, begin, [[1.0, level]], no_events(1), times, **arguments)
    wrong = got.values[0, :, 0] - np.cos(times)
    if along:  # the derivative by the rate grows to 60
        wrong = np.append(wrong, (got.along[0, :, 0, 0] + times * np.sin(times)) / 60)
    return np.abs(wrong).max() / rtol, got.steps[0]


@methods
@along
@pytest.mark.parametrize("looped", [False, True], ids=["lines", "loops"])
def test_states_at_rest_hide_no_error(method, along, looped):
    many = (8 if along else 26) if looped else (3 if along else 8)  # lines of many take long to compile
    with straight_lines_up_to(0 if looped else 10**6):
        for rtol in (1e-4, 1e-6):
            alone, steps = oscillator(method, along, 0, 0.0, rtol)
            beside, as_many = oscillator(method, along, many, 0.0, rtol)
            above, _ = oscillator(method, along, many, 5.0, rtol)
            assert as_many == steps
            assert beside == pytest.approx(alone, rel=1e-3)  # the steps' last bits may differ
            assert max(alone, above) < 10  # docs/tolerances.md


def kaps(method, stiffness, end, **more):
    """Solve Kaps's problem, whose solution exp(-2 t), exp(-t) knows nothing of its stiffness."""
    a, b = sp.symbols("a b", real=True)
    solver = build(Trace(t, (a, b), (p,), (-(p + 2) * a + p * b**2, a - b - b**2)), method)
    arguments = {"columns": [0, 1], "start": 0.0, "end": end, "rtol": RTOL, "atol": ATOL} | more
    return solve(solver, [[1.0, 1.0]], [[stiffness]], no_events(1), [end], **arguments)


def test_auto_starts_explicit_and_moves_where_the_problem_is_stiff():
    early, late = (kaps("auto", 1e4, end) for end in (1e-4, 5.0))
    same(early, kaps("tsit5", 1e4, 1e-4))
    assert (early.place[0], late.place[0]) == (0, 1)
    assert_allclose(late.values[0, 0], np.exp([-10.0, -5.0]), rtol=100 * RTOL)
    assert late.steps[0] < 0.05 * kaps("tsit5", 1e4, 5.0).steps[0]


def test_auto_never_leaves_where_the_problem_is_not_stiff():
    loose = {"rtol": 1e-3, "atol": 1e-6}  # with the longest steps that accuracy lets pass
    same(kaps("auto", 1.0, 5.0, **loose), kaps("tsit5", 1.0, 5.0, **loose))


def test_a_dose_brings_auto_back_to_explicit_steps():
    who = np.arange(100)
    gap, after = (cohort("auto", False, who, end=end) for end in (100.0, 100.25))
    assert gap.place.all()
    assert after.place.mean() < 0.1
    quiet = cohort("auto", False, who, end=100.25, records=[*EVENTS[:-1]])
    assert np.all(after.steps > quiet.steps + 10)  # the dose is what costs steps
    assert quiet.place.all()


@methods
def test_blow_up_and_missing_slope_are_statuses_and_others_finish(method):
    solver = scalar(p * y**2 + q * sp.log(y), method)  # y0 / (1 - p y0 t) where q is 0; no slope below 0
    y0, rates = np.array([1.0, 0.1, -1.0] * 9), np.tile([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]], (9, 1))
    got = solve_scalar(solver, y0, rates, 2.0, [0.0, 0.5, 2.0])
    blown, fine, missing = y0 == 1.0, y0 == 0.1, y0 == -1.0
    assert set(got.status[blown]) <= {Status.step_too_small, Status.not_finite}
    assert_allclose(got.status_time[blown], 1.0, rtol=1e-6)
    assert_allclose(got.values[blown, 1, 0], 2.0, rtol=100 * RTOL)
    assert_array_equal(got.status[missing], Status.not_finite)
    assert_array_equal(got.status_time[missing], 0.0)
    assert np.isnan(got.values[~fine, 2]).all()
    assert_array_equal(got.status_state[~fine], 0)
    assert_array_equal(got.status[fine], Status.ok)
    assert_allclose(got.values[fine, 2, 0], 0.125, rtol=100 * RTOL)


@methods
def test_too_many_steps_is_a_status_and_others_finish(method):
    a, b = sp.symbols("a b", real=True)
    solver = build(Trace(t, (a, b), (p,), (p * b, -p * a)), method)
    arguments = {"columns": [0], "start": 0.0, "end": 3.0, "rtol": RTOL, "atol": ATOL, "max_steps": 300}
    got = solve(solver, np.tile([0.0, 1.0], (9, 1)), [[1.0], [1.0], [1e4]] * 3, no_events(9), [3.0], **arguments)
    assert_array_equal(got.status, [Status.ok, Status.ok, Status.too_many_steps] * 3)
    assert_array_equal((got.steps + got.rejected)[2::3], 300)
    assert_allclose(got.values[got.status == Status.ok, 0, 0], np.sin(3.0), rtol=100 * RTOL)


@pytest.mark.parametrize("states", [0, 1], ids=["loops", "straight"])
@pytest.mark.parametrize(("off", "rejected"), [(0.0, 1), (1e-12, 1), (1e-2, 0)])
def test_a_step_whose_matrix_is_singular_is_rejected(off, rejected, states):
    # 1/(h gamma) - p is zero; the tolerance is so loose that only the pivot can reject, with a state at rest, too
    step = (1 + off) / (rodas5p._GAMMA * 2.0)
    with straight_lines_up_to(states):
        solver = scalar(p * y, "rodas5p")
        for y0 in (1.0, 0.0):
            begin = solve_scalar(solver, [y0], [[2.0, 0.0]], 0.0, rtol=1e9)
            begin = replace(begin, step=np.array([step]))
            got = solve_scalar(solver, [y0], [[2.0, 0.0]], 1.5 * step, rtol=1e9, resume=begin)
            assert (got.status[0], got.rejected[0]) == (Status.ok, rejected)
            assert np.isfinite(got.state).all()


KINKS = {  # slope, and the solution from 1
    "maximum": (lambda y: -maximum(y, 0), lambda s: np.exp(-s)),
    "hill": (lambda y: -hill(y, 1, 0.5), lambda s: np.maximum(np.sqrt(np.maximum(4 - s, 0)) - 1, 0) ** 2),
    "sqrt": (lambda y: -sqrt(y), lambda s: np.maximum(1 - s / 2, 0) ** 2),
    "power": (lambda y: -(maximum(y, 0) ** 1.5), lambda s: (1 + s / 2) ** -2.0),
    "log": (lambda y: -y * (1 - log(y)), lambda s: np.exp(1 - np.exp(s))),
    "minimum": (lambda y: -minimum(y, 0.5), lambda s: np.where(s < 1, 1 - s / 2, np.exp(1 - s) / 2)),
    "where": (lambda y: where(y > 0.5, -2, -y), lambda s: np.where(s < 0.25, 1 - 2 * s, np.exp(0.25 - s) / 2)),
}


@pytest.mark.parametrize("method", ["rodas5p", "auto"])
@pytest.mark.parametrize("kink", KINKS)
def test_kinks_have_finite_jacobians_and_right_answers(kink, method):
    slope, exact = KINKS[kink]
    atol, times = 1e-10, np.linspace(0, 5, 21)
    starts = np.array([1.0, 0.0, -10 * atol, 1e-90])
    solver = scalar(slope(y), method)
    by_state = sp.lambdify(y, jacobian(solver.trace), modules="numpy")
    with np.errstate(all="ignore"):  # as compiled code: what is not chosen may be infinite
        assert all(np.isfinite(by_state(np.float64(value))).all() for value in (*starts, -atol, atol))
    got = solve_scalar(solver, starts, np.zeros((4, 2)), 5.0, times, atol=atol)
    assert_array_equal(got.status, Status.ok)
    assert_allclose(got.values[0, :, 0], exact(times), rtol=10 * RTOL, atol=10 * RTOL)
    assert np.all(np.abs(got.values[1:, :, 0]) <= 20 * atol)  # at rest, or on the way back to it


@settings(max_examples=100)
@given(n=st.integers(1, 9), share=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_emitted_elimination_equals_numpy(n, share, seed):
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random((n, n)) < share, rng.uniform(-1, 1, (n, n)), 0.0)
    np.fill_diagonal(matrix, 0.0)
    right = rng.uniform(-1, 1, n)
    pattern = [(int(i), int(j)) for i, j in np.argwhere(matrix)]
    np.fill_diagonal(matrix, rng.choice([-1, 1], n) * (0.5 + np.abs(matrix).sum(axis=1)))
    elimination = eliminate(n, pattern)
    space = {f"w_{i}_{j}": matrix[i, j] for i in range(n) for j in range(n) if i == j or (i, j) in pattern}
    space |= {f"b_{i}": right[i] for i in range(n)}
    exec("\n".join([*elimination.factor(pattern), *elimination.solve()]), space)
    # diagonally dominant: nothing grows, so that rounding stays rounding
    assert_allclose([space[f"b_{i}"] for i in range(n)], np.linalg.solve(matrix, right), rtol=1e-10, atol=1e-13)
    assert set(elimination.factors) <= set(space)
    assert sorted(elimination.order) == list(range(n))
