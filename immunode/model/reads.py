"""Know which names the functions of a model read: what doses apply by themselves must not be applied again, and what
nothing reads does nothing."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

from immunode.errors import ModelError
from immunode.model.trace import Names

OF_DOSES = {  # what a state declares of its doses that equations can apply once more, and what is done with it
    "bioavailability": "doses are multiplied by it",
    "rate": "doses are infused at it",
}


class Reading(dict[str, Any]):
    """Hold values by name, and note which are asked for."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.noted: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        self.noted.add(name)
        return value


def check_reads(model: Any, of_doses: Mapping[tuple[str, str], str], read: set[str]) -> None:
    """Raise ModelError for a parameter that counts twice, and warn of one that nothing reads.

    `of_doses` names the parameter that is what a state declares of its doses (state, what) -> name, `read` all that are
    read.
    """
    for (state, what), name in of_doses.items():
        if what in OF_DOSES and _twice(model, state, what, name):
            raise ModelError(
                f"{model.name}: the derivative applies {name}, the {what} of {state}, once more: {OF_DOSES[what]} "
                f"already; leave {name} out of the derivative, or the {what} out of {state}"
            )
    unread = [parameter.name for parameter in model.parameters if parameter.name not in read]
    if unread:
        warnings.warn(f"{model.name}: nothing reads {', '.join(unread)}, to change it does nothing", stacklevel=5)


def slopes_at(model: Any, states: Mapping[str, float], parameters: Mapping[str, float]) -> dict[str, float]:
    """Return the slopes of a model as numbers, at time 0 and without its trace; raise whatever its equations do."""
    slopes = model.derivative(0.0, Names(states, model.name), Names(parameters, model.name))
    return {state.name: float(slopes[state.name]) for state in model.states}


def _twice(model: Any, state: str, what: str, name: str) -> bool:
    """Return whether what flows from a dosed state into others is as much more as its bioavailability is, or what flows
    into it by itself as its rate. Dividing by it, and reading it elsewhere, is no fault."""
    names = [one.name for one in model.states]
    try:
        value = float(model.typical[name])

        def slopes(amount: float, times: float) -> dict[str, float]:
            changed = {**model.typical, name: value * times}
            return slopes_at(model, dict.fromkeys(names, 0.0) | {state: amount}, changed)

        empty = {times: slopes(0.0, times) for times in (1.0, 2.0)}
        if what == "rate":
            return value != 0 and math.isclose(empty[2.0][state] - empty[1.0][state], value, rel_tol=1e-9)
        full = {times: slopes(1.0, times) for times in (1.0, 2.0)}
    except Exception:  # what cannot be told of a user's equations at one point is no fault of theirs
        return False
    into = [[full[times][one] - empty[times][one] for times in (1.0, 2.0)] for one in names if one != state]
    return any(once > 0 and math.isclose(twice, 2 * once, rel_tol=1e-9) for once, twice in into)
