"""A fit of a population to what trials print: everything that does not change while it is made."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import lmfit
import numpy as np

from immunode.calibration.expressions import Expressions, expressions
from immunode.calibration.free_parameters import LOG
from immunode.calibration.population.effects import Effects
from immunode.calibration.population.likelihood import Seen, deviance, residual_vector, seen_of
from immunode.calibration.population.moments import Moments, Terms, terms
from immunode.calibration.population.printed_row import Row, of_kind
from immunode.calibration.population.priors import Priors
from immunode.calibration.population.simulated import SimulatedTrial, simulate_trial
from immunode.calibration.population.statistic_law import anchored, moved, picked_sizes, replicate_count
from immunode.calibration.population.trial_of_evidence import ReadyTrial
from immunode.calibration.population.values import CORRELATION, OMEGA, PopulationValues, population_values, shifted
from immunode.calibration.population.weights import effective
from immunode.errors import SolveError
from immunode.virtual_trials.population import Population

NO_SHIFT = np.zeros(0)
WIDEST = 0.5  # standard error of a logarithm, at most
MOST_LOG, MOST_SD = 1.25, 2.0  # of a logarithm, of an SD's, from the estimate: what polynomials follow
PRIOR = 2.5  # SDs of its prior that a parameter may be from the estimate, where that is farther
TURN = 0.2  # of the SDs of the start
LEAST_SD = 0.02  # between patients: with none there is nothing to weigh


@dataclass(frozen=True, eq=False)
class PopulationProblem:
    """Hold what a fit of a population works on: the population at the start, trials with their rows, how many virtual
    patients stand for an arm, and the parameters as lmfit has them.

    `checked` are the trials that are not fitted at all: nothing is simulated of them before the end.
    Those that vary are a vector x: as lmfit has them, but for SDs. What is printed tells of an SD by its logarithm
    while it is large, and by its square where other spreads are larger, so that nothing is lost on the way to none.
    """

    population: Population
    trials: Sequence[ReadyTrial]
    params: lmfit.Parameters
    patients: int
    seed: int
    threads: int
    effects: Effects = field(default_factory=Effects)
    priors: Priors = field(default_factory=Priors)
    checked: Sequence[ReadyTrial] = ()

    @cached_property
    def free(self) -> list[str]:
        """Return the names of the parameters that vary."""
        return [name for name, p in self.params.items() if p.vary]

    def is_log(self, name: str) -> bool:
        """Return whether it is a logarithm that varies."""
        return name.startswith(LOG)

    def with_free(self, x: np.ndarray) -> lmfit.Parameters:
        """Return the parameters with other values of those that vary."""
        params = self.params.copy()
        for name, value in zip(self.free, self.outer(x), strict=True):
            params[name].value = value
        params.update_constraints()
        return params

    def values(self, x: np.ndarray) -> PopulationValues:
        """Return the population of values x of those that vary."""
        return population_values(self.population, self.expressions.at(self.named(x)))

    @cached_property
    def expressions(self) -> Expressions:
        """Return what follows from those that vary."""
        return expressions(self.params)

    @cached_property
    def start(self) -> np.ndarray:
        """Return the values at the start of those that vary."""
        return self.of(self.params)

    def of(self, params: lmfit.Parameters) -> np.ndarray:
        """Return parameters x of lmfit's."""
        return self.inner(np.array([params[name].value for name in self.free], dtype=float))

    def named(self, x: np.ndarray) -> dict[str, float]:
        """Return lmfit's values of those that vary, by name."""
        return dict(zip(self.free, map(float, self.outer(x)), strict=True))

    @cached_property
    def turns(self) -> np.ndarray:
        """Return for each SD that varies the size below which its square counts, not its logarithm; 0 for others."""
        omega = self.population.omega
        return np.array([TURN * omega.get(name.removeprefix(OMEGA), 0.0) if name.startswith(OMEGA) else 0.0
                         for name in self.free])  # fmt: skip

    def inner(self, values: np.ndarray) -> np.ndarray:
        """Return parameters x of lmfit's values: of SDs half the logarithm of their square and that of their turn."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.turns > 0, 0.5 * np.log(values**2 + self.turns**2), values)

    def outer(self, x: np.ndarray) -> np.ndarray:
        """Return lmfit's values of parameters x."""
        x = np.asarray(x, dtype=float)
        square = np.exp(2 * np.where(self.turns > 0, x, 0.0)) - self.turns**2
        return np.where(self.turns > 0, np.sqrt(np.maximum(square, LEAST_SD**2)), x)

    def stretch(self, x: np.ndarray) -> np.ndarray:
        """Return how much lmfit's values move by where parameters x do."""
        return np.where(self.turns > 0, np.exp(2 * np.where(self.turns > 0, x, 0.0)) / self.outer(x), 1.0)

    def natural(self, x: np.ndarray) -> np.ndarray:
        """Return parameters x (..., p) as people read them: logarithms as what they are of."""
        logs = np.array([self.is_log(name) for name in self.free])
        values = self.outer(x)
        return np.where(logs, np.exp(np.where(logs, values, 0.0)), values)

    def box(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return from where to where parameters go around x: within their bounds, logarithms at most MOST_LOG away."""
        away = np.array([MOST_LOG if self.is_log(name) else np.inf for name in self.free])
        away = np.where(self.turns > 0, MOST_SD, away)
        away[self.priors.places] = np.maximum(away[self.priors.places], PRIOR * self.priors.sd)
        return self.bounded(x - away), self.bounded(x + away)

    def bounded(self, x: np.ndarray) -> np.ndarray:
        """Return values x drawn back into their bounds."""
        return np.clip(x, *self.bounds)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds of those that vary."""
        low, high = (np.array([getattr(self.params[name], end) for name in self.free]) for end in ("min", "max"))
        return self.inner(low), self.inner(high)

    def known(self, x: np.ndarray) -> np.ndarray:
        """Return what is known of parameters x without the evidence (p, p): a prior, or what they are held to be."""
        out = []
        for name, value in zip(self.free, x, strict=True):
            if self.is_log(name) or name.startswith((OMEGA, CORRELATION)):
                out.append(WIDEST)
            else:
                out.append(max(WIDEST * abs(value), 1e-3))
        sizes = np.array(out)
        sizes[self.priors.places] = self.priors.sd
        return np.diag(sizes**-2.0)


@dataclass(frozen=True, eq=False)
class Crowd:
    """Hold the simulated trials of a problem and the populations that they were drawn from.

    What does not vary between patients belongs to the simulation: other values of it are simulated again, with the
    same draws, and kept in `again`.
    """

    problem: PopulationProblem
    drawn_from: Sequence[PopulationValues]
    again: dict[tuple[float, ...], Sequence[SimulatedTrial]] = field(default_factory=dict)

    def fixed(self, values: PopulationValues) -> tuple[float, ...]:
        """Return the typical values that only a simulation knows."""
        omega = self.problem.population.omega
        return tuple(value for name, value in values.typical.items() if name not in omega)

    def at(self, values: PopulationValues) -> Sequence[SimulatedTrial]:
        """Return the simulated trials where what does not vary has these values."""
        key = self.fixed(values)
        if key not in self.again:
            if len(self.again) > 4 * len(self.problem.params) + 4:
                self.again.pop(next(iter(self.again)))
            here = [_with_fixed(one, values, self.problem.population.omega) for one in self.drawn_from]
            self.again[key] = [
                simulate_trial(one.trial, here, self.problem.patients, self.problem.seed, self.problem.threads)
                for one in self.problem.trials
            ]
        return self.again[key]


def _with_fixed(drawn: PopulationValues, values: PopulationValues, omega: Mapping[str, float]) -> PopulationValues:
    typical = {name: drawn.typical[name] if name in omega else value for name, value in values.typical.items()}
    return PopulationValues(typical, drawn.omega, drawn.correlation)


@dataclass(frozen=True, eq=False)
class Anchor:
    """Hold a problem at an anchor: its crowd, what each trial brings to the likelihood, and what is seen of it."""

    problem: PopulationProblem
    crowd: Crowd
    x: np.ndarray
    terms: Sequence[Terms]
    seen: Sequence[Seen]
    picks: Sequence[Sequence[np.ndarray]]
    log_dets: Sequence[float]

    def moments(self, x: np.ndarray, shift: np.ndarray = NO_SHIFT) -> list[Moments]:
        """Return what is predicted of every trial at parameters x, all of them shifted by their effects alike."""
        return self.predicted(x, shift)[0]

    def predicted(self, x: np.ndarray, shift: np.ndarray = NO_SHIFT) -> tuple[list[Moments], list[np.ndarray]]:
        """Return the same, and the effective sample size of every arm of every trial."""
        weighed = self._weighed(x, shift)
        told = zip(self.terms, *weighed, strict=True)
        return [_moved(one, there).moments(weights) for one, there, weights in told], _effective(weighed[1])

    def effective(self, x: np.ndarray) -> np.ndarray:
        """Return the effective sample size of every arm at parameters x."""
        return np.concatenate(_effective(self._weighed(x, NO_SHIFT)[1]))

    def _weighed(self, x: np.ndarray, shift: np.ndarray) -> tuple[Sequence[SimulatedTrial], list[list[np.ndarray]]]:
        """Return the simulated trials, and the weights of the patients of each arm."""
        population, effects = self.problem.population, dict(zip(self.problem.effects.names, shift))
        values = shifted(population.of, self.problem.values(x), effects)
        simulated = self.crowd.at(values)
        return simulated, [[arm.weights(population, values) for arm in one.arms] for one in simulated]

    def checks(self, x: np.ndarray) -> list[tuple[Terms, Seen, Moments]]:
        """Return the rows of each trial that are not fitted, what is seen of them, and what is predicted at parameters
        x; those that are not fitted at all are simulated for it."""
        problem, values = self.problem, self.problem.values(x)
        alone = replace(problem, trials=problem.checked, checked=())
        simulated = [*self.crowd.at(values), *Crowd(alone, self.crowd.drawn_from).at(values)]
        every = zip([*problem.trials, *problem.checked], simulated, [*self.picks, *uniforms(alone)], strict=True)
        out = []
        for ready, there, uniform in sorted(every, key=lambda one: one[0].place):
            if rows := [row for row in ready.rows if row.use != "fit"]:
                weights = [arm.weights(problem.population, values) for arm in there.arms]
                one = _terms_of(ready, rows, there, weights, uniform)
                out.append((one, seen_of(one.kept, one.logs, one.binary), one.moments(weights)))
        return out

    def each(self, function: Callable[[Any], Any], points: Sequence[Any], x: Callable[[Any], np.ndarray]) -> list[Any]:
        """Return what a function of this anchor gives at every point, parameters of which are `x`, or the SolveError
        that it raises there; by all threads where nothing is simulated again for it."""

        def tried(point: Any) -> Any:
            try:
                return function(point)
            except SolveError as error:
                return error

        kinds = {self.crowd.fixed(self.problem.values(x(point))) for point in points}
        if len(kinds) > 1 or self.problem.threads < 2 or len(points) < 2:
            return [tried(point) for point in points]
        tried(points[0])  # what is made once and kept
        with ThreadPoolExecutor(self.problem.threads) as pool:
            return list(pool.map(tried, points))

    def residuals_at(self, x: np.ndarray) -> np.ndarray:
        """Return a vector whose squares add to -2 log L plus a constant, at parameters x."""
        each = zip(self.seen, self.moments(x), self.log_dets, strict=True)
        trials = [residual_vector(seen, one, then) for seen, one, then in each]
        return np.concatenate([*trials, self.problem.priors.residuals(np.asarray(x))])

    def deviance(self, x: np.ndarray) -> float:
        """Return -2 log L at parameters x, with every constant."""
        trials = sum(deviance(seen, one) for seen, one in zip(self.seen, self.moments(x), strict=True))
        return trials + self.problem.priors.deviance(np.asarray(x))


def _effective(weights: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    return [np.array([effective(one) for one in arms]) for arms in weights]


def _moved(one: Terms, simulated: SimulatedTrial) -> Terms:
    """Return the terms of a trial whose patients were simulated again: those picked keep their ranks."""
    if one.values is simulated.values:
        return one
    return replace(one, anchored=moved(one.anchored, simulated.values), values=simulated.values)


def anchor(problem: PopulationProblem, crowd: Crowd, x: np.ndarray, uniforms: Sequence[Sequence[np.ndarray]]) -> Anchor:
    """Return a problem anchored at parameters x, where its replicates are picked by `uniforms` of each trial's arms."""
    values = problem.values(x)
    every, seen, log_dets = [], [], []
    kinds = bool(problem.population.subgroups) and not problem.effects.names  # a shift moves what the laws are of
    for ready, simulated, uniform in zip(problem.trials, crowd.at(values), uniforms, strict=True):
        weights = [arm.weights(problem.population, values) for arm in simulated.arms]
        one = replace(_terms_of(ready, ready.fitted, simulated, weights, uniform), kinds=kinds)
        every.append(one)
        seen.append(seen_of(one.kept, one.logs, one.binary))
        covariance = one.moments(weights).covariance
        log_dets.append(float(np.linalg.slogdet(covariance)[1]) if covariance.size else 0.0)
    return Anchor(problem, crowd, np.asarray(x, dtype=float), every, seen, uniforms, log_dets)


def _terms_of(
    ready: ReadyTrial,
    rows: Sequence[Row],
    simulated: SimulatedTrial,
    weights: Sequence[np.ndarray],
    uniform: Sequence[np.ndarray],
) -> Terms:
    """Return what rows of a trial bring to the likelihood, its replicates picked by uniform numbers."""
    at = anchored(
        of_kind(rows, "normal") + of_kind(rows, "below", "above"), simulated.values, weights, uniform,
        picked_sizes(ready.rows, [arm.n for arm in ready.trial.arms])[1],
    )  # fmt: skip
    return terms(rows, simulated.values, at, weights)


def uniforms(problem: PopulationProblem) -> list[list[np.ndarray]]:
    """Return the numbers by which replicates pick their patients, of every arm (replicates, n): the same all along.

    All of an arm together are evenly spread over 0 to 1, so that each patient is picked as often as he weighs.
    """
    out = []
    for ready in problem.trials:
        count = replicate_count(len(ready.rows))
        sizes, _ = picked_sizes(ready.rows, [arm.n for arm in ready.trial.arms])
        out.append([_spread(count, size, problem.seed, ready.place, a) for a, size in enumerate(sizes)])
    return out


def _spread(count: int, n: int, *key: int) -> np.ndarray:
    generator = np.random.default_rng([*key, 7])
    return np.asarray((generator.permutation(count * n) + generator.random(count * n)) / (count * n)).reshape(count, n)
