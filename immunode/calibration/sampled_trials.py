"""Trials of the printed size, sampled from virtual patients for each draw of parameters and of the trial's effects."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from immunode.calibration.crowds import Crowd, Crowds
from immunode.calibration.knowledge import Knowledge
from immunode.calibration.population.statistic_law import picked
from immunode.calibration.population.values import PopulationValues, shifted
from immunode.calibration.predicted_numbers import Number
from immunode.virtual_trials.statistics import Group

SHIFTS = 2  # draws of each trial's effects, for each of the parameters: two tell their variance
PARTS, SAMPLES = 5, 20  # equal parts of the virtual patients, and trials of the printed size from each


def targets(known: Knowledge, shifts: int, seed: int) -> list[PopulationValues]:
    """Return the populations of all draws: those of parameters, each with so many `shifts`, draws of the trial's own
    effects, which are none where the fit has no such effects."""
    model, out = known.population.of, []
    for i, (values, tau) in enumerate(zip(known.draws, known.taus, strict=True)):
        generator = np.random.default_rng([seed, 19, i])
        for _ in range(shifts):
            effects = {name: sd * float(generator.standard_normal()) for name, sd in tau.items()}
            out.append(shifted(model, values, effects))
    return out


def sampled_trials(
    numbers: Sequence[Number], simulated: Crowds, draws: int, step: Callable[[int, int], Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return every number in trials from parts of the patients (numbers, draws, shifts, PARTS, SAMPLES), and from all
    of them (numbers, draws, shifts, SAMPLES)."""
    shifts = len(simulated.targets) // draws
    parts = np.empty((len(numbers), draws * shifts, PARTS, SAMPLES))
    trials = np.empty((len(numbers), draws * shifts, SAMPLES))
    for i, values in enumerate(simulated.targets):
        crowd, weights = simulated.at(values)
        generator = np.random.default_rng([simulated.seed, 23, i])
        for part in range(PARTS):
            rows = {arm: _part(weight, part) for arm, weight in weights.items()}
            parts[:, i, part] = _sampled(numbers, crowd, rows, generator)
        trials[:, i] = _sampled(numbers, crowd, weights, generator)
        step(1 + i // shifts, draws)
    shape = (len(numbers), draws, shifts)
    return parts.reshape(*shape, PARTS, SAMPLES), trials.reshape(*shape, SAMPLES)


def _part(weight: np.ndarray, part: int) -> np.ndarray:
    """Return the weights of one of PARTS equal parts of the patients, the others weighing nothing."""
    return np.where(np.arange(len(weight)) % PARTS == part, weight, 0.0)


def _sampled(
    numbers: Sequence[Number], crowd: Crowd, weights: Mapping[str, np.ndarray], generator: np.random.Generator
) -> np.ndarray:
    """Return every number in SAMPLES trials of the printed size (numbers, SAMPLES)."""
    picks = {
        one.arm.name: picked(weights[one.arm.name], generator.random((SAMPLES, one.arm.n))) for one in crowd.arms
    }  # fmt: skip
    groups = {}
    for name in dict.fromkeys(name for number in numbers for name in number.groups):
        arm = next(arm for arm in crowd.measured.values() if name == arm.name or name in arm.labels)
        member = np.ones(len(arm.label), dtype=bool) if name == arm.name else arm.label == name
        groups[name] = Group(arm, member, picks[arm.name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a sample in which nobody counts has no number
        return np.array([number.over(groups) for number in numbers])
