"""What a function is told: seeds, threads, numbers, tables and lists, refused with the cure if they are none."""

import inspect
import math
import operator
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

from immunode.errors import BadValue, nearest

MOST_SEED = 2**64 - 1

Kind = TypeVar("Kind")
_Class = TypeVar("_Class")


def only_fields(**meant: str) -> Callable[[type[_Class]], type[_Class]]:
    """Return a decorator of dataclasses: a field that does not exist is refused, instead of by Python's TypeError.

    `meant` says what to write for names that a class of other tools has.
    """

    def decorated(cls: type[_Class]) -> type[_Class]:
        def new(kind: Any, *_: Any, **named: Any) -> Any:
            fields: list[str] = [name for name, one in kind.__dataclass_fields__.items() if one.init]
            for name in named if kind.__init__ is cls.__init__ else ():  # a class of a user's has its own arguments
                if name not in fields:
                    cure = f"; {meant[name]}" if name in meant else nearest(name, fields, 0.7)
                    raise BadValue(f"{kind.__name__}: {name} = {short(named[name])}: there is no such field{cure}")
            return object.__new__(kind)

        cls.__new__, cls.__signature__ = new, _Signature()  # type: ignore[assignment, method-assign, attr-defined]
        return cls

    return decorated


class _Signature:
    """Be the signature of a class: that of its `__init__`, which `__new__` would hide."""

    def __get__(self, _: Any, owner: Any) -> inspect.Signature:
        signature = inspect.signature(owner.__init__)
        return signature.replace(parameters=list(signature.parameters.values())[1:])


def whole(value: Any, what: str, least: int = 1, most: int | None = None, cure: str = "") -> int:
    """Return a whole number from `least` to `most`; raise BadValue, naming `what`, for another, 2.0, "2" and True."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        span = f", {least} or more" if most is None else f" from {least} to {most}"
        raise BadValue(f"{what} = {short(value)}: expected a whole number{span}{cure and '; ' + cure}")
    return number


def seed_number(value: Any) -> int:
    """Return a seed; raise BadValue for what is none, so that nobody draws another population with 1.0 or True."""
    try:
        return whole(value, "seed", 0, MOST_SEED)
    except BadValue as error:
        raise BadValue(f"seed = {short(value)}: expected a whole number from 0 to 2^64 - 1, such as seed=1") from error


def thread_count(value: Any) -> int:
    """Return a number of threads, all processors for None; raise BadValue for another value."""
    return os.cpu_count() or 1 if value is None else whole(value, "threads", 1, 4096)


def finite(value: Any, what: str, expected: str = "a finite number") -> float:
    """Return a finite number; raise BadValue, naming `what`, for text, True, None, infinity and nan."""
    read = number(value)
    return read if read is not None and math.isfinite(read) else refuse(what, value, expected)


def number(value: Any) -> float | None:
    """Return a number of any kind, Python's, NumPy's, a fraction, as a float; None for what is no single number."""
    kind = type(value)
    if kind is float:  # nearly always
        return float(value)
    numeric = hasattr(kind, "__float__") or hasattr(kind, "__index__")
    if not numeric or isinstance(value, bool | str | bytes | bytearray) or hasattr(kind, "magnitude"):
        return None
    if hasattr(kind, "dtype") and (value.dtype.kind not in "iuf" or value.ndim > 0 or getattr(value, "mask", False)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except Exception:  # a symbol, a masked value: no number
        return None


def flag(value: Any, what: str) -> bool:
    """Return True or False, Python's or NumPy's; raise BadValue, naming `what`, for "no", 0 and all else."""
    return bool(value) if type(value).__name__ in ("bool", "bool_") else refuse(what, value, "True or False")


def choice(value: Any, what: str, options: Iterable[str]) -> str:
    """Return one of some words; raise BadValue, naming `what` and the nearest, for another."""
    known = list(options)
    if isinstance(value, str) and value in known:
        return value
    near = nearest(value, known) if isinstance(value, str) and value else ""
    listed = f"{', '.join(known[:-1])} or {known[-1]}"
    refuse(what, value, listed + (near if near.startswith("; did") else ""))


def function(value: Any, what: str, of: str) -> Callable[..., Any]:
    """Return a function; raise BadValue, naming `what`, for what is none."""
    return value if callable(value) and not isinstance(value, type) else refuse(what, value, f"a function of {of}")


def progress_told(value: Any) -> None:
    """Raise BadValue for what cannot be told how much is done: neither a function nor None."""
    if value is not None:
        function(value, "progress", "how many are done, of how many")


def by_name(value: Any, what: str, example: str, keys: type[Any] = str) -> dict[Any, Any]:
    """Return a table by name as a dict, empty for None; raise BadValue, naming `what`, for what is none."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, keys) for name in value):
        refuse(what, value, f"a table by name, such as {example}")
    return dict(value)


def is_list(value: Any) -> bool:
    """Return whether a value is a list of things: no text, no table by name, no array without a dimension."""
    lists = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    return lists and getattr(value, "ndim", 1) > 0


def several(value: Any, kind: type[Kind], what: str, example: str = "") -> tuple[Kind, ...]:
    """Return the things of a list; raise BadValue, naming `what`, for no list and for things of another kind."""
    name = kind.__name__
    expected = f"a list of {'texts' if kind is str else name}, such as {example or f'[{name}(...)]'}"
    # a part of a file is iterable, too: over its fields
    if isinstance(value, kind) or not is_list(value):
        refuse(what, value, expected)
    things = tuple(value)
    for thing in things:
        if not isinstance(thing, kind):
            raise BadValue(f"{what}: {short(thing)} is no {'text' if kind is str else name}; expected {expected}")
    return things


def parts_of(value: Any, kind: type[Any]) -> Any:
    """Return what is made of the fields of a part of a file, {"signal": "cd4"}, also of each in a list; all else is
    returned as it is."""
    if isinstance(value, Mapping):
        return kind(**by_name(value, kind.__name__, "its fields"))
    if isinstance(value, kind) or not is_list(value):
        return value
    return [parts_of(part, kind) if isinstance(part, Mapping) else part for part in value]


def one(value: Any, kind: type[Kind], what: str, example: str) -> Kind:
    """Return the thing if it is of the kind; raise BadValue, naming `what`, otherwise."""
    return value if isinstance(value, kind) else refuse(what, value, example)


def named(value: Any, what: str, example: str) -> str:
    """Return a name for people; raise BadValue, naming `what`, for no text, an empty one, breaks, blanks at an end."""
    text = one(value, str, f"name of {what}", f"a text, such as {example}")
    fits = text.strip() == text != "" and text.isprintable()
    return (
        text
        if fits
        else refuse(f"name of {what}", text, f"a text in one line, without blanks at its ends, such as {example}")
    )


def refuse(what: str, value: Any, expected: str) -> NoReturn:
    """Raise BadValue for the `value` of `what`."""
    raise BadValue(f"{what} = {short(value)}: expected {expected}")


def short(value: Any) -> str:
    """Return a value as one short line for a message, also where it cannot show itself."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # what an object of somebody else's raises is no concern of ours
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:50]}..."


def is_one_of(value: Any, *some: Any) -> bool:
    """Return whether a value is one of some, of the same type: arrays, which compare by their numbers, are none."""
    return any(type(value) is type(one) and value == one for one in some)
