"""Fields that are times or rates: a number alone, or a text with its unit, which they remember."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Annotated, Any, get_args

from pydantic import WrapValidator

from immunode.errors import BadValue, UnitError
from immunode.evidence.toml_file import FilePart, Finite, NotNegative
from immunode.units import SaidDays, convert, parse, said_days


class TimeField:
    """Mark a field as a time [day], or as a rate [1/day]."""

    def __init__(self, unit: str) -> None:
        """Hold the unit that a number alone has."""
        self.unit = unit


def _read(value: Any, handler: Callable[[Any], float], read: Callable[[Any], float], expected: str) -> float:
    if isinstance(value, SaidDays):
        return value
    if not isinstance(value, str) and not hasattr(type(value), "magnitude"):
        return handler(value)
    try:
        time = read(value)
    except (BadValue, UnitError) as error:
        if isinstance(value, str) and (either := re.match(r"\s*(?:\+\s*/?\s*[-−]|±)\s*(?=[\d.])", value)):
            rest = value[either.end() :].strip()
            raise BadValue(f"write '{rest.replace('days', 'd').replace('day', 'd')}': it is either way") from error
        raise type(error)(f"expected {expected} ({error})") from error
    checked = handler(float(time))
    return SaidDays(checked) if isinstance(time, SaidDays) else checked


def _said_rate(value: Any) -> float:
    """Return a rate in 1/day: "0.1/year", "0.1 per year" or "0.1 1/year"."""
    if isinstance(value, str):
        value = re.sub(r"^(\s*[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?:/|per\s)\s*(?=[a-z])", r"\1 1/", value)
    rate = convert(value, "1/day")
    return rate if parse(value)[1] == "1" else SaidDays(rate)


Days = Annotated[
    Finite,
    WrapValidator(
        partial(_read, read=said_days, expected="a time, such as '24 h' or a number of days"),
        json_schema_input_type=float | str,
    ),
    TimeField("day"),
]
PerDay = Annotated[
    NotNegative,
    WrapValidator(
        partial(_read, read=_said_rate, expected="a rate, such as '0.1/year' or a number a day"),
        json_schema_input_type=float | str,
    ),
    TimeField("1/day"),
]


def times_of(part: FilePart) -> Iterator[tuple[str, float, str]]:
    """Yield the times and rates of a part of a file, and of the parts in it: path of the field, number, unit."""
    for name, unit in _fields(type(part)):
        value = getattr(part, name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, FilePart):
                yield from ((f"{name}.{inner}", time, of) for inner, time, of in times_of(one))
            elif unit and isinstance(one, float):
                yield name, one, unit


@lru_cache(maxsize=64)
def _fields(kind: type[FilePart]) -> tuple[tuple[str, str], ...]:
    """Return the names of the fields of a part with the unit of those that are times, "" for others."""
    return tuple(
        (name, next(_units([*info.metadata, info.annotation]), "")) for name, info in kind.model_fields.items()
    )


def _units(said: Any) -> Iterator[str]:
    """Yield the units of the marks in a type, at any depth."""
    for one in said:
        if isinstance(one, TimeField):
            yield one.unit
        yield from _units(get_args(one))
