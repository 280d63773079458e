"""What else is done with the table of a paper, on the same sets: estimates and 95 % intervals by parameter."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import least_squares, minimize
from scipy.stats import t as student

from immunode.calibration.population.intervals import lower_end, profile, upper_end
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.neighbourhood import Neighbourhood
from immunode.calibration.population.printed_row import Row
from immunode.calibration.population.problem import Anchor
from immunode.calibration.population.search import Settled
from immunode.calibration.population.surface import surface

Numbers = dict[str, float]
Rival = Callable[[Settled], tuple[Numbers, Numbers, Numbers]]
NORMAL = 1.959964


def _named(settled: Settled, estimate: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[Numbers, ...]:
    problem = settled.anchor.problem
    out = []
    for values in (estimate, low, high):
        read = problem.natural(np.where(np.isfinite(values), values, 0.0))
        ends = {
            name.removeprefix("log_"): (x, shown) for name, x, shown in zip(problem.free, values, read, strict=True)
        }
        out.append({n: float(shown if np.isfinite(x) else x) for n, (x, shown) in ends.items() if not np.isnan(x)})
    return tuple(out)


def independent_visits(settled: Settled) -> tuple[Numbers, ...]:
    """Return the likelihood without the covariance of statistics of different visits, with its profile intervals."""
    near = settled.near
    variables = [[(row.variable, row.arms) for row in one.kept] for one in settled.anchor.terms]
    masks = [np.array([[a == b for b in each] for a in each]) for each in variables]

    def masked(one: Moments, mask: np.ndarray) -> Moments:
        return replace(one, covariance=np.where(mask, one.covariance, 0.0))

    from immunode.calibration.population.surface import design

    at, p = near.at, len(near.at.centre)
    points, degree = design(p)
    inside = [settled.anchor.problem.bounded(at.centre + at.axes @ v) for v in points]
    moments = [settled.anchor.moments(x) for x in inside]
    placed = at.inner(np.array(inside))
    surfaces = [surface(placed, degree, [masked(one[t], masks[t]) for one in moments]) for t in range(len(masks))]
    other = Neighbourhood(near.anchor, at, surfaces)
    one = other.on_surfaces
    courses = [profile(one, k) for k in range(p)]
    low = np.array([lower_end(course, NORMAL, one.low[k]) for k, course in enumerate(courses)])
    high = np.array([upper_end(course, -NORMAL, one.high[k]) for k, course in enumerate(courses)])
    return _named(settled, one.best.x[0], low, high)


def least_squares_on_medians(settled: Settled) -> tuple[Numbers, ...]:
    """Return least squares on the logarithms of the medians at the start's spread, with intervals by Student's t; of
    spreads it says nothing."""
    here = settled.anchor
    problem = here.problem
    places = [[i for i, row in enumerate(one.kept) if row.statistic == "median"] for one in here.terms]
    free = [k for k, name in enumerate(problem.free) if "omega" not in name]
    start = problem.start

    def residuals(part: np.ndarray) -> np.ndarray:
        x = start.copy()
        x[free] = part
        each = zip(here.moments(problem.bounded(x)), here.seen, places, strict=True)
        return np.concatenate([one.mean[at] - seen.statistics[at] for one, seen, at in each])

    done = least_squares(residuals, start[free], diff_step=1e-3, xtol=1e-6, ftol=1e-8)
    left = len(done.fun) - len(free)
    estimate, low, high = (np.full(len(start), np.nan) for _ in range(3))
    estimate[free] = done.x
    if left > 0:
        error = np.sqrt(np.diag(np.linalg.pinv(done.jac.T @ done.jac)) * 2 * done.cost / left)
        width = student.ppf(0.975, left) * error
        low[free], high[free] = done.x - width, done.x + width
    return _named(settled, estimate, low, high)


def normal_through_quartiles(settled: Settled) -> tuple[Numbers, ...]:
    """Return the normal law of means and SDs that quartiles are turned into, (q1 + median + q3) / 3 and IQR / 1.35,
    visits apart, with Wald intervals."""
    here = settled.anchor
    problem = here.problem
    groups = _quartiles(here)

    def residuals(x: np.ndarray) -> np.ndarray:
        out, simulated = [], here.crowd.at(problem.values(problem.bounded(x)))
        for t, arm, variable, n, mean, sd in groups:
            weight = simulated[t].arms[arm].weights(problem.population, problem.values(problem.bounded(x)))
            each = simulated[t].values[arm, variable].values
            centre = float(weight @ each)
            spread = max(float(np.sqrt(weight @ (each - centre) ** 2)), 1e-9 * abs(centre))  # of one patient it is 0
            out += [(mean - centre) / (spread / np.sqrt(n)), (np.log(sd / spread)) * np.sqrt(2 * (n - 1))]
        return np.array(out)

    done = least_squares(residuals, problem.start, diff_step=1e-3, xtol=1e-6, ftol=1e-8)
    error = NORMAL * np.sqrt(np.diag(np.linalg.pinv(done.jac.T @ done.jac)))
    return _named(settled, done.x, done.x - error, done.x + error)


def _quartiles(here: Anchor) -> list[tuple[Any, ...]]:
    """Return trial, arm, variable, n, and the mean and SD that each printed set of quartiles is turned into."""
    out = []
    for t, one in enumerate(here.terms):
        by: dict[tuple[int, int], dict[str, Row]] = {}
        for row in one.kept:
            by.setdefault((row.arms[0], row.variable), {})[row.statistic] = row
        for (arm, variable), rows in by.items():
            if {"q1", "median", "q3"} <= set(rows):
                q1, median, q3 = (rows[s].observed / rows[s].to_unit for s in ("q1", "median", "q3"))
                n = one.anchored.sizes[arm]
                out.append((t, arm, variable, n, (q1 + median + q3) / 3, (q3 - q1) / 1.35))
    return out


def entropy_weights(settled: Settled) -> tuple[Numbers, ...]:
    """Return the weights nearest to equal under which the virtual patients of the start have the printed quartiles;
    estimates are the weighted medians and SDs of their parameters. There is no interval."""
    here = settled.anchor
    problem = here.problem
    values = problem.values(problem.start)
    estimate = np.full(len(problem.start), np.nan)
    simulated = here.crowd.at(values)
    arm = simulated[0].arms[0]
    base = arm.weights(problem.population, values)
    columns = []
    for row in here.terms[0].kept:
        if row.arms == (0,) and row.statistic in ("q1", "median", "q3"):
            share = {"q1": 0.25, "median": 0.5, "q3": 0.75}[row.statistic]
            columns.append((simulated[0].values[0, row.variable].values < row.observed / row.to_unit) - share)
    if not columns:
        return {}, {}, {}
    table = np.array(columns, dtype=float)

    def dual(multiplier: np.ndarray) -> tuple[float, np.ndarray]:
        tilt = base * np.exp(np.clip(multiplier @ table, -50, 50))
        total = tilt.sum()
        return float(np.log(total)), table @ tilt / total

    done = minimize(dual, np.zeros(len(table)), jac=True, method="BFGS")
    weight = base * np.exp(np.clip(done.x @ table, -50, 50))
    weight /= weight.sum()
    for k, name in enumerate(problem.free):
        plain = name.removeprefix("log_")
        column = plain.removeprefix("omega_")
        if column in arm.names:
            logs = arm.coordinates[:, arm.names.index(column)]
            centre = float(weight @ logs)
            spread = np.sqrt(weight @ (logs - centre) ** 2 + problem.turns[k] ** 2)
            estimate[k] = np.log(spread) if plain != column else centre
    return _named(settled, estimate, np.full_like(estimate, np.nan), np.full_like(estimate, np.nan))


RIVALS: Mapping[str, Rival] = {
    "visits as independent": independent_visits,  # type: ignore[dict-item]
    "least squares on medians": least_squares_on_medians,  # type: ignore[dict-item]
    "normal law, IQR / 1.35": normal_through_quartiles,  # type: ignore[dict-item]
    "maximum entropy weights": entropy_weights,  # type: ignore[dict-item]
}
