"""Turn names of parameters and states into directions, and say how the initial states change along them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from immunode.engine import Directions
from immunode.errors import BadValue, unknown
from immunode.model.declaration import Model
from immunode.model.scales import declared_scales
from immunode.steady_state.start import initial_changes


def directions(model: Model, parameters: np.ndarray, names: Sequence[str]) -> Directions:
    """Return the directions in which the parameters `names`, or the initial values of the states `names`, change.

    A direction is scaled by the parameter's own value, or the state's scale (1 where it declares none: the engine knows
    how large that is beside it), so that it is as large as the states.
    Initial states do not change yet, see `with_start`. Raise UnknownName or BadValue.
    """
    if len(set(names)) < len(names):
        raise BadValue(f"sensitivities = {list(names)}: a name stands there twice")
    states = {s.name: size for s, size in zip(model.states, declared_scales(model).tolist(), strict=True)}
    column = {name: i for i, name in enumerate(model.typical)}
    scale = np.ones((len(parameters), len(names)))
    for k, name in enumerate(names):
        if name not in column and name not in states:
            raise unknown("parameter or state", name, [*column, *states], model.name)
        size = np.abs(parameters[:, column[name]]) if name in column else np.array(states[name])
        scale[:, k] = np.where(size == 0, 1.0, size)
    which = np.array([column.get(name, -1) for name in names], np.int64)
    place = {name: i for i, name in enumerate(states)}
    origin = np.array([-1 if name in column else place[name] for name in names], np.int64)
    return Directions(which, scale, np.zeros((len(parameters), len(names), len(states))), origin)


def with_start(
    model: Model, along: Directions, names: Sequence[str], parameters: np.ndarray, y0: np.ndarray
) -> Directions:
    """Return the directions with the changes of the initial states `y0` of patients with `parameters`."""
    return replace(along, start=initial_changes(model, parameters, y0, names, along.scale))
