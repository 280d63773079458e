"""The values of functions that no library has, on numbers: NumPy's vector code and the engine's machine code have them.

The engine copies each into the modules that call it: nothing but NumPy and math stands in them.
"""

import math
from typing import Any

import numpy as np


def floor_of(above: Any, below: Any) -> Any:
    """Return how many multiples of `below`, each as it is rounded, lie up to `above`: floor(above / below)."""
    whole = np.floor(above / below)
    if below > 0.0:
        up, down = (whole + 1.0) * below <= above, whole * below > above
    else:
        up, down = (whole + 1.0) * below >= above, whole * below < above
    return whole + 1.0 if up else (whole - 1.0 if down else whole)


def modulo(above: Any, below: Any) -> Any:
    """Return Python's above % below, but zero where `above` is a multiple as it is rounded: 1.0 of 0.1."""
    rest = above % below
    return 0.0 if floor_of(above, below) * below == above else rest


def hill_term(ratio: Any, power: Any, start: Any, times: Any, depth: Any, order: Any) -> Any:
    """Return ratio^(start + times power) / (1 + ratio^power)^depth log(ratio)^order; below zero it is zero.

    With (0, 1, 1, 0) it is hill, the others are its derivatives. No power is of a number that makes it overflow.
    """
    last = start + times * power
    if ratio <= 0.0:
        value = 1.0 if ratio == 0.0 and last == 0.0 and order == 0.0 else 0.0
        return value / (1.0 + (1.0 if power == 0.0 else 0.0)) ** depth
    if (ratio <= 1.0) == (power >= 0.0):
        value = ratio**last / (1.0 + ratio**power) ** depth
    else:
        turned = start + (times - depth) * power if times != depth else start
        value = ratio**turned / (1.0 + ratio ** (-power)) ** depth
    return value * math.log(ratio) ** order if order != 0.0 else value
