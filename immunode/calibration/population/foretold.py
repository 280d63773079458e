"""Each trial foretold by all others: refits without it on the surfaces, and what its patients would then print.

Parameters are drawn by the curvature of -2 log L of the other trials, the SDs of trials' shifts from their posteriors,
the trial's own shift by these, and its numbers by their sampling law at its size.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, gammaln, logsumexp, xlog1py, xlogy

from immunode.calibration.nested import Variance
from immunode.calibration.population.effects import Effects
from immunode.calibration.population.likelihood import LOG_2_PI, Seen
from immunode.calibration.population.neighbourhood import Neighbourhood
from immunode.calibration.population.printed_row import Row
from immunode.calibration.population.refits import refit, slopes
from immunode.calibration.population.surface import Coordinates, Surface
from immunode.calibration.population.tau import UNTOLD, tau_posteriors

DRAWS = 2000
LEVEL = 0.95
TAUS = 12  # values of each tau: what they are drawn for is wider than their steps
LEAST = 2  # trials by which another is foretold


@dataclass(frozen=True, eq=False)
class Foretold:
    """Hold a row a printed number, and the log predictive density of all numbers of each trial together, by name."""

    table: pd.DataFrame
    log_density: dict[str, float]


def foretold(near: Neighbourhood, seed: int, same_patients: Sequence[Collection[str]] = ()) -> Foretold:
    """Return what every trial prints by all others: predicted (median), 95 % interval, whether what is printed lies
    inside, the interval score (width, and 40 times what is missed), and what the variance is due to, in percent.

    Trials of the `same_patients`, groups of their names, are in no foretelling of each other. Who has fewer than two
    others is not foretold.
    """
    rows, densities = [], {}
    names = [one.trial.name for one in near.anchor.problem.trials]
    for t, name in enumerate(names):
        kin = {t, *(names.index(one) for group in same_patients if name in group for one in group)}
        if len(names) - len(kin) < LEAST:
            continue
        drawn = drawn_laws(near.surfaces, near.seen, near.at, near.effects, t, seed, kin)
        densities[name] = _log_density(near.seen[t], drawn)
        rows += _rows(near, t, drawn, seed)
    return Foretold(pd.DataFrame(rows), densities)


@dataclass(frozen=True, eq=False)
class Laws:
    """Hold means (S, d) and inverse Cholesky factors (S, d, d) of the statistics in every draw, and the shares (S, e)
    of what is counted; both also where the trial has no shift of its own."""

    mean: np.ndarray
    whitening: np.ndarray
    share: np.ndarray
    mean_alike: np.ndarray
    share_alike: np.ndarray


def drawn_laws(
    every: Sequence[Surface], seen: Sequence[Seen], at: Coordinates, effects: Effects, t: int, seed: int,
    kin: Collection[int] = (),
) -> Laws:  # fmt: skip
    """Return the laws of what trial t prints, in every draw of what the other trials say, without its `kin`."""
    rest = [i for i in range(len(every)) if i != t and i not in kin]
    surfaces, printed, p = [every[i] for i in rest], [seen[i] for i in rest], len(at.centre)
    best = refit(surfaces, printed, at, effects)
    v = at.inner(best.x)
    there = slopes(surfaces, printed, v, effects)
    covariance = np.linalg.inv(there.curvature[0] + UNTOLD * np.eye(p))
    generator = np.random.default_rng([seed, 17, t])
    drawn = v + generator.standard_normal((DRAWS, p)) @ np.linalg.cholesky(covariance).T
    drawn = drawn * np.minimum(1.0, at.reach / np.linalg.norm(drawn, axis=1, keepdims=True))
    full = [drawn]
    taus = tau_posteriors(surfaces, printed, at, effects, best.x, TAUS) if effects.names else []
    for tau, unit in zip(taus, effects.unit, strict=True):
        shares = (generator.permutation(DRAWS) + 0.5) / DRAWS
        full.append((tau.quantiles(shares) * generator.standard_normal(DRAWS) / unit)[:, None])
    return _laws(every[t], np.concatenate(full, axis=1), p)


def _laws(one: Surface, points: np.ndarray, p: int) -> Laws:
    terms, _ = one.features(points)
    alike, _ = one.features(np.where(np.arange(points.shape[1]) < p, points, 0.0))
    entries = terms @ one.whitening
    rows, columns = np.tril_indices(one.size)
    entries[:, rows == columns] = np.exp(entries[:, rows == columns])
    return Laws(
        terms @ one.mean, one.matrix(entries), expit(terms @ one.odds), alike @ one.mean, expit(alike @ one.odds)
    )


def _log_density(seen: Seen, normal: Laws) -> float:
    """Return the log of the mean density, over draws, of what is printed."""
    shares = normal.share
    z = (normal.whitening @ (seen.statistics - normal.mean)[..., None])[..., 0]
    log_det = np.log(np.einsum("sii->si", normal.whitening)).sum(axis=1)
    logs = log_det - 0.5 * (z**2).sum(axis=1) - 0.5 * z.shape[1] * LOG_2_PI
    k, n = seen.counts, seen.size
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    logs = logs + (ways + xlogy(k, shares) + xlog1py(n - k, -shares)).sum(axis=1)
    return float(logsumexp(logs) - np.log(len(logs)))


def _rows(near: Neighbourhood, t: int, normal: Laws, seed: int) -> list[dict[str, object]]:
    """Return a row a printed number of a trial."""
    shares, name = normal.share, near.anchor.problem.trials[t].trial.name
    terms, seen = near.anchor.terms[t], near.seen[t]
    generator = np.random.default_rng([seed, 19, t])
    noise = generator.standard_normal(normal.mean.shape)
    back = np.linalg.inv(normal.whitening) if normal.mean.shape[1] else normal.whitening
    scaled = normal.mean + (back @ noise[..., None])[..., 0]
    numbers = np.where(terms.logs, np.exp(np.where(terms.logs, scaled, 0.0)), scaled)
    observed = np.where(terms.logs, np.exp(np.where(terms.logs, seen.statistics[0], 0.0)), seen.statistics[0])
    counted = generator.binomial(seen.size.astype(int), shares).astype(float)
    every = [
        *zip(terms.kept, numbers.T, observed, strict=True),
        *zip(terms.binary, counted.T, seen.counts[0], strict=True),
    ]
    spread = np.einsum("sij,sij->i", back, back) / len(back)
    spreads = np.concatenate([spread, (seen.size * shares * (1 - shares)).mean(axis=0)])
    means = np.concatenate([normal.mean, seen.size * shares], axis=1)
    alike = np.concatenate([normal.mean_alike, seen.size * normal.share_alike], axis=1)
    each_due = attributed(spreads, means, alike, _fewness(near, t, [row for row, _, _ in every]))
    return [
        {"evidence": name, "versus": bool(row.versus), **_judged(row.label, each, float(y)), **parts}
        for (row, each, y), parts in zip(every, each_due, strict=True)
    ]


def _fewness(near: Neighbourhood, t: int, rows: Sequence[Row]) -> np.ndarray:
    """Return the patients of the arms of each row over the equal ones that its virtual patients are worth: by so
    much of the sampling variance theirs adds to it."""
    trials = near.anchor.problem.trials
    begin = sum(len(one.trial.arms) for one in trials[:t])
    worth = near.anchor.effective(near.at.centre)[begin:]
    sizes = np.array([arm.n for arm in trials[t].trial.arms])
    each = sizes / worth[: len(sizes)]
    return np.array([each[list((*row.arms, *row.versus))].max() for row in rows])


def attributed(
    sampling: np.ndarray, means: np.ndarray, alike: np.ndarray, fewness: np.ndarray
) -> list[dict[str, float]]:
    """Return what the variance of each number is due to, in percent; that by `sampling` has grown by 1 + fewness, as
    virtual patients are not endless (population.moments)."""
    parameter, of_trial = alike.var(axis=0), sampling / (1 + fewness)
    parts = [parameter, np.maximum(means.var(axis=0) - parameter, 0.0), sampling - of_trial, of_trial]
    return [Variance(*map(float, column)).percent for column in np.array(parts).T]


def _judged(label: str, each: np.ndarray, observed: float) -> dict[str, object]:
    low, middle, high = (float(q) for q in np.quantile(each, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]))
    missed = max(low - observed, observed - high, 0.0)
    return {
        "label": label, "observed": observed, "predicted": middle, "low": low, "high": high,
        "inside": bool(low <= observed <= high), "score": high - low + 2 / (1 - LEVEL) * missed,
    }  # fmt: skip


def summary(table: pd.DataFrame, log_density: dict[str, float]) -> dict[str, float]:
    """Return how well trials are foretold: share inside, median relative error of comparisons and of all numbers,
    median width of an interval over what is printed, mean interval score over it, and the sum of log densities."""
    size = table["observed"].abs()
    error = (table["predicted"] - table["observed"]).abs() / size
    return {
        "numbers": float(len(table)),
        "inside": float(table["inside"].mean()),
        **({"error_of_comparisons": float(error[table["versus"]].median())} if table["versus"].any() else {}),
        "error": float(error.median()),
        "width": float(((table["high"] - table["low"]) / size).median()),
        "score": float((table["score"] / size).mean()),
        "log_density": float(sum(log_density.values())),
    }
