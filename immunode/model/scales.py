"""Say how large each state matters: its declared scale, else what a patient has been given into it, else what feeds it.

A state that declares no scale has that of the largest amount that a patient has been given into it so far: its initial
value, a dose with its bioavailability at the time it arrives, of an infusion what comes in within a unit of time. One
that has been given nothing takes the smallest scale of the states of its unit that flow into it, on whatever way: a
complex cannot be more than the scarcer of its parts. Where nothing is known there is none.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.model.trace import trace
from immunode.units import unit

UNKNOWN = 1.0  # the scale of a state of which nothing is known
_ROUNDING = 1e-12  # of the largest of its unit, below which a state that was solved for is nothing


@dataclass(frozen=True)
class Kinship:
    """Hold which states declare no scale (S,), which have one unit and, at [i, q], whether i flows into q (S, S)."""

    undeclared: np.ndarray
    alike: np.ndarray
    feeds: np.ndarray


@lru_cache(maxsize=256)
def kinship(model: Any) -> Kinship:
    """Return what the states of `model` (a Model) are to each other; all of it is False where all declare a scale."""
    undeclared = np.array([state.scale is None for state in model.states], bool)
    n = len(undeclared)
    if not undeclared.any():
        return Kinship(undeclared, np.zeros((n, n), bool), np.zeros((n, n), bool))
    units = [unit(state.unit) for state in model.states]
    alike = np.array([[one == other for one in units] for other in units]).reshape(n, n)
    return Kinship(undeclared, alike, _reaching(model) & alike & ~np.eye(n, dtype=bool))


def _reaching(model: Any) -> np.ndarray:
    """Return from which state [i, q] there is a way to q, by the pattern of the Jacobian."""
    whole = trace(model)
    ways = np.array([[y in f.free_symbols for f in whole.derivative] for y in whole.states], float)
    for q, value in (assigned for one in whole.triggers for assigned in one.then):
        ways[:, q] = np.maximum(ways[:, q], [y in value.free_symbols for y in whole.states])
    longest = 1
    while longest < len(ways):
        ways, longest = np.minimum(ways + ways @ ways, 1.0), 2 * longest
    return ways > 0


def declared_scales(model: Any) -> np.ndarray:
    """Return the scale of each state, 1 where none is declared: what a scale is measured in there."""
    return np.array([UNKNOWN if state.scale is None else state.scale for state in model.states], float)


def known_scales(model: Any, received: np.ndarray) -> np.ndarray:
    """Return the scales (n, S) of patients who have been given `received` (n, S); nan where nothing is known."""
    relation = kinship(model)
    single = np.where(relation.undeclared, received, declared_scales(model))
    single = np.where(single > 0, single, np.nan)
    scales = single.copy()
    for q in np.flatnonzero(relation.undeclared):
        sources = np.where(np.isnan(single), np.inf, single)[:, relation.feeds[:, q]].min(axis=1, initial=np.inf)
        scales[:, q] = np.where(np.isnan(single[:, q]) & np.isfinite(sources), sources, single[:, q])
    return scales


def scales_or_one(model: Any, received: np.ndarray) -> np.ndarray:
    """Return the scales (n, S) of patients who have been given `received` (n, S), 1 where nothing is known."""
    scales = known_scales(model, received)
    return np.where(np.isnan(scales), UNKNOWN, scales)


def infused_size(rate: Any, duration: Any) -> Any:
    """Return what an infusion brings, for the scale of a state: all of it, of a long one what a unit of time brings.

    What a long infusion brings in all is much more than is ever there.
    """
    return np.maximum(rate, 0.0) * np.minimum(duration, 1.0)


def sizes(model: Any, states: np.ndarray) -> np.ndarray:
    """Return the sizes (n, S) of states that were solved for or declared, 0 of what is not more than rounding."""
    size, relation = np.abs(states), kinship(model)
    for q in np.flatnonzero(relation.undeclared):
        size[:, q][size[:, q] <= _ROUNDING * np.abs(states[:, relation.alike[q]]).max(axis=1)] = 0.0
    return size


def given_for_ever(model: Any, start: np.ndarray, into: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return what patients have been given (n, S) who began at `start` and have always got a dose of a `size` (n,)."""
    received, rows = sizes(model, start), np.arange(len(start))
    received[rows, into] = np.maximum(received[rows, into], size)
    return received


def settled_sizes(model: Any, states: np.ndarray, start: np.ndarray, into: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the sizes (n, S) of steady `states`, no less than what the doses that led there tell.

    At its record a state may be much less than it is between the records.
    """
    told = known_scales(model, given_for_ever(model, start, into, size))
    most: np.ndarray = np.fmax(sizes(model, states), told)
    return most
