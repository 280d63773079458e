"""Evaluate what a model declares of its parameters alone: initial states, lag, bioavailability, rate and duration."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, reduce
from importlib import import_module
from inspect import getsource
from typing import Any

import numpy as np

from immunode.functions import values
from immunode.internal.disk_cache import remembered
from immunode.model.calculus import derivative
from immunode.model.declaration import Model
from immunode.model.trace import Trace, lazy_trace


def _special(name: str, above: float = 0.0) -> Callable[..., Any]:
    """Return a function of SciPy's, which is imported where one is called."""

    def call(*arguments: Any) -> Any:
        return getattr(import_module("scipy.special"), name)(*arguments[:-1], arguments[-1] + above)

    return call


SPECIAL = {  # what NumPy lacks
    "hill_term": np.vectorize(values.hill_term, otypes=[float]),
    "modulo": np.vectorize(values.modulo, otypes=[float]),
    "factorial": _special("gamma", above=1.0),
    "gamma": _special("gamma"),
    "polygamma": _special("polygamma"),
}


def values_of(model: Model, quantity: str, parameters: np.ndarray) -> np.ndarray:
    """Return a quantity ("initial", "lag", "bioavailability", "rate" or "duration") of each patient, (n, states).

    Nan where nothing is declared: a steady state to be solved, an infusion that is not modelled.
    """
    values = np.empty((len(parameters), len(model.states)))
    for column, of_state in enumerate(_function(lazy_trace(model), quantity)(*parameters.T)):
        values[:, column] = of_state
    return values


def slopes_of(model: Model, quantity: str, name: str, parameters: np.ndarray) -> np.ndarray:
    """Return the derivatives of a quantity by the parameter `name`, (n, states); nan where nothing is declared."""
    slopes = _derivative(lazy_trace(model).whole, quantity, list(model.typical).index(name))(*parameters.T)
    values = np.empty((len(parameters), len(model.states)))
    for column, slope in enumerate(slopes):
        values[:, column] = slope
    return values


def changes_of(
    model: Model, quantity: str, parameters: np.ndarray, names: Sequence[str], scale: np.ndarray
) -> np.ndarray:
    """Return the changes of a quantity along the directions of `names`, each `scale` (n, directions) long.

    Shape (n, directions, states); the initial value of a state, which may be a name too, changes none.
    """
    changes = np.zeros((len(parameters), len(names), len(model.states)))
    for k, name in enumerate(names):
        if name in model.typical:
            changes[:, k] = slopes_of(model, quantity, name, parameters) * scale[:, k, None]
    return changes


# of each quantity the values (m, states), and the changes along directions (m, directions, states)
Declared = Mapping[str, tuple[np.ndarray, np.ndarray]]


def declared(
    model: Model, quantities: Sequence[str], parameters: np.ndarray, names: Sequence[str], scale: np.ndarray | None
) -> Declared:
    """Return several quantities with their changes; without a `scale` there are no directions."""
    nothing = np.zeros((len(parameters), 0, len(model.states)))
    out = {}
    for quantity in quantities:
        change = nothing if scale is None else changes_of(model, quantity, parameters, names, scale)
        out[quantity] = (values_of(model, quantity, parameters), change)
    return out


@lru_cache(maxsize=256)
def _function(trace: Trace, quantity: str) -> Callable[..., Any]:
    """Return f(*parameters) -> a quantity of each state, by NumPy; of a library model from an earlier process."""
    space = {**vars(np), "reduce": reduce, **SPECIAL}
    exec(remembered(trace.key and f"{trace.key}/{quantity}", lambda: _source(trace.whole, quantity)), space)
    function: Callable[..., Any] = space["_lambdifygenerated"]
    return function


def _source(trace: Trace, quantity: str) -> str:
    import sympy

    known = [sympy.nan if expression is None else expression for expression in getattr(trace, quantity)]
    return getsource(sympy.lambdify(trace.parameters, known, modules=[SPECIAL, "numpy"]))


@lru_cache(maxsize=256)
def _derivative(trace: Trace, quantity: str, parameter: int) -> Callable[..., Any]:
    """Return f(*parameters) -> the derivative of a quantity of each state by the parameter of this index."""
    import sympy

    by = trace.parameters[parameter]
    slopes = [sympy.nan if e is None else derivative(e, by) for e in getattr(trace, quantity)]
    function: Callable[..., Any] = sympy.lambdify(trace.parameters, slopes, modules=[SPECIAL, "numpy"])
    return function
