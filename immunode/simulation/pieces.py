"""Courses of patients between two days as they are, whatever output times anybody asked for: polynomials in pieces.

Each patient's time is cut where something happens to it (doses after their lags, ends of infusions, resets, the days
asked for), and each stretch into pieces that grow from its start. The solver's own interpolant is read there; a piece
that is no polynomial yet (a switch of the model, a fast transient) is cut again, in the patients concerned.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from immunode.engine import Solution, build
from immunode.measures.polynomials import NODES, between, last_terms
from immunode.measures.window import FINEST, Pieces, after
from immunode.model.declaration import Model
from immunode.model.trace import lazy_trace
from immunode.simulation.engine_input import engine_input
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.ensemble_run import solve_ensemble
from immunode.simulation.ties import PRE
from immunode.simulation.times import OutputTimes

GROWTH = 1.6  # of a piece to the next: an exponential of any rate is then a polynomial in each, to 1e-7 of its start
LEAST, MOST = 3, 20  # growths in a stretch
CUTS, ROUNDS = 8, 8  # a piece that is no polynomial is cut into so many at most, so often: a jump is known to 1e-7
_ORDER = 7  # the last terms of a smooth piece fall with this power of its length, at the least
EVEN = 64  # no first piece is longer than a day, or this part of the window: a course that moves there is cut again
_SHARED = 4  # times of a piece that so many patients need on average are solved for in all of them
_EVEN_OWN = 2048  # pieces of a window at least, of models that do something by themselves: dosed by nobody, cut nowhere
AT_ONCE = 2_000_000  # values that are solved for in one call, so that a million patients fit into memory


@dataclass(frozen=True, eq=False)
class Courses:
    """Hold courses of n patients in pieces: times (P, NODES) and values (P, NODES, observe) [the model's time unit],
    those of patient i from `begins[i]` on; and how each ended, `status` (n,)."""

    t: np.ndarray
    values: np.ndarray
    begins: np.ndarray
    status: np.ndarray

    def within(self, first: float, last: float, column: int) -> Pieces:
        """Return one observable from `first` to `last`, two of the days that courses were cut at."""
        inside = (self.t[:, 0] >= first) & (self.t[:, -1] <= last)
        if inside.all():
            return Pieces(self.t, self.values[..., column], self.begins)
        patient = np.repeat(np.arange(len(self.begins)), np.diff(np.append(self.begins, len(self.t))))
        count = np.bincount(patient[inside], minlength=len(self.begins))
        return Pieces(self.t[inside], self.values[inside, :, column], np.cumsum(count) - count)


def in_pieces(
    ensemble: Ensemble, days: Sequence[float], observe: Sequence[str], options: SolveOptions, tolerance: float
) -> Iterator[tuple[np.ndarray, Courses]]:
    """Yield rows of patients, and their courses from the first to the last of `days` (rising, in the model's time).

    `tolerance` is how far a piece may be from its polynomial, over the largest value of the patient's course.
    """
    end = OutputTimes(np.array([float(days[-1])]), np.array([PRE]))
    happening = engine_input(ensemble, end, options).events
    segments, even = happening.segment, _EVEN_OWN if _acts_by_itself(ensemble.model, options.method) else EVEN
    for rows in _blocks(segments, happening.first, len(days) + even / 50, len(observe)):
        begins, pieces = _first_pieces(happening.time, happening.first, segments[rows], days, even)
        yield rows, _refined(_part(ensemble, rows), pieces, begins, observe, options, tolerance)


def _acts_by_itself(model: Model, method: str) -> bool:
    """Return whether a model has triggers, or slopes that switch or are forced in time."""
    layouts = [made.layout for made in build(lazy_trace(model), method).made.values()]
    return any(layout.triggers or layout.switches or layout.forced for layout in layouts)


def _part(ensemble: Ensemble, rows: np.ndarray) -> Ensemble:
    """Return some of the patients."""
    return replace(
        ensemble, parameters=ensemble.parameters[rows], which=ensemble.which[rows], start=ensemble.start[rows]
    )


def _blocks(segments: np.ndarray, first: np.ndarray, days: float, width: int) -> Iterator[np.ndarray]:
    """Yield rows of patients who are solved in one call, those of one segment together where it has several."""
    order = np.argsort(segments, kind="stable")
    size = (np.diff(first)[segments[order]] + days) * (LEAST + 5.0) * NODES * width
    block = np.floor(np.cumsum(size) / AT_ONCE)
    shared = np.bincount(segments)[segments[order]] > 1
    block = block + len(order) * np.where(shared, segments[order] + 1, 0)
    yield from np.split(order, np.flatnonzero(np.diff(block)) + 1)


def _first_pieces(
    times: np.ndarray, first: np.ndarray, segments: np.ndarray, days: Sequence[float], even: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return where each patient's pieces begin, and their ends (P, 2)."""
    made = {}
    for segment in np.unique(segments):
        happening = times[first[segment] : first[segment + 1]]
        made[segment] = _cut(np.unique(happening), np.asarray(days, float), even)
    each = [made[segment] for segment in segments]
    count = np.array([len(pieces) for pieces in each])
    return np.cumsum(count) - count, np.concatenate(each)


def _cut(happening: np.ndarray, days: np.ndarray, even: int) -> np.ndarray:
    """Return the ends (P, 2) of pieces between the days: after what happens at the one, before what does at the
    other."""
    near = after(1.0) - 1.0
    within = happening[(happening > days[0]) & (happening < days[-1])]
    within = within[np.abs(within - days[np.searchsorted(days, within - near * np.maximum(1, within))]) > 0]
    cuts = np.unique(np.concatenate([days, within]))
    apart = np.append(True, np.diff(cuts) > 4 * near * np.maximum(1.0, np.abs(cuts[1:])))
    cuts = cuts[apart | np.isin(cuts, days)]
    left, right = np.array([after(cut) for cut in cuts[:-1]]), cuts[1:]
    left[~np.isin(cuts[:-1], happening)] = cuts[:-1][~np.isin(cuts[:-1], happening)]
    longest = max(1.0 if even == EVEN else 0.0, (days[-1] - days[0]) / even)
    return np.concatenate([_growing(a, b, longest) for a, b in zip(left, right, strict=True)])


def _growing(first: float, last: float, longest: float) -> np.ndarray:
    """Return the ends (P, 2) of pieces that grow from `first` on, none longer than `longest`."""
    levels = min(MOST, max(LEAST, math.ceil(math.log(max((last - first) / FINEST, 1.0)) / math.log(GROWTH))))
    edges = first + (last - first) * np.r_[0.0, GROWTH ** -np.arange(levels, -1.0, -1.0)]
    edges[-1] = last
    parts = np.maximum(1, np.ceil(np.diff(edges) / longest)).astype(int)
    return _split(np.stack([edges[:-1], edges[1:]], axis=1), parts)


def _split(pieces: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return pieces (P, 2), each cut into so many of one length."""
    row = np.repeat(np.arange(len(pieces)), parts)
    place = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts)
    left, wide = pieces[row, 0], (pieces[row, 1] - pieces[row, 0]) / parts[row]
    right = np.where(place + 1 == parts[row], pieces[row, 1], left + (place + 1) * wide)
    return np.stack([left + place * wide, right], axis=1)


def _refined(
    ensemble: Ensemble,
    pieces: np.ndarray,
    begins: np.ndarray,
    observe: Sequence[str],
    options: SolveOptions,
    tolerance: float,
) -> Courses:
    """Return the courses on pieces that are cut until each is a polynomial, or has been cut often enough."""
    n = len(ensemble.which)
    patient = np.repeat(np.arange(n), np.diff(np.append(begins, len(pieces))))
    t, values, solution = _solved(ensemble, pieces, patient, observe, options)
    largest = np.zeros((n, len(observe)))
    np.fmax.at(largest, patient, np.abs(values).max(axis=1))
    for _ in range(ROUNDS):
        parts = _parts(values, tolerance * largest[patient])
        rough = parts > 1
        rough &= t[:, -1] - t[:, 0] > 1e3 * (after(1.0) - 1.0) * np.maximum(1.0, np.abs(t[:, 0]))
        if not rough.any() or rough.sum() > len(pieces):  # so many: it is the solver's noise
            break
        some = np.unique(patient[rough])
        finer = _split(np.stack([t[rough, 0], t[rough, -1]], axis=1), parts[rough])
        owner = np.repeat(patient[rough], parts[rough])
        more, seen = _seen(_part(ensemble, some), finer, np.searchsorted(some, owner), observe, options)
        t, values = np.concatenate([t[~rough], more]), np.concatenate([values[~rough], seen])
        patient = np.concatenate([patient[~rough], owner])
        order = np.lexsort((t[:, 0], patient))
        t, values, patient = t[order], values[order], patient[order]
    count = np.bincount(patient, minlength=n)
    return Courses(t, values, np.cumsum(count) - count, solution.status)


def _parts(values: np.ndarray, enough: np.ndarray) -> np.ndarray:
    """Return into how many each piece is cut (P,), 1 where it is a polynomial: so many as its last terms tell of a
    smooth one, CUTS of any other."""
    with np.errstate(divide="ignore", invalid="ignore"):
        over = [last_terms(values[..., i]) / enough[:, i] for i in range(values.shape[-1])]
    beyond = np.nan_to_num(np.max(over, axis=0), nan=0.0, posinf=np.inf)
    return np.select([beyond <= 1, beyond <= 2.0**_ORDER, beyond <= 4.0**_ORDER], [1, 2, 4], CUTS)


def _seen(
    ensemble: Ensemble, pieces: np.ndarray, patient: np.ndarray, observe: Sequence[str], options: SolveOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Return times and values of further pieces of each patient: those that many need are solved for in all of them,
    which is faster than times of their own."""
    n = len(ensemble.which)
    common, place = np.unique(pieces, axis=0, return_inverse=True)
    if len(common) * n > _SHARED * len(pieces):
        t, values, _ = _solved(ensemble, pieces, patient, observe, options)
        return t, values
    t = between(common[:, 0], common[:, 1])
    times, at = np.unique(t, return_inverse=True)  # pieces of several patients overlap
    solution, _ = solve_ensemble(ensemble, OutputTimes(times, np.full(len(times), PRE)), observe, options)
    place = place.ravel()
    return t[place], solution.values[patient[:, None], at.reshape(t.shape)[place]]


def _solved(
    ensemble: Ensemble, pieces: np.ndarray, patient: np.ndarray, observe: Sequence[str], options: SolveOptions
) -> tuple[np.ndarray, np.ndarray, Solution]:
    """Return times (P, NODES) and values (P, NODES, observe) of the pieces of each patient, and the Solution."""
    t = between(pieces[:, 0], pieces[:, 1])
    n = len(ensemble.which)
    count = np.bincount(patient, minlength=n)
    each = t.reshape(n, -1) if (count == count[0]).all() else None
    common = each is not None and (each == each[0]).all()
    times = each[0] if common and each is not None else t.ravel()
    first = None if common else np.append(0, np.cumsum(count)) * NODES
    solution, _ = solve_ensemble(ensemble, OutputTimes(times, np.full(len(times), PRE), first), observe, options)
    return t, solution.values.reshape(len(pieces), NODES, len(observe)), solution
