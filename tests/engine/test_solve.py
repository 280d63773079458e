"""The engine against closed forms, and what must hold bit for bit."""

from functools import lru_cache

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal

from immunode.engine import (
    ADD,
    MULTIPLY,
    RATE,
    REPLACE,
    STOP,
    Events,
    build,
    no_events,
    one_regimen,
    solve,
)
from immunode.errors import Interrupted, Status
from immunode.model.trace import Trace
from tests.support.engine_models import CL, KA, RTOL, V, scalar, solve_pk, solve_scalar


def bolus(t):
    """Amount in central after one unit into the depot at 0; at 0 itself nothing has happened yet."""
    k = CL / V
    return np.where(t > 0, KA / (KA - k) * (np.exp(-k * t) - np.exp(-KA * t)), 0.0)


def infusion(t, duration):
    """Amount in central during and after an infusion of rate 1 into central from 0."""
    k, run = CL / V, np.clip(t, 0, duration)
    return (1 - np.exp(-k * run)) / k * np.exp(-k * (np.maximum(t, 0) - run))


def test_bolus_equals_closed_form():
    t = np.linspace(0, 20, 41)
    got = solve_pk([(0.0, ADD, 0, 100.0)], t).values[0]
    assert_allclose(got[1:, 1], 100 * bolus(t[1:]), rtol=10 * RTOL)  # 10 x rtol: local errors add up
    assert_allclose(got[1:, 0], 100 * np.exp(-KA * t[1:]), rtol=10 * RTOL, atol=1e-11)
    assert_array_equal(got[0], 0)  # an output at a dose time is the trough
    assert_allclose(got[:, 2], got[:, 1] / V, rtol=1e-15)


def test_repeated_and_overlapping_doses_superpose():
    t = np.linspace(0, 30, 61)
    doses = [(2.0 * k, ADD, 0, 10.0 + k) for k in range(5)]
    runs = [(1.0, RATE, 1, 7.0), (2.5, RATE, 1, 3.0), (4.0, RATE, 1, -7.0), (6.25, RATE, 1, -3.0)]
    got = solve_pk(sorted(doses + runs), t)
    expected = (
        sum((10.0 + k) * bolus(t - 2 * k) for k in range(5)) + 7 * infusion(t - 1, 3) + 3 * infusion(t - 2.5, 3.75)
    )
    assert_allclose(got.values[0, 1:, 1], expected[1:], rtol=10 * RTOL)
    assert_array_equal(got.rate, 0)  # no residue of rounding


def test_thirds_of_an_infusion_leave_no_residue():
    rates = [0.1, 0.2, 0.3]
    records = [(0.0, RATE, 1, r) for r in rates] + [(1.0, RATE, 1, -r) for r in rates]
    assert_array_equal(solve_pk(records, [2.0]).rate, 0)


def test_bioavailability_scales_what_enters_only():
    records = [(0.0, ADD, 0, 100.0), (0.0, RATE, 1, 2.0), (1.0, RATE, 1, -2.0)]
    half = solve_pk(records, [5.0], gain=[[0.5, 0.25]]).values[0, 0, 1]
    assert_allclose(half, 50 * bolus(5.0) + 0.5 * infusion(5.0, 1.0), rtol=10 * RTOL)
    replaced = solve_pk([(0.0, REPLACE, 1, 8.0), (0.0, MULTIPLY, 1, 3.0)], [2.0], gain=[[0.5, 0.25]]).values[0, 0, 1]
    assert_allclose(replaced, 24 * np.exp(-CL / V * 2), rtol=10 * RTOL)


def test_events_of_the_same_time_happen_in_the_order_given():
    first = solve_pk([(0.0, ADD, 1, 1.0), (0.0, MULTIPLY, 1, 3.0)], [0.0, 1.0]).values[0, 1, 1]
    second = solve_pk([(0.0, MULTIPLY, 1, 3.0), (0.0, ADD, 1, 1.0)], [0.0, 1.0]).values[0, 1, 1]
    assert_allclose([first, second], np.array([3.0, 1.0]) * np.exp(-CL / V), rtol=10 * RTOL)


def test_each_segment_is_its_own_regimen():
    time, amount = np.array([0.0, 1.0, 0.5]), np.array([10.0, 20.0, 5.0])
    events = Events(np.array([1, 0, 2]), np.array([0, 2, 3, 3]), time, np.full(3, ADD), np.zeros(3), amount)
    got = solve_pk(events=events, times=[4.0], n=3).values[:, 0, 1]
    both = 10 * bolus(4.0) + 20 * bolus(3.0)
    assert_allclose(got, [5 * bolus(3.5), both, 0], rtol=10 * RTOL)


def test_negative_start_and_time_in_the_equation():
    program = scalar("p*cos(0) + 2*t - y*0")
    got = solve_scalar(program, [1.0], [3.0], 2.0, [-14.0, -3.0, 2.0], start=-14.0).values[0, :, 0]
    t = np.array([-14.0, -3.0, 2.0])
    assert_allclose(got, 1 + 3 * (t + 14) + t**2 - 14**2, rtol=1e-12)  # a quadratic: exact for order 5


def test_every_function_of_a_model_equals_numpy():
    t, y, p = sp.symbols("t y p", real=True)
    h, q = sp.Symbol("h"), sp.Symbol("lambda")  # names that the generated code must not trip over
    expr = (
        sp.exp(-p) + sp.log(2 + y) * sp.sqrt(y + 1) + sp.Min(y, p, 3) * sp.Max(y, 2 * p) + sp.Abs(y - 2) ** 3
        + sp.Piecewise((y, y > p), (p**2, y > -1), (0, True)) + (y + p) ** 1.5 / (y + 4) ** 2 + h**-2 + y**q / 3 + sp.pi
    )  # fmt: skip
    program = build(Trace(t, (y,), (p, h, q), (sp.Integer(0),), (expr, -expr / 7)))
    for value, parameter in ((1.5, 0.5), (0.2, 0.7), (2.5, 3.1)):
        got = solve_scalar(program, [value], [parameter, 1.7, 2.2], 0.0, [0.0], columns=[1, 2]).values[0, 0]
        y_, p_, h_, q_ = value, parameter, 1.7, 2.2
        want = (
            np.exp(-p_) + np.log(2 + y_) * np.sqrt(y_ + 1) + min(y_, p_, 3) * max(y_, 2 * p_) + abs(y_ - 2) ** 3
            + (y_ if y_ > p_ else p_**2) + (y_ + p_) ** 1.5 / (y_ + 4) ** 2 + h_**-2 + y_**q_ / 3 + np.pi
        )  # fmt: skip
        assert_allclose(got, [want, -want / 7], rtol=1e-14)


def test_dense_output_is_as_accurate_as_the_steps():
    t = np.linspace(0, 10, 5001)
    got = solve_scalar(scalar("-p*y"), [1.0], [0.7], 10.0, t)
    assert got.steps[0] < 200
    assert_allclose(got.values[0, :, 0], np.exp(-0.7 * t), rtol=100 * RTOL)  # of order 4 inside a step of order 5


def test_output_grid_does_not_change_the_answer():
    dose = [(0.0, ADD, 0, 100.0), (3.0, ADD, 0, 100.0)]
    fine, coarse = np.linspace(0, 10, 1001), np.linspace(0, 10, 11)
    a, b = solve_pk(dose, fine), solve_pk(dose, coarse)
    assert_array_equal(a.values[:, ::100], b.values)
    assert_array_equal(a.state, b.state)
    assert_array_equal(a.steps, b.steps)


POPULATION = 1000


@lru_cache
def population():
    rng = np.random.default_rng(1)
    values = np.array([KA, CL, V]) * np.exp(0.4 * rng.standard_normal((POPULATION, 3)))
    records = [(2.0 * k, ADD, 0, 50.0) for k in range(4)] + [(9.0, STOP, 0, 0.0)]
    return values, records, np.arange(21.0)


def run(index, threads=1):
    values, records, times = population()
    return solve_pk(records, times, len(index), parameters=values[index], threads=threads, rtol=1e-6, watch=1,
                    threshold=np.full(len(index), 30.0))  # fmt: skip


def same(a, b):
    for name in ("values", "status", "crossing", "state", "step", "rate", "steps", "rejected", "place"):
        assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def take(solution, index):
    return type(solution)(**{name: array[index] for name, array in vars(solution).items()})


def test_patient_alone_equals_itself_among_a_thousand():
    everyone = run(np.arange(POPULATION))
    assert np.all(everyone.status == Status.ok)
    for who in (0, 17, 500, 999):
        same(run(np.array([who])), take(everyone, [who]))


def test_order_and_threads_do_not_matter():
    everyone = run(np.arange(POPULATION))
    order = np.random.default_rng(2).permutation(POPULATION)
    same(run(order), take(everyone, order))
    same(run(np.arange(POPULATION), threads=2), everyone)


@pytest.mark.parametrize("at_visit", [[], [(5.0, ADD, 0, 20.0)], [(5.0, MULTIPLY, 1, 0.5), (5.0, RATE, 1, 3.0)]])
def test_resumed_solve_is_bit_for_bit_one_solve(at_visit):
    before = [(0.0, ADD, 0, 100.0), (4.5, RATE, 0, 6.0)]
    after = [(5.5, RATE, 0, -6.0), (8.0, ADD, 0, 30.0)]
    n, values = 20, population()[0][:20]
    times, more = np.linspace(0, 12, 49), {"parameters": values, "watch": 1, "threshold": np.linspace(5, 180, 20)}
    whole = solve_pk([*before, *(at_visit or [(5.0, STOP, 0, 0.0)]), *after], times, n, **more)
    one = solve_pk(before, times[times <= 5], n, end=5.0, **more)
    two = solve_pk([*at_visit, *after], times[times >= 5], n, start=5.0, y0=None, resume=one, **more)
    assert_array_equal(np.concatenate([one.values, two.values[:, 1:]], axis=1), whole.values)
    assert_array_equal(one.values[:, -1], two.values[:, 0])  # both sides see the trough
    for name in ("state", "step", "rate", "crossing"):
        assert_array_equal(getattr(two, name), getattr(whole, name), err_msg=name)
    assert_array_equal(one.steps + two.steps, whole.steps)
    assert np.isfinite(whole.crossing).sum() not in (0, n)


def test_crossing_is_located_inside_the_step():
    level = np.array([0.5, 3.0, 20.0, np.inf])
    got = solve_scalar(scalar("p"), np.zeros(4), np.full(4, 2.0), 5.0, watch=0, threshold=level)
    assert_allclose(got.crossing[:2], level[:2] / 2, rtol=1e-12)  # a straight line: only the search errs
    assert np.isnan(got.crossing[2:]).all()
    rising = solve_scalar(scalar("p*(1-y)"), np.zeros(3), np.full(3, 0.8), 30.0, watch=0, threshold=[0.1, 0.9, 0.999])
    assert_allclose(rising.crossing, -np.log(1 - np.array([0.1, 0.9, 0.999])) / 0.8, rtol=100 * RTOL)


def test_first_crossing_from_below_counts():
    # sin(t) - starts below 0.5, crosses at pi/6 and again a turn later; started above, only the later one counts
    program = scalar("p*exp(-0*y)*(1-2*Piecewise((1, t > 2), (0, True)))")
    got = solve_scalar(program, [0.0, 3.5], [1.0, 1.0], 4.0, watch=0, threshold=[1.0, 5.0])
    assert_allclose(got.crossing, [1.0, 1.5], rtol=1e-9)
    dose = solve_scalar(
        scalar("-p*y"), [1.0], [0.1], 4.0, events=one_regimen(1, [(2.0, ADD, 0, 5.0)]), watch=0, threshold=3
    )
    assert dose.crossing[0] == 2.0


def test_blow_up_is_a_status_and_others_finish():
    y0 = np.where(np.arange(40) % 3 == 0, 1.0, 0.1)
    got = solve_scalar(scalar("p*y**2"), y0, np.ones(40), 2.0, np.linspace(0, 2, 9))
    bad = y0 == 1.0
    assert set(got.status[bad]) <= {Status.step_too_small, Status.not_finite}
    assert_allclose(got.status_time[bad], 1.0, rtol=1e-6)  # y = 1/(1 - t)
    assert_array_equal(got.status_state[bad], 0)
    # the output at 1 itself may be reached: the numerical singularity lies within the tolerance of the true one
    assert np.isnan(got.values[bad, 5:]).all()
    assert np.isfinite(got.values[bad, :4]).all()
    assert_array_equal(got.status[~bad], Status.ok)
    assert_allclose(got.values[~bad, -1, 0], 0.1 / (1 - 0.2), rtol=10 * RTOL)
    assert np.isnan(got.status_time[~bad]).all()
    assert_array_equal(got.status_state[~bad], -1)


def test_too_many_steps_and_no_slope_are_statuses():
    few = solve_scalar(scalar("-p*y", method="tsit5"), [1.0, 1.0], [1.0, 1e4], 10.0, [10.0], max_steps=500)
    assert_array_equal(few.status, [Status.ok, Status.too_many_steps])
    assert few.steps[1] + few.rejected[1] == 500
    nothing = solve_scalar(scalar("p*log(y)"), [-1.0, 2.0], [1.0, 1.0], 0.1, [0.0, 0.1])
    assert_array_equal(nothing.status, [Status.not_finite, Status.ok])
    assert nothing.status_time[0] == 0
    assert np.isnan(nothing.values[0, 1, 0])


def test_resume_leaves_the_failed_alone():
    program = scalar("p*y**2")
    one = solve_scalar(program, [1.0, 0.1], [1.0, 1.0], 2.0, [2.0])
    two = solve(
        program,
        None,
        np.ones((2, 1)),
        no_events(2),
        [3.0],
        columns=[0],
        start=2,
        end=3,
        rtol=RTOL,
        atol=1e-12,
        resume=one,
    )
    assert two.status[0] == one.status[0] != Status.ok
    assert two.status_time[0] == one.status_time[0]
    assert_allclose(two.values[:, 0, 0], [np.nan, 0.1 / 0.7], rtol=10 * RTOL)


def test_decay_to_nothing_is_flushed():
    # the oscillator keeps the steps short while x decays through 1e-308: subnormal numbers would take 100 times as long
    t, x, u, v, p = sp.symbols("t x u v p", real=True)
    program = build(Trace(t, (x, u, v), (p,), (-p * x, 5 * v, -5 * u)))
    arguments = {"columns": [0], "start": 0.0, "rtol": 1e-6, "atol": 1e-9}
    grid = np.linspace(0, 300, 601)
    got = solve(program, [[1.0, 1.0, 0.0]], [[6.0]], no_events(1), grid, end=300.0, **arguments)
    x = got.values[0, :, 0]
    assert x[-1] == 0
    assert got.state[0, 0] == 0
    assert np.all((x == 0) | (abs(x) > 1e-110))  # the dense output may fall a little below the 1e-100 of the steps
    rest = solve(program, [[0.0, 1.0, 0.0]], [[6.0]], no_events(1), [], end=300.0, **arguments)
    assert got.steps[0] < 1.05 * rest.steps[0]


def test_rest_needs_no_steps():
    got = solve_pk([], [1000.0], end=1000.0)
    assert_array_equal(got.values, 0)
    assert got.steps[0] < 10


def test_interrupt_stops_the_blocks():
    def interrupt(done, total):
        raise KeyboardInterrupt

    slow = scalar("-p*y", method="tsit5")
    with pytest.raises(KeyboardInterrupt):  # 1e9 steps a patient: would never end by itself
        solve_scalar(slow, np.ones(64), np.full(64, 1e9), 10.0, max_steps=10**12, threads=2, progress=interrupt)


def test_interrupt_keeps_the_patients_that_are_finished():
    n, slow = 4096, scalar("-p*y", method="tsit5")
    rate = np.where(np.arange(n) < 2048, 1.0, 1e9)  # the first two blocks end at once, the others never by themselves

    def interrupt(done, total):
        if done == 2048:
            raise KeyboardInterrupt

    arguments = {"times": [0.5, 1.0], "max_steps": 10**12}
    with pytest.raises(Interrupted, match="2048 of 4096") as stop:
        solve_scalar(slow, np.ones(n), rate, 1.0, progress=interrupt, **arguments)
    finished = stop.value.found
    assert_array_equal(finished.status, np.where(rate == 1.0, Status.ok, Status.not_run))
    alone = solve_scalar(slow, np.ones(2048), rate[:2048], 1.0, **arguments)
    assert_array_equal(finished.values[:2048], alone.values)
    assert np.isnan(finished.values[2048:]).all()


def test_progress_ends_at_the_total():
    seen = []
    solve_pk([(0.0, ADD, 0, 1.0)], [1.0], n=50, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (50, 50)
