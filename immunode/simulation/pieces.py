"""Courses of patients between two days as they are, whatever output times anybody asked for: polynomials in pieces.

Each patient's time is cut where something happens to it (doses after their lags, ends of infusions, resets), and each
stretch into pieces that grow from its start (cuts.py). The solver's own interpolant is read there; a piece that is no
polynomial yet (a switch of the model, a fast transient) is cut again. That is decided of each course of each patient by
itself, so that nobody else and nothing else that is asked changes a bit of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from immunode.engine import build
from immunode.measures.polynomials import NODES, between, last_terms, stretched
from immunode.measures.window import Pieces
from immunode.model.declaration import Model
from immunode.model.trace import lazy_trace
from immunode.simulation.cuts import EVEN, LEAST, first_pieces, split
from immunode.simulation.engine_input import engine_input
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.ensemble_run import solve_ensemble
from immunode.simulation.ties import PRE, moments, rounding
from immunode.simulation.times import OutputTimes

CUTS, ROUNDS = 8, 12  # a piece that is no polynomial is cut into so many at most, so often
_ORDER = 7  # the last terms of a smooth piece fall with this power of its length, at the least
_SHORTEST = 1e3  # roundings: a jump is known so well, and its piece not cut again
_MOST = 50_000  # pieces of a course: what needs more is not known
_UNKNOWN = 1e-5  # of a window may lie in pieces that are none: less in jumps moves no measure by more than 1e-6
_SHARED = 4  # times of a piece that so many patients need on average are solved for in all of them
_EVEN_OWN = 2048  # pieces of a window at least, of models that do something by themselves: dosed by nobody, cut nowhere
AT_ONCE = 2_000_000  # values that are solved for in one call, so that a million patients fit into memory


@dataclass(frozen=True)
class Stretch:
    """Hold what is looked at: a signal from `first`, after what happens then, to `last`, before what happens then [the
    model's time unit]."""

    first: float
    last: float
    signal: str


@dataclass(frozen=True, eq=False)
class Course:
    """Hold the courses of n patients over a stretch, and of whom it is `unknown` (n,): it moves too fast for too long
    to be followed."""

    pieces: Pieces
    unknown: np.ndarray


@dataclass(frozen=True, eq=False)
class _Read:
    """Hold pieces of any patients and stretches: whose and of which each is (P,), times and values (P, NODES), and
    which are no polynomials, `rough`."""

    patient: np.ndarray
    stretch: np.ndarray
    t: np.ndarray
    y: np.ndarray
    rough: np.ndarray

    def of(self, rows: np.ndarray) -> "_Read":
        """Return some of the pieces."""
        return _Read(self.patient[rows], self.stretch[rows], self.t[rows], self.y[rows], self.rough[rows])


@dataclass(frozen=True, eq=False)
class _Work:
    """Hold the pieces of some `patients` that are `done`, and those that are to be cut into `parts`, ends (P, 2)."""

    patients: np.ndarray
    done: tuple[_Read, ...]
    patient: np.ndarray
    stretch: np.ndarray
    ends: np.ndarray
    parts: np.ndarray
    rounds: int = 0

    def of(self, patients: np.ndarray) -> "_Work":
        """Return the work of some of the patients."""
        rows = np.isin(self.patient, patients)
        done = tuple(read.of(np.isin(read.patient, patients)) for read in self.done)
        cut = (self.patient[rows], self.stretch[rows], self.ends[rows], self.parts[rows])
        return _Work(patients, done, *cut, self.rounds)


def in_pieces(
    ensemble: Ensemble, stretches: Sequence[Stretch], options: SolveOptions, tolerance: float
) -> Iterator[tuple[np.ndarray, list[Course], np.ndarray]]:
    """Yield rows of patients, their courses over each of the stretches, and how they ended, the status (n,).

    `tolerance` is how far a piece may be from its polynomial, over the largest value of the patient's course.
    """
    end = OutputTimes(np.array([max(one.last for one in stretches)]), np.array([PRE]))
    happening = engine_input(ensemble, end, options).events
    even = _EVEN_OWN if _acts_by_itself(ensemble.model, options.method) else EVEN
    times = np.split(happening.time, happening.first[1:-1])
    windows = len({(one.first, one.last) for one in stretches})
    signals = len({one.signal for one in stretches})
    for rows in _blocks(happening.segment, happening.first, 2 + even / 50, windows * signals):
        part = _part(ensemble, rows)
        read, status = _first_read(part, times, happening.segment[rows], stretches, even, options)
        for some, courses in _Refining(part, stretches, options, tolerance).courses(read):
            yield rows[some], courses, status[some]


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


def _first_read(
    ensemble: Ensemble,
    happening: Sequence[np.ndarray],
    segments: np.ndarray,
    stretches: Sequence[Stretch],
    even: int,
    options: SolveOptions,
) -> tuple[_Read, np.ndarray]:
    """Return the first pieces of all patients and stretches, and how the patients ended."""
    windows = list(dict.fromkeys((one.first, one.last) for one in stretches))
    signals = list(dict.fromkeys(one.signal for one in stretches))
    used, place = np.unique(segments, return_inverse=True)
    made = [[first_pieces(np.unique(happening[s]), *window, even) for window in windows] for s in used.tolist()]
    times = [between(*np.concatenate(pieces).T) for pieces in made]
    looked = [np.unique(t, return_inverse=True) for t in times]
    size, count = np.array([len(t) for t, _ in looked]), np.array([len(t) for t in times])
    outputs = np.concatenate([looked[k][0] for k in (place if len(used) > 1 else [0])])
    begins = np.append(0, np.cumsum(size[place]))
    seen = OutputTimes(outputs, np.full(len(outputs), PRE), begins if len(used) > 1 else None)
    solution, _ = solve_ensemble(ensemble, seen, signals, options)
    patient = np.repeat(np.arange(len(place)), count[place])
    t = np.concatenate([times[k] for k in place])
    at = np.concatenate([looked[k][1].reshape(-1, NODES) for k in place]) + begins[patient][:, None]
    window = np.concatenate([np.repeat(np.arange(len(windows)), [len(p) for p in made[k]]) for k in place])
    values, parts = solution.values.reshape(-1, len(signals)), []
    for i, one in enumerate(stretches):
        rows = np.flatnonzero(window == windows.index((one.first, one.last)))
        y = values[:, signals.index(one.signal)][at[rows]]
        parts.append(_Read(patient[rows], np.full(len(rows), i), t[rows], y, np.zeros(len(rows), bool)))
    return _all_of(parts), solution.status


def _all_of(parts: Sequence[_Read]) -> _Read:
    """Return all pieces as one."""
    return _Read(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))


@dataclass(frozen=True, eq=False)
class _Refining:
    """Cut pieces of an ensemble until each is a polynomial, or has been cut often enough."""

    ensemble: Ensemble
    stretches: Sequence[Stretch]
    options: SolveOptions
    tolerance: float

    def courses(self, read: _Read) -> Iterator[tuple[np.ndarray, list[Course]]]:
        """Yield rows of patients, and their courses over each of the stretches, of the pieces that were read first."""
        n, k = len(self.ensemble.which), len(self.stretches)
        largest = np.zeros(n * k)
        np.fmax.at(largest, read.patient * k + read.stretch, np.abs(read.y).max(axis=1))
        waiting = [self._judged(np.arange(n), (), read, largest, 0)]
        while waiting:
            work = waiting.pop()
            if not len(work.parts):
                yield work.patients, self._joined(work.patients, _all_of(work.done))
            elif work.parts.sum() * NODES > AT_ONCE and len(work.patients) > 1:
                half = len(work.patients) // 2
                waiting += [work.of(work.patients[half:]), work.of(work.patients[:half])]
            else:
                more = self._cut(work)
                waiting.append(self._judged(work.patients, work.done, more, largest, work.rounds + 1))

    def _judged(
        self, patients: np.ndarray, done: tuple[_Read, ...], read: _Read, largest: np.ndarray, rounds: int
    ) -> _Work:
        """Return what is to be done once pieces are read: those that are rough are cut, the others done."""
        course = read.patient * len(self.stretches) + read.stretch
        parts = _parts(read.y, self.tolerance * largest[course])
        rough = (parts > 1) & (rounds < ROUNDS)
        rough &= read.t[:, -1] - read.t[:, 0] > _SHORTEST * rounding(read.t[:, 0])
        if rough.any():
            count = sum(
                np.bincount(one.patient * len(self.stretches) + one.stretch, minlength=len(largest)) for one in done
            ) + np.bincount(course, np.where(rough, parts, 1), len(largest))
            rough &= count[course] <= _MOST
        settled = replace(read, rough=parts > 1).of(~rough)
        ends = np.stack([read.t[rough, 0], read.t[rough, -1]], axis=1)
        cut = (read.patient[rough], read.stretch[rough], ends, parts[rough])
        return _Work(patients, (*done, settled), *cut, rounds)

    def _cut(self, work: _Work) -> _Read:
        """Return the pieces that others are cut into, read."""
        signals = list(dict.fromkeys(self.stretches[i].signal for i in np.unique(work.stretch)))
        ends = split(work.ends, work.parts)
        patient, stretch = np.repeat(work.patient, work.parts), np.repeat(work.stretch, work.parts)
        t, values = _seen(self.ensemble, ends, patient, signals, self.options)
        column = np.array([signals.index(one.signal) if one.signal in signals else -1 for one in self.stretches])
        y = np.take_along_axis(values, column[stretch][:, None, None], axis=2)[..., 0]
        return _Read(patient, stretch, t, y, np.zeros(len(patient), bool))

    def _joined(self, patients: np.ndarray, read: _Read) -> list[Course]:
        """Return the courses of patients over each of the stretches, without gaps."""
        courses, n = [], len(patients)
        order = np.lexsort((read.t[:, 0], read.patient, read.stretch))
        ends = np.searchsorted(read.stretch[order], np.arange(len(self.stretches) + 1))
        for i, one in enumerate(self.stretches):
            some = read.of(order[ends[i] : ends[i + 1]])
            patient = np.searchsorted(patients, some.patient)
            count = np.bincount(patient, minlength=n)
            begins = np.cumsum(count) - count
            left, right = np.roll(some.t[:, -1], 1), some.t[:, -1].copy()
            left[begins], right[begins + count - 1] = one.first, one.last
            t, y = stretched(some.t, some.y, left, right)
            lost = np.bincount(patient, np.where(some.rough, right - left, 0.0), n)
            courses.append(Course(Pieces(t, y, begins), lost > _UNKNOWN * (one.last - one.first)))
        return courses


def _parts(y: np.ndarray, enough: np.ndarray) -> np.ndarray:
    """Return into how many each piece is cut (P,), 1 where it is a polynomial: so many as its last terms tell of a
    smooth one, CUTS of any other."""
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.nan_to_num(last_terms(y) / enough, nan=0.0, posinf=np.inf)
    return np.select([beyond <= 1, beyond <= 2.0**_ORDER, beyond <= 4.0**_ORDER], [1, 2, 4], CUTS)


def _seen(
    ensemble: Ensemble, ends: np.ndarray, patient: np.ndarray, observe: Sequence[str], options: SolveOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Return times (P, NODES) and values (P, NODES, observe) of pieces of patients: those that many need are solved for
    in all of them, which is faster than times of their own."""
    some, who = np.unique(patient, return_inverse=True)
    part = _part(ensemble, some)
    common, place = np.unique(moments(*ends.T), return_inverse=True)
    t = between(common.real, common.imag)
    needed, at = np.unique(who * len(common) + place, return_inverse=True)  # of several stretches, too
    if len(common) * len(some) <= _SHARED * len(needed):
        times, node = np.unique(t, return_inverse=True)  # pieces of several patients overlap
        outputs = OutputTimes(times, np.full(len(times), PRE))
        values = solve_ensemble(part, outputs, observe, options)[0].values
        return t[place], values[who[:, None], node.reshape(t.shape)[place]]
    owner, piece = np.divmod(needed, len(common))
    each = moments(np.repeat(owner, NODES), t[piece].ravel())
    order = np.argsort(each, kind="stable")
    begins = np.append(0, np.cumsum(np.bincount(owner, minlength=len(some)))) * NODES
    outputs = OutputTimes(each.imag[order], np.full(len(each), PRE), begins)
    values = np.empty((len(each), len(observe)))
    values[order] = solve_ensemble(part, outputs, observe, options)[0].values
    return t[place], values.reshape(len(needed), NODES, len(observe))[at]
