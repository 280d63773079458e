"""Tell what the slopes of a model depend on: time, which states settle, whether they are linear in the states."""

from functools import lru_cache
from typing import Any

import numpy as np

from immunode.internal.disk_cache import remembered
from immunode.model.calculus import derivative
from immunode.model.trace import Trace


@lru_cache(maxsize=256)
def depends_on_time(trace: Trace) -> bool:
    """Return whether any slope depends on time itself."""
    return remembered(trace.key and f"{trace.key}/time", lambda: trace.whole.time in _symbols(trace.whole))


@lru_cache(maxsize=256)
def settling(trace: Trace) -> np.ndarray:
    """Return which states a steady state is about: not a counter, on which nothing depends, nor what never changes."""
    return _chosen(remembered(trace.key and f"{trace.key}/settling", lambda: _settling(trace.whole)))


@lru_cache(maxsize=256)
def unchanging(trace: Trace) -> np.ndarray:
    """Return which states never change by themselves, as a switch."""
    return _chosen(remembered(trace.key and f"{trace.key}/still", lambda: [f == 0 for f in trace.whole.derivative]))


@lru_cache(maxsize=256)
def is_linear(trace: Trace) -> bool:
    """Return whether every slope is linear in the states, with coefficients that depend on parameters alone."""
    return remembered(trace.key and f"{trace.key}/linear", lambda: _is_linear(trace.whole))


def _settling(whole: Trace) -> list[bool]:
    used = _symbols(whole)
    return [y in used and f != 0 for y, f in zip(whole.states, whole.derivative, strict=True)]


def _is_linear(whole: Trace) -> bool:
    import sympy

    states = set(whole.states)
    return all(not derivative(sympy.sympify(f), y).free_symbols & states for f in whole.derivative for y in states)


def _symbols(whole: Trace) -> set[Any]:
    return set().union(*(f.free_symbols for f in whole.derivative))


def _chosen(states: list[bool]) -> np.ndarray:
    chosen = np.array(states)
    chosen.flags.writeable = False  # it is handed to all who ask
    return chosen
