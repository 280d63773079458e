"""Where a course is cut: at what happens to a patient, and between it into pieces that grow, which may be cut again."""

import math

import numpy as np

from immunode.measures.window import FINEST
from immunode.simulation.ties import rounding

GROWTH = 1.6  # of a piece to the next: an exponential of any rate is then a polynomial in each, to 1e-7 of its start
LEAST, MOST = 3, 20  # growths in a stretch
EVEN = 64  # no first piece is longer than a day, or this part of the window: a course that moves there is cut again
_BEHIND = 2  # roundings after what happens a course is that after it
_TOGETHER = 50  # roundings: what happens so close together is not looked between


def first_pieces(happening: np.ndarray, first: float, last: float, even: int) -> np.ndarray:
    """Return the ends (P, 2) of pieces from `first`, after what happens then, to `last`, before what happens then.

    `happening` are times, rising; what is of one time with an end, but for rounding, happens at it. A piece begins a
    little after what happens: `stretched` closes these gaps.
    """
    at_first, at_last = (happening[np.abs(happening - day) <= rounding(happening)] for day in (first, last))
    inside = happening[(happening - first > rounding(happening)) & (last - happening > rounding(happening))]
    new = np.flatnonzero(np.append(True, np.diff(inside) > _TOGETHER * rounding(inside[1:]))[: len(inside)])
    ends = inside[np.append(new[1:], len(inside))[: len(new)] - 1]
    left = np.append(behind(at_first).max(initial=first), behind(ends))
    right = np.append(inside[new], at_last.min(initial=last))
    some = right - left > rounding(right)
    if not some.any():
        return np.array([[first, last]])
    longest = max(1.0 if even == EVEN else 0.0, (last - first) / even)
    return np.concatenate([_growing(a, b, longest) for a, b in zip(left[some], right[some], strict=True)])


def behind(time: np.ndarray) -> np.ndarray:
    """Return times so soon after what happens at `time` that they can be told from it."""
    return np.asarray(time + _BEHIND * rounding(time))


def _growing(first: float, last: float, longest: float) -> np.ndarray:
    """Return the ends (P, 2) of pieces that grow from `first` on, none longer than `longest`."""
    levels = min(MOST, max(LEAST, math.ceil(math.log(max((last - first) / FINEST, 1.0)) / math.log(GROWTH))))
    edges = first + (last - first) * np.r_[0.0, GROWTH ** -np.arange(levels, -1.0, -1.0)]
    edges[-1] = last
    parts = np.maximum(1, np.ceil(np.diff(edges) / longest)).astype(int)
    return split(np.stack([edges[:-1], edges[1:]], axis=1), parts)


def split(pieces: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return pieces (P, 2), each cut into so many of one length."""
    row = np.repeat(np.arange(len(pieces)), parts)
    place = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts)
    left, wide = pieces[row, 0], (pieces[row, 1] - pieces[row, 0]) / parts[row]
    right = np.where(place + 1 == parts[row], pieces[row, 1], left + (place + 1) * wide)
    return np.stack([left + place * wide, right], axis=1)
