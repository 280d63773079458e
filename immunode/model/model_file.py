"""A user's own model in a Python file: my_model.py, or my_model.py:NAME where it holds several."""

import linecache
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from immunode.errors import BadValue, ImmunodeError, UnknownName, nearest
from immunode.model.declaration import Model

_NAMED = re.compile(r"(.+\.py)(?::(\w+))?")
_LOADED: dict[tuple[str, int, int], dict[str, Model]] = {}  # by path, time and size: an edited file is read again


def is_model_file(name: str) -> bool:
    """Return whether a name is that of a Python file, with or without the name of a model in it."""
    return _NAMED.fullmatch(name) is not None


def beside(name: str, file: Path) -> str:
    """Return the name of a model as a file says it: a Python file is looked for beside that file."""
    return str(file.parent / name) if is_model_file(name) else name


def model_in(name: str) -> Model:
    """Return the im.Model of "my_model.py", or of "my_model.py:NAME"; the same one as long as the file is the same.

    Raise BadValue where there is no such file, where it fails (with its line), and where it has no model or several;
    UnknownName where it has none of that NAME. What is wrong with a model is raised as its own error, with the line.
    """
    match = _NAMED.fullmatch(name)
    assert match is not None
    path, wanted = Path(match[1]), match[2]
    if not os.path.isfile(path):  # false for a name too long, of which Path.is_file complains
        raise BadValue(f"there is no model file '{path}'")
    known = _models_of(path)
    if wanted is None:
        return _only(known, path)
    if wanted not in known:
        raise UnknownName(f"'{path}' has no im.Model named '{wanted}'{nearest(wanted, known) or _listed(known)}")
    return known[wanted]


def file_of(model: Model) -> str | None:
    """Return how `model_in` finds a model again; None for one that is from no file."""
    for (path, _, _), models in _LOADED.items():
        for name, each in models.items():
            if each is model:
                return f"{path}:{name}"
    return None


def _only(known: dict[str, Model], path: Path) -> Model:
    """Return the one model of a file, which may stand there under two names; parts from the library do not count."""
    candidates = {name: model for name, model in known.items() if not model.key} or known
    different = {id(model): name for name, model in candidates.items()}
    if not different:
        raise BadValue(f"'{path}' has no im.Model; assign one to a name, such as MODEL = im.Model(...)")
    if len(different) > 1:
        first = next(iter(candidates))
        raise BadValue(f"'{path}' has several models{_listed(candidates)}; say which, such as {path}:{first}")
    return next(iter(candidates.values()))


def _listed(known: dict[str, Model]) -> str:
    return f": {', '.join(known)}" if known else ""


def _models_of(path: Path) -> dict[str, Model]:
    """Return the models of a file by the names that they have in it."""
    state = path.stat()
    key = str(path.resolve()), state.st_mtime_ns, state.st_size
    if key not in _LOADED:
        names = vars(_run(path))
        _LOADED[key] = {name: value for name, value in names.items() if isinstance(value, Model)}
    return _LOADED[key]


def _run(path: Path) -> ModuleType:
    """Return the module of a file, run as Python runs a script, but not as __main__; what it prints goes to standard
    error, where it does not mix with results."""
    full = str(path.resolve())
    module = ModuleType(f"immunode_model_file_{len(_LOADED)}")
    module.__file__ = full
    linecache.checkcache(full)
    try:
        code = compile(path.read_bytes(), full, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise BadValue(f"{path}, line {error.lineno or 1}: {error.msg}") from error
    except ValueError as error:  # a zero in the text
        raise BadValue(f"'{path}' is no Python file: {error}") from error
    with _as_script(module, path):
        try:
            exec(code, vars(module))
        except ImmunodeError as error:
            raise type(error)(f"{_place(path, full, error)}{error}") from error
        except (Exception, SystemExit) as error:
            reason = " ".join(str(error).split())
            raise BadValue(f"{_place(path, full, error)}{type(error).__name__}{reason and ': '}{reason}") from error
    return module


@contextmanager
def _as_script(module: ModuleType, path: Path) -> Iterator[None]:
    """Let a file import what lies beside it, and find itself; both as long as it runs."""
    folder: Any = str(path.resolve().parent)
    sys.modules[module.__name__] = module  # dataclasses look there for the types of their fields
    sys.path.insert(0, folder)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path.remove(folder)


def _place(path: Path, full: str, error: BaseException) -> str:
    """Return the file and the line of it that came nearest to an error or to what caused it, "my_model.py, line 12: ":
    of an equation its own, not that of the model."""
    line: int | None = None
    at: BaseException | None = error
    while at is not None:
        for frame in traceback.extract_tb(at.__traceback__):
            line = frame.lineno if frame.filename == full else line
        at = at.__cause__
    return f"{path}: " if line is None else f"{path}, line {line}: "
