"""What CMT stands for: the routes and states of a model, or of a stand-in that has whatever a table asks for."""

from typing import Any

import numpy as np

from immunode.model.declaration import Model, Parameter, State
from immunode.nonmem.cells import numbers
from immunode.nonmem.source import load

_MOST_STATES = 100  # of a stand-in: a CMT beyond is a slip


def numbered_places(model: Model) -> list[str]:
    """Return what a number in CMT goes "into": the one route that leads to the state, else the state itself."""
    places = []
    for state in model.states:
        routes = [route for route, target in model.routes.items() if target == state.name]
        places.append(routes[0] if len(routes) == 1 else state.name)
    return places


def stand_in(source: Any) -> Model:
    """Return a model without a meaning that has the states and routes that CMT asks for, all with modelled infusions.

    Raise BadValue where the source is no table.
    """
    cells, _ = load(source)
    cmt, is_word = numbers(cells.frame["CMT"]) if "CMT" in cells.frame else (np.zeros(0), np.zeros(0, dtype=bool))
    whole = cmt[(cmt >= 1) & (cmt <= _MOST_STATES) & (cmt == np.floor(cmt))]
    count = int(max(whole, default=1))
    words = {word.lower(): word for word in cells.shown("CMT", np.flatnonzero(is_word))[::-1]}
    chosen = list(words.values())[::-1][:_MOST_STATES]
    order = [f"c{i}" for i in range(1, count + len(chosen) + 1)]
    return Model(
        "a model with these compartments",
        states=[State(name, "1", rate="rate", duration="duration") for name in order],
        parameters=[Parameter("rate", 1.0, "1/day"), Parameter("duration", 1.0, "day"), Parameter("k", 1.0, "1/day")],
        derivative=lambda t, x, p: {name: -p.k * getattr(x, name) for name in order},
        routes={f"compartment {i}": f"c{i}" for i in range(1, count + 1)} | dict(zip(chosen, order[count:])),
    )
