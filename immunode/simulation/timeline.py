"""Lay out the events of doses in time: what happens, when, in which order, and what a later reset takes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from immunode.engine import ADD, DRIP, MULTIPLY, OUTPUT, PARAMETER, PUT, RATE, REPLACE, RESET, STOP, Events
from immunode.errors import BadValue
from immunode.model.scales import infused_size
from immunode.simulation.administration import Absorbed, Administration
from immunode.simulation.dose_table import DoseTable
from immunode.simulation.ties import ARRIVALS, ENDS, FIRST, ITSELF, LAST, rounding

_NO_DOSE = -1


@dataclass(frozen=True)
class EventRows:
    """Collect events, one row each: of which segment, when, in which order at that time, and what happens.

    `source` is the row of the dose that they come from, -1 for none; `along` and `slip` are the changes of value and
    time along directions; `size` is what an event brings, for the scale of its state.
    """

    segment: np.ndarray
    time: np.ndarray
    order: np.ndarray
    kind: np.ndarray
    state: np.ndarray
    value: np.ndarray
    source: np.ndarray
    along: np.ndarray
    slip: np.ndarray
    size: np.ndarray

    @classmethod
    def none(cls, directions: int) -> "EventRows":
        """Return no events."""
        return _rows(STOP, 0, [], 0.0, directions=directions)

    @classmethod
    def boluses(
        cls, segment: Any, time: Any, order: Any, state: Any, amount: Any, *, absorbed: bool = True, size: Any = None,
        **more: Any,
    ) -> "EventRows":  # fmt: skip
        """Return amounts that arrive at once, `absorbed` with the bioavailability in them."""
        kind, size = PUT if absorbed else ADD, np.abs(amount) if size is None else size
        return _rows(kind, segment, time, order, state=state, value=amount, size=size, **more)

    @classmethod
    def infusion_starts(
        cls, segment: Any, time: Any, order: Any, state: Any, rate: Any, duration: Any, *, absorbed: Any = True,
        **more: Any,
    ) -> "EventRows":  # fmt: skip
        """Return rates that begin, `absorbed` where the bioavailability is in them or does not change them."""
        kind, size = np.where(absorbed, DRIP, RATE), infused_size(rate, duration) if np.size(rate) else 0.0
        return _rows(kind, segment, time, order, state=state, value=rate, size=size, **more)

    @classmethod
    def infusion_ends(
        cls, segment: Any, time: Any, order: Any, state: Any, rate: Any, *, along: Any, absorbed: Any = True,
        **more: Any,
    ) -> "EventRows":  # fmt: skip
        """Return rates that end; `along` is the change of the rate itself, the rest as for the starts."""
        kind = np.where(absorbed, DRIP, RATE)
        return _rows(kind, segment, time, order, state=state, value=-rate, size=0.0, along=-along, **more)

    @classmethod
    def resets(cls, segment: Any, time: Any, order: Any, *, source: Any, directions: int) -> "EventRows":
        """Return the ends of all infusions of a segment."""
        return _rows(RESET, segment, time, order, source=source, directions=directions)

    @classmethod
    def settings(
        cls, segment: Any, time: Any, order: Any, state: Any, value: Any, *, kind: Any = REPLACE, size: Any = None,
        **more: Any,
    ) -> "EventRows":  # fmt: skip
        """Return states that are set to a value, or multiplied by it as `kind` says: then they bring what is there."""
        size = np.where(np.equal(kind, MULTIPLY), 1.0, np.abs(value)) if size is None else size
        return _rows(kind, segment, time, order, state=state, value=value, size=size, **more)

    @classmethod
    def parameters(
        cls, segment: int, time: Any, order: Any, parameter: int, value: Any, directions: int
    ) -> "EventRows":
        """Return changes of a parameter."""
        return _rows(PARAMETER, segment, time, order, state=parameter, value=value, directions=directions)

    @classmethod
    def stops(cls, segments: int, times: Sequence[float], directions: int) -> "EventRows":
        """Return times at which the solver stops in each of so many segments, after all that happens."""
        segment, time = np.repeat(np.arange(segments), len(times)), np.tile(np.asarray(times, float), segments)
        return _rows(STOP, segment, time, LAST, directions=directions)

    @classmethod
    def refusals(cls, segment: Any, time: Any, directions: int) -> "EventRows":
        """Return times at which it is said that there is no derivative."""
        return _rows(STOP, segment, time, FIRST, slip=np.nan, directions=directions)

    @classmethod
    def outputs(cls, segment: Any, time: Any, order: Any, directions: int) -> "EventRows":
        """Return outputs that are made among the events of their time."""
        return _rows(OUTPUT, segment, time, order, directions=directions)


def _rows(
    kind: Any, segment: Any, time: Any, order: Any, *, state: Any = 0, value: Any = 0.0, source: Any = _NO_DOSE,
    along: Any = 0.0, slip: Any = 0.0, size: Any = 0.0, directions: int,
) -> EventRows:  # fmt: skip
    """Return rows of events, as many as times; what is one number is the same in all, one row of changes as well."""
    n = np.size(time)
    columns = [_spread(a, (n,)) for a in (segment, time, order, kind, state, value, source)]
    changes = [_spread(np.asarray(a, float), (n, directions)) for a in (along, slip)]
    return EventRows(*columns, *changes, _spread(np.asarray(size, float), (n,)))  # type: ignore[call-arg]


def _spread(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(value)
    return array if array.shape == shape else np.broadcast_to(array, shape)


def joined(parts: Sequence[EventRows]) -> EventRows:
    """Return the rows of all parts, without a copy where only one has any."""
    some = [part for part in parts if len(part.time)]
    if len(some) == 1:
        return some[0]
    return EventRows(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))


def taken(rows: EventRows, which: np.ndarray) -> EventRows:
    """Return the rows that `which` picks."""
    return EventRows(*(values[which] for values in vars(rows).values()))


def of_doses(
    doses: DoseTable, segment: np.ndarray, administered: Administration, absorbed: Absorbed | None = None
) -> EventRows:
    """Return the events of doses, replacements and multiplications of segments.

    Values are what is `absorbed`; without it they are what is given, and the engine multiplies by the bioavailability
    of each patient.
    """
    position = np.arange(len(segment)) - doses.first[segment].astype(float)
    d_lag, k = administered.d_lag, administered.d_lag.shape[1]
    # the steady state of a dose comes first, then outputs that are to show its trough, then the dose itself
    order = np.where(administered.lag > 0, ARRIVALS, position + np.where(doses.steady > 0, ITSELF, 0.0))
    amount, d_amount, rate, d_rate = doses.amount, np.zeros(d_lag.shape), administered.rate, administered.d_rate
    if absorbed is not None:
        amount, d_amount, rate, d_rate = absorbed.amount, absorbed.d_amount, absorbed.rate, absorbed.d_rate
    explicit = absorbed is not None
    ready = explicit | doses.rated
    begin = doses.time + administered.lag
    end, d_end = begin + administered.duration, d_lag + administered.d_duration
    add = doses.action == ADD
    c = np.flatnonzero((doses.action == REPLACE) | (doses.action == MULTIPLY))
    b, i = np.flatnonzero(add & (administered.duration == 0)), np.flatnonzero(add & (administered.duration > 0))
    parts = []  # of those that there are: each takes as long as many doses
    if c.size:
        parts.append(EventRows.settings(segment[c], doses.time[c], position[c], doses.state[c], doses.amount[c],
                                        kind=doses.action[c], source=c, directions=k))  # fmt: skip
    if b.size:
        parts.append(EventRows.boluses(segment[b], begin[b], order[b], doses.state[b], amount[b], absorbed=explicit,
                                       source=b, along=d_amount[b], slip=d_lag[b], directions=k))  # fmt: skip
    if i.size:
        infusions = {"absorbed": ready[i], "source": i, "along": d_rate[i], "directions": k}
        who, into = segment[i], (doses.state[i], rate[i])
        lasting = administered.duration[i]
        parts.append(EventRows.infusion_starts(who, begin[i], order[i], *into, lasting, slip=d_lag[i], **infusions))
        parts.append(EventRows.infusion_ends(who, end[i], ENDS, *into, slip=d_end[i], **infusions))
    return joined(parts) if parts else EventRows.none(k)


def standing(doses: DoseTable, segment: np.ndarray, rows: EventRows) -> EventRows:
    """Return the events without those that a reset, or a steady state in place of what is there, takes back.

    It takes back what comes after it from a dose before it: arrivals after a lag and ends of infusions.
    """
    resets = np.flatnonzero((doses.action == RESET) | (doses.steady == 1))
    if not resets.size:
        return rows
    following = np.searchsorted(resets, rows.source, side="right")
    at = resets[np.minimum(following, resets.size - 1)]
    same = (following < resets.size) & (segment[at] == rows.segment)
    if not same.any():
        return rows
    later = rows.time - doses.time[at] > rounding(rows.time)
    return taken(rows, ~(same & later))


def table(rows: EventRows, at: np.ndarray, segment: np.ndarray, start: np.ndarray, resumed: bool, unit: str) -> Events:
    """Return the engine's table of rows in the order `at`, for patients of segments that begin at `start` [unit].

    What comes before the start of a run that is `resumed` has happened; else raise BadValue for it.
    """
    early = rows.time[at] < start[rows.segment[at]]
    if resumed:
        at = at[~early]
    elif early.any():
        i = at[np.argmax(early)]
        raise BadValue(
            f"a dose at {rows.time[i]:g} {unit} lies before the start of the simulation, "
            f"{start[rows.segment[i]]:g} {unit}"
        )
    rows = taken(rows, at)
    first = np.searchsorted(rows.segment, np.arange(len(start) + 1))
    along, slip = (rows.along, rows.slip) if rows.along.any() or rows.slip.any() else (np.zeros((0, 0)),) * 2
    return Events(segment, first, rows.time, rows.kind, rows.state, rows.value, along, slip, rows.size)
