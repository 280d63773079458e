"""The patients that stand for the arms of trials: the typical one, those that a mean averages over, or a population."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from immunode.evidence.design import ArmFile
from immunode.evidence.printed import Evidence
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.virtual_trials.arm import planned

NODES = 5


@dataclass(frozen=True, eq=False)
class Lane:
    """Hold one simulated patient: its regimen, last time, the values that its arm fixes, factors on the others."""

    regimen: int
    last: float
    fixed: Mapping[str, float]
    scale: Mapping[str, float]
    owner: str


@dataclass(frozen=True, eq=False)
class ArmLanes:
    """Name the lanes of an arm: those to average with their weights, and the typical patient; and what is given."""

    lanes: np.ndarray
    weights: np.ndarray
    typical: int
    regimen: Regimen


def quadrature(spread: Mapping[str, float]) -> tuple[list[dict[str, float]], np.ndarray]:
    """Return factors exp(SD z) on parameters and their weights: Gauss-Hermite, exact to degree 9 in each z."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    factors, joint = [], []
    for point in itertools.product(range(NODES), repeat=len(spread)):
        factors.append(
            {name: float(np.exp(sd * nodes[i])) for (name, sd), i in zip(spread.items(), point, strict=True)}
        )
        joint.append(float(np.prod(weights[list(point)])))
    return factors, np.array(joint)


def simulated(
    evidence: Sequence[Evidence], model: Model, spread: Mapping[str, float], draws: Sequence[Mapping[str, float]]
) -> tuple[list[Regimen], list[Lane], dict[tuple[int, str], ArmLanes]]:
    """Return the regimens and lanes of all arms that have a number to predict, in days since the start of their trial;
    and the lanes of each arm, by number of the trial and name of the arm."""
    regimens: list[Regimen] = []
    lanes: list[Lane] = []
    arms = {}
    for i, source in enumerate(evidence):
        for arm in source.arms:
            rows = [row for row in source.rows if arm.name in (row.arm, row.versus)]
            if not rows:
                continue
            averaged = any(row.statistic == "mean" for row in rows)
            scales, weights = _patients(spread if averaged else {}, draws)
            regimen = planned(model, arm).regimen.shift(-source.start)
            last, fixed = max(row.day for row in rows) - source.start, _fixed(model, arm)
            first, name = len(lanes), f"{source.name}: {arm.name}"
            lanes += [Lane(len(regimens), last, fixed, scale, name) for scale in scales]
            regimens.append(regimen)
            arms[i, arm.name] = ArmLanes(np.arange(first, len(lanes)), weights, first + len(scales) // 2, regimen)
    return regimens, lanes, arms


def _patients(
    spread: Mapping[str, float], draws: Sequence[Mapping[str, float]]
) -> tuple[list[Mapping[str, float]], np.ndarray]:
    """Return the factors on parameters of an arm's patients, and the weights of those patients."""
    if draws:
        return list(draws), np.full(len(draws), 1 / len(draws))
    factors, weights = quadrature(spread)
    return [*factors], weights


def _fixed(model: Model, arm: ArmFile) -> dict[str, float]:
    checked = model.values(arm.values)
    return {name: checked[name] for name in arm.values}
