"""Fits of a population as the Fit that all fits are: by what is printed of its statistics, or by the normal law."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import lmfit
import numpy as np

from immunode import models
from immunode.calibration.cohorts import data_hash, sources_of, unread
from immunode.calibration.finished import Fit, versions
from immunode.calibration.free_parameters import varied_name
from immunode.calibration.minimum import optima
from immunode.calibration.normal_fit import NormalFit, fit_normal
from immunode.calibration.population.fit import PopulationFit, fit_population
from immunode.calibration.population.recipe import population_data, recipe
from immunode.calibration.population.search import SETTLED
from immunode.calibration.population_starts import settled_starts
from immunode.calibration.warned import UNLIKELY, at_bound, warned
from immunode.errors import Interrupted
from immunode.evidence.printed import Evidence
from immunode.internal.progress import Progress
from immunode.model.declaration import Model
from immunode.model.model_file import file_of
from immunode.virtual_trials.population import Population

NORMAL = "normal law"  # the kind of a recipe
PINNED = 0.1  # SD of a logarithm below which patients are more alike than hardly any are: an SE for an SD makes it


def population_result(
    evidence: Any, population: Population, vary: Any, *, derived: Mapping[str, str] | None, trial_effects: Any,
    seed: int, starts: int, patients: int, threads: int, progress: Progress, ending: Mapping[str, Any],
    resume: Any = None,
) -> Fit:  # fmt: skip
    """Return the fit of a population to what trials print, by the sampling law of its statistics."""
    sources, options = sources_of(evidence), vary if isinstance(vary, Mapping) else {name: {} for name in vary}
    asked: dict[str, Any] = {"derived": derived, "trial_effects": trial_effects, "seed": seed, "patients": patients}
    said = asked | ({"ending": ending} if ending else {})
    before = settled_starts(resume, sources, population, _named(population.of), vary=options, **said)
    done = fit_population(
        sources, population, vary, **asked, starts=starts, threads=threads, progress=progress, before=before,
        ending=ending,
    )  # fmt: skip
    fit = _fit(done, sources, population, options, derived or {})
    if done.stopped:
        raise Interrupted(fit, len(done.starts), starts, "starts")
    return fit


def _fit(
    done: PopulationFit, sources: Sequence[Evidence], population: Population, vary: Mapping[str, Any],
    derived: Mapping[str, str],
) -> Fit:  # fmt: skip
    result = of_likelihood(done)
    return Fit(
        params=result.params,
        table=done.table,
        result=result,
        weak=done.weak,
        starts=done.starts,
        seed=done.seed,
        versions=versions(),
        data_hash=done.data_hash,
        minimizer=done.minimizer,
        warnings=to_be_known(done, sources),
        optima=optima(done.results, done.starts, SETTLED),
        intervals=done.intervals,
        tau=done.tau,
        draws=done.draws,
        tau_draws=done.tau_draws,
        population=population,
        deviance=done.deviance,
        recipe=recipe(done.settled, list(sources), _named(population.of), vary, derived),
    )


def of_likelihood(done: PopulationFit) -> Any:
    """Return lmfit's result with the figures of merit of -2 log L: what lmfit made small is a vector whose squares have
    a constant beside it, by which its sum of squares is `lifted`.

    chi-square is that of what is printed, on as many degrees of freedom as it has numbers more than parameters.
    """
    out = copy(done.result)
    free = len(out.var_names)
    out.chisqr, out.ndata, out.nvarys, out.nfree = done.misfit, done.numbers, free, done.numbers - free
    out.lifted = float(done.result.chisqr) - done.misfit
    out.redchi = out.chisqr / max(1, out.nfree)
    out.aic, out.bic = done.deviance + 2 * free, done.deviance + float(np.log(done.numbers)) * free
    out.errorbars = all(out.params[name].stderr is not None for name in out.var_names)
    return out


def _named(model: Model) -> str | None:
    """Return by which name of the library, or file, a model is found again; None for one of Python's."""
    return model.name if model.name in models.NAMES and models.model(model.name) is model else file_of(model) or None


def normal_result(
    evidence: Any, population: Population, vary: Any, *, derived: Mapping[str, str] | None, seed: int, starts: int,
    threads: int, progress: Progress, ending: Mapping[str, Any],
) -> Fit:  # fmt: skip
    """Return the fit of a population by the normal law of its means and covariances."""
    sources = sources_of(evidence)
    done = fit_normal(
        sources, population, vary, derived=derived, seed=seed, starts=starts, threads=threads, progress=progress,
        inner=ending,
    )  # fmt: skip
    return Fit(
        params=done.params, table=done.table, result=done.result, weak=(), starts=done.starts, seed=seed,
        versions=versions(), data_hash=data_hash(sources), minimizer=done.minimiser,
        warnings=(*unread(sources, covariances=True), *_unsettled(done), *_pinned(done.params), *warned(done.result)),
        optima=optima(done.results, done.starts), deviance=done.deviance, population=population,
        recipe={
            "kind": NORMAL, "evidence": [one.model_dump() for one in sources], "model": _named(population.of),
            "population": population_data(population), "seed": seed,
        },
    )  # fmt: skip


def _unsettled(done: NormalFit) -> list[str]:
    if done.converged:
        return []
    return [f"the search did not settle in {done.rounds} rounds: what is printed hardly tells of some parameter"]


def to_be_known(done: PopulationFit, sources: Sequence[Evidence]) -> tuple[str, ...]:
    """Return what is to be known before an estimate of a fit is used: what of its evidence it does not read, what is
    odd about its end, and its own notes."""
    read = unread(sources, covariances=False)
    return (*read, *_told(done), *warned(done.result, absolute=False), *done.notes)


def _told(done: PopulationFit) -> list[str]:
    """Return what is to be known before estimates are used."""
    from scipy import stats

    out = [*_pinned(done.params), *_beyond(done)]
    if not done.resimulated.agrees:
        both = f"{done.resimulated.weighted:.2f} by weights, {done.resimulated.anew:.2f} simulated anew"
        out.append(f"-2 log L at the estimates is {both}, more than chance ({done.resimulated.error:.2g}) explains")
    left = done.numbers - done.result.nvarys
    if left > 0 and (probability := float(stats.chi2.sf(done.misfit, left))) < UNLIKELY:
        out.append(
            f"what is printed is off by a chi-square of {done.misfit:.4g} with {left} degrees of freedom (probability "
            f"{probability:.1g}): the numbers disagree with each other or the model, and intervals are too narrow; "
            f"see which rows are off{'' if len(done.tau) else ', or give trial_effects'}"
        )
    return out


def _beyond(done: PopulationFit) -> list[str]:
    """Return a warning for each estimate that is at a bound since its bias is taken off, and was not before."""
    out = []
    for name, estimate in done.intervals["estimate"].items():
        free = done.params[varied_name(done.params, str(name))]
        log = free.name != name
        ends = [float(np.exp(end)) if log else end for end in (free.min, free.max)]
        for end, side in zip(ends, ("lower", "upper"), strict=True):
            if np.isclose(estimate, end, rtol=1e-9) and not at_bound(free, log):
                out.append(f"'{name}' less its bias lies at or beyond its {side} bound, {end:.4g}; widen it if it may")
    return out


def _pinned(params: lmfit.Parameters) -> list[str]:
    """Return a warning for each spread that is as good as none."""
    return [
        f"'{name}' is {p.value:.2g}: as printed, patients are alike, which hardly any are; was an SE read as an SD?"
        for name, p in params.items() if name.startswith("omega_") and p.value < PINNED
    ]  # fmt: skip
