"""A fit read in another way, near its estimate: trials that are read otherwise are simulated again, the others keep
their surfaces."""

from collections.abc import Container
from dataclasses import dataclass, replace

import numpy as np

from immunode.calibration.population.likelihood import Seen, integrated_constant
from immunode.calibration.population.neighbourhood import Neighbourhood
from immunode.calibration.population.priors import Priors
from immunode.calibration.population.problem import PopulationProblem
from immunode.calibration.population.refits import refit
from immunode.calibration.population.surface import Surface

PARTS = ("mean", "whitening", "odds")  # of a surface, coefficients of polynomials


@dataclass(frozen=True, eq=False)
class Reading:
    """Hold the estimates x (p,) of another reading, and -2 log L there with every constant."""

    x: np.ndarray
    deviance: float


def read_again(near: Neighbourhood, problem: PopulationProblem, changed: Container[str]) -> Reading:
    """Return where the fit of another problem lies, of the same parameters, whose trials named in `changed` are other
    than those of the neighbourhood; trials that it does not have are left out."""
    before = {one.trial.name: i for i, one in enumerate(near.anchor.problem.trials)}
    surfaces: list[Surface] = []
    seen: list[Seen] = []
    for ready in problem.trials:
        name = ready.trial.name
        if name in before and name not in changed:
            surfaces.append(near.surfaces[before[name]])
            seen.append(near.seen[before[name]])
            continue
        alone = replace(problem, trials=[ready], priors=Priors())  # which stand behind all trials, once
        there = near.of_other(alone)
        surfaces.append(_compared(near, there, before[name]) if name in before else there.surfaces[0])
        seen += there.seen
    if problem.priors:
        surfaces.append(problem.priors.surface(near.at, len(near.effects.unit)))
        seen.append(problem.priors.seen())
    best = refit(surfaces, seen, near.at, near.effects, start=near.best().x)
    return Reading(best.x[0], float(best.deviance[0]) + near.level + integrated_constant(seen))


def _compared(near: Neighbourhood, there: Neighbourhood, t: int) -> Surface:
    """Return the surface of trial t, that is read otherwise: that of the fit, and what one crowd of patients says that
    the reading changes, so that what chance did to that crowd cancels. Other rows have a surface of their own."""
    then, now = near.alone(t), there.surfaces[0]
    terms = (near.anchor.terms[t], then.anchor.terms[0], there.anchor.terms[0])
    rows = [(one.keep.tolist(), one.logs.tolist(), len(one.binary)) for one in terms]
    whole, was = near.surfaces[t], then.surfaces[0]
    if rows[0] != rows[1] or rows[0] != rows[2] or whole.laws is not None:
        return now
    each = {part: getattr(whole, part) + getattr(now, part) - getattr(was, part) for part in PARTS}
    return replace(whole, **each)
