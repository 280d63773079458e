"""Refits of many simulated data sets at once on surfaces of the moments: damped scoring, each with its own damping."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.surface import REACH, Coordinates, Surface

ROUNDS, DONE = 40, 1e-5  # of a refit; a step that lowers the deviance by less ends it


@dataclass(frozen=True, eq=False)
class Fitted:
    """Hold refits: parameters (R, p), deviances less a constant of each data set (R,), who ended at the edge (R,)."""

    x: np.ndarray
    deviance: np.ndarray
    edge: np.ndarray


@dataclass(frozen=True, eq=False)
class Slopes:
    """Hold deviances (R,), half their gradients (R, p) and half their expected second derivatives (R, p, p)."""

    deviance: np.ndarray
    gradient: np.ndarray
    curvature: np.ndarray


def slopes(surfaces: Sequence[Surface], seen: Sequence[Seen], v: np.ndarray) -> Slopes:
    """Return the deviance of every data set at its v (R, p), over all trials."""
    count, p = v.shape
    total, gradient, curvature = np.zeros(count), np.zeros((count, p)), np.zeros((count, p, p))
    for one, data in zip(surfaces, seen, strict=True):
        terms, slope = one.features(v)
        for part in (_normal, _counts):
            value, first, second = part(one, data, terms, slope)
            total, gradient, curvature = total + value, gradient + first, curvature + second
    return Slopes(total, gradient, curvature)


def _normal(one: Surface, data: Seen, terms: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, ...]:
    count, p = slope.shape[:2]
    if not one.size:
        return np.zeros(count), np.zeros((count, p)), np.zeros((count, p, p))
    entries, moved = terms @ one.whitening, slope @ one.whitening
    rows, columns = np.tril_indices(one.size)
    diagonal = rows == columns
    log_det = -2 * entries[:, diagonal].sum(axis=1)
    d_log_det = -2 * moved[:, :, diagonal].sum(axis=2)
    entries = entries.copy()
    entries[:, diagonal] = np.exp(entries[:, diagonal])
    moved[:, :, diagonal] *= entries[:, None, diagonal]
    w, dw = one.matrix(entries), one.matrix(moved)
    away = data.statistics - terms @ one.mean
    z = (w @ away[..., None])[..., 0]
    dz = (dw @ away[:, None, :, None])[..., 0] - (w[:, None] @ (slope @ one.mean)[..., None])[..., 0]
    turned = dw @ np.linalg.inv(w)[:, None]
    trace = np.einsum("rkij,rlji->rkl", turned, turned) + np.einsum("rkij,rlij->rkl", turned, turned)
    return (
        (z**2).sum(axis=1) + log_det,
        (dz @ z[..., None])[..., 0] + 0.5 * d_log_det,
        dz_squares(w, slope @ one.mean) + trace,
    )


def dz_squares(w: np.ndarray, dm: np.ndarray) -> np.ndarray:
    """Return the information of the means, J' C^-1 J, of whitening matrices (R, d, d) and slopes (R, p, d)."""
    j = dm @ np.swapaxes(w, 1, 2)
    return np.asarray(j @ np.swapaxes(j, 1, 2))


def _counts(one: Surface, data: Seen, terms: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, ...]:
    odds, d_odds = terms @ one.odds, slope @ one.odds
    share = 1 / (1 + np.exp(-odds))
    value = 2 * (data.size * np.logaddexp(0, odds) - data.counts * odds).sum(axis=-1)
    gradient = (d_odds @ (data.size * share - data.counts)[..., None])[..., 0]
    return value, gradient, (d_odds * (data.size * share * (1 - share))[:, None]) @ np.swapaxes(d_odds, 1, 2)


def refit(
    surfaces: Sequence[Surface], seen: Sequence[Seen], at: Coordinates, *, start: np.ndarray | None = None,
    held: int | None = None, value: np.ndarray | float = 0.0,
) -> Fitted:  # fmt: skip
    """Return the minimum of the deviance of every data set (R of them), with parameter `held` at a value, where one is.

    Steps stay within REACH of the centre of the surface.
    """
    count, p = len(seen[0].statistics), len(at.centre)
    back = np.linalg.inv(at.axes)
    scale = at.sizes
    u = np.zeros((count, p)) if start is None else (start - at.centre) / scale
    if held is not None:
        u[:, held] = (value - at.centre[held]) / scale[held]
    free = np.array([k for k in range(p) if k != held])
    inner = scale[:, None] * back.T  # v = u @ inner
    damping, active = np.full(count, 1e-3), np.ones(count, dtype=bool)
    here = slopes(surfaces, seen, u @ inner)
    for _ in range(ROUNDS if len(free) else 0):
        rows = np.flatnonzero(active)
        if not rows.size:
            break
        few = [Seen(s.statistics[rows], s.counts[rows], s.size) for s in seen]
        gradient, curvature = here.gradient[rows] @ inner.T, inner @ here.curvature[rows] @ inner.T
        trial = u[rows].copy()
        trial[:, free] += _steps(gradient[:, free], curvature[:, free][:, :, free], damping[rows])
        trial = _within(trial, inner, free)
        there = slopes(surfaces, few, trial @ inner)
        gain = here.deviance[rows] - there.deviance
        better = gain > 0
        u[rows[better]] = trial[better]
        for now, then in ((here.deviance, there.deviance), (here.gradient, there.gradient),
                          (here.curvature, there.curvature)):  # fmt: skip
            now[rows[better]] = then[better]
        damping[rows] = np.where(better, damping[rows] / 10, damping[rows] * 8)
        active[rows] = np.where(better, gain > DONE, damping[rows] < 1e4)
    edge = np.linalg.norm(u @ inner, axis=1) > 0.999 * REACH
    return Fitted(at.centre + u * scale, here.deviance, edge)


def _steps(gradient: np.ndarray, curvature: np.ndarray, damping: np.ndarray) -> np.ndarray:
    diagonal = np.einsum("rii->ri", curvature)
    damped = curvature + np.einsum("ri,ij->rij", damping[:, None] * diagonal + 1e-9, np.eye(gradient.shape[1]))
    return -np.asarray(np.linalg.solve(damped, gradient[..., None])[..., 0])


def _within(u: np.ndarray, inner: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return points drawn back to the ball of the surface along their free parameters."""
    radius = np.linalg.norm(u @ inner, axis=1)
    out = u.copy()
    outside = radius > REACH
    if outside.any():
        out[np.ix_(outside, free)] *= (REACH / radius[outside])[:, None]
    return out
