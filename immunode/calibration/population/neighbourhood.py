"""The neighbourhood of an estimate: surfaces of all trials, on which refits, profiles and trial effects are cheap."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from immunode.calibration.population.effects import Effects
from immunode.calibration.population.intervals import OnSurfaces
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.moments import Moments
from immunode.calibration.population.priors import Priors
from immunode.calibration.population.problem import Anchor, Crowd, PopulationProblem, anchor, uniforms
from immunode.calibration.population.refits import Fitted, refit, slopes
from immunode.calibration.population.surface import (
    Coordinates,
    Surface,
    axial,
    coordinates,
    design,
    information,
    monomials,
    reach,
    surface,
)
from immunode.errors import SolveError

CROWDS = 3  # of virtual patients, whose chance surfaces of fits with effects of trials average
APART = 1009  # by which their seeds differ
HERE = 0.1  # standard errors at which planes tell the level at the minimum
TELLING = 300.0  # effective patients of an arm; moments by fewer count less

Point = tuple[np.ndarray, list[Moments], list[float]]  # where, what each trial prints there, what that counts


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Hold an anchor, coordinates around an estimate, the surfaces of its trials, and what is seen of each.

    Where parameters have priors, one of these stands behind the trials. `beside` are anchors of other patients there,
    of whom the surfaces are made too; `kept` is what the first patients alone tell of a trial, by its place.
    """

    anchor: Anchor
    at: Coordinates
    surfaces: Sequence[Surface]
    beside: Sequence[Anchor] = ()
    kept: dict[int, "Neighbourhood"] = field(default_factory=dict)

    @property
    def effects(self) -> Effects:
        """Return the effects of trials."""
        return self.anchor.problem.effects

    @property
    def seen(self) -> list[Seen]:
        """Return what is seen of every trial, as one data set."""
        trials = [Seen(one.statistics[None], one.counts[None], one.size) for one in self.anchor.seen]
        priors = self.anchor.problem.priors
        return [*trials, priors.seen()] if priors else trials

    def best(self) -> Fitted:
        """Return the minimum on the surfaces."""
        return self._best

    @cached_property
    def _best(self) -> Fitted:
        return refit(self.surfaces, self.seen, self.at, self.effects)

    @cached_property
    def level(self) -> float:
        """Return what -2 log L at the minimum is more than the surfaces say: what bends over several standard errors is
        smoothed by a surface."""
        return self.by_planes(self.best().x[0]) - float(self.best().deviance[0])

    def alone(self, t: int) -> "Neighbourhood":
        """Return the surface that one crowd of patients tells of trial t."""
        if t not in self.kept:
            problem = self.anchor.problem
            self.kept[t] = self.of_other(replace(problem, trials=[problem.trials[t]], priors=Priors()))
        return self.kept[t]

    def of_other(self, problem: PopulationProblem) -> "Neighbourhood":
        """Return the surfaces, here, of another problem by one crowd of patients, of the same populations."""
        crowd = Crowd(problem, self.anchor.crowd.drawn_from)
        return _made([anchor(problem, crowd, self.at.centre, uniforms(problem))], self.at, None)

    def by_planes(self, x: np.ndarray) -> float:
        """Return -2 log L less a constant at parameters x (p,), as planes tell it that are made there."""
        at = replace(self.at, centre=x, axes=HERE * self.at.axes)
        there = _made([self.anchor, *self.beside], at, 1.0)
        return float(slopes(there.surfaces, there.seen, np.zeros((1, len(x))), self.effects).deviance[0])

    @property
    def on_surfaces(self) -> OnSurfaces:
        """Return what intervals are made of."""
        return OnSurfaces(
            self.surfaces, self.seen, self.at, self.effects, self.best(), *self.anchor.problem.bounds
        )  # fmt: skip


def neighbourhood(here: Anchor, at: Coordinates, radius: float | None = None) -> Neighbourhood:
    """Return the surfaces of all trials around an estimate, over its parameters and the effects of trials: planes by
    their slopes at a `radius`, where one is said, and one unit of the effects.

    Where trials have effects, patients of other draws tell surfaces too.
    """
    return _made(_crowds(here) if radius is None else [here], at, radius)


def neighbourhood_of(here: Anchor, x: np.ndarray) -> Neighbourhood:
    """Return the surfaces of all trials around parameters x (p,), as far as their information says."""
    anchors = _crowds(here)
    return _made(anchors, coordinates_at(here, x, anchors[1:]), None)


def coordinates_at(here: Anchor, x: np.ndarray, beside: Sequence[Anchor] = ()) -> Coordinates:
    """Return coordinates around parameters x (p,) by their information, that of trials with effects, as an anchor and
    those beside it tell it."""
    problem, p = here.problem, len(x)
    scales = problem.effects.scales
    crowds = [partial(_moments_at, one, p) for one in (here, *beside)]
    told = information(crowds, np.concatenate([x, np.zeros(len(scales))]), [s.size for s in here.seen], scales)
    return replace(coordinates(x, told, problem.known(x), *problem.box(x)), reach=reach(p + len(scales)))


def _moments_at(here: Anchor, p: int, y: np.ndarray) -> list[Moments]:
    return here.moments(y[:p], y[p:])


def _crowds(here: Anchor) -> list[Anchor]:
    """Return an anchor and, where trials have effects, those of other draws of its patients."""
    return [here, *(_beside(here, k) for k in range(1, CROWDS if here.problem.effects.names else 1))]


def _beside(here: Anchor, number: int) -> Anchor:
    """Return the anchor there of other patients, drawn from the same populations, with the same rows."""
    problem = replace(here.problem, seed=here.problem.seed + number * APART)
    other = anchor(problem, Crowd(problem, here.crowd.drawn_from), here.x, uniforms(problem))
    rows = zip(other.terms, here.terms, strict=True)
    kept = [replace(one, keep=then.keep, logs=then.logs, grown=then.grown) for one, then in rows]
    return replace(other, terms=kept, seen=here.seen)


def _made(anchors: Sequence[Anchor], at: Coordinates, radius: float | None) -> Neighbourhood:
    """Return surfaces, or planes, to which every anchor tells all points: each its own would tell slopes by chance."""
    problem, p = anchors[0].problem, len(at.centre)
    scales = problem.effects.unit
    points, degree = design(p, len(scales)) if radius is None else axial(np.repeat([radius, 1.0], [p, len(scales)]))
    each = [_at_points(here, at, points) for here in anchors]
    every = [one for part in each for one in part]
    solved = [one for one in every if not isinstance(one, SolveError)]
    if isinstance(every[0], SolveError) or len(solved) <= len(monomials(points.shape[1], degree)):
        raise next(one for one in every if isinstance(one, SolveError))
    placed, moments, worth = zip(*solved, strict=True)
    surfaces = [
        surface(np.array(placed), degree, [one[t] for one in moments], np.array([one[t] for one in worth]))
        for t in range(len(problem.trials))
    ]
    if problem.priors:
        surfaces.append(problem.priors.surface(at, len(scales)))
    return Neighbourhood(anchors[0], at, surfaces, anchors[1:])


def _at_points(here: Anchor, at: Coordinates, points: np.ndarray) -> list[Point | SolveError]:
    """Return what an anchor tells at points (M, p + effects), drawn back into the bounds."""
    p, scales = len(at.centre), here.problem.effects.unit
    inside = [np.clip(at.centre + at.axes @ v[:p], at.low, at.high) for v in points]
    places = list(zip(inside, scales * points[:, p:], strict=True))
    told = here.each(lambda one: _told(here, *one), places, lambda one: one[0])
    placed = np.concatenate([at.inner(np.array(inside)), points[:, p:]], axis=1)
    return [
        one if isinstance(one, SolveError) else (v, *one) for v, one in zip(placed, told, strict=True)
    ]  # fmt: skip


def _told(here: Anchor, x: np.ndarray, shift: np.ndarray) -> tuple[list[Moments], list[float]]:
    """Return what is predicted of every trial, and how much that counts: where but few patients weigh something, what
    they scatter by is less than what is true."""
    moments, effective = here.predicted(x, shift)
    worth = [float(one.min()) for one in effective]
    if not all(_definite(one.covariance) for one in moments):
        raise SolveError("too few virtual patients weigh something for statistics to scatter")
    return moments, [min(one / TELLING, 1.0) for one in worth]


def _definite(covariance: np.ndarray) -> bool:
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return False
    return True
