"""A fit of a population: from evidence to estimates that closed forms know, and what its tables say."""

import functools

import numpy as np
import pytest
from scipy.stats import norm

import immunode as im
from immunode.calibration.population import fit as fits
from immunode.calibration.population.fit import (
    INTERVALS,
    TAU_PRIOR,
    effects_of,
    fit_population,
    population_problem,
    printed_table,
    searches,
    settle,
)
from immunode.calibration.population.search import REFUSED, Statistics, search
from immunode.errors import BadValue, SolveError, UnknownName
from immunode.virtual_trials.population import Population
from tests.calibration.made_up import BOLUS
from tests.calibration.population.studies import AREA, OMEGA, PEAK, PRINTED, anchored, evidence, problem

POPULATION = Population(BOLUS, omega=OMEGA)
QUICK = {"patients": 1000, "seed": 3, "refits": 40}
SPREAD = [{**AREA, "statistic": "geometric mean (cv%)", "value": "125 (50)"}]


def test_a_log_normal_population_is_that_of_the_geometric_mean_and_its_cv():
    """CL = 1000 / 125, omega from the CV, to a fifth of their standard errors (and 1 / 2 n of the SD, whose likelihood
    divides by n)."""
    told = []
    one = fit_population(
        evidence(SPREAD), POPULATION, ["CL", "omega_CL"], progress=lambda *part: told.append(part), **QUICK
    )
    omega = np.sqrt(np.log1p(0.25))
    assert np.log(one.params["CL"].value / 8) == pytest.approx(0, abs=0.2 * omega / np.sqrt(33))
    assert np.log(one.params["omega_CL"].value / omega) == pytest.approx(0, abs=0.2 / np.sqrt(64) + 1 / 66)
    assert one.params["log_CL"].stderr == pytest.approx(omega / np.sqrt(33), rel=0.1)
    assert one.params["omega_CL"].stderr == pytest.approx(omega / np.sqrt(64), rel=0.1)
    assert [part[:2] for part in told[-2:]] == [(1, 3), (2, 3)]  # a start, and two intervals
    assert all(done == 0 and words.startswith("search, -2 log L") for done, _, words in told[:-2])
    assert told[-1][2].startswith(INTERVALS)
    assert one.at["omega_CL"] == pytest.approx(one.params["omega_CL"].value)
    assert set(one.anchored) == {"log_CL", "omega_CL"}
    assert one.numbers == 2
    assert one.misfit < 0.1  # two numbers, two parameters
    assert one.resimulated.agrees


@functools.cache
def weak():
    """Return a fit of the count of those above the median, of which an SD is as good as unknown."""
    rows = [
        {**AREA, "statistic": "median", "value": 100},
        {**AREA, "statistic": "count_above", "limit": 100, "value": 16},
    ]
    return fit_population(evidence(rows), POPULATION, ["CL", "omega_CL"], **QUICK)


def test_what_the_evidence_cannot_tell_is_weak_by_the_name_of_the_parameter():
    assert any(text.startswith("omega_CL x") and "alone" in text for text in weak().weak)
    assert not any("CL x" in text and "omega" not in text for text in weak().weak)


def test_the_table_has_a_row_a_number_with_its_sampling_sd():
    """A median of n = 33 has the SD 1.2533 omega / root n of its logarithm; a count that of its binomial."""
    here = anchored(problem(evidence(), patients=4000))
    table = printed_table(here, here.x).set_index("label")
    assert len(table) == 6
    (count,) = [row for label, row in table.iterrows() if "count" in label]
    share = norm.sf(np.log(1.2) / 0.4)
    assert count.observed == 10
    assert count.predicted == pytest.approx(33 * share, abs=4 * 33 * np.sqrt(share * (1 - share) / 4000))
    assert count.sd == pytest.approx(np.sqrt(count.predicted * (1 - count.predicted / 33)))
    (mean,) = [row for label, row in table.iterrows() if "geometric_mean" in label]
    assert mean.predicted == pytest.approx(200, rel=4 * 0.3 / np.sqrt(4000))
    assert mean.sd == pytest.approx(200 * 0.3 / np.sqrt(33), rel=0.1)
    assert mean.residual == pytest.approx((np.log(mean.predicted) - np.log(200)) / (mean.sd / mean.predicted))


def test_a_start_that_cannot_be_solved_is_left_out_and_the_last_reason_is_told():
    one = problem(evidence(), patients=500)
    calls = []

    def fails_once(problem, told, ending):
        calls.append(problem)
        if len(calls) == 1:
            raise SolveError("no course")
        return "settled"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fits, "settle", fails_once)
        reached = searches(one, 2, 1, print)
        assert (reached.ends, reached.notes) == (["settled"], ["1 of 2 starts could not be solved"])
        calls.clear()
        with pytest.raises(SolveError, match="no course"):
            searches(one, 1, 1, print)


def test_effects_have_the_scale_that_is_said_or_the_usual_one():
    assert effects_of(POPULATION, ["CL", "V"]).scales.tolist() == [TAU_PRIOR, TAU_PRIOR]
    assert effects_of(POPULATION, {"CL": 0.15}).scales.tolist() == [0.15]
    assert effects_of(POPULATION, ()).names == ()
    with pytest.raises(UnknownName, match="did you mean 'CL'"):
        effects_of(POPULATION, ["Cl"])
    for said in ("CL", 3, {"CL": 0}, {"CL": float("nan")}):
        with pytest.raises(BadValue, match="trial_effects"):
            effects_of(POPULATION, said)


def test_rows_that_are_checks_are_in_the_problem_and_not_fitted():
    rows = [*PRINTED[:2], {**PEAK, "statistic": "median", "value": 190, "use": "check"}]
    one = population_problem(evidence(rows), POPULATION, ["CL"], patients=500)
    assert [row.use for row in one.trials[0].fitted] == ["fit"] * 5
    with pytest.raises(BadValue, match="1 printed numbers cannot fix 2 parameters"):
        population_problem(evidence([PRINTED[2], rows[-1]]), POPULATION, ["CL", "omega_CL"])


def test_of_few_virtual_patients_it_is_said_what_they_are_worth():
    few = fit_population(evidence(SPREAD), POPULATION, ["CL"], **QUICK)
    (said,) = [note for note in few.notes if "virtual patients" in note]
    assert f"worth {few.effective:.0f} equal ones at the estimates, where 1000 are wanted" in said
    many = fit_population(evidence(SPREAD), POPULATION, ["CL"], **{**QUICK, "patients": 4000})
    assert not [note for note in many.notes if "virtual patients" in note]


def test_of_nobody_with_an_event_the_interval_is_open_where_nothing_says_more():
    """None of 12 above 100: clearances are large, how large nothing says; nobody is above with CL beyond 30."""
    one = fit_population(
        evidence([{**AREA, "statistic": "n (%) above", "limit": 100, "value": "0/12"}], n=12), POPULATION, ["CL"],
        **QUICK,
    )  # fmt: skip
    assert one.intervals.high["CL"] == np.inf
    assert one.intervals.estimate["CL"] == one.intervals.raw["CL"]


def test_numbers_that_follow_from_others_fix_no_parameter():
    rows = [{**AREA, "statistic": statistic, "value": value} for statistic, value in
            (("mean", 100), ("sd", 40), ("se", 40 / 33**0.5))]  # fmt: skip
    with pytest.raises(BadValue, match=r"2 printed numbers that tell something of their own cannot fix 3 parameters"):
        fit_population(evidence(rows), POPULATION, ["CL", "omega_CL", "V"], **QUICK)


def test_the_chi_square_of_trials_that_differ_counts_what_the_effects_explain():
    """Three means that differ twofold, each of 33 patients: with trials that differ they are near, else far."""
    trials = [
        evidence([{**AREA, "statistic": "geometric mean (cv%)", "value": f"{value} (42)"}], name=f"t{value}")
        for value in (80, 115, 160)
    ]
    alone = fit_population(trials, POPULATION, ["CL"], **QUICK)
    shifted = fit_population(trials, POPULATION, ["CL"], trial_effects=["CL"], **QUICK)
    logs = np.log([80, 115, 160])
    squares = ((logs - logs.mean()) ** 2).sum()
    variance = OMEGA["CL"] ** 2 / 33  # that of a CV of 42 %
    assert alone.misfit == pytest.approx(squares / variance, rel=0.1)
    tau = shifted.tau["median"]["CL"]  # after the data
    assert shifted.misfit == pytest.approx(squares / (variance + tau**2), rel=0.1)
    said = shifted.intervals.loc["CL"]
    assert said["raw_high_tau_0.6"] - said["raw_low_tau_0.6"] > said["raw_high_tau_0.15"] - said["raw_low_tau_0.15"]


def test_a_try_at_which_nobody_has_a_course_is_a_refused_step():
    """y' = q y² from about 1: the median of day 1 is 1 / (1 - q); beyond q = 0.5 patients have none."""
    model = im.Model(
        "runs_away", [im.State("y", "mg", initial=lambda p: p.y0)], lambda t, x, p: {"y": p.q * x.y**2},
        [im.Parameter("q", 0.3, "1/mg/day", low=0.001, high=5), im.Parameter("y0", 1.0, "mg", low=0.01, high=100)],
    )  # fmt: skip
    printed = [{"arm": "a", "observable": "y", "day": 1, "statistic": "median (q1-q3)", "value": "1.6 (1.1-2.4)"}]
    rows = im.Evidence(name="t", arms=[{"name": "a", "n": 20}], rows=printed)
    ends = [
        fit_population(rows, Population(model, omega={"y0": 0.3}), {"q": {"value": start}}, **QUICK)
        for start in (0.02, 0.5)
    ]
    for one in ends:
        assert one.params["q"].value == pytest.approx(1 - 1 / 1.6, abs=0.05)
    objective = Statistics(ends[0].settled.anchor)
    far = ends[0].params.copy()
    far["q"].value = 5.0
    assert (objective(far) == REFUSED).all()
    assert objective.failed == 1


def test_patients_who_are_alike_are_no_end_of_a_search_where_others_are_more_likely():
    """Of these numbers an omega of gain of 0.07 is a minimum of its own, 20 above the one of 1.1."""
    model = im.Model(
        "cells", [im.State("central", "MIU"), im.State("cells", "cells/uL", initial=lambda p: p.base)],
        lambda t, x, p: {
            "central": -p.k * x.central, "cells": p.kout * (p.base * (1 + p.gain * x.central) - x.cells),
        },
        [im.Parameter("base", 300.0, "cells/uL", low=1, high=1e4), im.Parameter("kout", 0.045, "1/day"),
         im.Parameter("gain", 0.8, "1/MIU", low=0.001, high=100), im.Parameter("k", 2.0, "1/day")],
        routes={"sc": "central"},
    )  # fmt: skip
    rule = "5 MIU SC QD days 1-5 every 28 days while cells < 1.4 x baseline, at most 4"
    quartiles = {"observable": "cells", "statistic": "median (q1-q3)"}
    rows = [
        {**quartiles, "arm": "il2", "day": 0, "value": "340 (265-430)"},
        {**quartiles, "arm": "control", "day": 0, "value": "352 (274-441)"},
        {**quartiles, "arm": "il2", "day": 112, "value": "495 (370-660)"},
        {**quartiles, "arm": "control", "day": 112, "value": "347 (270-445)"},
        {
            "arm": "il2",
            "versus": "control",
            "observable": "cells",
            "measure": "change",
            "day": 84,
            "statistic": "mean (95% ci)",
            "value": "138 (96 to 180)",
        },
        {**quartiles, "arm": "il2", "day": 112, "statistic": "n (%) above", "limit": 500, "value": "15/30 (50%)"},
        {"arm": "il2", "measure": "doses", "day": 112, "statistic": "n (%) above", "limit": 15, "value": "15/30 (50%)"},
    ]
    arms = [{"name": "il2", "regimen": rule, "n": 30}, {"name": "control", "n": 30}]
    trial = im.Evidence(name="t", arms=arms, rows=rows, noise={"cells": 0.05}, visits=[0, 28, 56, 84, 112])
    population = Population(model, omega={"base": 0.3, "gain": 0.8})
    problem = population_problem([trial], population, ["base", "omega_base", "gain", "omega_gain"], seed=1)
    alone = search(problem, lambda stage, value: None)
    whole = settle(problem, lambda stage, value: None, {})
    assert whole.deviance < alone.deviance - 10
    assert problem.natural(whole.near.at.centre)[problem.free.index("omega_gain")] > 0.5
