"""The model library: one file a model, one line here.

Example
    >>> import immunode as im
    >>> im.models.NAMES[0], im.models.model("il2_sc").time
    ('il2_sc', 'day')
"""

import copyreg
from functools import cache
from importlib import import_module
from typing import Any

from immunode.errors import unknown
from immunode.internal.arguments import one
from immunode.model.declaration import Model, library

NAMES = (
    "il2_sc",
    "il2_autoinduction",
    "il2_receptors",
    "hiv_art",
    "cd4_turnover",
    "aids_hazard",
    "il2_cd4_hiv",
)


def model(name: str | Model) -> Model:
    """Return the library model called `name` (or the Model itself); raise UnknownName with the nearest name."""
    if isinstance(name, Model):
        return name
    return _loaded(one(name, str, "model", f"a Model, or the name of one of the library: {', '.join(NAMES)}"))


@cache
def _loaded(name: str) -> Model:
    if name not in NAMES:
        raise unknown("model", name, NAMES)
    with library():
        declared: Model = import_module(f"immunode.models.{name}").MODEL
    return declared


def _pickled(declared: Model) -> Any:
    """Return how a model crosses to another process: one of the library, whose functions have no names, by its own."""
    if declared.name in NAMES and _loaded(declared.name) is declared:
        return _loaded, (declared.name,)
    return declared.__reduce_ex__(4)


copyreg.pickle(Model, _pickled)
