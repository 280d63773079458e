"""The model library: one file a model, one line here; and the one way from a name or a file to a Model.

Example
    >>> import immunode as im
    >>> im.models.NAMES[0], im.models.model("il2_sc").time
    ('il2_sc', 'day')
    >>> im.models().loc["il2_sc", "outputs"]  # the listing of `immunode models`, a DataFrame
    'il2'
"""

import copyreg
import os
import sys
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from immunode.errors import UnknownName, unknown
from immunode.internal.arguments import one
from immunode.model.declaration import Model, library
from immunode.model.model_file import file_of, is_model_file, model_in

if TYPE_CHECKING:
    import pandas

NAMES = (
    "il2_sc",
    "il2_autoinduction",
    "il2_receptors",
    "hiv_art",
    "cd4_turnover",
    "aids_hazard",
    "il2_cd4_hiv",
)


def listing() -> "pandas.DataFrame":
    """Return what `immunode models` lists, one row a model by its name, and more; `im.models()` is the same.

    It is printed whole at any width.
    """
    import pandas

    from immunode.internal.whole_frame import WholeFrame

    rows = [row_of(model(name)) for name in NAMES]
    table = pandas.DataFrame(rows).set_index("name")
    return WholeFrame(table)


def row_of(declared: Model) -> dict[str, Any]:
    """Return a row of the listing: name, meaning, how many states and parameters, outputs and routes, unit of time."""
    return {
        "name": declared.name,
        "meaning": declared.meaning,
        "states": len(declared.states),
        "parameters": len(declared.parameters),
        "outputs": ", ".join(output.name for output in declared.outputs if not output.part),
        "routes": ", ".join(declared.routes),
        "time": declared.time,
    }


class _Library(ModuleType):
    """Be this module, which is called to list what it holds: im.models()."""

    def __call__(self) -> "pandas.DataFrame":
        """Return the listing."""
        return listing()


sys.modules[__name__].__class__ = _Library


def model(name: str | Model) -> Model:
    """Return the library model called `name`, the one in a Python file ("my_model.py", "my_model.py:NAME"), or the
    Model itself; raise UnknownName with the nearest name, BadValue for a file that has none."""
    if isinstance(name, Model):
        return name
    expected = f"a Model, a file such as my_model.py, or the name of one of the library: {', '.join(NAMES)}"
    one(name, str, "model", expected)
    return model_in(name) if is_model_file(name) else _loaded(name)


@cache
def _loaded(name: str) -> Model:
    if name not in NAMES:
        file = f"; did you mean the file '{name}.py'?" if os.path.isfile(f"{name}.py") else ""
        raise UnknownName(f"there is no model '{name}'{file}") if file else unknown("model", name, NAMES)
    with library():
        declared: Model = import_module(f"immunode.models.{name}").MODEL
    return declared


def _pickled(declared: Model) -> Any:
    """Return how a model crosses to another process: one of the library or of a file, whose functions have no names,
    by its own."""
    if declared.name in NAMES and _loaded(declared.name) is declared:
        return _loaded, (declared.name,)
    file = file_of(declared)
    return (model_in, (file,)) if file else declared.__reduce_ex__(4)


copyreg.pickle(Model, _pickled)
