"""Fit parameters of the typical patient to printed numbers with lmfit: evidence + model + free parameters -> Fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmfit
import numpy as np

from immunode.calibration.cohorts import covariances_alone, data_hash, sources_of, unread
from immunode.calibration.finished import Fit, versions
from immunode.calibration.free_parameters import Options, check_derived, model_values, perturbed, varied
from immunode.calibration.identifiability import weakest
from immunode.calibration.lmfit_parameters import from_lmfit
from immunode.calibration.minimum import Ending, Search, optima, search
from immunode.calibration.objective import Objective, table
from immunode.calibration.population.fit import PATIENTS
from immunode.calibration.population_result import normal_result, population_result
from immunode.calibration.prepared import RTOL, Prepared, check_enough, prepared, refuse_of_population
from immunode.calibration.problem import FitProblem
from immunode.calibration.resuming import reached_before
from immunode.calibration.saving import plain, result_data
from immunode.calibration.warned import warned
from immunode.errors import BadValue, Interrupted
from immunode.evidence.printed import Evidence
from immunode.internal.arguments import finite, flag, is_one_of, progress_told, seed_number, short, thread_count, whole
from immunode.internal.defaults import THREADS
from immunode.internal.progress import Progress, bar
from immunode.model.declaration import Model
from immunode.virtual_trials.population import Population

LIKELIHOODS = ("typical", "summaries", "normal")
MOST_STARTS = 10_000  # of a fit: a slip is told at once


def calibrate(
    evidence: Sequence[str | Evidence] | str | Evidence,
    model: str | Model | Population,
    vary: Sequence[str] | Mapping[str, Options] | lmfit.Parameters,
    *,
    derived: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    spread: Mapping[str, float] | None = None,
    seed: int = 0,
    starts: int = 1,
    rtol: float = RTOL,
    ftol: float | None = None,
    xtol: float | None = None,
    max_nfev: int | None = None,
    threads: int | None = THREADS,
    scale_covar: bool = False,
    progress: bool | Callable[[int, int], Any] | None = None,
    resume: str | Path | None = None,
    likelihood: str | None = None,
    trial_effects: Sequence[str] | Mapping[str, float] = (),
    patients: int = PATIENTS,
) -> Fit:
    """Fit parameters to the rows of evidence that are marked "fit": of the typical patient, or of a population.

    Given a model, the typical patient is fitted by least squares on the `sigma` of each row. Given an im.Population, it
    is simulated through the protocols of the trials and compared with all that they print by its sampling law
    (docs/objective.md), and intervals hold at the trials' sizes.

    Main arguments
        evidence: im.Evidence, or names of library trials, one or a list
        model: an im.Model, the name of one of the library, or a file such as "my_model.py"; or an im.Population
        vary: names of the parameters to fit, or {name: {value, min, max, log}}: start, bounds (else the model's), and
            whether the logarithm is varied. Of a population also omega_NAME, the SD between patients of a parameter
            that its omega has, and correlation_A_B; a typical value on the log scale may have a "prior": {median,
            log_sd}. Or lmfit.Parameters, such as the `params` of another fit: CL with
            the expression exp(log_CL) is varied by its logarithm, other expressions are `derived`, fixed ones `values`
        derived: parameters that follow from others, as lmfit expressions, such as {"Vmax": "slope * Km"}, default none
        values: fixed parameters by name: a number in the declared unit or a text ("10 L/h"), default none

    Other arguments
        spread: log-SD by parameter, over which rows of the statistic "mean" are averaged, default none [1]
        seed: of the starts after the first, which are drawn around it, default 0
        starts: how many starts, default 1
        rtol: relative tolerance of a step, default 1e-8 [1]
        ftol: SciPy's: the minimiser ends when a step lowers chi-square by less than this part of it, default 1e-14, of
            a population 1e-7, by the normal law 1e-6 [1]
        xtol: SciPy's: or when a step is shorter than this part of the parameters' norm, default 1e-12, of a population
            1e-5, by the normal law 1e-6 [1]
        max_nfev: how many evaluations a start may take (of a population each round of its search), default 2000 for
            each free parameter and one more
        threads: number of threads, default all cores
        scale_covar: lmfit's: whether standard errors are scaled by the root of chi-square per degree of freedom,
            default False
        progress: True shows a bar with the time left and chi-square; or a function of how many starts (of a population
            starts and intervals) are done, of how many, default none
        resume: path of a file that keeps what each start reached; a fit that was stopped goes on from it, default none
        likelihood: "typical" (a model), "summaries" (a population), or "normal": a population by the normal law of its
            means and covariances, for evidence that prints `covariances`; default "typical" or "summaries", and
            "normal" where nothing but covariances is printed
        trial_effects: of a population: parameters of which each trial has its own shift, on the scale of logarithms,
            or {name: scale of the half-normal prior of its SD tau}, default none; the scale is 0.3
        patients: of a population: virtual patients an arm, at least, default 4000

    Returns
        a fit: `params` (lmfit's), `stderr` and `correlations` of the parameters; `table`, a DataFrame with a row a
            printed number (label, observed, predicted, sigma, residual, ...); `chisqr`, `nfree`, `redchi`, `aic`;
            `weak`, what the evidence cannot tell apart, in words; `starts`, the chi-square that each start reached;
            `result`, lmfit's own. Of a population: `intervals`, a DataFrame with a row a parameter: `estimate` (less
            its bias), `low` and `high` (95 %, calibrated by refits of simulated trials), `raw` ones beside; `tau`, the
            SD of each trial effect; `deviance`, -2 log L

    Raises
        UnknownName: for a model, trial, parameter or observable that does not exist.
        BadValue: for bad input: bounds, expressions, fewer numbers than parameters, a cohort that enters twice, a row
            that has no number at the start.
        UnitError: for a row whose unit does not fit.
        SolveError: when no start can be solved.
        Interrupted: after Ctrl-C, with the best of the starts that were finished in `found`.

    Example
        >>> import immunode as im
        >>> decay = im.Model(
        ...     "decay", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y},
        ...     [im.Parameter("k", 1.0, "1/day", low=0.01, high=10)], routes={"iv": "y"},
        ... )
        >>> printed = {"arm": "a", "observable": "y", "sigma": 0.02}
        >>> rows = [{**printed, "day": 1, "value": 0.6}, {**printed, "day": 2, "value": 0.38}]
        >>> fit = im.calibrate(im.Evidence(name="assay", arms={"a": "1 mg IV"}, rows=rows), decay, ["k"])
        >>> print(f"{fit.params['k'].value:.3f} +/- {fit.stderr['k']:.3f}")
        0.495 +/- 0.021
    """
    asked = from_lmfit(vary, derived, values, model)
    vary, derived, values = asked.vary, asked.derived, asked.values
    if isinstance(model, Population):
        other = {
            "values": (values, None), "spread": (spread, None), "scale_covar": (scale_covar, False),
            "rtol": (rtol, RTOL),
        }  # fmt: skip
        return _of_population(
            evidence, model, vary, likelihood, other, derived=derived, trial_effects=trial_effects, seed=seed,
            starts=starts, patients=patients, threads=threads, progress=progress, resume=resume,
            ending=_ending(ftol, xtol, max_nfev),
        )  # fmt: skip
    _check_typical(likelihood, trial_effects)
    ready = prepared(
        evidence, model, vary, derived=derived, values=values, spread=spread, rtol=rtol, threads=threads
    )  # fmt: skip
    ending = Ending(**_ending(ftol, xtol, max_nfev))
    return _of_typical(
        ready, ending, seed=seed_number(seed), starts=whole(starts, "starts", 1, MOST_STARTS, "at least one"),
        scale_covar=flag(scale_covar, "scale_covar"), progress=progress, resume=resume,
    )  # fmt: skip


def _of_typical(
    ready: Prepared, ending: Ending, *, seed: int, starts: int, scale_covar: bool, progress: Any, resume: Any
) -> Fit:
    """Return the fit of the typical patient, the best of several starts."""
    if not isinstance(progress, bool):
        progress_told(progress)
    check_enough(ready.problem, ready.first)
    random = np.random.default_rng(seed)
    begins = [ready.first, *(perturbed(ready.first, random) for _ in range(starts - 1))]
    recipe = recipe_of(ready)
    kept = {"recipe": recipe, "first": plain(result_data(_Start(ready.first))), "seed": seed, "scaled": scale_covar}
    before = None if resume is None else reached_before(resume, kept | {"ending": str(ending)})
    with _told(progress) as told:
        reached = search(
            lambda start: minimizer_of(ready.problem, start, ready.held, scale_covar=scale_covar), begins, ending,
            told, before,
        )  # fmt: skip
    best = reached.results[reached.best].params
    check_derived(ready.model, best, ready.derived, "ends at")
    numbers = table(ready.everything(), model_values(ready.model, best, ready.held))
    other = unread(ready.sources, covariances=False)
    fit = finished(reached, numbers, data_hash(ready.sources), seed=seed, recipe=recipe, other=other)
    if reached.stopped:
        raise Interrupted(fit, len(reached.results) + reached.unsolved, starts, "starts")
    return fit


def _check_typical(likelihood: Any, trial_effects: Any) -> None:
    """Raise BadValue for what only a population has."""
    if not is_one_of(likelihood, None, "typical"):
        known = ", ".join(f"'{name}'" for name in LIKELIHOODS)
        cure = "give an im.Population" if is_one_of(likelihood, *LIKELIHOODS) else f"expected one of {known}"
        raise BadValue(f"likelihood = {short(likelihood)} of a model: {cure}")
    if not is_one_of(trial_effects, None, (), [], {}):
        raise BadValue("trial_effects are of a population; give im.Population(model, omega={...}) instead of the model")


def _of_population(
    evidence: Any, population: Population, vary: Any, likelihood: Any, other: Mapping[str, tuple[Any, Any]], *,
    derived: Any, trial_effects: Any, seed: Any, starts: Any, patients: Any, threads: Any, progress: Any, resume: Any,
    ending: Mapping[str, Any],
) -> Fit:  # fmt: skip
    """Return the fit of a population, by one of the likelihoods that it has."""
    refuse_of_population(other)
    if not is_one_of(likelihood, None, "summaries", "normal"):
        raise BadValue(f"likelihood = {short(likelihood)} of a population: expected 'summaries' or 'normal'")
    sources = sources_of(evidence)
    options = {
        "derived": derived, "ending": ending, "seed": seed_number(seed), "threads": thread_count(threads),
        "starts": whole(starts, "starts", 1, MOST_STARTS, "at least one"),
    }  # fmt: skip
    normal = likelihood == "normal" or (likelihood is None and covariances_alone(sources))
    if normal:
        more = {"resume": (resume, None), "trial_effects": (trial_effects, ()), "patients": (patients, PATIENTS)}
        refuse_of_population(more, "a fit by the normal law")
    with _parts(progress) as step:
        if normal:
            return normal_result(sources, population, vary, progress=step, **options)
        return population_result(
            sources, population, vary, trial_effects=trial_effects, patients=whole(patients, "patients", 100),
            progress=step, resume=resume, **options,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Start:
    params: lmfit.Parameters


@contextmanager
def _told(progress: Any) -> Iterator[Callable[[int, int, str], Any]]:
    """Give what is told at each evaluation: a bar, or the caller's function, which hears of finished starts alone."""
    if progress is True:
        with bar("fit") as step:
            yield step
        return
    heard = [0]

    def told(done: int, total: int, words: str) -> None:
        if progress and done > heard[0]:
            heard[0] = done
            progress(done, total)

    yield told


@contextmanager
def _parts(progress: Any) -> Iterator[Progress]:
    """Give what is told at each part of a fit of a population: a bar, or the caller's function of how many are done."""
    if not isinstance(progress, bool):
        progress_told(progress)
    with bar("fit") if progress is True else nullcontext() as step:
        if step is not None:
            yield step
        else:
            yield lambda done, total, words="": progress(done, total) if progress else None


def minimizer_of(
    problem: FitProblem, params: lmfit.Parameters, held: Mapping[str, float], *, scale_covar: bool
) -> lmfit.Minimizer:
    """Return lmfit's minimiser of the residuals of a problem."""
    return lmfit.Minimizer(Objective(problem, held), params, scale_covar=scale_covar, nan_policy="raise")


def recipe_of(ready: Prepared) -> dict[str, Any]:
    """Return as plain data what `minimizer_of` is given, to make it again; no `model` where it has no name."""
    evidence = [plain(one.model_dump()) for one in ready.sources]
    kept = {"evidence": evidence, "model": ready.named, "held": dict(ready.held), "spread": dict(ready.spread)}
    return {"kind": "typical patient"} | kept | {"rtol": ready.problem.rtol}


def finished(
    reached: Search, numbers: Any, evidence_hash: str, *, seed: int, recipe: Mapping[str, Any] | None,
    other: Sequence[str] = (),
) -> Fit:  # fmt: skip
    """Return the fit of a search, the best of what starts reached; `numbers` is its table, checks too, and `other` what
    else is to be known."""
    best, minimizer = reached.results[reached.best], reached.minimizers[reached.best]
    unsolved = [f"{reached.unsolved} of {reached.total} starts could not be solved"] if reached.unsolved else []
    objective = minimizer.userfcn
    return Fit(
        params=best.params,
        table=numbers,
        result=best,
        weak=tuple(weakest(objective.slopes(best.params), varied(best.params))),
        starts=tuple(float(result.chisqr) for result in reached.results),
        seed=seed,
        versions=versions(),
        data_hash=evidence_hash,
        minimizer=minimizer,
        failed=sum(one.userfcn.failed for one in reached.minimizers),
        warnings=(*other, *warned(best, absolute=not minimizer.scale_covar), *unsolved),
        optima=optima(reached.results),
        recipe=recipe,
    )


def _ending(ftol: Any, xtol: Any, max_nfev: Any) -> dict[str, Any]:
    """Return when the minimiser ends, as far as it is said."""
    parts = {name: _part(value, name) for name, value in (("ftol", ftol), ("xtol", xtol)) if value is not None}
    return parts if max_nfev is None else parts | {"max_nfev": whole(max_nfev, "max_nfev", 1)}


def _part(value: Any, what: str) -> float:
    """Return a tolerance of the minimiser; SciPy takes none below the rounding of a number."""
    part = finite(value, what, "a number such as 1e-10")
    if not 2.3e-16 <= part < 1:
        raise BadValue(f"{what} = {part:g}: expected a number from 2.3e-16 to 1, such as 1e-10")
    return part
