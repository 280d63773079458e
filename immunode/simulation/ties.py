"""Order what happens at one time, and say which times are one.

At one time the order is: outputs before everything (PRE), ends of infusions, arrivals after a lag, then doses, resets
and observations of an event table as they stand, outputs after everything (POST). The rules are in docs/dosing.md.
"""

import numpy as np

# doses are 0, 1, 2, ..., outputs of an event table half a step before one of them
FIRST, PRE, ENDS, ARRIVALS, POST, LAST = -4.0, -3.0, -2.0, -1.0, 1e9, 2e9
TROUGH, ITSELF = 0.1, 0.25  # after the record of a steady state
_SAME = 1e-12  # times that differ by this share are one time, written by two formulas


def rounding(time: np.ndarray) -> np.ndarray:
    """Return how far from `time` another may lie that is meant to be the same: the one tolerance of a simulation."""
    return _SAME * np.maximum(1.0, np.abs(time))


def moments(segment: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return times of segments as complex numbers segment + time i, which sort by segment, then time, in one pass."""
    out = np.empty(len(time), complex)
    out.real, out.imag = segment, time
    return out


def in_order(segment: np.ndarray, time: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return where rows stand by segment, time and order; what is equal in all of them stays in its order."""
    return np.lexsort((order, moments(segment, time)))


def together(segment: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return times of which those of one segment that differ by rounding are one time, that of the first."""
    at = np.argsort(moments(segment, time), kind="stable")
    when, who = time[at], segment[at]
    apart = np.diff(when) > rounding(when[1:])
    new = np.append(True, apart | (np.diff(who) != 0))[: len(at)]
    out = np.empty(len(at))
    out[at] = when[np.maximum.accumulate(np.where(new, np.arange(len(at)), 0))]
    return out


def soon_after(events: np.ndarray, outputs: np.ndarray) -> bool:
    """Return whether an output comes so soon after an event that it is meant to be at its time, before it."""
    if not (outputs.size and events.size):
        return False
    gap = outputs[np.minimum(np.searchsorted(outputs, events, side="right"), outputs.size - 1)] - events
    return bool(np.any((gap > 0) & (gap <= rounding(events))))


def snapped(
    segments: np.ndarray, events: np.ndarray, segment: np.ndarray, time: np.ndarray, forward: np.ndarray
) -> np.ndarray:
    """Return times moved to that of an event, one of `events` of `segments`, that was meant to be the same.

    One that is before everything stays where it is, unless it is to be moved `forward`, too.
    """
    if not len(events):
        return time
    out, there = time, np.sort(moments(segments, events), kind="stable")
    after = np.searchsorted(there, moments(segment, time))
    for at in (after - 1, after):
        near = there[np.clip(at, 0, len(there) - 1)]
        close = np.abs(near.imag - time) <= rounding(time)
        out = np.where(close & (near.real == segment) & (forward | (near.imag <= time)), near.imag, out)
    return out


def after_events(shown: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """Return which of sorted rows are outputs (`shown`) that come after another event of their time.

    They are made by an event of their own, the others before all events of their time.
    """
    new = np.append(True, moment[1:] != moment[:-1])[: len(shown)]
    before = np.cumsum(~shown) - ~shown  # events before each row, then those before its time
    return shown & (before > np.maximum.accumulate(np.where(new, before, 0)))
