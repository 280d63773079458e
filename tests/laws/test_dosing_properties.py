"""What must hold of any regimen: doses split and add up, time shifts, order counts where it must, outputs are idle."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import immunode as im
from immunode import nonmem
from tests.support.closed_form import Record
from tests.support.dosed_models import MODEL, MODELS, expanded, frame, regimen
from tests.support.scenarios import CENTRAL, DEPOT, MODELLED_DURATION, MODELLED_RATE, STATES

RTOL = 1e-8
TOLERANCE = 10 * RTOL
GRID = np.arange(0, 8.01, 0.25)
PARAMETERS = {
    **{"lag_depot": 0.25, "F_depot": 0.5, "lag_central": 0.125, "F_central": 1.5, "D_central": 0.75, "R_central": 2.0},
    **{"source": 0.5, "start_central": 2.0},
}
AT_REST = {"source": 0.0, "start_central": 0.0}  # a model that nothing drives but its doses
both_models = pytest.mark.parametrize("model", MODELS)
few = settings(max_examples=25)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # regimens drawn at random are odd, and are told so

times = st.integers(0, 20).map(lambda quarter: quarter / 4)
amounts = st.integers(1, 40).map(lambda tenth: tenth / 10)
sites = st.sampled_from([DEPOT, CENTRAL])
boluses = st.builds(Record, times, state=sites, amount=amounts)
infusions = st.builds(Record, times, state=sites, amount=amounts, duration=st.sampled_from([0.25, 0.5, 1.5]))
at_rates = st.builds(Record, times, state=st.just(CENTRAL), amount=amounts, rate=st.sampled_from([0.5, 2.0, 8.0]))
modelled = st.builds(
    Record, times, state=st.just(CENTRAL), amount=amounts, rate=st.sampled_from([MODELLED_RATE, MODELLED_DURATION])
)
doses = st.one_of(boluses, infusions, at_rates, modelled)
steady = st.builds(
    lambda record, ii, ss: replace(record, ii=ii, ss=ss), doses, st.sampled_from([1.0, 2.0]), st.sampled_from([1, 2])
)
repeated = st.builds(
    lambda record, ii, addl: replace(record, ii=ii, addl=addl), doses, times.filter(bool), st.integers(1, 4)
)
settings_of_states = st.builds(Record, times, st.sampled_from(["replace", "multiply"]), sites, amounts)
shifts = st.integers(-300, 3000).map(lambda tenth: tenth / 10)
resets = st.builds(Record, times, st.just("reset"))
anything = st.one_of(doses, steady, repeated, settings_of_states, resets)


def plan(*kinds, least=1):
    """Return regimens as lists of records in order of time."""
    return st.lists(st.one_of(*kinds), min_size=least, max_size=5).map(lambda rs: sorted(rs, key=lambda r: r.time))


def course(records, model="linear", times=GRID, at_dose="post", **options):
    """Return all states, (times, 3), under records or a Regimen."""
    options = {"parameters": PARAMETERS, "rtol": RTOL} | options
    dataset = im.simulate(MODELS[model], records if isinstance(records, im.Regimen) else regimen(records), times=times,
                        at_dose=at_dose, **options)  # fmt: skip
    return np.column_stack([dataset[name].to_numpy() for name in STATES])


def assert_close(solution, wanted):
    size = np.maximum(np.abs(wanted).max(axis=0), 1e-3)
    assert_allclose(solution / size, wanted / size, rtol=0, atol=TOLERANCE)


@both_models
@few
@given(records=plan(anything), which=st.integers(0, 4))
def test_a_dose_is_two_halves_at_the_same_time(model, records, which):
    which %= len(records)
    whole = records[which]
    assume(whole.action == "dose" and not whole.ss)
    # at a modelled or given rate two halves run side by side, each for half as long
    assume(whole.rate == 0 or whole.rate == MODELLED_DURATION)
    half = replace(whole, amount=whole.amount / 2)
    split = [*records[:which], half, half, *records[which + 1 :]]
    assert_close(course(split, model), course(records, model))


def test_a_steady_state_on_top_is_two_halves_at_the_same_time():
    """Where the model makes nothing itself: that would be added with each half."""
    whole = Record(1.0, state=DEPOT, amount=2.0, ii=1.0, addl=2, ss=2)
    half = replace(whole, amount=1.0)
    options = {"parameters": PARAMETERS | AT_REST}
    assert_close(course([half, half], **options), course([whole], **options))


@both_models
@few
@given(rest=plan(anything, least=0), start=times, rate=amounts, halves=st.sampled_from([0.25, 0.5, 1.0]))
def test_an_infusion_is_two_halves_in_sequence(model, rest, start, rate, halves):
    assume(all(r.action == "dose" and r.ss != 1 for r in rest))  # a reset ends the first and not the second half
    whole = Record(start, state=CENTRAL, amount=2 * rate * halves, duration=2 * halves)
    first = replace(whole, amount=rate * halves, duration=halves)
    second = replace(first, time=start + halves)
    assert_close(course([*rest, first, second], model), course([*rest, whole], model))


@few
@given(one=plan(doses, repeated), other=plan(doses, repeated, steady), scale=amounts)
def test_the_response_to_two_regimens_of_a_linear_model_is_the_sum_of_both(one, other, scale):
    other = [replace(record, ss=2 * bool(record.ss)) for record in other]
    at_rest = {"parameters": PARAMETERS | AT_REST}
    scaled = [replace(r, amount=scale * r.amount, rate=r.rate * (scale if r.rate > 0 else 1)) for r in one]
    assume(all(record.rate != MODELLED_RATE for record in one))  # more of it takes longer
    together = course(regimen(scaled) + regimen(other), **at_rest)
    assert_close(together, scale * course(one, **at_rest) + course(other, **at_rest))


@both_models
@few
@given(
    records=plan(doses, repeated, settings_of_states, resets), by=st.integers(-300, 3000).map(lambda tenth: tenth / 10)
)
def test_everything_later_by_some_time_is_the_same_later(model, records, by):
    shifted = course(regimen(records).shift(by), model, times=GRID + by, start=by)
    smooth = ~np.isin(GRID * 8, [8 * t for t in _jumps(records)])  # GRID + by may be a rounding error beside a dose
    assert_close(shifted[smooth], course(records, model)[smooth])


def _jumps(records):
    return [r.time + lag for r in expanded(records) for lag in (0.0, 0.125, 0.25)]


@both_models
@few
@given(records=plan(doses, least=2), time=times, order=st.permutations(range(5)))
def test_the_order_of_simultaneous_doses_is_irrelevant(model, records, time, order):
    records = [replace(record, time=time) for record in records]
    permuted = [records[i] for i in order if i < len(records)]
    assert_close(course(permuted, model), course(records, model))


@both_models
@few
@given(time=times, amount=amounts, value=amounts, action=st.sampled_from(["replace", "multiply"]))
def test_the_order_of_a_dose_and_a_replacement_counts(model, time, amount, value, action):
    assume(action == "replace" or value != 1)
    no_lag = {"parameters": PARAMETERS | {"lag_central": 0.0}}
    given_, changed = Record(time, state=CENTRAL, amount=amount), Record(time, action, CENTRAL, value)
    first, last = course([given_, changed], model, **no_lag), course([changed, given_], model, **no_lag)
    i = np.flatnonzero(time == GRID)[0]
    before = course([], model, **no_lag)[i, CENTRAL]
    arrived = 1.5 * amount
    expected = (
        (value, value + arrived) if action == "replace" else (value * (before + arrived), value * before + arrived)
    )
    assert_allclose((first[i, CENTRAL], last[i, CENTRAL]), expected, rtol=TOLERANCE)


@both_models
@few
@given(records=plan(anything), more=st.lists(st.integers(0, 75_000).map(lambda n: n / 1e4), max_size=8))
def test_an_output_more_changes_no_other(model, records, more):
    """To the last bit, on either side of a dose, and asked for alone or with the other side."""
    if model != "linear":  # steady states of the other are tested elsewhere: they are slow
        records = [replace(r, ss=0, ii=r.ii * bool(r.addl)) for r in records]
    times = GRID[: GRID.tolist().index(7.5) + 1 : 3]
    many = np.unique([*times, *more])
    alone = {side: course(records, model, times, side) for side in ("pre", "post")}
    for side, few_of_it in alone.items():
        assert_array_equal(course(records, model, many, side)[np.isin(many, times)], few_of_it)
    both = im.simulate(MODELS[model], regimen(records), times=many, at_dose="both", parameters=PARAMETERS, rtol=RTOL)
    for at, side, value in zip(both["time"].values, both["side"].values, both["central"].values):
        wanted = [alone[name][times == at, CENTRAL] for name in alone if side in (name, "")]  # "": nothing happens
        assert all(value == one for one in wanted if len(one))


def test_a_later_output_changes_no_earlier_one():
    dosed = [Record(0.0, amount=0.1)]
    times = np.arange(0.0, 7.51, 0.75)
    assert_array_equal(course(dosed, times=[*times, 8.0])[:-1], course(dosed, times=times))


@few
@given(records=plan(anything), more=st.lists(st.tuples(times, st.booleans()), max_size=6))
def test_an_observation_more_in_a_table_changes_no_other(records, more):
    def rows(extra):
        seen = [(time, place, i, Record(time, "observe")) for i, time in enumerate(GRID[::2]) for place in (-1, 1)]
        seen += [(time, 2 if last else -2, i, Record(time, "observe")) for i, (time, last) in enumerate(extra)]
        everything = [*seen, *((r.time, 0, i, r) for i, r in enumerate(records))]
        return [(abs(place) == 1, record) for _, place, _, record in sorted(everything, key=lambda row: row[:3])]

    plain, crowded = rows([]), rows(more)
    kept = [first for first, record in crowded if record.action == "observe"]
    assert_array_equal(_table(r for _, r in crowded)[kept], _table(r for _, r in plain))


def _table(records):
    dataset = im.simulate(MODEL, nonmem.read(frame(list(records)), MODEL), parameters=PARAMETERS, rtol=RTOL)
    return np.column_stack([dataset[name].to_numpy() for name in STATES])


@few
@given(records=plan(anything))
def test_a_regimen_equals_its_table_and_the_table_its_expansion(records):
    """To the last bit: from Python, as NONMEM's records with ADDL, with ADDL spelt out, and as immunode writes it."""
    from_python = course(records, at_dose="post")

    def observed_last(some):
        seen = [(time, 1, Record(time, "observe")) for time in GRID]
        ordered = sorted([*((r.time, 0, r) for r in some), *seen], key=lambda row: row[:2])
        return _table(record for *_, record in ordered)

    assert_array_equal(observed_last(records), from_python)
    assert_array_equal(observed_last(expanded(records)), from_python)
    written = nonmem.read(nonmem.table(regimen(records), MODEL, times=GRID), MODEL)
    dataset = im.simulate(MODEL, written, parameters=PARAMETERS, rtol=RTOL)
    after = np.column_stack([dataset[name].to_numpy() for name in STATES])
    quiet = ~np.isin(GRID, [r.time for r in expanded(records)])  # there immunode writes observations first
    assert_array_equal(after[quiet], from_python[quiet])
