"""Functions that few equations have: a generated module imports, or contains, those that it calls.

So that the modules of all others stay what they are. floor is NumPy's, whose results are numbers of any size, and
vector code; that of math is a 64-bit integer.
"""

import math
import re
from collections.abc import Sequence
from inspect import getsource
from typing import Any

from immunode.functions.values import floor_of, hill_term, modulo

MATH = ("acos", "asin", "atan", "cos", "cosh", "gamma", "log10", "log2", "sin", "sinh", "tan", "tanh")
NUMPY = ("floor",)


def digamma(x: Any) -> Any:
    """Return the derivative of the logarithm of gamma: reflection, recurrence, then Stirling's series (DLMF 5.11.2)."""
    reflected = 0.0
    if x < 0.5:
        reflected = -math.pi / math.tan(math.pi * (x - math.floor(x + 0.5)))
        x = 1.0 - x
    below = 0.0
    while x < 10.0:
        below += 1.0 / x
        x += 1.0
    r = 1.0 / (x * x)
    series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - r * (691 / 32760 - r / 12))))))
    return math.log(x) - 0.5 / x - series - below + reflected


def trigamma(x: Any) -> Any:
    """Return the derivative of digamma: reflection, recurrence, then Stirling's series (DLMF 5.15.8)."""
    turned, reflected = 1.0, 0.0
    if x < 0.5:
        sine = math.sin(math.pi * (x - math.floor(x + 0.5)))
        turned, reflected = -1.0, math.pi * math.pi / (sine * sine)
        x = 1.0 - x
    below = 0.0
    while x < 10.0:
        below += 1.0 / (x * x)
        x += 1.0
    r = 1.0 / (x * x)
    series = r * (1 / 6 - r * (1 / 30 - r * (1 / 42 - r * (1 / 30 - r * (5 / 66 - r * (691 / 2730 - r * 7 / 6))))))
    return reflected + turned * (1.0 / x + 0.5 * r + series / x + below)


_SPECIAL = (digamma, floor_of, hill_term, modulo, trigamma)
_BEHIND = {"modulo": ("floor_of",)}  # what these call


def called(text: str) -> list[str]:
    """Return the names of those functions that `text` calls."""
    names = (*MATH, *NUMPY, *(function.__name__ for function in _SPECIAL))
    wanted = {name for name in names if re.search(rf"\b{name}\(", text)}
    wanted |= {other for name in wanted for other in _BEHIND.get(name, ())}
    return [name for name in names if name in wanted]


def rare(lines: Sequence[str]) -> list[str]:
    """Return the lines that import or define what `lines` call."""
    names = called("\n".join(lines))
    homes = (("math", [n for n in names if n in MATH]), ("numpy", [n for n in names if n in NUMPY]))
    out = [f"from {home} import {', '.join(wanted)}" for home, wanted in homes if wanted]
    special = [function for function in _SPECIAL if function.__name__ in names]
    out += ["import math", "", "import numpy as np"] if special else []
    for function in special:
        source = re.sub(": Any| -> Any", "", getsource(function))
        out += ["", "", "@njit(**PART)", *source.splitlines()]
    return out
