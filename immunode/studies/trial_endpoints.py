"""What a simulated trial has to say of itself: medians, gains, events, doses and exposure of each arm and label.

Counts are those measured at the visits; what a drug reaches is exact from the solver, of the first 200 patients of an
arm. Intervals are those of trials of its own size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from immunode.evidence.endpoint import Endpoint
from immunode.internal.arguments import thread_count
from immunode.measures.statistics import quantile
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.measuring import Asked, measure_each, over_members
from immunode.studies.endpoints import default_endpoints
from immunode.virtual_trials.amounts_given import amounts_given
from immunode.virtual_trials.arm_run import ArmRun
from immunode.virtual_trials.endpoints import AT_VISITS, at_visits, ready
from immunode.virtual_trials.measured import Measured
from immunode.virtual_trials.pictured import about
from immunode.virtual_trials.statistics import REPLICATES, resampled
from immunode.virtual_trials.trial import Trial

TENTH = 10  # of the patients one in so many is run again, under other readings
FEWEST = 200  # patients for that, where there are as many; for what a drug reaches
_MOST_DRAWN = 4_000_000  # patients in all replicates of an arm; of large arms there are fewer replicates
_LEAST_REPLICATES = 200


@dataclass(frozen=True)
class EndpointRow:
    """Hold an endpoint of an arm, or of those of its patients who bear a `label` (empty: of all of them).

    `estimate` is over all its virtual patients, `low` and `high` what 95 % of trials of its own size would see,
    `patient_q1` and `patient_q3` the quartiles of the patients; `difference`, of whole arms, is to the arm `versus`.
    None is no number.
    """

    arm: str
    label: str
    endpoint: str
    words: str
    unit: str
    kind: str
    estimate: float | None
    low: float | None = None
    high: float | None = None
    patient_q1: float | None = None
    patient_q3: float | None = None
    versus: str = ""
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None


@dataclass(frozen=True, eq=False)
class _Column:
    """Hold an endpoint of an arm: what it is in each patient, nan where in none, and at the begin and the end."""

    one: Asked
    kind: str
    parts: tuple[np.ndarray, np.ndarray, np.ndarray]

    def over(self, rows: np.ndarray, member: np.ndarray) -> np.ndarray:
        """Return the statistic over members in each row of patients."""
        chosen = [np.where(member[rows], part[rows], np.nan) for part in self.parts]
        return over_members(self.one, *chosen)


def tenth(n: int) -> int:
    """Return of how many of n patients what takes long is run."""
    return min(n, max(n // TENTH, FEWEST))


def trial_endpoints(
    trial: Trial, runs: Sequence[ArmRun], arms: Sequence[Measured], seed: int, *, threads: int | None = None
) -> list[EndpointRow]:
    """Return the endpoints of a trial's arms as they were measured, and of what its rules called the patients."""
    columns = [
        _benefit(trial, done, arm) + _burden(trial, done, thread_count(threads))
        for done, arm in zip(runs, arms, strict=True)
    ]
    picks = [_picks(arm, seed, REPLICATES) for arm in arms]
    whole = _of_arms(trial, arms, columns, picks)
    rows: list[EndpointRow] = []
    for a, arm in enumerate(arms):
        rows += whole[a]
        everyone = np.ones(len(arm.ok), dtype=bool)
        labels = [label for label in dict.fromkeys(arm.label[arm.ok].tolist()) if label]
        for label in sorted(labels) if len(labels) > 1 else ():
            rows.append(_row(arm, label, _share(arm, label), everyone, picks[a]))
            rows += [_row(arm, label, column, arm.label == label, picks[a]) for column in columns[a]]
    return rows


def trial_gains(
    trial: Trial, runs: Sequence[ArmRun], arms: Sequence[Measured], seed: int, replicates: int
) -> list[EndpointRow]:
    """Return gains and events alone, of whole arms as they were measured, with intervals of so many replicates."""
    columns = [
        [column for column in _benefit(trial, done, arm) if column.kind == "benefit"]
        for done, arm in zip(runs, arms, strict=True)
    ]
    picks = [_picks(arm, seed, replicates) for arm in arms]
    return [row for rows in _of_arms(trial, arms, columns, picks) for row in rows]


def _of_arms(
    trial: Trial, arms: Sequence[Measured], columns: Sequence[Sequence[_Column]], picks: "Sequence[np.ndarray | None]"
) -> list[list[EndpointRow]]:
    """Return the rows of whole arms, with the difference to the arm that others are compared with."""
    reference, every = reference_arm(trial), []
    for a, arm in enumerate(arms):
        everyone, rows = np.ones(len(arm.ok), dtype=bool), []
        for column in columns[a]:
            row = _row(arm, "", column, everyone, picks[a])
            other = next((c for c in columns[reference] if _same(c, column)), None)
            if a != reference and other is not None and column.kind in ("benefit", "value"):
                paired = trial.same_patients and arm.size == arms[reference].size
                drawn = picks[reference if paired else a], picks[reference]
                row = _compared(row, column, other, arms[reference].name, drawn)
            rows.append(row)
        every.append(rows)
    return every


def _share(arm: Measured, label: str) -> _Column:
    bears = np.where(arm.ok, (arm.label == label).astype(float), np.nan)
    endpoint = Endpoint(measure="event", statistic="percent", label="patients")
    return _Column(Asked(endpoint, 0.0, 0.0, np.nan, np.nan, "1", ""), "share", (bears, bears, bears))


def reference_arm(trial: Trial) -> int:
    """Return the number of the arm that others are compared with: the first without doses, else the first."""
    for i, arm in enumerate(trial.arms):
        if not any(dose.action == "add" for regimen in trial.plans[arm.name].regimens for dose in regimen.doses):
            return i
    return 0


def about_counts(trial: Trial) -> list[str]:
    """Return the counts whose medians matter: what the trial is about and measures, without drugs."""
    from immunode.studies.endpoints import signals

    counts, drugs = signals(trial.population.of)
    named = [*(name for name in counts if name in trial.observables), *trial.noise, *about(trial).split()]
    return [name for name in dict.fromkeys(named) if name not in drugs and name in trial.observables]


def _picks(arm: Measured, seed: int, replicates: int) -> np.ndarray | None:
    """Return the patients of replicates, of which there are fewer of a large arm; None where nobody is left."""
    if not arm.ok.any():
        return None
    return resampled(arm, seed, int(np.clip(_MOST_DRAWN // arm.size, _LEAST_REPLICATES, replicates)))


def _same(one: _Column, other: _Column) -> bool:
    return one.one.endpoint == other.one.endpoint


def _benefit(trial: Trial, done: ArmRun, arm: Measured) -> list[_Column]:
    """Return medians at the first and the last visit, gains, who is above a level, and events."""
    plan, model = trial.plans[done.arm.name], trial.population.of
    first, last = baseline_day(trial), float(trial.visits[-1])
    wanted: list[tuple[Endpoint, str]] = []
    for name in about_counts(trial):
        for day in dict.fromkeys((first, last)):
            wanted.append((Endpoint(signal=name, day=day, label=f"{name} day {day:g}"), "value"))
    for by in default_endpoints(model, plan.regimens):
        usual = by.endpoint
        if by.kind != "benefit" or (usual.measure == "event" and trial.events is None):
            continue
        if usual.signal and (usual.signal not in trial.observables or (usual.measure == "change" and first >= last)):
            continue
        days = {"from_day": first, "day": last} if usual.measure == "change" else {"day": last}
        wanted.append((usual.model_copy(update=days), "benefit"))
    out = []
    for endpoint, kind in wanted:
        one = ready(endpoint, model, plan, trial.visits, events=trial.events is not None, observables=trial.observables)
        if one.needs in AT_VISITS:
            each = at_visits(one, trial.visits, arm.values)
            parts = [np.where(arm.ok, part[0], np.nan) for part in (each.values, each.start, each.end)]
        else:
            had = np.where(arm.ok, (arm.event_day <= last).astype(float), np.nan)
            parts = [had, had, had]
        out.append(_Column(one, kind, (parts[0], parts[1], parts[2])))
    return out


def baseline_day(trial: Trial) -> float:
    """Return the visit that later ones are compared with: day 0, or the first where there is none."""
    return 0.0 if 0.0 in trial.visits else float(trial.visits[0])


def _burden(trial: Trial, done: ArmRun, threads: int) -> list[_Column]:
    """Return cycles, doses and amounts of all patients, and what drugs reach in the first of them; nothing where
    nothing is given."""
    model, last = trial.population.of, float(trial.visits[-1])
    given_to = amounts_given(model, done.plans, done.which, done.histories, done.left_day, last)
    if not given_to.doses.any():
        return []
    ok, units = done.status == 0, {state.name: state.unit for state in model.states}
    counts = {"cycles": ("1", given_to.cycles), "doses": ("1", given_to.doses)}
    several = len(given_to.amount) > 1
    for state, amount in given_to.amount.items():
        counts[f"{units[state]} {state}" if several else units[state]] = (units[state], amount)
    columns = []
    for label, (unit, values) in counts.items():
        each = np.where(ok, values.astype(float), np.nan)
        endpoint = Endpoint(measure="doses", statistic="mean", label=label)
        columns.append(_Column(Asked(endpoint, 0.0, last, np.nan, np.nan, unit, ""), "given", (each, each, each)))
    return columns + _exposure(trial, done, threads)


def _exposure(trial: Trial, done: ArmRun, threads: int) -> list[_Column]:
    model, last, n = trial.population.of, float(trial.visits[-1]), len(done.which)
    wanted = [
        ready(by.endpoint, model, trial.plans[done.arm.name], trial.visits, events=False, observables=trial.observables)
        for by in default_endpoints(model, trial.plans[done.arm.name].regimens)
        if by.kind == "burden" and by.endpoint.signal in trial.observables and by.endpoint.measure in ("cmax", "auc")
    ]
    if not wanted or last <= 0:
        return []
    few = min(n, FEWEST)
    used, which = np.unique(done.which[:few], return_inverse=True)
    ensemble = Ensemble(
        done.patients.model, done.patients.parameters[:few], [done.plans[i] for i in used], which,
        np.full(few, trial.start * model.per_day),
    )  # fmt: skip
    each = measure_each(ensemble, wanted, SolveOptions(threads=threads))
    gone, out = done.status[:few] != 0, []
    for i, one in enumerate(wanted):
        padded = [np.full(n, np.nan) for _ in range(3)]
        for whole, part in zip(padded, (each.values[i], each.start[i], each.end[i]), strict=True):
            whole[:few] = np.where(gone, np.nan, part)
        out.append(_Column(one, "exposure", (padded[0], padded[1], padded[2])))
    return out


def _row(arm: Measured, label: str, column: _Column, member: np.ndarray, picks: np.ndarray | None) -> EndpointRow:
    """Return the row of an endpoint over members of an arm."""
    from immunode.measures.statistics import statistic

    endpoint = column.one.endpoint
    unit = statistic(endpoint.statistic).unit.format(measure=column.one.unit)
    words = endpoint.model_copy(update={"label": ""}).words
    words = {"given": f"mean {endpoint.label}", "share": f"percent called {label}"}.get(column.kind, words)
    row = EndpointRow(arm.name, label, endpoint.words, words, unit, column.kind, None)
    if picks is None:
        return row
    everyone = np.flatnonzero(arm.ok)[None]
    known = column.parts[0][member]
    row = replace(row, estimate=_number(column.over(everyone, member)[0]))
    if endpoint.statistic == "median":
        row = replace(row, patient_q1=_number(quantile(known, 0.25)), patient_q3=_number(quantile(known, 0.75)))
    if column.kind in ("benefit", "value", "share"):
        low, high = _span(column.over(picks, member))
        row = replace(row, low=low, high=high)
    return row


def _compared(
    row: EndpointRow, column: _Column, other: _Column, versus: str, picks: tuple[np.ndarray | None, np.ndarray | None]
) -> EndpointRow:
    """Return the row with its difference to the other arm, and what 95 % of trials of their sizes would see."""
    if picks[0] is None or picks[1] is None:
        return replace(row, versus=versus)
    fewer = min(len(picks[0]), len(picks[1]))
    sides = []
    for one, drawn in ((column, picks[0]), (other, picks[1])):
        everyone = np.ones(len(one.parts[0]), dtype=bool)
        all_of = np.flatnonzero(~np.isnan(one.parts[0]))[None]
        whole = one.over(all_of, everyone)[0] if all_of.size else np.nan
        sides.append((float(whole), one.over(drawn[:fewer], everyone)))
    low, high = _span(sides[0][1] - sides[1][1])
    difference = _number(sides[0][0] - sides[1][0])
    return replace(row, versus=versus, difference=difference, difference_low=low, difference_high=high)


def _span(replicates: np.ndarray) -> tuple[float | None, float | None]:
    return _number(quantile(replicates, 0.025)), _number(quantile(replicates, 0.975))


def _number(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if np.isfinite(number) else None
