"""The search for the population: an anchor, a minimum by lmfit, the next anchor there, until neither moves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import lmfit
import numpy as np

from immunode.calibration.free_parameters import LOG
from immunode.calibration.population.likelihood import deviance, integrated_constant
from immunode.calibration.population.neighbourhood import Neighbourhood, coordinates_at, neighbourhood, neighbourhood_of
from immunode.calibration.population.problem import Anchor, Crowd, PopulationProblem, anchor, uniforms
from immunode.calibration.population.refits import Slopes
from immunode.calibration.population.refits import slopes as slopes_on
from immunode.calibration.population.simulated import ENOUGH
from immunode.calibration.population.surface import REACH, Coordinates
from immunode.calibration.population.values import PopulationValues
from immunode.errors import BadValue, SolveError
from immunode.virtual_trials.population import Population

WIDER, NARROWER = 1.6, 0.65  # SDs of the populations that patients are drawn from at first, over those of the start
SIGMAS = 3.0  # standard errors from the estimate at which patients are drawn for its neighbourhood
SETTLED = 0.3  # standard errors that an anchor may be from its minimum
ANCHORS = 8  # at most
ROUNDS, FREELY = 7, 3  # where trials have effects, and in how many of them steps are whole: patients are drawn anew in
# each, by which what is hardly known moves, so that later steps are averaged
CLOSE = 0.4  # standard errors from its minimum at which a round may be the last, and surfaces may stay
CENTRINGS = 5  # of the surfaces at the end, at most
PARTS = (1.0, 0.5, 0.25, 0.0)  # of the way to their minimum: the next centre is where patients say that it is lowest
STRIDE, ASIDE = 0.25, 1.0  # how far a step goes at most, of REACH; standard errors at which its slopes are taken
LEAST_EFFECTIVE, EACH = 1000, 20  # effective patients of an arm: so many, and so many for each of its own
HALF = 0.5  # of those that are simulated, the most that is asked of them
NEAR = 0.25  # of these, at the ends of the axes
FTOL, XTOL = 1e-7, 1e-5  # of lmfit's least squares: an estimate is known to a thousandth of its error
LEVEL, FAR = 100.0, 1e12  # what lmfit makes small where trials have effects: at the estimate, and at most
STEP = 2e-3  # for central differences, of a logarithm or of a parameter's size
LONG_STEP = 0.05  # where patients are simulated again: a share that a rule decides moves patient by patient
STEEP = 1e4  # of -2 log L beyond the surfaces, where polynomials say nothing
REFUSED = 1e50  # of a residual of a try that has none; its square is a number


@dataclass(frozen=True, eq=False)
class Settled:
    """Hold the end of a search: the last anchor, lmfit's minimiser and result there, the estimate's neighbourhood, and
    how far its last round `moved`, in standard errors."""

    anchor: Anchor
    minimiser: lmfit.Minimizer
    result: Any
    near: Neighbourhood
    deviance: float  # -2 log L, with every constant
    moved: float


@dataclass(frozen=True, eq=False)
class Minimum:
    """Hold lmfit's minimum at an anchor, and coordinates around it."""

    anchor: Anchor
    minimiser: lmfit.Minimizer
    result: Any
    at: Coordinates


def drawn_from(values: PopulationValues) -> list[PopulationValues]:
    """Return the populations that the first patients are drawn from: one at the start, one wider, one narrower."""
    scales = (1.0, WIDER, NARROWER)
    return [
        PopulationValues(values.typical, {name: sd * scale for name, sd in values.omega.items()}, values.correlation)
        for scale in scales
    ]


def around(problem: PopulationProblem, at: Coordinates) -> list[PopulationValues]:
    """Return populations at the estimate and SIGMAS standard errors from it along every axis of its information.

    All but the first have SDs that are wider by the errors of the typical values: where patients are nearly alike, a
    typical value could not move between the populations else.
    """
    errors = dict(zip(problem.free, at.sizes, strict=True))
    points = [at.centre]
    for axis in at.axes.T:
        points += [at.centre + SIGMAS * axis, at.centre - SIGMAS * axis]
    every = [problem.values(problem.bounded(x)) for x in points]
    return [every[0], *(_wider(problem, one, errors) for one in every)]


def _wider(problem: PopulationProblem, values: PopulationValues, errors: Mapping[str, float]) -> PopulationValues:
    """Return a population with SDs wider by the errors of what lmfit varies of its typical values."""
    omega = {}
    for name, sd in values.omega.items():
        size = max(abs(values.typical[name]), 1e-300)
        error = errors.get(f"{LOG}{name}", errors.get(name, 0.0) / size)
        omega[name] = float(np.hypot(sd, error))
    return replace(values, omega=omega)


def search(
    problem: PopulationProblem, progress: Callable[[str, float], Any], crowd: Crowd | None = None, **ending: Any
) -> Settled:
    """Return where the search settles; it begins at the values of the parameters, and with a crowd where there is one.

    Patients are drawn anew where too few of them weigh something, at the estimate or in its neighbourhood. `ending` is
    the ftol, xtol and max_nfev of each round of least squares, where they are others than usual.
    """
    crowd, picks = crowd or Crowd(problem, drawn_from(problem.values(problem.start))), uniforms(problem)
    x = problem.start
    if problem.effects.names:
        return _with_effects(problem, crowd, picks, progress)
    for number in range(ANCHORS):
        here = anchor(problem, crowd, x, picks)
        if number == 0:
            _check_enough(here)
        least = _minimum(here, ending)
        moved = float(np.abs((least.at.centre - x) / least.at.sizes).max())
        x = least.at.centre
        progress("search", least.anchor.deviance(x))
        if _short(least):
            crowd = Crowd(problem, around(problem, least.at))
        elif moved < SETTLED:
            break
    near = neighbourhood(least.anchor, least.at)
    lowest = least.anchor.deviance(least.at.centre)
    return Settled(least.anchor, least.minimiser, least.result, near, lowest, moved)


def _check_enough(here: Anchor) -> None:
    """Raise BadValue where fewer numbers tell something of their own than are to be fitted."""
    telling = sum(len(one.kept) + len(one.binary) for one in here.terms)
    if telling + len(here.problem.priors.sd) < len(here.problem.free):
        dropped = "; ".join(line for one in here.terms for line in one.dropped)
        raise BadValue(
            f"{telling} printed numbers that tell something of their own cannot fix {len(here.problem.free)} "
            f"parameters; fit fewer, or add evidence ({dropped})"
        )


def _with_effects(
    problem: PopulationProblem, crowd: Crowd, picks: Any, progress: Callable[[str, float], Any]
) -> Settled:
    """Return the estimate where the effects of trials are integrated, from the start on: round by round the minimum on
    planes around the last one, with patients drawn there. Without effects there may be a minimum far away, where all
    patients differ so much that trials need not."""
    x = problem.start
    for number in range(ROUNDS):
        here = anchor(problem, crowd, x, picks)
        if number == 0:
            _check_enough(here)
        at = coordinates_at(here, x)
        near = neighbourhood(here, replace(at, axes=STRIDE * at.axes, reach=REACH), ASIDE / STRIDE)
        best = near.best()
        moved = _apart(at, best.x[0], x)
        progress("effects of trials", float(best.deviance[0]))
        x = problem.bounded(x + (best.x[0] - x) / max(1, number - FREELY + 2))
        crowd = Crowd(problem, around(problem, replace(at, centre=x)))
        if moved < CLOSE and number:
            break
    near, moved = centred(problem, crowd, picks, x)
    start = problem.with_free(near.best().x[0])
    minimiser = lmfit.Minimizer(Integrated(near), start, scale_covar=False, nan_policy="raise")
    result = minimiser.minimize("lbfgsb", jac=lambda params: minimiser.userfcn.slopes(params)[0])
    _with_errors(result, near)
    _begun(result, problem)
    return Settled(near.anchor, minimiser, result, near, integrated_deviance(near), moved)


def centred(problem: PopulationProblem, crowd: Crowd, picks: Any, x: np.ndarray) -> tuple[Neighbourhood, float]:
    """Return surfaces that are made where their minimum is, so far as CENTRINGS bring them there, and how far it is
    from there, in standard errors. The first ones only tell, by all crowds, how wide patients are drawn for others."""
    for number in range(1, CENTRINGS + 1):
        here = anchor(problem, crowd, x, picks)
        near = neighbourhood_of(here, x)
        best = near.best().x[0]
        moved = _apart(near.at, best, x)
        if (moved < CLOSE and number > 1) or number == CENTRINGS:
            break
        x = min((problem.bounded(x + part * (best - x)) for part in PARTS), key=lambda y: _told(near, y))
        crowd = Crowd(problem, around(problem, replace(near.at, centre=x)))
    return near, moved


def _told(near: Neighbourhood, x: np.ndarray) -> float:
    """Return -2 log L as planes tell it, infinite where too few patients weigh something for planes."""
    try:
        return near.by_planes(x)
    except SolveError:
        return np.inf


def _apart(at: Coordinates, x: np.ndarray, y: np.ndarray) -> float:
    """Return how far parameters are from others, in standard errors: the root mean square over independent axes."""
    return float(np.linalg.norm(at.inner(x) - at.inner(y)) / np.sqrt(len(x)))


def integrated_deviance(near: Neighbourhood) -> float:
    """Return -2 log L at the minimum, with every constant, where the effects of trials are integrated."""
    return float(near.best().deviance[0]) + near.level + integrated_constant(near.seen)


def _begun(result: Any, problem: PopulationProblem) -> None:
    """Write into lmfit's result where the fit began, which it counts from the last anchor."""
    for name in problem.free:
        result.params[name].init_value = problem.params[name].value
    result.init_values = {name: problem.params[name].value for name in result.var_names}
    result.init_vals = list(result.init_values.values())


def _with_errors(result: Any, near: Neighbourhood) -> None:
    """Write the standard errors into lmfit's result, which a scalar minimiser does not know."""
    problem, at = near.anchor.problem, near.at
    slope = problem.stretch(at.centre)
    result.covar = (at.axes @ at.axes.T) * np.outer(slope, slope)
    correlation = result.covar / np.outer(at.sizes * slope, at.sizes * slope)
    for k, (name, error) in enumerate(zip(problem.free, at.sizes * slope, strict=True)):
        result.params[name].stderr = float(error)
        pairs = zip(problem.free, correlation[k], strict=True)
        result.params[name].correl = {other: float(value) for other, value in pairs if other != name}
        if (plain := name.removeprefix(LOG)) != name:
            result.params[plain].stderr = float(error * result.params[plain].value)


@dataclass(eq=False)
class Statistics:
    """Hold what lmfit makes small: called, a vector whose squares add to -2 log L plus a constant.

    A try at which too many patients have no course has `failed`: it is far worse than any other, so that the minimiser
    refuses the step.
    """

    here: Anchor
    failed: int = 0

    @property
    def population(self) -> Population:
        """Return the population at the start."""
        return self.here.problem.population

    def __call__(self, params: lmfit.Parameters) -> np.ndarray:
        """Return the vector."""
        try:
            return self.here.residuals_at(self.here.problem.of(params))
        except SolveError:
            self.failed += 1
            size = sum(len(one.kept) + len(one.binary) + 1 for one in self.here.terms)
            return np.full(size + len(self.here.problem.priors.sd), REFUSED)

    @property
    def trials(self) -> list[str]:
        """Return the names of the trials, which are independent."""
        return [one.trial.name for one in self.here.problem.trials]

    def by_trial(self, params: lmfit.Parameters) -> list[float]:
        """Return the log-likelihood of every trial, with every constant."""
        here = self.here
        moments = here.moments(here.problem.of(params))
        return [-0.5 * deviance(seen, one) for seen, one in zip(here.seen, moments, strict=True)]

    def slopes(self, params: lmfit.Parameters) -> np.ndarray:
        """Return its slopes over the parameters that vary, by central differences."""
        return slopes(params, self.here)


@dataclass(frozen=True, eq=False)
class Integrated:
    """Hold what lmfit makes small where trials have effects: called, a number whose square is -2 log L plus a
    constant, as chi-square is of other fits, so that profiles and samplers read it alike."""

    near: Neighbourhood
    failed: int = 0

    @property
    def population(self) -> Population:
        """Return the population at the start."""
        return self.near.anchor.problem.population

    def __call__(self, params: lmfit.Parameters) -> np.ndarray:
        """Return the number, as a vector of one; far beyond the surfaces a large one."""
        square = LEVEL + self.deviance(params) - self._centre
        return np.sqrt([np.clip(square, 0.0, FAR) if np.isfinite(square) else FAR])

    def deviance(self, params: lmfit.Parameters) -> float:
        """Return -2 log L less a constant, the effects integrated."""
        return self._at(self.near.anchor.problem.of(params))

    @cached_property
    def _centre(self) -> float:
        return self._at(self.near.at.centre)

    def _at(self, x: np.ndarray) -> float:
        v = self.near.at.inner(x)
        beyond = max(float(np.linalg.norm(v)) / self.near.at.reach, 1.0)
        return float(self._on_surfaces(v / beyond).deviance[0]) + STEEP * (beyond - 1.0) ** 2

    def _on_surfaces(self, v: np.ndarray) -> Slopes:
        return slopes_on(self.near.surfaces, self.near.seen, v[None], self.near.effects)

    def slopes(self, params: lmfit.Parameters) -> np.ndarray:
        """Return its slopes over the parameters that vary (1, those)."""
        near, problem = self.near, self.near.anchor.problem
        x = problem.of(params)
        v = near.at.inner(x)
        here = self._on_surfaces(v)
        square = LEVEL + float(here.deviance[0]) - self._centre
        if np.linalg.norm(v) > near.at.reach or not 0.0 < square < FAR:  # false for no number too
            return np.zeros((1, len(varying_names(problem, params))))
        along = np.linalg.solve(near.at.axes.T, 2 * here.gradient[0]) / problem.stretch(x)
        rows = [problem.free.index(name) for name in varying_names(problem, params)]
        return np.asarray(along[rows] / (2 * np.sqrt(square)))[None]


def varying_names(problem: PopulationProblem, params: lmfit.Parameters) -> list[str]:
    """Return what varies: a profile holds a parameter."""
    return [name for name in problem.free if params[name].vary]


def wanted(problem: PopulationProblem) -> np.ndarray:
    """Return how many effective patients each arm should have."""
    sizes = [arm.n for ready in problem.trials for arm in ready.trial.arms]
    return np.array([max(LEAST_EFFECTIVE, min(EACH * n, ENOUGH // 4)) for n in sizes])


def _short(least: Minimum) -> bool:
    """Return whether some arm has too few effective patients at the estimate, or too few at the ends of its axes."""
    here, at = least.anchor, least.at
    simulated = [len(arm.ok) for trial in here.crowd.at(here.problem.values(here.x)) for arm in trial.arms]
    needed = np.minimum(wanted(here.problem), HALF * np.array(simulated))  # more there may never be
    if (here.effective(at.centre) < needed).any():
        return True
    ends = [here.problem.bounded(at.centre + side * SIGMAS * axis) for axis in at.axes.T for side in (-1, 1)]
    return any((here.effective(x) < NEAR * needed).any() for x in ends)


def _minimum(here: Anchor, ending: Mapping[str, Any]) -> Minimum:
    """Return lmfit's minimum at an anchor, without effects of trials."""
    objective = Statistics(here)
    minimiser = lmfit.Minimizer(objective, here.problem.with_free(here.x), scale_covar=False, nan_policy="raise")
    ends = {"ftol": FTOL, "xtol": XTOL, **ending}
    result = minimiser.minimize("least_squares", jac=objective.slopes, x_scale="jac", **ends)
    _begun(result, here.problem)
    x = here.problem.of(result.params)
    return Minimum(here, minimiser, result, coordinates_at(here, x))


def _sides(here: Anchor, x: np.ndarray, ends: list[np.ndarray]) -> list[np.ndarray]:
    """Return the residuals at both ends of a step; an end without them is moved to x."""
    out = []
    for i, end in enumerate(ends):
        try:
            out.append(here.residuals_at(end))
        except SolveError:
            ends[i] = x
            out.append(here.residuals_at(x))
    return out


def slopes(params: lmfit.Parameters, here: Anchor) -> np.ndarray:
    """Return the slopes of the residuals over the parameters that vary, by central differences."""
    problem, steps = here.problem, []
    x = problem.of(params)
    for k, name in enumerate(problem.free):
        if not params[name].vary:  # held, by a profile
            continue
        size = 1.0 if problem.is_log(name) or problem.turns[k] else max(abs(x[k]), 1e-3)
        axis = np.eye(len(x))[k] * size
        then, now = (here.crowd.fixed(problem.values(problem.bounded(y))) for y in (x, x + axis * STEP))
        step = STEP if then == now else LONG_STEP
        steps.append((k, [problem.bounded(x + sign * step * axis) for sign in (-1, 1)]))
    every = here.each(lambda one: _sides(here, x, one[1]), steps, lambda one: one[1][1])
    columns = []
    for (k, ends), sides in zip(steps, every, strict=True):
        if isinstance(sides, SolveError):
            raise sides
        columns.append((sides[1] - sides[0]) / (problem.outer(ends[1])[k] - problem.outer(ends[0])[k]))
    return np.array(columns).T
