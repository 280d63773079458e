"""Trials disagree: each has its own shift of some parameters, whose SD tau is unknown and integrated over its prior.

Given tau, the shifts are integrated in closed form: around no shift, the statistics are linear in them, so that their
law stays normal with a larger covariance. Counts are integrated by quadrature over the shifts that the statistics
leave. Tau itself is integrated by quadrature over its half-normal prior.
"""

import itertools
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy.special import expit, ndtri

from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.margins import looked_up
from immunode.calibration.population.surface import Surface

TAUS = 6  # nodes of each tau
SHIFTS = 5  # nodes of each shift, for counts
MOST_LOG = 30.0  # of a whitening factor, far out where polynomials say nothing
ROUNDING = 1e-12  # of a number
NUDGE = 0.05  # of a prior's scale, for the slope of a slope


@dataclass(frozen=True, eq=False)
class Effects:
    """Hold the parameters that each trial shifts, the scales (effects,) of the half-normal priors of tau, the `unit` in
    which surfaces count the shifts, and the SD of one effect by its place, where it is `held`."""

    names: tuple[str, ...] = ()
    scales: np.ndarray = field(default_factory=lambda: np.zeros(0))
    unit: np.ndarray = field(default_factory=lambda: np.zeros(0))
    held: tuple[int, float] | None = None

    @cached_property
    def taus(self) -> np.ndarray:
        """Return nodes of the taus (nodes, effects): of equal probability in each half-normal prior, in its middle."""
        each = [prior_quantiles(TAUS) * scale for scale in self.scales]
        if self.held is not None:
            each[self.held[0]] = np.array(self.held[1:])
        return np.array(list(itertools.product(*each))).reshape(-1, len(self.scales))

    def holding(self, effect: int, tau: float) -> "Effects":
        """Return them with the SD of one effect held at `tau`."""
        return replace(self, held=(effect, tau))


def prior_quantiles(count: int) -> np.ndarray:
    """Return the middles of as many parts of equal probability of a half-normal law of scale 1."""
    return np.asarray(ndtri(0.5 + 0.5 * (np.arange(count) + 0.5) / count))


@dataclass(frozen=True, eq=False)
class TrialParts:
    """Hold what a trial brings at parameters (R of them), before its shifts are integrated: whitened residuals and
    their slopes, the log-determinant, whitened slopes of the covariance `moved` (R, p, d, d), of the statistics over
    the shifts `a` (R, d, E) and theirs over the parameters `da` (R, p, d, E), and log odds of counts with their slopes,
    of which those over the shifts change with the parameters by `d_odds_shift` (R, p, E, e)."""

    z: np.ndarray
    dz: np.ndarray
    j: np.ndarray
    log_det: np.ndarray
    d_log_det: np.ndarray
    moved: np.ndarray
    a: np.ndarray
    da: np.ndarray
    odds: np.ndarray
    d_odds: np.ndarray
    odds_shift: np.ndarray
    d_odds_shift: np.ndarray


@dataclass(frozen=True, eq=False)
class Left:
    """Hold what the statistics leave of a trial's shifts: their mean (R, E) and the Cholesky factor (R, E, E) of their
    covariance, with the slopes of both over the parameters (R, p, E), (R, p, E, E)."""

    mean: np.ndarray
    factor: np.ndarray
    d_mean: np.ndarray
    d_factor: np.ndarray


def trial_parts(one: Surface, data: Seen, v: np.ndarray, unit: np.ndarray) -> TrialParts:
    """Return the parts of a trial at v (R, p); its surface has a coordinate more for each effect, in its
    `unit`."""
    p, effects = v.shape[1], len(unit)
    full = np.concatenate([v, np.zeros((len(v), effects))], axis=1)
    terms, slope = one.features(full)
    rows, columns = np.tril_indices(one.size)
    diagonal = rows == columns
    entries, moved = terms @ one.whitening, slope[:, :p] @ one.whitening
    log_det, d_log_det = -2 * entries[:, diagonal].sum(axis=1), -2 * moved[:, :, diagonal].sum(axis=2)
    entries[:, diagonal] = np.exp(np.clip(entries[:, diagonal], -MOST_LOG, MOST_LOG))
    moved[:, :, diagonal] *= entries[:, None, diagonal]
    w, dw = one.matrix(entries), one.matrix(moved)
    away, dm = data.statistics - terms @ one.mean, slope[:, :p] @ one.mean
    z = (w @ away[..., None])[..., 0]
    j = (w[:, None] @ dm[..., None])[..., 0]
    factor = _inverse(w)
    if one.laws is not None:
        more, d_more = _margins(one, terms, slope[:, :p], away, dm, factor, dw)
        log_det, d_log_det = log_det + more, d_log_det + d_more
    dz = (dw @ away[:, None, :, None])[..., 0] - j
    turned = dw @ factor[:, None]
    moved_whitened = -turned - np.swapaxes(turned, 2, 3)  # W dC W'
    g = np.swapaxes(slope[:, p:] @ one.mean, 1, 2) / unit
    curved = _slopes_of_slopes(one, full, p, unit)
    dg = np.swapaxes(curved @ one.mean, 2, 3)
    return TrialParts(
        z, dz, j, log_det, d_log_det, moved_whitened, w @ g, dw @ g[:, None] + w[:, None] @ dg, terms @ one.odds,
        slope[:, :p] @ one.odds, (slope[:, p:] @ one.odds) / unit[:, None], curved @ one.odds,
    )  # fmt: skip


def _margins(
    one: Surface, terms: np.ndarray, slope: np.ndarray, away: np.ndarray, dm: np.ndarray, factor: np.ndarray,
    dw: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return what -2 log L is more (R,) by the laws that single statistics really have, and its slopes (R, p); `factor`
    is the Cholesky factor of their covariance."""
    sd = np.sqrt((factor**2).sum(axis=2))
    moved = -factor[:, None] @ dw @ factor[:, None]
    d_sd = (factor[:, None] * moved).sum(axis=3) / sd[:, None]
    z = away / sd
    assert one.laws is not None, "asked where they are tabulated"
    value, changed, rise = looked_up(one.laws, terms, slope, z)
    dz = -(dm + z[:, None] * d_sd) / sd[:, None]
    return value.sum(axis=1), (changed + rise[:, None] * dz).sum(axis=2)


def _inverse(w: np.ndarray) -> np.ndarray:
    """Return the inverse of lower triangular matrices (R, d, d), row by row: far out they are too uneven for pivots."""
    out = np.zeros_like(w)
    for i in range(w.shape[1]):
        out[:, i, i] = 1 / w[:, i, i]
        out[:, i, :i] = -(w[:, i, None, :i] @ out[:, :i, :i])[:, 0] * out[:, i, i, None]
    return out


def _slopes_of_slopes(one: Surface, full: np.ndarray, p: int, unit: np.ndarray) -> np.ndarray:
    """Return how the slopes of the terms over the shifts change with the parameters (R, p, E, T)."""
    out = np.zeros((len(full), p, len(unit), len(one.exponents)))
    for e, one_unit in enumerate(unit):
        sides = []
        for sign in (-1, 1):
            nudged = full.copy()
            nudged[:, p + e] = sign * NUDGE
            sides.append(one.features(nudged)[1][:, :p])
        out[:, :, e] = (sides[1] - sides[0]) / (2 * NUDGE * one_unit)
    return out


def given_tau(parts: TrialParts, data: Seen, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return deviance (R,), half its gradient (R, p) and half its expected second derivatives of a trial whose shifts
    have SDs tau (E,), or (R, E)."""
    if not tau.shape[-1]:
        deviance = (parts.z**2).sum(axis=1) + parts.log_det
        gradient = (parts.dz @ parts.z[..., None])[..., 0] + 0.5 * parts.d_log_det
        curvature, left = parts.j @ np.swapaxes(parts.j, 1, 2) + _trace(parts.moved), None
    else:
        deviance, gradient, curvature, left = _shifted(parts, np.broadcast_to(tau, (len(parts.z), tau.shape[-1])))
    value, first, second = _counts(parts, data, left)
    return deviance + value, gradient + first, curvature + second


def _shifted(parts: TrialParts, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, Left]:
    a, at = parts.a, np.swapaxes(parts.a, 1, 2)
    unit = np.eye(tau.shape[1])
    precision = at @ a + tau[:, :, None] ** -2.0 * unit
    # far out slopes are so large that two effects look like one: the least part of the diagonal keeps them apart
    precision += ROUNDING * np.einsum("ree->re", precision)[:, :, None] * unit
    left = np.linalg.inv(precision)
    b = (at @ parts.z[..., None])[..., 0]
    shift = (left @ b[..., None])[..., 0]
    deviance = (parts.z**2).sum(axis=1) - (b * shift).sum(axis=1) + parts.log_det
    deviance += np.linalg.slogdet(precision)[1] + 2 * np.log(tau).sum(axis=1)
    db = (np.swapaxes(parts.da, 2, 3) @ parts.z[:, None, :, None])[..., 0] + (at[:, None] @ parts.dz[..., None])[..., 0]
    half = np.swapaxes(parts.da, 2, 3) @ a[:, None]
    d_precision = half + np.swapaxes(half, 2, 3)
    gradient = (parts.dz @ parts.z[..., None])[..., 0] - (db @ shift[..., None])[..., 0] + 0.5 * parts.d_log_det
    gradient += 0.5 * np.einsum("re,rkef,rf->rk", shift, d_precision, shift)
    gradient += 0.5 * np.einsum("ref,rkfe->rk", left, d_precision)
    crossed = parts.j @ a
    curvature = parts.j @ np.swapaxes(parts.j, 1, 2) - crossed @ left @ np.swapaxes(crossed, 1, 2)
    inverse = np.eye(a.shape[1]) - a @ left @ at  # of the whitened covariance by sampling and shifts together
    curvature += _trace(inverse[:, None] @ parts.moved)
    return deviance, gradient, curvature, _left(shift, left, db, d_precision)


def _trace(moved: np.ndarray) -> np.ndarray:
    """Return the information of a covariance (R, p, p), half the traces of products of its slopes (R, p, d, d)."""
    return np.asarray(0.5 * np.einsum("rkij,rlji->rkl", moved, moved))


def _left(shift: np.ndarray, left: np.ndarray, db: np.ndarray, d_precision: np.ndarray) -> Left:
    """Return what is left of the shifts, by the slopes of A'z and of their precision over the parameters."""
    moved = (left[:, None] @ (db - (d_precision @ shift[:, None, :, None])[..., 0])[..., None])[..., 0]
    factor = np.linalg.cholesky(left)
    turned = -np.swapaxes(factor, 1, 2)[:, None] @ d_precision @ factor[:, None]  # L^-1 dC L^-T, where C = P^-1 = LL'
    lower = np.tril(turned) - 0.5 * turned * np.eye(left.shape[1])
    return Left(shift, factor, moved, factor[:, None] @ lower)


def _counts(parts: TrialParts, data: Seen, left: Left | None) -> tuple[np.ndarray, ...]:
    """Return the part of counts, over the shifts that the statistics leave, where there are some."""
    count, p = parts.dz.shape[:2]
    if not data.counts.shape[-1]:
        return np.zeros(count), np.zeros((count, p)), np.zeros((count, p, p))
    nodes, weight = _normal_nodes(left.mean.shape[1] if left else 0)
    logs, gradients, curvatures = [], [], []
    for node, one in zip(nodes, weight, strict=True):
        odds, slope = parts.odds, parts.d_odds
        if left:
            at, moved = left.mean + left.factor @ node, left.d_mean + left.d_factor @ node
            odds = odds + (at[:, None] @ parts.odds_shift)[:, 0]
            slope = slope + moved @ parts.odds_shift + (at[:, None, None] @ parts.d_odds_shift)[:, :, 0]
        share = expit(odds)
        twice = 2 * (data.size * np.logaddexp(0, odds) - data.counts * odds).sum(axis=-1)
        logs.append(np.log(one) - 0.5 * twice)
        gradients.append((slope @ (data.size * share - data.counts)[..., None])[..., 0])
        spread = slope * (data.size * share * (1 - share))[:, None]
        curvatures.append(spread @ np.swapaxes(slope, 1, 2))
    return mixed(np.array(logs), np.array(gradients), np.array(curvatures))


@lru_cache(maxsize=8)
def _normal_nodes(effects: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weight = np.polynomial.hermite_e.hermegauss(SHIFTS)
    weight = weight / weight.sum()
    points = np.array(list(itertools.product(nodes, repeat=effects))).reshape(len(nodes) ** effects, effects)
    return points, np.array([np.prod(one) for one in itertools.product(weight, repeat=effects)])


def mixed(logs: np.ndarray, gradients: np.ndarray, curvatures: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return -2 log of a sum of likelihoods (nodes, R) and half its derivatives, from those of each node."""
    top = logs.max(axis=0)
    each = np.exp(logs - top)
    total = each.sum(axis=0)
    each = each / total
    return (
        -2 * (top + np.log(total)),
        np.einsum("qr,qrk->rk", each, gradients),
        np.einsum("qr,qrkl->rkl", each, curvatures),
    )
