"""A run's scales hold in all that is made of runs: covariates, steady states, derivatives.

No state here declares a scale. What is a power of two as large must have the same digits, where nothing but the sizes
of states enters: all of them scale exactly, but for searches of rest points that begin elsewhere.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import immunode as im
from immunode.engine.methods import METHODS
from immunode.simulation.covariates import RULES, Covariates
from tests.support.turnover import AMOUNTS, BESIDE, DAYS, MODEL, UNTREATED, course, dose, plain, solved

SIZES = (2.0**-40, 2.0**40)  # about 1e-12 and 1e12
methods = pytest.mark.parametrize("method", METHODS)

# time-varying covariates

KNOWN = np.array([0.5, 1.25, 3.0, 5.0])
COURSES = {"k": np.array([1.0, 2.0, 0.5, 1.5]), "F": np.array([1.0, 0.25, 0.75, 0.5])}


def covariates(rule, people=1, until=np.inf):
    columns = [list(MODEL.typical).index(name) for name in COURSES]
    some = until >= KNOWN
    records = tuple(((KNOWN[some], values[some]),) * people for values in COURSES.values())
    return Covariates(rule, tuple(COURSES), tuple(columns), records)


def doses(size, later=1.0):
    return dose(size, times=[0.25]) + dose(later * size, times=[4.0])


@methods
@pytest.mark.parametrize("rule", RULES)
def test_amounts_scale_the_bits_also_where_covariates_change_in_time(rule, method):
    how = {"covariates": {name: (KNOWN, values) for name, values in COURSES.items()}, "covariate_rule": rule}
    one = course(doses(1.0), names=["central"], method=method, **how)
    for size in SIZES:
        assert_array_equal(course(doses(size), size, names=["central"], method=method, **how), size * one)


@methods
@pytest.mark.parametrize("rule", RULES)
def test_with_covariates_no_later_dose_neighbour_or_resume_changes_a_bit(rule, method):
    how = {"method": method}
    whole = solved([doses(1e-12, 1e12)], [plain(1e-12)], covariates=covariates(rule), stops=[2.0], **how)
    early = DAYS <= 3.0  # a record of covariates, where a step ends; the step that a dose ends is another without it
    first = solved([dose(1e-12, times=[0.25])], [plain(1e-12)], covariates=covariates(rule), stops=[2.0],
                   times=DAYS[early], **how)  # fmt: skip
    assert_array_equal(first.values[0], whole.values[0][early])
    people = [doses(1.0), doses(1e-12, 1e12), dose(1e12)]
    rows = [plain(), plain(1e-12), plain(1e12)]
    batch = solved(people, rows, covariates=covariates(rule, 3), stops=[2.0], **how)
    assert_array_equal(batch.values[1], whole.values[0])
    begun = solved([doses(1e-12, 1e12)], [plain(1e-12)], covariates=covariates(rule), times=DAYS[DAYS <= 2.0], end=2.0,
                   **how)  # fmt: skip
    rest = solved([doses(1e-12, 1e12)], [plain(1e-12)], covariates=covariates(rule), times=DAYS[DAYS > 2.0], start=2.0,
                  resume=begun, **how)  # fmt: skip
    assert_array_equal(np.hstack([begun.values, rest.values])[0], whole.values[0])
    assert_array_equal(rest.received, whole.received)


def test_what_a_covariate_lets_in_is_the_scale():
    """The dose on day 0.25 has F = 1, by the next record; that on day 4 has F = 0.5."""
    received = solved([doses(1.0, 4.0)], [plain()], covariates=covariates("nocb")).received[0]
    assert received[0] == 2.0
    assert solved([doses(1.0, 1.5)], [plain()], covariates=covariates("nocb")).received[0, 0] == 1.0


ALONG = ["ka", "F", "tlag", "Vmax", "Km", "made", "half", "EC", "depot"]
PER_AMOUNT = np.array([name in AMOUNTS or name == "depot" for name in ALONG])


# steady states

# saturable loss alone: from far above its rest point Newton's method leaves the numbers above zero
SATURABLE = im.Model(
    name="saturable",
    states=[im.State("cells", "mol", initial="steady_state")],
    parameters=[
        im.Parameter("made", 15.0, "mol/day"),
        im.Parameter("Vmax", 30.0, "mol/day"),
        im.Parameter("Km", 20.0, "mol"),
    ],
    derivative=lambda t, x, p: {"cells": p.made - p.Vmax * x.cells / (p.Km + x.cells)},
)
# two that hold each other, of which the first is made
EACH_OTHER = im.Model(
    name="each_other",
    states=[im.State("first", "mol", initial="steady_state"), im.State("other", "mol", initial="steady_state")],
    parameters=[
        im.Parameter("made", 4.0, "mol/day"),
        im.Parameter("K", 1.0, "mol"),
        im.Parameter("lost", 1.0, "1/day"),
    ],
    derivative=lambda t, x, p: {
        "first": p.made / (1 + (x.other / p.K) ** 4) - p.lost * x.first,
        "other": p.made * (x.first / p.K) ** 2 / (1 + (x.first / p.K) ** 2) - p.lost * x.other,
    },
)


@pytest.mark.parametrize("size", [1e-15, 1e-12, 1e-6, 1e6, 1e12])
def test_an_untreated_start_is_found_in_any_amount(size):
    one = {name: size * value for name, value in SATURABLE.typical.items()}
    assert_allclose(im.simulate(SATURABLE, times=[0.0], parameters=one)["cells"], 20 * size, rtol=1e-12)
    both = {"made": 4.0 * size, "K": size}
    got = im.simulate(EACH_OTHER, times=[0.0], parameters=both)
    first, other = (float(got[name][0]) / size for name in ("first", "other"))
    assert_allclose([first, other], [4 / (1 + other**4), 4 * first**2 / (1 + first**2)], rtol=1e-12)


STEADY = {
    "of doses, in place": lambda a: dose(a, steady_state="replace", every="1 d"),
    "of doses, added": lambda a: dose(a, "iv", steady_state="add", every="12 h", times=[1.0]),
    "of infusions": lambda a: dose(a, "iv", steady_state="replace", every="1 d", duration="6 h"),
    "of an infusion without end": lambda a: im.dose("0 mol", "iv", steady_state="replace", rate=f"{a!r} mol/day"),
}


@pytest.mark.parametrize("size", BESIDE)
def test_an_untreated_start_is_as_exact_in_any_amount(size):
    cells = course(None, size, names=["cells"], times=[0.0])
    assert_allclose(cells, size * UNTREATED, rtol=1e-12)  # Newton's method ends within rounding


@pytest.mark.filterwarnings("ignore:.*adds what the model makes")
@pytest.mark.parametrize("size", BESIDE)
@pytest.mark.parametrize("kind", STEADY)
def test_steady_states_are_as_exact_in_any_amount(kind, size):
    one, other = (course(STEADY[kind](a), a) for a in (1.0, size))
    assert_allclose(other / size, one, rtol=1e-5, atol=1e-9)  # 10 rtol, and its thousandth of what is given


@pytest.mark.filterwarnings("ignore:.*adds what the model makes")
@pytest.mark.parametrize("how", ["replace", "add"])
def test_a_steady_state_has_the_scales_of_the_doses_that_led_there(how):
    """At a record almost nothing of a fast drug is left: its size there would ask for far too much in between."""
    fast = [plain(k=60.0, ka=50.0, tlag=0.0, half=1e-3)]
    received = solved([dose(2.0, steady_state=how, every="1 d")], fast).received[0]
    assert received[:2].tolist() == [1.5, 1.5]  # F is 0.75


@methods
@pytest.mark.parametrize("along", [(), tuple(ALONG)])
def test_steady_states_are_alone_what_they_are_in_a_batch_and_resumed(along, method):
    how = {"sensitivities": along, "method": method}
    settled = [dose(a, steady_state="replace", every="1 d", times=[1.0]) for a in (1.0, 1e-12)]
    lasting = [regimen + dose(1e6, times=[5.0]) for regimen in settled]
    rows = [plain(), plain(1e-12)]
    batch = solved(lasting, rows, stops=[3.0], **how)
    for k in range(2):
        alone = solved([lasting[k]], [rows[k]], stops=[3.0], **how)
        assert_array_equal(alone.values[0], batch.values[k])
        assert_array_equal(alone.along[0], batch.along[k])
        early = DAYS <= 3.0
        begun = solved([lasting[k]], [rows[k]], times=DAYS[early], end=3.0, **how)
        rest = solved([lasting[k]], [rows[k]], times=DAYS[~early], start=3.0, resume=begun, **how)
        assert_array_equal(np.hstack([begun.values, rest.values])[0], batch.values[k])
        assert_array_equal(np.hstack([begun.along, rest.along])[0], batch.along[k])
        without = solved([settled[k]], [rows[k]], stops=[3.0], **how)
        assert_array_equal(without.values[0][early], batch.values[k][early])


# derivatives


@methods
@pytest.mark.parametrize("size", BESIDE)
@pytest.mark.parametrize("steady", [False, True])
def test_derivatives_are_as_exact_in_any_amount(steady, size, method):
    regimens = [STEADY["of doses, in place"](a) if steady else doses(a, 2.0) for a in (1.0, size)]
    how = {"sensitivities": ALONG, "method": method, "times": DAYS[1:]}
    one, other = (course(r, a, **how) for r, a in zip(regimens, (1.0, size), strict=True))
    assert_allclose(other / np.where(PER_AMOUNT, 1.0, size), one, rtol=1e-5, atol=1e-5)  # 10 rtol of states near 1


@methods
def test_no_later_dose_neighbour_or_resume_changes_a_bit_of_a_derivative(method):
    how, early = {"sensitivities": ALONG, "method": method, "stops": [2.0]}, DAYS <= 2.0
    whole = solved([doses(1e-12, 1e12)], [plain(1e-12)], **how)
    first = solved([dose(1e-12, times=[0.25])], [plain(1e-12)], **how)
    assert_array_equal(first.along[0][early], whole.along[0][early])
    batch = solved([doses(1.0), doses(1e-12, 1e12), dose(1e12)], [plain(), plain(1e-12), plain(1e12)], **how)
    assert_array_equal(batch.along[1], whole.along[0])
    begun = solved([doses(1e-12, 1e12)], [plain(1e-12)], **how | {"stops": ()}, times=DAYS[early], end=2.0)
    rest = solved([doses(1e-12, 1e12)], [plain(1e-12)], **how | {"stops": ()}, times=DAYS[~early], start=2.0,
                  resume=begun)  # fmt: skip
    assert_array_equal(np.hstack([begun.along, rest.along])[0], whole.along[0])
