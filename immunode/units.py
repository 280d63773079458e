"""Convert quantities at the edge: one pint registry with the units of immunology; text such as "3 MIU" is read once."""

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from immunode.errors import BadValue, UnitError

if TYPE_CHECKING:
    import pint

MONTH = 30.4375  # days, a twelfth of 365.25
DEFINITIONS = (
    "international_unit = [activity] = IU",
    "MIU = 1e6 * IU",
    "kIU = 1e3 * IU",
    "cells = [cells] = cells = cell",
    "copies = [copies] = copies = copy",
    "events = [events] = events = event",
    f"month = {MONTH} * day",
)
_PLAIN = ("1", "IU", "kIU", "MIU", "mg", "cells", "copies", "day")  # known to be units without pint


@lru_cache(maxsize=1)
def registry() -> "pint.UnitRegistry":
    """Return the one pint registry, made on first use because pint is slow to import."""
    import pint

    units: pint.UnitRegistry = pint.UnitRegistry(cache_folder=None)
    for definition in DEFINITIONS:
        units.define(definition)
    return units


def _plain(text: str) -> str:
    return re.sub(r"\bm2\b", "m^2", text.replace("µ", "u").replace("μ", "u").replace("²", "^2"))


@lru_cache(maxsize=1024)
def unit(text: str) -> "pint.Unit":
    """Return the pint unit that `text` names ("1" is dimensionless); raise UnitError when there is none."""
    known = registry()  # outside of the try: that pint cannot be imported says nothing about the text
    try:
        return known.Unit("" if text.strip() == "1" else _plain(text))
    except Exception as error:  # pint raises a dozen kinds; all mean that the text is no unit
        raise UnitError(f"'{text}' is not a unit that immunode knows, such as IU/mL, MIU, cells/uL, 1/day") from error


def check(text: str) -> None:
    """Raise UnitError unless `text` names a unit."""
    if text not in _PLAIN:
        unit(text)


@lru_cache(maxsize=4096)
def factor(source: str, target: str) -> float:
    """Return what a number in `source` is multiplied by to be in `target`; raise UnitError when they do not fit."""
    if source == target:
        return 1.0  # without pint, which is slow to import
    import pint

    try:
        value = float(registry().Quantity(1.0, unit(source)).to(unit(target)).magnitude)
    except pint.DimensionalityError as error:
        raise UnitError(f"'{source}' cannot be converted to '{target}': a different kind of quantity") from error
    nice = float(f"{value:.12g}")
    return nice if math.isclose(nice, value, rel_tol=1e-13) else value


def parse(quantity: Any) -> tuple[float, str]:
    """Split "3 MIU", a pint quantity or a bare number into (number, unit text); raise BadValue when it is no number."""
    if hasattr(quantity, "magnitude"):
        number, name = float(quantity.magnitude), f"{quantity.units:~}" or "1"
    elif isinstance(quantity, str):
        match = re.fullmatch(
            r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?))\s*(.*?)\s*", quantity, re.I
        )
        if match is None:
            raise BadValue(f"'{quantity}' is not a number with a unit, such as '3 MIU'")
        number, name = float(match[1]), match[2] or "1"
        check(name)
    else:
        number, name = float(quantity), "1"
    if not math.isfinite(number):
        raise BadValue(f"{quantity!r} is not a finite number")
    return number, name


def convert(quantity: Any, target: str) -> float:
    """Return `quantity` ("3 MIU", a pint quantity, or a bare number already in `target`) as a number in `target`."""
    number, name = parse(quantity)
    bare = not isinstance(quantity, str) and not hasattr(quantity, "magnitude")
    if bare or (name == "1" and isinstance(quantity, str)):
        return number
    return number * factor(name, target)


def time_per_day(time: str) -> float:
    """Return what a number of days is multiplied by to be in the unit `time` of a model; 1 where that is none ("1")."""
    return 1.0 if time == "1" else factor("day", time)


def in_days(duration: Any) -> float:
    """Return a duration ("28 d", "8 weeks", "2 h" or a number of days) in days."""
    return convert(duration, "day")
