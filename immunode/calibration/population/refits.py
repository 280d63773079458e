"""Refits of many simulated data sets at once on surfaces of the moments: damped scoring, each with its own damping."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from immunode.calibration.population.effects import Effects, TrialParts, given_tau, mixed, trial_parts
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.surface import Coordinates, Surface

AT_ONCE = 200  # data sets times taus that are reckoned together: few would be slow one by one
ROUNDS, DONE = 40, 1e-4  # of a refit; a step that lowers the deviance by less ends it


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


def slopes(surfaces: Sequence[Surface], seen: Sequence[Seen], v: np.ndarray, effects: Effects) -> Slopes:
    """Return the deviance of every data set at its v (R, p), over all trials and, where they have effects, taus."""
    parts = [trial_parts(one, data, v, effects.unit) for one, data in zip(surfaces, seen, strict=True)]
    if not len(effects.scales):
        return Slopes(*_summed(parts, seen, effects.scales))
    taus, count = effects.taus, len(v)
    at_once = max(1, AT_ONCE // count)
    each = [_over_taus(parts, seen, taus[i : i + at_once], count) for i in range(0, len(taus), at_once)]
    deviance, gradient, curvature = (np.concatenate(some) for some in zip(*each, strict=True))
    return Slopes(*mixed(-0.5 * deviance - np.log(len(taus)), gradient, curvature))  # each as probable


def _over_taus(
    parts: Sequence[TrialParts], seen: Sequence[Seen], taus: np.ndarray, count: int
) -> tuple[np.ndarray, ...]:
    """Return deviances (taus, R) and half their derivatives over all trials, where the effects have SDs tau."""
    times = len(taus)
    many = [
        TrialParts(*(np.tile(each, (times, *(1,) * (each.ndim - 1))) for each in vars(one).values())) for one in parts
    ]
    data = [Seen(np.tile(s.statistics, (times, 1)), np.tile(s.counts, (times, 1)), s.size) for s in seen]
    summed = _summed(many, data, np.repeat(taus, count, axis=0))
    return tuple(one.reshape(times, count, *one.shape[1:]) for one in summed)


def _summed(parts: Sequence[TrialParts], seen: Sequence[Seen], tau: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return deviances and half their derivatives over all trials, where the effects have SDs tau."""
    each = [given_tau(one, data, tau) for one, data in zip(parts, seen, strict=True)]
    return tuple(np.sum(some, axis=0) for some in zip(*each, strict=True))


def refit(
    surfaces: Sequence[Surface], seen: Sequence[Seen], at: Coordinates, effects: Effects, *,
    start: np.ndarray | None = None, held: int | None = None, value: np.ndarray | float = 0.0,
) -> Fitted:  # fmt: skip
    """Return the minimum of the deviance of every data set (R of them), with parameter `held` at a value, where one is.

    Steps stay where the surfaces reach, and within the bounds of its coordinates.
    """
    count, p = len(seen[0].statistics), len(at.centre)
    back = np.linalg.inv(at.axes)
    scale = at.sizes
    u = np.zeros((count, p)) if start is None else (start - at.centre) / scale
    if held is not None:  # the others follow as they are correlated
        together = at.axes @ at.axes[held] / (scale[held] * scale)
        u = u + ((value - at.centre[held]) / scale[held] - u[:, held])[:, None] * together
    free = np.array([k for k in range(p) if k != held], dtype=int)
    ends = (at.low - at.centre) / scale, (at.high - at.centre) / scale
    u[:, free] = np.clip(u, *ends)[:, free]
    inner = scale[:, None] * back.T  # v = u @ inner
    damping, active = np.full(count, 1e-3), np.ones(count, dtype=bool)
    here = slopes(surfaces, seen, u @ inner, effects)
    for _ in range(ROUNDS if len(free) else 0):
        rows = np.flatnonzero(active)
        if not rows.size:
            break
        few = [Seen(s.statistics[rows], s.counts[rows], s.size) for s in seen]
        gradient, curvature = here.gradient[rows] @ inner.T, inner @ here.curvature[rows] @ inner.T
        gradient, curvature = _held(gradient, curvature, u[rows], ends)
        trial = u[rows].copy()
        trial[:, free] += _steps(gradient[:, free], curvature[:, free][:, :, free], damping[rows])
        trial[:, free] = np.clip(trial, *ends)[:, free]
        trial = _within(trial, inner, free, at.reach)
        there = slopes(surfaces, few, trial @ inner, effects)
        gain = here.deviance[rows] - there.deviance
        better = gain > 0
        u[rows[better]] = trial[better]
        for now, then in ((here.deviance, there.deviance), (here.gradient, there.gradient),
                          (here.curvature, there.curvature)):  # fmt: skip
            now[rows[better]] = then[better]
        damping[rows] = np.where(better, damping[rows] / 10, damping[rows] * 8)
        active[rows] = np.where(better, gain > DONE, damping[rows] < 1e4)
    edge = np.linalg.norm(u @ inner, axis=1) > 0.999 * at.reach
    edge |= ((u <= ends[0]) | (u >= ends[1]))[:, free].any(axis=1)
    return Fitted(at.centre + u * scale, here.deviance, edge)


def _held(
    gradient: np.ndarray, curvature: np.ndarray, u: np.ndarray, ends: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return gradients and curvatures in which a parameter at its bound, that would go on, stays."""
    stays = ((u <= ends[0]) & (gradient > 0)) | ((u >= ends[1]) & (gradient < 0))
    both = stays[:, :, None] | stays[:, None, :]
    return np.where(stays, 0.0, gradient), np.where(both, np.eye(u.shape[1]), curvature)


def _steps(gradient: np.ndarray, curvature: np.ndarray, damping: np.ndarray) -> np.ndarray:
    """Return damped steps (R, p); a parameter that nothing tells of does not move."""
    diagonal = np.einsum("rii->ri", curvature)
    least = 1e-9 * (1.0 + diagonal.max(axis=1, keepdims=True))
    damped = curvature + np.einsum("ri,ij->rij", damping[:, None] * diagonal + least, np.eye(gradient.shape[1]))
    known = np.isfinite(damped).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=1)
    damped = np.where(known[:, None, None], damped, np.eye(gradient.shape[1]))
    return -np.asarray(np.linalg.solve(damped, np.where(known[:, None], gradient, 0.0)[..., None])[..., 0])


def _within(u: np.ndarray, inner: np.ndarray, free: np.ndarray, reach: float) -> np.ndarray:
    """Return points drawn back to the ball of the surface along their free parameters."""
    radius = np.linalg.norm(u @ inner, axis=1)
    out = u.copy()
    outside = radius > reach
    if outside.any():
        out[np.ix_(outside, free)] *= (reach / radius[outside])[:, None]
    return out
