"""What a function is told: seeds, threads, numbers, tables and lists, refused with the cure if they are none."""

import math
import operator
import os
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, TypeVar

from immunode.errors import BadValue

MOST_SEED = 2**64 - 1

Kind = TypeVar("Kind")


def whole_number(value: Any, what: str, least: int = 1, most: int | None = None, cure: str = "") -> int:
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
        return whole_number(value, "seed", 0, MOST_SEED)
    except BadValue as error:
        raise BadValue(f"seed = {short(value)}: expected a whole number from 0 to 2^64 - 1, such as seed=1") from error


def thread_count(value: Any) -> int:
    """Return a number of threads, all processors for None; raise BadValue for another value."""
    return os.cpu_count() or 1 if value is None else whole_number(value, "threads", 1, 4096)


def finite(value: Any, what: str, expected: str = "a finite number") -> float:
    """Return a finite number; raise BadValue, naming `what`, for text, True, None, infinity and nan."""
    number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    if not math.isfinite(number):
        raise BadValue(f"{what} = {short(value)}: expected {expected}")
    return number


def flag(value: Any, what: str) -> bool:
    """Return True or False; raise BadValue, naming `what`, for "no", 0 and all else."""
    if not isinstance(value, bool):
        raise BadValue(f"{what} = {short(value)}: expected True or False")
    return value


def by_name(value: Any, what: str, example: str) -> dict[Any, Any]:
    """Return a table by name as a dict, empty for None; raise BadValue, naming `what`, for what is none."""
    if value is not None and not isinstance(value, Mapping):
        raise BadValue(f"{what} = {short(value)}: expected a table by name, such as {example}")
    return dict(value or {})


def several(value: Any, kind: type[Kind], what: str) -> tuple[Kind, ...]:
    """Return the things of a list; raise BadValue, naming `what`, for no list and for things of another kind."""
    # a part of a file is iterable, too: over its fields
    if isinstance(value, str | kind | Mapping) or not isinstance(value, Iterable):
        raise BadValue(f"{what} = {short(value)}: expected a list of {kind.__name__}, such as [{kind.__name__}(...)]")
    things = tuple(value)
    for thing in things:
        if not isinstance(thing, kind):
            raise BadValue(f"{what}: {short(thing)} is no {kind.__name__}; expected a list of {kind.__name__}")
    return things


def one(value: Any, kind: type[Kind], what: str, example: str) -> Kind:
    """Return the thing if it is of the kind; raise BadValue, naming `what`, otherwise."""
    if not isinstance(value, kind):
        raise BadValue(f"{what} = {short(value)}: expected {example}")
    return value


def short(value: Any) -> str:
    """Return a value as one short line for a message."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:50]}..."
