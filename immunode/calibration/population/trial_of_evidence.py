"""The trial behind evidence, as a population is simulated through it, and its printed numbers made ready."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from immunode.calibration.population.printed_row import Row, split_up
from immunode.calibration.problem import label
from immunode.errors import BadValue, UnitError
from immunode.evidence.design import ArmFile
from immunode.evidence.endpoint import YES_OR_NO, Endpoint
from immunode.evidence.printed import Evidence, Figure, PrintedNumber
from immunode.evidence.printed_number import last_count
from immunode.measures import measure, statistic
from immunode.measures.p_values import P_VALUES
from immunode.measures.statistics import quantile_share
from immunode.measures.window import grid
from immunode.simulation.measuring import Asked
from immunode.units import factor
from immunode.virtual_trials.arm import Arm, one_time
from immunode.virtual_trials.endpoints import ready
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial

NEVER = ("time_to_above", "time_to_below")  # measures that some patients have none of
COUNTS = ("count", "count_above", "count_below", "percent", "percent_above", "percent_below")


@dataclass(frozen=True, eq=False)
class ReadyTrial:
    """Hold the trial of evidence, whose figures are the variables that its rows are statistics of, its rows, and its
    `place` in the evidence, by which its random numbers are keyed."""

    trial: Trial
    rows: Sequence[Row]
    place: int = 0

    @property
    def fitted(self) -> list[Row]:
        """Return the rows that are no checks."""
        return [row for row in self.rows if row.use == "fit"]


def ready_trial(evidence: Evidence, population: Population, printed: Sequence[PrintedNumber]) -> ReadyTrial:
    """Return the trial behind evidence, and these of its printed numbers made ready; where it says no noise of counts
    it is that of the model's patients.

    Raise BadValue for an arm of unknown size, UnknownName and UnitError for what the model does not have.
    """
    variables: dict[tuple[Any, ...], int] = {}
    places = [variables.setdefault(_variable(row), len(variables)) for row in printed]
    first = {place: row for row, place in reversed(list(zip(printed, places, strict=True)))}
    figures = [
        Figure(label=_place(evidence, row), kind="endpoint", groups=[evidence.arms[0].name], endpoint=_endpoint(row))
        for row in (first[v] for v in range(len(variables)))
    ]
    used = {name for row in printed for name in (*row.groups, *row.versus_groups)}
    arms = [_arm(evidence, arm) for arm in evidence.arms if arm.name in used]
    figures = [figure.model_copy(update={"groups": (arms[0].name,)}) for figure in figures]
    trial = Trial(
        evidence.name, population, _visits(evidence, arms, printed), arms, evidence.start,
        evidence.noise or population.of.patients.noise,
        evidence.events, figures, visit_window=evidence.visit_window, missed_visits=evidence.missed_visits,
    )  # fmt: skip
    rows = [_row(evidence, trial, row, place) for row, place in zip(printed, places, strict=True)]
    return ReadyTrial(trial, rows)


def _place(evidence: Evidence, row: PrintedNumber) -> str:
    return f"{evidence.name}, row {row.place}"


def _variable(row: PrintedNumber) -> tuple[Any, ...]:
    return row.observable, row.measure, row.day, row.from_day, row.level


def _endpoint(row: PrintedNumber) -> Endpoint:
    """Return the endpoint that a printed number is of."""
    name = {"count": "percent", "count_above": "percent_above", "count_below": "percent_below"}.get(row.statistic)
    if row.statistic in P_VALUES:  # Fisher's test of who is beyond a limit is the same of who is not
        of_all = "percent" if row.measure in YES_OR_NO else "median"
        name = of_all if row.limit is None else "percent_above"
    return Endpoint(
        signal=row.observable, measure=row.measure, day=row.day, from_day=row.from_day, level=row.level,
        statistic=name or row.statistic, limit=row.limit,
    )  # fmt: skip


def _arm(evidence: Evidence, arm: ArmFile) -> Arm:
    if arm.n is None:
        raise BadValue(
            f"{evidence.name}: arm '{arm.name}' has no n; say of how many patients its numbers are, such as n = 33: "
            "their sampling law depends on it"
        )
    return Arm(
        arm.name, arm.n, arm.regimen, arm.set, arm.values, arm.baseline, arm.rules, arm.label or "",
        arm.patients or "", arm.adherence, arm.dropout, arm.shares,
    )  # fmt: skip


def _visits(evidence: Evidence, arms: Sequence[Arm], printed: Sequence[PrintedNumber]) -> list[Any]:
    """Return the days on which patients are seen: those of the trial, of its rules and of its printed numbers; where
    the trial says none, also those over which a number is an average."""
    # each as it is said: a trial of a model that does not count days asks for the unit of its times
    days: list[Any] = list(evidence.visits)
    for row in printed:
        days.append(row.day)
        if measure(row.measure).needs in ("ends", "visits"):
            days.append(row.from_day)
        if measure(row.measure).needs == "visits" and not evidence.visits:
            days += grid("visits", float(row.from_day), float(row.day)).tolist()
    for arm in arms:
        for rule in one_time(arm):
            days += [rule.day, rule.when.baseline_day, *rule.when.days]
    return sorted({float(day): day for day in reversed(days)}.values())


def _row(evidence: Evidence, trial: Trial, row: PrintedNumber, place: int) -> Row:
    names, model, name = [arm.name for arm in trial.arms], trial.population.of, label(evidence, row)
    endpoint = _endpoint(row)
    asked = ready(
        endpoint, model, trial.plans[row.groups[0]], trial.visits, events=trial.events is not None,
        observables=trial.observables,
    )  # fmt: skip
    arms, versus = (tuple(names.index(name) for name in side) for side in (row.groups, row.versus_groups))
    counted = row.statistic in COUNTS and not versus
    sizes = [trial.arms[a].n for a in arms]
    size = row.n or sum(sizes)
    each = split_up(size, sizes) if size < sum(sizes) else ()
    kind = row.censored or ("binomial" if counted else "normal")
    observed = _count(row, size, name) if kind == "binomial" else row.observed
    to_unit = 1.0 if counted else _to_unit(row, asked.unit, name)
    last = None
    if row.censored and not versus:
        last = last_count(row, size) if counted else _fewest_never(row, asked, to_unit, size)
    compare = row.statistic if row.statistic in P_VALUES else row.compare
    of_values = statistic(endpoint.statistic).of_values
    return Row(
        name, observed, kind, arms, versus, compare, place, asked, each, size,
        to_unit, of_values, row.use, last,
    )  # fmt: skip


def _fewest_never(row: PrintedNumber, one: Asked, to_unit: float, size: int) -> int | None:
    """Return of how many patients at least a time is never reached where a quantile of it is printed as beyond its
    window, at most where it is printed as within; None for another number."""
    share = quantile_share(row.statistic)
    if row.measure not in NEVER or share is None or row.number < (one.last - one.first) * to_unit * (1 - 1e-9):
        return None
    fewest = size - math.ceil(share * (size - 1) - 1e-9)
    return fewest if row.censored == "above" else fewest - 1


def _count(row: PrintedNumber, size: int, label: str) -> float:
    """Return how many patients a count or a percentage is."""
    count = row.observed if row.statistic.startswith("count") else row.observed * size / 100
    if count > size + 0.5:
        raise BadValue(f"{label}: {count:g} of {size} patients; expected at most all of them")
    return float(round(count))


def _to_unit(row: PrintedNumber, unit: str, label: str) -> float:
    """Return by what a predicted number is multiplied to be in the unit of the row."""
    if not row.unit or row.statistic in P_VALUES or (row.versus and row.compare == "ratio"):
        return 1.0
    over = statistic(row.statistic if not row.statistic.startswith("count") else "percent").unit
    if over != "{measure}":
        return 1.0
    try:
        return factor(unit, row.unit)
    except UnitError as error:
        raise UnitError(f"{label}: unit = '{row.unit}', in the model it is in {unit}: {error}") from error
