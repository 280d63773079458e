"""Convert quantities at the edge: one pint registry with the units of immunology; text such as "3 MIU" is read once.

Example
    >>> import immunode as im
    >>> im.units.factor("MIU/L", "IU/mL"), im.units.convert("36 h", "day")
    (1000.0, 1.5)
"""

import math
import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from immunode.errors import BadValue, UnitError
from immunode.internal import arguments

if TYPE_CHECKING:
    import pint

MONTH = 30.4375  # days, a twelfth of 365.25
DEFINITIONS = (
    "international_unit = [biological_activity] = IU",  # not [activity], which pint has for katals
    "MIU = 1e6 * IU",
    "kIU = 1e3 * IU",
    "cells = [cells] = cells = cell",
    "copies = [copies] = copies = copy",
    "events = [events] = events = event",
    f"month = {MONTH} * day",
)
# short names of times, which must take no prefix: "dy" is a slip, no tenth of a year
_SHORT = {"wk": "week", "mo": "month", "y": "year"}
# pint's enzyme unit (umol/min), by which papers on cytokines mean international units
_ENZYME_UNIT = re.compile(r"(?<![A-Za-z_])([nukMG]?|m)(?:U|enzyme_units?)(?![A-Za-z_])")
# how laboratories write 10^9 and 10^3 a volume; to pint G and K are gauss and kelvin
_COUNT = re.compile(
    r"(?:[xX*×]?\s*(?:1e9|10\s*(?:\^|\*\*)\s*9)|[Gg]iga|G)\s*/\s*[lL]|(?:K|1e3|10\s*(?:\^|\*\*)\s*3)\s*/\s*u[lL]"
)
_RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_EXPONENT = re.compile(r"(?:\^|\*\*)\s*(?:\([-+\d./\s]+\)|[-+]?(?:\d+\.?\d*|\.\d+))")
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?(?:nan|inf(?:inity)?)"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*(.*?)\s*", re.I)
_USUAL = ("IU", "IU/mL", "IU/L", "MIU", "MIU/L", "kIU", "mg/L", "mg", "cells/uL", "copies/mL", "mL", "L")
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
    """Return a unit as pint writes it: mm3 and m² are powers of a length, y is a year."""
    letters = text.replace("µ", "u").replace("μ", "u")
    ascii_only = re.sub("[⁻⁰¹²³⁴-⁹]+", lambda raised: "^" + raised[0].translate(_RAISED), letters)
    powers = re.sub(r"(?<![A-Za-z_])([cdmu]?m)([23])(?![0-9A-Za-z_])", r"\1^\2", ascii_only)
    return re.sub(r"(?<![A-Za-z_])(wk|mo|y)(?![A-Za-z_])", lambda short: _SHORT[short[0]], powers)


def _international(text: str) -> str:
    """Return a unit with U, which papers on cytokines write for IU, as IU."""
    return _ENZYME_UNIT.sub(r"\1IU", text)


@lru_cache(maxsize=1024)
def unit(text: str) -> "pint.Unit":
    """Return the pint unit that `text` names ("1" is dimensionless); raise UnitError when there is none."""
    known = registry()  # outside of the try: that pint cannot be imported says nothing about the text
    name = _plain(text)
    if _COUNT.fullmatch(name.strip()):
        raise UnitError(f"'{text}' is how a laboratory counts 10^9 a litre: write cells/nL, or cells/uL and 1000 of it")
    if _ENZYME_UNIT.search(name):
        raise UnitError(f"'{text}' may mean international or enzyme units; write {_international(text)} or umol/min")
    _check_form(text, name)
    try:
        return known.Unit("" if name.strip() == "1" else name)
    except Exception as error:  # pint raises a dozen kinds; all mean that the text is no unit
        raise UnitError(
            f"'{text}' is not a unit that immunode knows, such as IU/mL, MIU, cells/uL, 1/day{_near(text)}"
        ) from error


def _check_form(text: str, name: str) -> None:
    """Raise UnitError for a number in a unit, which pint takes for a factor of one ("IU/1 mL" would be IU times mL),
    and for two units of one kind side by side."""
    plain = re.sub(r"\s*([*/()])\s*", r"\1", _EXPONENT.sub("^", name).strip())
    bases = plain.replace("^", "")
    ones = re.sub(r"(?<![^(*/])1(?![^)*/])", "", bases)  # of 1/day, and of texts that are put together, such as 1*day
    if re.search(r"(?<!\w)[0-9]", ones):
        raise UnitError(f"'{text}' has a number in it; write units alone, such as MIU or 1/day, and powers as L^-1")
    for one, other in re.findall(r"([A-Za-z_]+)\s+(?=([A-Za-z_]+)(?![A-Za-z_^]))", plain):  # kg^-1 is one over it
        with suppress(Exception):  # what is none, or "per", is told by who reads the whole
            if (kind := registry().Unit(one).dimensionality) and kind == registry().Unit(other).dimensionality:
                break
    else:
        return
    raise UnitError(f"'{text}' has {one} and {other} side by side; write one, or {one}*{other} for a product")


def _near(text: str) -> str:
    """Return the cure where a unit is only written in the wrong case."""
    if per := re.fullmatch(r"\s*(?:/|per\s)\s*([A-Za-z]+)", text):
        return f"; did you mean '1/{per[1]}'?"
    usual = {name.lower(): name for name in _USUAL}
    return f"; did you mean '{usual[text.lower()]}'?" if text.lower() in usual else ""


def check(text: str) -> None:
    """Raise UnitError unless `text` names a unit; U is one, which is IU where that is wanted."""
    if text not in _PLAIN:
        unit(_international(text))


@lru_cache(maxsize=4096)
def factor(source: str, target: str) -> float:
    """Return what a number in `source` is multiplied by to be in `target`; raise UnitError when they do not fit.

    Where one of them is of international units, U in the other is IU.
    """
    if source == target:
        return 1.0  # without pint, which is slow to import
    import pint

    if "IU" in source or "IU" in target:
        source, target = _international(source), _international(target)
    try:
        known, wanted = registry().Quantity, unit(target)
        value = float(known(1.0, unit(source)).to(wanted).magnitude)
        if known(0.0, unit(source)).to(wanted).magnitude != 0:
            raise UnitError(f"'{source}' is no multiple of '{target}': their zeros differ; convert it before")
    except pint.DimensionalityError as error:
        raise UnitError(f"'{source}' cannot be converted to '{target}': a different kind of quantity") from error
    nice = float(f"{value:.12g}")
    return nice if math.isclose(nice, value, rel_tol=1e-13) else value


def parse(quantity: Any) -> tuple[float, str]:
    """Split "3 MIU", a pint quantity or a bare number into (number, unit text); raise BadValue when it is no number."""
    if hasattr(type(quantity), "magnitude"):
        number, name = number_of(quantity.magnitude), f"{quantity.units:~}" or "1"
    elif isinstance(quantity, str):
        match = _QUANTITY.fullmatch(quantity)
        if match is None or _no_number(quantity):
            raise BadValue(f"'{quantity}' is not a number with a unit, such as '3 MIU'{_no_number(quantity)}")
        number, name = float(match[1]), match[2] or "1"
        check(name)
    else:
        number, name = number_of(quantity), with_unit(quantity)[1] or "1"
    if not math.isfinite(number):
        raise BadValue(f"{arguments.short(quantity)} is not a finite number")
    return number, name


def with_unit(values: Any) -> tuple[Any, str | None]:
    """Return a list or array without its unit, and the unit: of a pint quantity, also in a Series, of a DataArray that
    says it; None for none. What is masked is nan."""
    unit_of = None
    within = getattr(getattr(values, "array", None), "quantity", None)  # pint-pandas
    values = within if hasattr(type(within), "magnitude") else values
    if hasattr(type(values), "magnitude"):
        values, unit_of = values.magnitude, f"{values.units:~}" or "1"
    elif isinstance(getattr(values, "attrs", None), dict):  # of xarray; that of pandas holds no unit by custom
        unit_of = values.attrs.get("units")
    if hasattr(values, "filled") and hasattr(values, "mask"):
        values = values.astype(float).filled(math.nan)
    return values, unit_of if isinstance(unit_of, str) else None


def number_of(value: Any) -> float:
    """Return a number of any kind as a float; raise BadValue for what is none (text, True, None, a list)."""
    read = arguments.number(value)
    if read is None:
        raise BadValue(f"{arguments.short(value)} is not a number, or a number with a unit such as '3 MIU'")
    return read


def _no_number(text: str) -> str:
    """Return what to do about a text that many would take for a number."""
    if text.strip()[:1] in tuple("<>≤≥~"):
        return "; a bound is no value: give the limit itself where the value is known to be there, or leave it out"
    if re.match(r"\s*[0-9.]+\s*(-|–|to)\s*[0-9.]", text):
        return "; a range is no value: give one number"
    # "2 1/day" is two per day: only groups of three digits, and a comma, are written by hand
    grouped = re.match(r"\s*[0-9]+(,[0-9]|[ _'][0-9]{3}(?![0-9./])|(\.[0-9]{3}){2})", text)
    return "; write a decimal point, and thousands without a comma or blank" if grouped else ""


def convert(quantity: Any, target: str) -> float:
    """Return `quantity` ("3 MIU", a pint quantity, or a bare number already in `target`) as a number in `target`."""
    number, name = parse(quantity)
    bare = not isinstance(quantity, str) and not hasattr(type(quantity), "magnitude")
    if name == "1" and (bare or isinstance(quantity, str)):
        return number
    return number * factor(name, target)


def time_per_day(time: str) -> float:
    """Return what a number of days is multiplied by to be in the unit `time` of a model; 1 where that is none ("1")."""
    return 1.0 if time == "1" else factor("day", time)


def is_time(unit_of: str) -> bool:
    """Return whether a unit is one of time."""
    try:
        factor(unit_of, "day")
    except UnitError:
        return False
    return True


def is_bare(quantity: Any) -> bool:
    """Return whether a quantity is a number without a unit; zero needs none."""
    number, name = parse(quantity)
    return name == "1" and number != 0 and not hasattr(type(quantity), "magnitude")


class SaidDays(float):
    """Hold days that were said with a unit, "24 h": a model that counts hours takes these, and no number alone."""


_MONTHS = re.compile(r"(?<![a-z])(?:mo|months?|y|yr|years?)(?![a-z])", re.IGNORECASE)


def counts_months(duration: Any) -> bool:
    """Return whether a duration is a text in months or years, which are counted in whole days."""
    return isinstance(duration, str) and _MONTHS.search(parse(duration)[1]) is not None


def in_days(duration: Any) -> float:
    """Return a duration ("28 d", "8 weeks", "2 h" or a number of days) in days; one in months or years in whole days,
    as a protocol counts them: month m is day round(30.4375 m)."""
    days = convert(duration, "day")
    return float(round(days)) if counts_months(duration) else days


def said_days(duration: Any) -> float:
    """Return a duration in days, which remember whether a unit was said."""
    if isinstance(duration, SaidDays):
        return duration
    days = in_days(duration)
    return days if parse(duration)[1] == "1" else SaidDays(days)
