"""Evidence made ready to be predicted: the lanes to simulate, and what is made of their courses for each number."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from immunode.calibration.lanes import ArmLanes, Lane, simulated
from immunode.errors import BadValue, ImmunodeError, UnitError, unknown
from immunode.evidence.design import ArmFile
from immunode.evidence.printed import Evidence, PrintedNumber
from immunode.internal.arguments import by_name
from immunode.measures import Measure, measure
from immunode.measures.window import grid
from immunode.model.clock import check_said
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation.doses_within import breaks, dose_within
from immunode.units import convert, factor
from immunode.virtual_trials.arm import one_time, recurring
from immunode.virtual_trials.rule_clock import first_day
from immunode.virtual_trials.spread import check_spread

HOURS_BELOW = 3.0  # windows shorter than this many days are named in hours


@dataclass(frozen=True, eq=False)
class Datum:
    """Hold one row made ready: whose it is, arms and their doses, where its times lie in the common grid, what is made
    of them."""

    label: str
    row: PrintedNumber
    arm: ArmLanes
    versus: ArmLanes | None
    doses: tuple[float, ...]
    index: np.ndarray
    measure: Measure
    to_unit: float
    column: int
    offset: float
    level: float

    @property
    def sigma(self) -> float:
        """Return the error of the printed number."""
        assert self.row.sigma is not None, "checked before rows are fitted"
        return self.row.sigma


@dataclass(frozen=True, eq=False)
class FitProblem:
    """Hold everything that does not change during a fit."""

    model: Model
    data: tuple[Datum, ...]
    lanes: tuple[Lane, ...]
    regimens: tuple[Regimen, ...]
    times: np.ndarray
    observe: tuple[str, ...]
    rtol: float
    threads: int
    draws: int = 0

    @property
    def observed(self) -> np.ndarray:
        """Return the printed numbers."""
        return np.array([d.row.observed for d in self.data])


def label(evidence: Evidence, row: PrintedNumber) -> str:
    """Return a readable name of a row, such as "davey_2000: il2 - art, mean percent_change of cd4, day 0 to 365"."""
    arms = row.arm if not row.versus else f"{row.arm} {'-' if row.compare == 'difference' else '/'} {row.versus}"
    scale, clock = (24, "hour") if row.day - row.from_day < HOURS_BELOW else (1, "day")
    day, first = f"{row.day * scale:.6g}", f"{row.from_day * scale:.6g}"
    when = f"{clock} {day}" if row.measure == "value" else f"{clock} {first} to {day}"
    unit, of = f" [{row.unit}]" if row.unit else "", f" of {row.observable}" if row.observable else ""
    limit = "" if row.limit is None else f" {row.limit:g}" if isinstance(row.limit, float) else f" {row.limit}"
    return f"{evidence.name}: {arms}, {row.statistic}{limit} {row.measure}{of}{unit}, {when}"


def fit_problem(
    evidence: Sequence[Evidence],
    model: Model,
    *,
    spread: Mapping[str, float] | None = None,
    draws: Sequence[Mapping[str, float]] = (),
    rtol: float = 1e-8,
    threads: int = 1,
) -> FitProblem:
    """Make evidence ready to be predicted; rows called "mean" average over the log-normal `spread` of parameters.

    With `draws`, factors on parameters one virtual patient each, every row is instead the median of those patients.
    Raise UnknownName for an observable, measure or parameter that does not exist, UnitError for a row whose unit does
    not fit.
    """
    spread = by_name(spread, "spread", "{'CL': 0.3}")
    check_spread(model, spread, {}, "spread")
    _check_days(evidence, model)
    _check_rules(evidence)
    _check_baselines(evidence)
    regimens, lanes, arms = simulated(evidence, model, spread, draws)
    numbers = [(i, source, row) for i, source in enumerate(evidence) for row in source.rows]
    grids = [_days(s, r, [arms[i, arm].regimen for arm in (r.arm, r.versus) if arm]) for i, s, r in numbers]
    times = np.unique(np.concatenate(grids)) if grids else np.zeros(0)
    if times.size == 0 or times[0] < 0:
        raise BadValue("evidence needs at least one row, and none may lie before the 'start' of its trial")
    observe = tuple(dict.fromkeys(row.observable for _, _, row in numbers))
    data = [
        _datum(model, source, row, arms, i, np.searchsorted(times, days), observe)
        for (i, source, row), days in zip(numbers, grids, strict=True)
    ]
    return FitProblem(model, tuple(data), tuple(lanes), tuple(regimens), times, observe, rtol, threads, len(draws))


def check_bounds(problem: FitProblem, values: Mapping[str, float]) -> None:
    """Raise BadValue where a mean averages over patients beyond a parameter's bounds, at these values of parameters."""
    bounds = {p.name: (p.low, p.high) for p in problem.model.parameters}
    for lane in problem.lanes:
        known = dict(values) | dict(lane.fixed)
        for name, times in lane.scale.items():
            low, high = bounds.get(name, (-math.inf, math.inf))  # an open input has none
            if not low <= known[name] * times <= high:
                raise BadValue(
                    f"{lane.owner}: the spread of '{name}' makes a mean average over patients at "
                    f"{known[name] * times:.3g}, outside {low:g} to {high:g}; take a smaller one"
                )


def _check_days(evidence: Sequence[Evidence], model: Model) -> None:
    """Raise BadValue for a day that is a number alone, in a model that counts another time."""
    for source in evidence if model.per_day != 1.0 else ():
        rows = enumerate(source.rows, start=1)
        said = [(f"row {number}: {name}", getattr(row, name)) for number, row in rows for name in ("from_day", "day")]
        said += [(f"arm '{arm.name}', set '{one.state}': day", one.day) for arm in source.arms for one in arm.set]
        for what, value in [("start", source.start), *said]:
            check_said(value, model, f"{source.name}, {what}")


def _check_baselines(evidence: Sequence[Evidence]) -> None:
    """Raise BadValue for an arm whose baseline a fit would pass over: it follows one typical patient."""
    for source in evidence:
        for arm in source.arms:
            if drawn := [name for name in ("patients", "adherence", "dropout", "shares") if getattr(arm, name)]:
                raise BadValue(
                    f"{source.name}, arm '{arm.name}': its '{drawn[0]}' are drawn in a trial, and a fit follows one "
                    "typical patient; leave it out, and say values = {...} and set = [...]"
                )
            for baseline in arm.baselines:
                if baseline.solve in arm.values:
                    continue
                raise BadValue(
                    f"{source.name}, arm '{arm.name}': a baseline is drawn in a trial, and a fit does not read it; "
                    f"leave it out, and start the arm by values = {{{baseline.solve or 'NAME'} = ...}} if not as usual"
                )


def _check_rules(evidence: Sequence[Evidence]) -> None:
    """Raise BadValue for a number that a rule changes, as a fit follows the arm's regimen alone."""
    for source in evidence:
        adding = {arm.name: day for arm in source.arms if (day := first_change(arm, source.start)) is not None}
        for number, row in enumerate(source.rows, start=1):
            for name in (row.arm, row.versus):
                if name in adding and row.day > adding[name]:
                    raise BadValue(
                        f"{source.name}, row {number}: day {row.day:g} comes after a rule of arm '{name}' adds doses, "
                        f"day {adding[name]:g}, and a fit follows no rules; leave the row out"
                    )


def first_change(arm: ArmFile, start: float) -> float | None:
    """Return the first day on which a rule of an arm may change its doses, None where none does."""
    once = [rule.day for rule in one_time(arm) if rule.then.regimen or rule.otherwise.regimen]
    again = [first_day(rule, start) for rule in recurring(arm) if rule.then.changes_doses]
    return min([*once, *again], default=None)


def _days(source: Evidence, row: PrintedNumber, regimens: Sequence[Regimen]) -> np.ndarray:
    """Return the days since the start of the trial on which a row looks."""
    return grid(measure(row.measure).needs, row.from_day - source.start, row.day - source.start, breaks(regimens))


def _datum(
    model: Model,
    source: Evidence,
    row: PrintedNumber,
    arms: Mapping[tuple[int, str], ArmLanes],
    i: int,
    index: np.ndarray,
    observe: Sequence[str],
) -> Datum:
    """Return a row of the trial number `i` made ready; its times are at `index` of the common grid."""
    if row.observable not in model.observables:
        raise unknown("output or state", row.observable, model.observables, model.name)
    what, name = measure(row.measure), label(source, row)
    pair = [arms[i, arm] for arm in (row.arm, row.versus) if arm]
    window = row.from_day - source.start, row.day - source.start
    doses = [dose_within(name, model, arm.regimen, *window) if what.per_dose else (0.0, "") for arm in pair]
    if len({unit for _, unit in doses}) > 1:
        raise BadValue(f"{name}: the arms get doses in {' and '.join(unit for _, unit in doses)}; expected one unit")
    unit = what.unit_of(model.observables[row.observable], doses[0][1])
    try:
        to_unit = factor(unit, row.unit) if row.unit and not (row.versus and row.compare == "ratio") else 1.0
    except UnitError as error:
        raise UnitError(f"{name}: unit = '{row.unit}', in the model it is in {unit}: {error}") from error
    versus = arms[i, row.versus] if row.versus else None
    column = list(observe).index(row.observable)
    amounts = tuple(amount for amount, _ in doses)
    level = _level(row, model, name)
    return Datum(name, row, arms[i, row.arm], versus, amounts, index, what, to_unit, column, source.start, level)


def _level(row: PrintedNumber, model: Model, name: str) -> float:
    """Return the level that a measure counts by in the model's unit of the observable; nan for none."""
    if row.level is None:
        return math.nan
    try:
        return convert(row.level, model.observables[row.observable])
    except ImmunodeError as error:
        raise type(error)(f"{name}: level: {error}") from error
