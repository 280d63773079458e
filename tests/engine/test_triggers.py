"""A trigger is carried out where its condition becomes true, or when its delay is up, in one order.

References are closed forms, or SciPy with its own events. Times and states in between err by the tolerance of the
solver: values are held to 100 rtol (as in test_methods), what is linear to rounding.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import solve_ivp

import immunode as im
from immunode.engine import METHODS
from immunode.errors import SolveError, Status
from immunode.functions import both, exp, where
from immunode.simulation.ensemble_run import run
from tests.support.engine_models import straight_lines_up_to

RTOL = 1e-8
methods = pytest.mark.parametrize("method", METHODS)


def model(*triggers, slopes=None, y=0.0, states=("y", "z", "n"), **more):
    """Return a model of states in mg (y rises by `up` a day) and triggers."""
    slopes = slopes or (lambda t, x, p: {"y": p.up, "z": 0, "n": 0})
    declared = [im.State(name, "mg", initial=y if name == "y" else 0.0, scale=1.0) for name in states]
    parameters = [
        im.Parameter("up", 1.0, "mg/day"), im.Parameter("c", 2.0, "mg"), im.Parameter("one", 1.0, "mg"),
        im.Parameter("wait", 0.5, "day"), im.Parameter("k", 0.7, "1/day"), im.Parameter("begin", 1.5, "day"),
    ]  # fmt: skip
    return im.Model("triggered", declared, slopes, parameters, routes={"iv": "y"}, triggers=triggers, **more)


def above(t, x, p):
    return x.y > p.c


def counted(t, x, p):
    return {"n": x.n + p.one}


def course(made, times, regimen=None, **more):
    return im.simulate(made, regimen, times=times, **{"rtol": RTOL} | more)


@methods
def test_a_sawtooth_falls_back_wherever_it_reaches_its_threshold(method):
    times = [1.9, 2.0, 2.1, 3.9, 7.5]
    got = course(model(im.Trigger(above, {"y": 0.0})), times, method=method)
    assert_allclose(got["y"], [1.9, 2.0, 0.1, 1.9, 1.5], rtol=1e-9)  # an output at its time is the state before it


@methods
def test_it_fires_once_where_a_state_that_it_does_not_touch_passes_its_threshold(method):
    def decays(t, x, p):
        return {"y": p.k * (3 * p.c - x.y), "z": 0, "n": 0}

    got = course(model(im.Trigger(above, counted), slopes=decays), [0.5, 10.0], method=method)
    assert_allclose(got["n"], [0, 1])


@methods
def test_doses_by_a_threshold_are_those_of_scipys_events(method):
    def decays(t, x, p):
        return {"y": -p.k * x.y / (1 + x.y / p.c), "z": p.k * x.y - p.k * x.z, "n": 0}

    low = im.Trigger(lambda t, x, p: x.z < p.one, lambda t, x, p: {"y": x.y + 3 * p.c, "n": x.n + p.one})
    times = np.linspace(0.0, 30.0, 61)
    got = course(model(low, slopes=decays, y=6.0), times, method=method)

    def slope(t, v):
        return [-0.7 * v[0] / (1 + v[0] / 2), 0.7 * v[0] - 0.7 * v[1]]

    def reached(t, v):
        return v[1] - 1.0

    reached.terminal, reached.direction = True, -1
    now, state, expected, doses = 0.0, np.array([6.0, 0.0]), np.empty((61, 2)), 0
    while now < 30.0:
        part = solve_ivp(slope, (now, 30.0), state, "DOP853", events=reached, dense_output=True, rtol=1e-11, atol=1e-13)
        rows = (times >= now) & (times <= part.t[-1])
        expected[rows] = part.sol(times[rows]).T
        now, state = part.t[-1], part.y[:, -1] + ([6.0, 0.0] if part.status == 1 else 0.0)
        doses += part.status == 1
    assert doses == 3
    assert got["n"][-1] == doses
    assert_allclose(np.column_stack([got["y"], got["z"]]), expected, rtol=100 * RTOL, atol=1e-9)


def test_a_delay_puts_off_and_its_values_are_those_of_then_or_of_the_trigger():
    later = im.Trigger(above, lambda t, x, p: {"z": x.y}, delay="wait")
    kept = im.Trigger(above, lambda t, x, p: {"z": x.y}, delay=lambda t, x, p: 2 * p.wait, values="trigger")
    got = course(model(later, kept), [2.4, 2.5, 2.6, 3.1])
    assert_allclose(got["z"], [0.0, 0.0, 2.5, 2.0], rtol=1e-9)


def test_who_does_not_persist_is_dropped_if_its_condition_ends_before_it_is_due():
    back = im.Trigger(lambda t, x, p: x.y > p.c + p.wait * p.up / 2, {"y": 0.0})  # at 2.25
    for persistent, counts in ((True, [1, 2]), (False, [0, 0])):
        got = course(model(back, im.Trigger(above, counted, delay="wait", persistent=persistent)), [2.6, 5.0])
        assert_array_equal(got["n"], counts)


def test_several_delays_of_one_trigger_run_at_a_time_and_too_many_are_a_status():
    saw = im.Trigger(above, {"y": 0.0})
    got = course(model(saw, im.Trigger(above, counted, delay=9.0)), [10.9, 11.1, 13.1])  # fires at 2, 4, 6, ...
    assert_array_equal(got["n"], [0, 1, 2])
    with pytest.raises(SolveError, match="too_many_pending at 34 day"):
        course(model(saw, im.Trigger(above, counted, delay=100.0)), [50.0])


def test_at_one_time_the_highest_priority_comes_first_then_the_first_declared():
    def times(a, b=0):
        return lambda t, x, p: {"z": a * x.z + b * p.one}

    first, second = im.Trigger(above, times(2)), im.Trigger(above, times(1, 3), priority=1.0)
    assert_allclose(course(model(first, second), [3.0])["z"], [6.0])
    second = im.Trigger(above, times(1, 3))
    assert_allclose(course(model(first, second), [3.0])["z"], [3.0])
    second = im.Trigger(above, times(1, 3), priority=lambda t, x, p: x.y / p.c - 1.5)
    assert_allclose(course(model(first, second), [3.0])["z"], [3.0])


def test_after_each_all_conditions_are_looked_at_again():
    # the first carried out ends the condition of the second, which does not persist, and makes that of a third true
    first = im.Trigger(above, {"y": 0.0, "z": 5.0}, priority=1.0)
    second = im.Trigger(above, counted, persistent=False)
    third = im.Trigger(lambda t, x, p: x.z > p.c, lambda t, x, p: {"n": x.n + 10 * p.one})
    assert_array_equal(course(model(first, second, third), [3.0])["n"], [10])
    stays = im.Trigger(above, counted)
    assert_array_equal(course(model(first, stays, third), [3.0])["n"], [11])


def test_a_chain_that_does_not_end_is_a_status():
    on = im.Trigger(lambda t, x, p: both(x.y > p.c, x.z <= 0), {"z": 1.0})
    off = im.Trigger(lambda t, x, p: x.z > 0, {"z": 0.0})
    with pytest.raises(SolveError, match="endless_triggers at 2 day"):
        course(model(on, off), [3.0])


@pytest.mark.parametrize(("initial", "count"), [(True, 0), (False, 1)])
def test_what_holds_at_the_start_fires_there_only_if_it_counts_as_false_before(initial, count):
    holds = im.Trigger(lambda t, x, p: x.y < p.c, counted, initial=initial)
    got = course(model(holds), [0.0, 1.0, 3.0])
    assert_array_equal(got["n"], [0, count, count])


def test_conditions_on_time_are_carried_out_at_their_time_between_two_steps():
    window = im.Trigger(lambda t, x, p: both(t > p.begin, t < p.begin + 1e-7 * p.wait), counted)
    weekly = im.Trigger(
        lambda t, x, p: t % (2 * p.wait) < p.wait / 4, lambda t, x, p: {"z": x.z + p.one}, initial=False
    )
    got = course(model(window, weekly), [1.4, 1.6, 100.5])
    assert_array_equal(got["n"], [0, 1, 1])
    assert_array_equal(got["z"], [2, 2, 101])


def test_a_dose_that_makes_a_condition_true_fires_it_and_a_dose_at_its_time_comes_after_it():
    doses = im.dose("3 mg", "iv", times=[1.0, 4.0])
    doubled = im.Trigger(above, lambda t, x, p: {"y": 2 * x.y, "n": x.n + p.one})
    still = lambda t, x, p: {"y": 0, "z": 0, "n": 0}  # noqa: E731
    for side, at_once, count in (("pre", 0.0, 0), ("post", 6.0, 1)):
        got = course(model(doubled, slopes=still), [1.0, 1.5, 4.5], doses, at_dose=side)
        assert_allclose(got["y"], [at_once, 6.0, 9.0])
        assert_array_equal(got["n"], [count, 1, 1])
    at = im.Trigger(lambda t, x, p: t >= 2 * p.wait, lambda t, x, p: {"y": 10 * p.one})
    assert_allclose(course(model(at, slopes=still), [1.5], doses)["y"], [13.0])


@methods
@pytest.mark.parametrize("dose", [None, im.dose("1 mg", "iv", times=[2.5])])
def test_an_output_after_all_of_its_time_is_after_the_triggers(method, dose):
    # day 1.5 by time; day 2 by delay; with a dose on day 2.5 that makes 4.5 of 2.5 + 1, a trigger that it fires
    made = model(
        im.Trigger(lambda t, x, p: t >= p.begin, counted),
        im.Trigger(lambda t, x, p: t >= p.begin, {"z": 1.0}, delay="wait"),
        im.Trigger(lambda t, x, p: x.y > 1.4 * p.c, lambda t, x, p: {"y": x.y + p.one}),
    )
    times = [1.0, 1.5, 2.0, 2.5]
    before, after, either = (course(made, times, dose, method=method, at_dose=side) for side in ("pre", "post", "both"))
    dosed = 2.0 if dose else 0.0
    assert_allclose(before[["n", "z", "y"]].to_array(), [[0, 0, 1, 1], [0, 0, 0, 1], times], rtol=1e-12)
    reached = [1.0, 1.5, 2.0, 2.5 + dosed]
    assert_allclose(after[["n", "z", "y"]].to_array(), [[0, 1, 1, 1], [0, 0, 1, 1], reached], rtol=1e-12)
    wanted = ["", "pre", "post", "pre", "post", *(("pre", "post") if dose else ("",))]
    assert either["side"].values.tolist() == wanted
    assert_array_equal(either.isel(time=either["side"] != "pre")["y"], after["y"])
    assert_array_equal(either.isel(time=either["side"] != "post")["y"], before["y"])


def test_a_sensitivity_after_a_switch_has_jumped():
    turned = model(slopes=lambda t, x, p: {"y": where(t > p.begin, p.up, 3 * p.up), "z": 0, "n": 0})
    both_sides = course(turned, [1.0, 1.5, 3.0], sensitivities=["begin"], at_dose="both")
    assert both_sides["side"].values.tolist() == ["", "pre", "post", ""]
    assert_allclose(both_sides["y_sensitivity"][:, 0], [0, 0, 2, 2], rtol=1e-12)
    assert_allclose(both_sides["y"], [3, 4.5, 4.5, 6], rtol=1e-12)


def test_lags_infusions_and_resets_go_on_beside_triggers():
    lagged = im.Model(
        "lagged", [im.State("y", "mg", lag="late", scale=1.0), im.State("n", "mg", scale=1.0)],
        lambda t, x, p: {"y": 0, "n": 0}, [im.Parameter("late", 0.5, "day"), im.Parameter("c", 2.0, "mg")],
        routes={"iv": "y"}, triggers=[im.Trigger(above, lambda t, x, p: {"y": 0 * x.y, "n": x.n + p.c})],
    )  # fmt: skip
    got = im.simulate(lagged, im.dose("5 mg", "iv", duration="5 d"), times=[2.4, 2.6, 6.0])  # 1 mg/day from 0.5 on
    assert_allclose(got["y"], [1.9, 0.1, 1.0], rtol=1e-6)
    assert_allclose(got["n"], [0.0, 2.0, 4.0])
    delayed = model(im.Trigger(above, counted, delay=3.0))
    got = course(delayed, [4.5, 7.5, 9.5], im.reset(time=3.0))  # what waits is dropped; the next is at 5 + 3
    assert_allclose(got["n"], [0, 0, 1])


MIXED = model(
    im.Trigger(above, lambda t, x, p: {"y": 0.7 * p.c * exp(-x.z / (5 * p.c)), "z": x.z + x.y}, delay="wait"),
    im.Trigger(lambda t, x, p: x.z > 2 * p.c, lambda t, x, p: {"z": x.z / 3}, priority=2.0),
    im.Trigger(lambda t, x, p: t > p.begin, counted, delay=lambda t, x, p: p.wait * x.y / p.c, values="trigger"),
    slopes=lambda t, x, p: {"y": p.up - where(x.z > p.c, p.k, p.k / 2) * x.y / 9, "z": p.k * (x.y - x.z), "n": 0},
)
NAMES = ["up", "c", "wait", "k", "begin"]


@methods
def test_sensitivities_are_those_of_differences(method):
    times = np.array([1.0, 3.3, 5.1, 7.7])
    got = course(MIXED, times, method=method, sensitivities=NAMES)
    for name in NAMES:
        value, values = MIXED.typical[name], {}
        for sign in (-1, 1):
            values[sign] = course(MIXED, times, parameters={name: value * (1 + sign * 1e-5)}, rtol=1e-12)
        for state in ("y", "z", "n"):
            slope = (values[1][state] - values[-1][state]) / (2e-5 * value)
            assert_allclose(got[f"{state}_sensitivity"].sel(by=name), slope, rtol=1e-4, atol=1e-6, err_msg=state + name)


def test_values_that_wait_have_the_sensitivity_of_their_own_time():
    kept = im.Trigger(above, lambda t, x, p: {"z": x.y * (1 + t / p.wait)}, delay="wait", values="trigger")
    due = im.Trigger(above, lambda t, x, p: {"z": x.y * (1 + t / p.wait)}, delay="wait")
    up, c, wait = 1.0, 2.0, 0.5
    for trigger, exact in (
        (kept, {"up": -(c**2) / up**2 / wait, "c": 1 + 2 * c / up / wait, "wait": -(c**2) / up / wait**2}),
        # z = (c + up wait) (1 + (c / up + wait) / wait)
        (due, {"up": wait * (2 + c / up / wait) - (c + up * wait) * c / up**2 / wait,
               "c": 2 + c / up / wait + (c + up * wait) / up / wait,
               "wait": up * (2 + c / up / wait) - (c + up * wait) * c / up / wait**2}),
    ):  # fmt: skip
        got = course(model(trigger), [4.0], sensitivities=list(exact))
        assert_allclose(got["z_sensitivity"][0], list(exact.values()), rtol=1e-6)


def test_where_two_that_move_apart_meet_there_is_no_derivative():
    two = model(
        im.Trigger(lambda t, x, p: t > p.begin, counted), im.Trigger(lambda t, x, p: t > 3 * p.wait, {"z": 1.0})
    )
    with pytest.raises(SolveError, match=r"no_derivative at 1\.5 day"):
        course(two, [3.0], sensitivities=["begin"])
    assert_allclose(course(two, [3.0], parameters={"wait": 0.6}, sensitivities=["begin"])["n"], [1])


@methods
@pytest.mark.parametrize("k", [0.7, 0.3, 0.11])
def test_a_condition_in_what_a_trigger_does_is_that_of_the_side_just_reached(method, k):
    def does(t, x, p):
        return {"z": where(x.y > p.c, 7 * p.one, 3 * p.one) + where(p.c >= x.y, 30 * p.one, 0 * p.one)}

    def waits(t, x, p):
        return where(x.y > p.c, p.wait, 5 * p.wait)

    later = im.Trigger(above, {"n": 1.0}, delay=waits, priority=lambda t, x, p: where(x.y > p.c, 1, 0))
    decays = lambda t, x, p: {"y": p.k * (3 * p.c - x.y), "z": 0, "n": 0}  # noqa: E731
    at = np.log(1.5) / k  # y = 6 (1 - exp(-k t))
    made = model(im.Trigger(above, does), later, slopes=decays)
    got = course(made, [at + 0.01, at + 0.49, at + 0.51], method=method, parameters={"k": k})
    assert_array_equal(got["z"], [7, 7, 7])
    assert_array_equal(got["n"], [0, 0, 1])


def test_a_condition_of_its_own_in_what_a_trigger_does_is_decided_from_values():
    # each day z takes up y, twice as much while y is above c: no switch of the model, and none is sought
    daily = im.Trigger(lambda t, x, p: t % (2 * p.wait) >= p.wait,
                       lambda t, x, p: {"z": x.z + where(x.y > p.c, 2, 1) * x.y})  # fmt: skip
    got = course(model(daily), [4.0], sensitivities=["up", "wait", "c"])  # at 0.5, 1.5, 2.5, 3.5
    assert_allclose(got["z"], [0.5 + 1.5 + 2 * 2.5 + 2 * 3.5], rtol=1e-9)
    assert_allclose(got["z_sensitivity"], [[14.0, 28.0, 0.0]], rtol=1e-6, atol=1e-9)


def test_loops_carry_out_triggers_as_straight_lines_do():
    times, arguments = np.array([1.0, 3.3, 5.1, 7.7]), {"method": "rodas5p", "sensitivities": NAMES}
    straight = course(MIXED, times, **arguments)
    with straight_lines_up_to(0):
        looped = course(MIXED, times, **arguments)
    for name in ("y", "z", "n", "y_sensitivity", "z_sensitivity"):  # sums in another order, and what these do to steps
        assert_allclose(looped[name], straight[name], rtol=1e-7, atol=1e-8, err_msg=name)


@pytest.mark.parametrize(("initial", "count"), [(True, 0), (False, 1)])
def test_a_start_at_the_steady_state_of_slopes_is_a_start_as_any_other(initial, count):
    states = [im.State("y", "mg", initial="steady_state", scale=1.0), im.State("n", "mg", scale=1.0)]
    parameters = [im.Parameter("gain", 2.0, "mg/day"), im.Parameter("k", 0.5, "1/day"), im.Parameter("c", 3.0, "mg")]
    made = im.Model(
        "rests", states, lambda t, x, p: {"y": p.gain - p.k * x.y, "n": 0}, parameters,
        triggers=[im.Trigger(above, lambda t, x, p: {"y": x.y / 2, "n": x.n + p.c / 3}, initial=initial)],
    )  # fmt: skip
    got = im.simulate(made, times=[0.0, 2 * np.log(2.0) * 0.999, 3.0, 10.0], rtol=RTOL)
    assert_allclose(got["y"][0], 4.0, rtol=1e-9)  # gain / k, above c, though no patient would rest there
    assert_array_equal(got["n"][1], count)
    assert_allclose(got["y"][1], 4.0 - count * 2 * np.exp(-np.log(2.0) * 0.999), rtol=1e-7)


def patients(values, times, method, **more):
    names = list(MIXED.typical)
    rows = np.tile(list(MIXED.typical.values()), (len(values), 1))
    rows[:, [names.index("up"), names.index("c")]] = values
    plans = [im.dose("0.7 mg", "iv", times=[0.5, 2.0, 4.0])]
    arguments = {"observe": ["y", "z", "n"], "start": 0.0, "rtol": RTOL, "method": method} | more
    return run(MIXED, rows, plans, np.zeros(len(values), int), times=times, **arguments)


@methods
@pytest.mark.parametrize("along", [(), ("c", "begin")], ids=["states", "sensitivities"])
def test_patients_are_alone_what_they_are_in_a_batch_and_resumed(method, along):
    values = np.column_stack([np.linspace(0.5, 3.0, 40), np.linspace(2.9, 0.9, 40)])
    times, same = np.linspace(0.0, 8.0, 33), ("values", "along", "steps", "switch", "pending")
    more = {"sensitivities": along}
    whole = patients(values, times, method, **more)
    assert_array_equal(whole.status, Status.ok)
    for i in (0, 17, 39):
        alone = patients(values[i : i + 1], times, method, **more)
        for name in same:
            assert_array_equal(getattr(alone, name)[0], getattr(whole, name)[i], err_msg=name)
    threaded = patients(values, times, method, threads=2, **more)
    assert_array_equal(threaded.values, whole.values)
    sparse = patients(values, times[-1:], method, **more)
    assert_array_equal(sparse.values[:, -1], whole.values[:, -1])
    for stop in (1.5, 2.0, 3.1):  # a trigger, a dose, neither
        stopped = patients(values, times, method, stops=[stop], **more)
        first = patients(values, times[times <= stop], method, end=stop, **more)
        second = patients(values, times[times > stop], method, start=stop, resume=first, **more)
        assert_array_equal(second.values, stopped.values[:, times > stop])
        for name in ("state", "switch", "pending"):
            assert_array_equal(getattr(second, name), getattr(stopped, name), err_msg=name)


def test_a_patient_that_failed_stays_as_it_was_while_others_go_on():
    saw, kept = im.Trigger(above, {"y": 0.0}), im.Trigger(above, counted, delay=100.0)
    made, rows = model(saw, kept), np.tile(list(model().typical.values()), (3, 1))
    rows[1, 0] = 20.0  # 17 delays by day 2
    which = np.zeros(3, int)
    first = run(made, rows, [im.dose("0 mg", "iv")], which, times=[1.0, 3.0], observe=["y"], start=0.0, end=3.0)
    assert_array_equal(first.status, [Status.ok, Status.too_many_pending, Status.ok])
    then = run(made, rows, [im.dose("0 mg", "iv")], which, times=[4.5], observe=["y"], start=3.0, resume=first)
    assert_array_equal(then.status, first.status)
    assert_allclose(then.values[:, 0, 0], [0.5, np.nan, 0.5])


def test_a_delay_below_zero_is_a_status():
    with pytest.raises(SolveError, match="negative_delay at 2 day; a trigger's delay is below zero"):
        course(model(im.Trigger(above, counted, delay=lambda t, x, p: -p.wait)), [3.0])


def test_a_state_without_a_scale_takes_that_of_what_a_trigger_brings():
    def made(size):
        states = [im.State(name, "mol") for name in ("y", "z")]
        return im.Model(
            "small", states, lambda t, x, p: {"y": -p.k * x.y, "z": p.k * x.y - p.k * x.z * x.z / p.size},
            [im.Parameter("k", 0.9, "1/day"), im.Parameter("size", size, "mol"), im.Parameter("on", 1.0, "day")],
            triggers=[im.Trigger(lambda t, x, p: t > p.on, lambda t, x, p: {"y": x.y + p.size})],
        )  # fmt: skip

    small, large = (im.simulate(made(size), times=[2.0, 5.0], rtol=1e-6) for size in (1e-12, 1.0))
    assert_allclose(small["z"] / 1e-12, large["z"], rtol=1e-9)


def test_zeno_is_a_status():
    ball = im.Model(
        "ball", [im.State("h", "m", initial=1.0, scale=1.0), im.State("v", "m/day", scale=1.0)],
        lambda t, x, p: {"h": x.v, "v": -p.g}, [im.Parameter("g", 8.0, "m/day**2"), im.Parameter("e", 0.5, "1")],
        triggers=[im.Trigger(lambda t, x, p: x.h < 0, lambda t, x, p: {"v": -p.e * x.v})],
    )  # fmt: skip
    assert_allclose(im.simulate(ball, times=[0.5, 0.75, 1.0], rtol=RTOL)["h"], [0.0, 0.25, 0.0], atol=1e-7)
    with pytest.raises(SolveError, match=r"chattering at 1\.5 day"):  # 1/2 + 1/2 + 1/4 + 1/8 + ...
        im.simulate(ball, times=[2.0], rtol=RTOL)
