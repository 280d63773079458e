"""Words of pictures: what a variable is called, its unit as it is printed, texts as matplotlib takes them."""

import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray

_HELD = " = ".replace(" ", "\N{NO-BREAK SPACE}")
_RAISED = str.maketrans("-0123456789.", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹·")
_POWER = re.compile(r"\s*(?:\^|\*\*)\s*\(?\s*([-+]?\d+)\s*\)?")
_BARE_POWER = re.compile(r"(?<![A-Za-zµ])([cdmµn]?m)([23])(?![0-9A-Za-z])")
_MICRO = re.compile(r"(?<![A-Za-z])[uμ](?=(?:L|l|g|m|mol|M|s|Ci|IU|U|kat)(?![A-Za-z]))")
_TIMES = {"day": "days", "d": "days", "hour": "hours", "h": "hours", "hr": "hours", "week": "weeks", "month": "months",
          "minute": "minutes", "min": "minutes", "second": "seconds", "s": "seconds", "year": "years"}  # fmt: skip


def title(name: str, variable: "xarray.DataArray | None" = None) -> str:
    """Return what a picture calls a variable: what its model says that it is, else its name."""
    said = "" if variable is None else str(variable.attrs.get("long_name", ""))
    return capital(said) if said else name.replace("_", " ")


def capital(text: str) -> str:
    """Return a text with a capital, but where its first word is a symbol (sIL-2R, p24) or one letter."""
    return text[:1].upper() + text[1:] if re.match(r"[a-z]{2,}(?![\w-]*[A-Z0-9])", text) else text


def typeset(unit: str) -> str:
    """Return a unit as it is printed: cells/uL is cells/µL, mm^3 is mm³, L**-1 is L⁻¹; "1" is none."""
    if unit.strip() in ("1", "", "dimensionless"):
        return ""
    shown = _MICRO.sub("µ", unit.replace(" per by_units", " per unit"))
    shown = _POWER.sub(lambda power: power[1].lstrip("+").translate(_RAISED), shown)
    shown = _BARE_POWER.sub(lambda both: both[1] + both[2].translate(_RAISED), shown)
    shown = re.sub(r"\s*\*\s*", "·", shown)
    return re.sub(r"\bpercent\b", "%", shown)


def with_unit(text: str, unit: str, note: str = "") -> str:
    """Return a label with its unit, and a note behind it."""
    inside = ", ".join(part for part in (typeset(unit) or "no unit", note) if part)
    return f"{text} ({inside})"


def of_time(unit: str) -> str:
    """Return the unit of a time axis in words; "" where time has none."""
    return _TIMES.get(unit, typeset(unit))


def safe(text: str) -> str:
    """Return a text that matplotlib shows as it stands: $ begins no formula, and a leading _ hides nothing."""
    shown = text.replace("\\$", "$").replace("$", r"\$")
    return f"\N{WORD JOINER}{shown}" if shown.startswith("_") else shown


def wrapped(text: str, width: int) -> str:
    """Return a text in lines of at most `width` letters; longer words stay whole."""
    held = text.replace(" = ", _HELD)  # "n = 30" stays whole
    lines = textwrap.wrap(held, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(_HELD, " = ") or text
