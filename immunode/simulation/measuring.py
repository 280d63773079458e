"""Measures of patients, exact from the solver: what each endpoint is in each of them, whatever times are shown."""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from immunode.errors import BadValue, ImmunodeError, unknown
from immunode.evidence.endpoint import Endpoint
from immunode.measures import Window, measure, statistic
from immunode.measures.differences import OF_DIFFERENCES
from immunode.measures.p_values import P_VALUES
from immunode.measures.window import MONTHLY, Pieces
from immunode.model.clock import check_said
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation.doses_within import dose_within, dosed_states, given_within
from immunode.simulation.engine_input import engine_input
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.ensemble_run import solve_ensemble
from immunode.simulation.pieces import Stretch, in_pieces
from immunode.simulation.ties import POST, PRE, rounding
from immunode.simulation.times import OutputTimes
from immunode.units import convert, is_bare, parse


@dataclass(frozen=True, eq=False)
class Asked:
    """Hold an endpoint made ready: its window in days, level and limit in the units of the model, the unit of its
    measure, and the state that its doses go into."""

    endpoint: Endpoint
    first: float
    last: float
    level: float
    limit: float
    unit: str
    into: str

    @property
    def needs(self) -> str:
        """Return what the measure needs to know."""
        return measure(self.endpoint.measure).needs


@dataclass(frozen=True, eq=False)
class MeasuredEach:
    """Hold what endpoints are in each of n patients, `values` (endpoints, n), those at the begin and the end of their
    windows, `start` and `end`, and how each patient ended, `status` (n,)."""

    values: np.ndarray
    start: np.ndarray
    end: np.ndarray
    status: np.ndarray


def asked(endpoint: Endpoint, model: Model, regimens: Sequence[Regimen], last: float, start: float = 0.0) -> Asked:
    """Return an endpoint made ready for a model and what is given, from the day `start` up to `last`.

    Raise UnknownName for a signal that the model does not have, UnitError for a level or limit whose unit does not fit,
    BadValue for a window beyond the last day and for doses of which it is not said which are meant.
    """
    what, where = measure(endpoint.measure), f"endpoint '{endpoint.words}'"
    observable, into, dosed = "1", "", "1"
    if what.of_course:
        if endpoint.signal not in model.observables:
            raise unknown("output or state", endpoint.signal, model.observables, f"{where}: {model.name}")
        observable = model.observables[endpoint.signal]
    if what.needs == "doses" or what.per_dose:
        into, dosed = _dosed(endpoint, model, regimens, where)
    day = last if endpoint.day is None else float(endpoint.day)
    first = float(endpoint.from_day) if what.window else day
    if day > last or (what.window and first >= day):
        span = f"day {first:g} to {day:g}" if what.window else f"day {day:g}"
        raise BadValue(f"{where} is of {span}, and what is simulated ends on day {last:g}; take earlier days, or go on")
    if first < start:
        raise BadValue(f"{where} is of day {first:g}, and what is simulated begins on day {start:g}; take a later day")
    unit = what.unit_of(observable, dosed)
    limit_unit = "percent" if endpoint.measure == "percent_change" else unit
    level = _number(endpoint.level, observable, f"{where}: level")
    if unit == "day" and statistic(endpoint.statistic).limit and endpoint.limit is not None and is_bare(endpoint.limit):
        check_said(parse(endpoint.limit)[0], model, f"{where}: limit")
    return Asked(endpoint, first, day, level, _number(endpoint.limit, limit_unit, f"{where}: limit"), unit, into)


def _number(value: float | str | None, unit: str, where: str) -> float:
    try:
        return math.nan if value is None else convert(value, unit)
    except ImmunodeError as error:
        raise type(error)(f"{where}: {error}") from error


def _dosed(endpoint: Endpoint, model: Model, regimens: Sequence[Regimen], where: str) -> tuple[str, str]:
    """Return the state whose doses are meant, and its unit; of none where nothing is given."""
    known = dosed_states(model, regimens)
    if endpoint.signal and not measure(endpoint.measure).of_course:
        state = model.target(endpoint.signal)
        return state.name, state.unit
    if len(known) > 1:
        names = ", ".join(known)
        raise BadValue(f"{where}: doses are given into {names}; say as 'signal' which of them are meant")
    return next(iter(known.items()), ("", "1"))


def measure_each(
    ensemble: Ensemble,
    wanted: Sequence[Asked],
    options: SolveOptions,
    *,
    visits: Sequence[float] = (),
    event_day: np.ndarray | None = None,
) -> MeasuredEach:
    """Return what each of the endpoints is in each patient.

    Patients begin at `ensemble.start` [the model's time unit]. `visits` are those that measures of visits see, default
    one every 30 days; `event_day` (n,) is when each patient has an event, inf for none.
    """
    n = len(ensemble.which)
    shape = (len(wanted), n)
    values, start, end = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    status = np.zeros(n, dtype=np.int64)
    whole = [i for i, one in enumerate(wanted) if one.needs == "window"]
    plain = [i for i, one in enumerate(wanted) if one.needs in ("day", "ends", "visits")]
    if plain:
        windows, status = _at_days(ensemble, [wanted[i] for i in plain], options, visits)
        for i, window in zip(plain, windows, strict=True):
            values[i], start[i], end[i] = reduced(wanted[i], window), window.start, window.end
    if whole:
        lost = np.zeros(shape, bool)
        for rows, windows, unknown, ended in _between(ensemble, [wanted[i] for i in whole], options):
            status[rows] = np.where(status[rows] != 0, status[rows], ended)
            for i, window, gone in zip(whole, windows, unknown, strict=True):
                full = _with_doses(window, ensemble, wanted[i], rows)
                values[i, rows], start[i, rows], end[i, rows] = reduced(wanted[i], full), window.start, window.end
                lost[i, rows] = gone
        values[lost] = np.nan
        for i in whole:
            _say_unknown(wanted[i], int(lost[i].sum()), n)
    for i, one in enumerate(wanted):
        if one.needs == "doses":
            values[i] = reduced(one, _with_doses(Window(one.first, one.last), ensemble, one, np.arange(n)))
        elif one.needs == "events":
            if event_day is None:
                raise BadValue(f"endpoint '{one.endpoint.words}' counts events, and nothing tells when they happen")
            values[i] = reduced(one, Window(one.first, one.last, event_day=event_day))
    values[:, status != 0] = np.nan
    return MeasuredEach(values, start, end, status)


def over_members(one: Asked, values: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the statistic of an endpoint over the members of groups, in the last dimension, where nan is nobody: of
    their values, or of those on the two days that are compared."""
    over = statistic(one.endpoint.statistic)
    if not over.of_values:
        return over.reduce(values, one.limit)
    first, last = (over.reduce(each, one.limit) for each in (start, end))
    return np.asarray(measure(one.endpoint.measure).reduce(Window(one.first, one.last, first, last)))


def over_sides(one: Asked, compare: str, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """Return what two sides make, each as `over_members` reads it: its values, and those on both days.

    It is the "difference" or the "ratio" of their statistics, the error of a difference of means, an end of its
    confidence interval, or the p-value of the test that `compare` names.
    """
    if compare in P_VALUES:
        return P_VALUES[compare](first[0], second[0], one.limit)
    over = OF_DIFFERENCES.get(one.endpoint.statistic)
    if over is not None and compare == "difference":
        return over(first[0], second[0])
    a, b = over_members(one, *first), over_members(one, *second)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(a - b if compare == "difference" else a / b)


def reduced(one: Asked, window: Window) -> np.ndarray:
    """Return the measure of an endpoint in each patient of a window."""
    n = max(len(window.end), len(window.doses), len(window.event_day))
    with np.errstate(divide="ignore", invalid="ignore"):
        return measure(one.endpoint.measure).reduce(replace(window, level=np.full(n, one.level)))


def _with_doses(window: Window, ensemble: Ensemble, one: Asked, rows: np.ndarray) -> Window:
    """Return the window with what each patient is given in it."""
    which = ensemble.which[rows]
    used, place = np.unique(which, return_inverse=True)
    given_then = given_within(ensemble.model, [ensemble.regimens[r] for r in used], one.first, one.last)
    nothing = np.zeros(len(used))
    doses, amount = (of.get(one.into, nothing) for of in (given_then.doses, given_then.amount))
    if measure(one.endpoint.measure).per_dose and one.endpoint.measure != "given":
        before = [_last_before(ensemble.model, ensemble.regimens[r], one) for r in used]
        amount = np.where(amount > 0, amount, before)
    doses, amount = doses[place], amount[place]
    return replace(window, doses=doses.astype(float), amount=amount)


def _last_before(model: Model, regimen: Regimen, one: Asked) -> float:
    """Return what was given last before a window that nothing is given in; nan for nothing."""
    try:
        return dose_within(one.endpoint.words, model, regimen, one.first, one.last)[0]
    except BadValue:
        return math.nan


def visit_days(one: Asked, visits: Sequence[float]) -> np.ndarray:
    """Return the days of the visits within a window, both of its ends included."""
    if not len(visits):
        count = max(2, round((one.last - one.first) / MONTHLY) + 1)
        return np.linspace(one.first, one.last, count)
    return np.unique([one.first, *(day for day in visits if one.first < day < one.last), one.last])


def _at_days(
    ensemble: Ensemble, wanted: Sequence[Asked], options: SolveOptions, visits: Sequence[float]
) -> tuple[list[Window], np.ndarray]:
    """Return the windows of measures of single days, and how each patient ended."""
    clock = ensemble.model.per_day
    signals = list(dict.fromkeys(one.endpoint.signal for one in wanted))
    seen = [visit_days(one, visits) if one.needs == "visits" else np.array([one.first, one.last]) for one in wanted]
    begins = {one.first for one in wanted if one.needs != "day" and _happens(ensemble, one.first)}
    sides = [[(float(day), POST if k == 0 and day in begins else PRE) for k, day in enumerate(days)] for days in seen]
    outputs = sorted({side for each in sides for side in each})
    time, order = np.array(outputs).T
    solution, _ = solve_ensemble(ensemble, OutputTimes(time * clock, order), signals, options)
    place = {side: i for i, side in enumerate(outputs)}
    windows = []
    for one, days, each in zip(wanted, seen, sides, strict=True):
        column = solution.values[:, :, signals.index(one.endpoint.signal)]
        values = column[:, [place[side] for side in each]]
        window = Window(one.first, one.last, values[:, 0], values[:, -1])
        windows.append(replace(window, visits=days, seen=values) if one.needs == "visits" else window)
    return windows, solution.status


def _happens(ensemble: Ensemble, day: float) -> bool:
    """Return whether something is given to anybody on a day, after which a window begins."""
    clock = ensemble.model.per_day
    end = OutputTimes(np.array([day * clock]), np.array([PRE]))
    times = engine_input(ensemble, end, SolveOptions()).events.time
    return bool(np.any(np.abs(times - day * clock) <= rounding(times)))


def _between(
    ensemble: Ensemble, wanted: Sequence[Asked], options: SolveOptions
) -> Iterator[tuple[np.ndarray, list[Window], list[np.ndarray], np.ndarray]]:
    """Yield rows of patients, the windows of measures of the courses between two days, of whom each course is not
    known, and how the patients ended."""
    clock = ensemble.model.per_day
    looked_at = [Stretch(one.first * clock, one.last * clock, one.endpoint.signal) for one in wanted]
    distinct = list(dict.fromkeys(looked_at))
    for rows, courses, status in in_pieces(ensemble, distinct, options, options.rtol):
        windows, unknown = [], []
        for one, stretch in zip(wanted, looked_at, strict=True):
            course = courses[distinct.index(stretch)]
            pieces = Pieces(course.pieces.t / clock, course.pieces.y, course.pieces.begins)
            ends = np.append(pieces.begins[1:], len(pieces.t)) - 1
            start, end = pieces.y[pieces.begins, 0], pieces.y[ends, -1]
            windows.append(Window(one.first, one.last, start, end, pieces))
            unknown.append(course.unknown)
        yield rows, windows, unknown, status


def _say_unknown(one: Asked, count: int, n: int) -> None:
    """Warn of patients whose course is not known."""
    if count:
        warnings.warn(
            f"{one.endpoint.words}: not known in {count} of {n} patients, whose course moves too fast to be followed "
            f"from day {one.first:g} to {one.last:g}; they are in no number: take a shorter window",
            stacklevel=3,
        )
