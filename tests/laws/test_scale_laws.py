"""A run's scales hold in all that is made of runs: covariates, steady states, derivatives, trials, fits.

No state here declares a scale. What is a power of two as large must have the same digits, where nothing but the sizes
of states enters: all of them scale exactly, but for searches of rest points that begin elsewhere.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import immunode as im
from immunode.calibration.estimates import estimate
from immunode.calibration.fit import calibrate
from immunode.calibration.free_parameters import parameters
from immunode.calibration.objective import jacobian
from immunode.calibration.predict import predict
from immunode.calibration.problem import fit_problem
from immunode.engine.methods import METHODS
from immunode.evidence.design import Action, Rule, When
from immunode.evidence.printed import Evidence
from immunode.simulation.covariates import RULES, Covariates
from immunode.simulation.ensemble_run import run
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.arm_run import run_arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial

SIZES = (2.0**-40, 2.0**40)  # about 1e-12 and 1e12
DAYS = np.arange(0.0, 8.01, 0.5)
methods = pytest.mark.parametrize("method", METHODS)

# absorption, a saturable loss, and cells that hold themselves and that the drug raises
MODEL = im.Model(
    name="turnover",
    states=[
        im.State("depot", "mol", lag="tlag", bioavailability="F"),
        im.State("central", "mol"),
        im.State("cells", "mol", initial="steady_state"),
    ],
    routes={"sc": "depot", "iv": "central"},
    parameters=[
        im.Parameter("ka", 5.0, "1/day"),
        im.Parameter("k", 1.0, "1/day"),
        im.Parameter("F", 0.75, "1", low=0, high=1),
        im.Parameter("tlag", 0.125, "day"),
        im.Parameter("Vmax", 2.0, "mol/day"),
        im.Parameter("Km", 0.5, "mol"),
        im.Parameter("made", 8.0, "mol/day"),
        im.Parameter("half", 2.0, "mol"),
        im.Parameter("lost", 1.0, "1/day"),
        im.Parameter("EC", 0.25, "mol"),
    ],
    derivative=lambda t, x, p: {
        "depot": -p.ka * x.depot,
        "central": p.ka * x.depot - p.k * x.central - p.Vmax * x.central / (p.Km + x.central),
        "cells": p.made / (1 + x.cells / p.half) * (1 + x.central / (p.EC + x.central)) - p.lost * x.cells,
    },
)
AMOUNTS = {"Vmax": 2.0, "Km": 0.5, "made": 8.0, "half": 2.0, "EC": 0.25}
UNTREATED = -1.0 + np.sqrt(1.0 + 16.0)  # cells^2 / half + cells = made / lost


def sized(size, **more):
    """Return the parameters of the model in which all amounts are so many times as large."""
    return {name: size * value for name, value in AMOUNTS.items()} | more


def dose(amount, into="sc", **more):
    return im.dose(f"{amount!r} mol", into, **more)


def course(regimen, size=1.0, names=("central", "cells"), times=DAYS, changed=None, **more):
    """Return the states (times, names), and their sensitivities where some are asked for."""
    got = im.simulate(MODEL, regimen, times=times, parameters=sized(size, **changed or {}), **more)
    suffix = "_sensitivity" if more.get("sensitivities") else ""
    return np.stack([got[name + suffix].values for name in names], axis=1)


def plain(size=1.0, **changed):
    return list((MODEL.typical | sized(size, **changed)).values())


def solved(regimens, rows, **more):
    setting = {"times": DAYS, "observe": ["central", "cells"], "start": 0.0} | more
    return run(MODEL, np.array(rows), regimens, np.arange(len(regimens)), **setting)


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
BESIDE = [1e-12, 1e-6, 1e6, 1e12]


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


# derivatives

ALONG = ["ka", "F", "tlag", "Vmax", "Km", "made", "half", "EC", "depot"]
PER_AMOUNT = np.array([name in AMOUNTS or name == "depot" for name in ALONG])


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


# trials

VISITS = [0.0, 1.0, 2.0, 4.0, 7.0]


def trial(size, **more):
    population = Population(MODEL, omega={"k": 0.4, "ka": 0.3}, typical=sized(size))
    arm = Arm("drug", n=6, regimen=dose(size, days=[1, 2]), **more)
    return Trial("t", population=population, visits=VISITS, arms=[arm])


def replayed(planned, done, regimens, which, stops):
    how = {"times": done.days, "observe": done.observables, "start": done.days[0], "end": done.days[-1]}
    return run(MODEL, done.patients.parameters, regimens, which, stops=stops, **how).values


@pytest.mark.parametrize("size", [1.0, 1e-12])
def test_an_arm_is_its_patients_solved_alone(size):
    planned = trial(size)
    done = run_arm(planned, planned.arms[0], 6, seed=1)
    regimen = planned.plans["drug"].regimen
    again = replayed(planned, done, [regimen], np.zeros(6, int), [0.0])
    assert_array_equal(done.values, again)
    alone = run_arm(planned, planned.arms[0], 1, seed=1, first=4)
    assert_array_equal(alone.values[0], done.values[4])


def test_an_arm_has_the_same_digits_in_any_amount():
    one, other = (run_arm(trial(a), trial(a).arms[0], 6, seed=1).values for a in (1.0, 1e-12))
    assert_allclose(other / 1e-12, one, rtol=1e-5, atol=1e-8)


def test_a_rule_that_adds_a_huge_dose_changes_no_bit_before_it():
    more = im.dose("1e6 mol", "sc", days=[1])
    rule = Rule(
        name="more",
        day=4.0,
        when=When(signal="central", baseline_day=2.0, days=(4.0,), above=3e-4),
        then=Action(label="stay"),
        otherwise=Action(label="more", regimen="1e6 mol SC day 1"),
    )
    planned = trial(1e-12, rules=[rule])
    done = run_arm(planned, planned.arms[0], 12, seed=1)
    treated = ~done.decisions[0].met
    assert 0 < treated.sum() < 12
    before = done.days <= 4.0
    assert_array_equal(done.values[:, before], done.without[:, before])
    regimen = planned.plans["drug"].regimen
    again = replayed(planned, done, [regimen, regimen + more.shift(4.0)], treated.astype(int), [0.0, 4.0])
    assert_array_equal(done.values, again)


# fits


def study(size, scale="log"):
    """Return levels of two arms, a dose and a millionth of it, as the model has them at k = 1.5, Km = 0.4."""
    truth = {"Km": 0.4 * size, "k": 1.5}
    rows, arms = [], {"low": f"{1e-6 * size!r} mol SC day 1", "high": f"{size!r} mol SC day 1"}
    for name, regimen in arms.items():
        values = course(regimen, size, names=["central"], times=[0.3, 0.8, 2.0], changed=truth, rtol=1e-10)[:, 0]
        rows += [
            {"arm": name, "observable": "central", "day": day, "value": float(v), "sigma": 0.05 * float(v),
             "scale": scale}
            for day, v in zip([0.3, 0.8, 2.0], values, strict=True)
        ]  # fmt: skip
    return Evidence(name="study", arms=arms, rows=rows)


def problem(size):
    return fit_problem([study(size)], MODEL, rtol=1e-8)


def test_many_parameter_sets_of_a_fit_give_each_the_bits_that_it_has_alone():
    one, rng = problem(1e-12), np.random.default_rng(1)
    sets = [sized(1e-12 * 10.0 ** rng.uniform(-3, 3), k=float(rng.uniform(0.5, 2))) for _ in range(20)]
    together = predict(one, sets)
    for row, alone in zip(together, sets, strict=True):
        assert_array_equal(predict(one, [alone])[0], row)


@pytest.mark.parametrize("size", BESIDE)
def test_a_fit_and_its_slopes_are_the_same_in_any_amount(size):
    def slopes(a):
        vary = {"k": {"log": True, "min": 0.1, "max": 10}, "Km": {"log": True, "min": 0.01 * a, "max": 10 * a,
                                                                  "value": 0.5 * a}}  # fmt: skip
        values = {name: value for name, value in sized(a).items() if name != "Km"}
        return vary, values, jacobian(problem(a), parameters(MODEL, vary, held=values), values)

    vary, values, got = slopes(size)
    assert_allclose(got, slopes(1.0)[2], rtol=1e-4, atol=1e-4)  # differences over 2e-3 of solutions that are good to
    fit = calibrate(study(size), MODEL, vary=vary, values=values)
    assert_allclose(fit.params["k"].value, 1.5, rtol=1e-5)
    assert_allclose(fit.params["Km"].value / size, 0.4, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_an_estimate_is_at_its_bound_in_any_amount_only_where_it_is(size):
    values = {name: value for name, value in sized(size).items() if name != "Km"}

    def said(least):
        vary = {"k": {}, "Km": {"value": 0.9 * size, "min": least * size, "max": 10 * size}}
        return estimate(calibrate(study(size), MODEL, vary=vary, values=values), "Km")

    assert not said(0.01)["at_bound"]
    assert said(0.6)["at_bound"]  # the truth is 0.4
