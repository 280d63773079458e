"""The labelled dataset of a trial: what was measured, events, decisions, printed figures, what a picture needs."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.model.declaration import Model
from immunode.virtual_trials.amounts_given import amounts_given
from immunode.virtual_trials.arm_run import ArmRun
from immunode.virtual_trials.figures import ComparedFigure, compared
from immunode.virtual_trials.measured import Measured
from immunode.virtual_trials.pictured import about, noted, pictured
from immunode.virtual_trials.spread import span
from immunode.virtual_trials.statistics import REPLICATES, STATISTICS, event_free, quartiles
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.variables import (
    ABOUT,
    DECISION,
    EVENTS,
    FIGURE,
    GIVEN_CYCLES,
    GIVEN_DOSES,
    amount,
    figure_rows,
    patient,
    table,
    visit,
)

if TYPE_CHECKING:
    import xarray


def dataset(
    trial: Trial, runs: Sequence[ArmRun], arms: Sequence[Measured], cycles: Sequence[np.ndarray | None], seed: int
) -> "xarray.Dataset":
    """Return the labelled dataset of simulated arms as they were measured; `cycles` are their typical patients' courses
    after a dose."""
    import xarray

    model = trial.population.of
    days, names = runs[0].days, trial.observables
    true = np.stack([[quartiles(done.values[:, :, i]).T for i in range(len(names))] for done in runs])
    seen = np.stack([[quartiles(arm.values[name]).T for name in names] for arm in arms])
    counts = {name: np.stack([arm.values[name] for arm in arms]) for name in names}
    data: dict[str, Any] = {}
    for i, name in enumerate(names):
        unit = noted(model, name)
        data[name] = (("arm", "day", "statistic"), true[:, i], unit)
        data[visit(name)] = (("arm", "visit", "statistic"), seen[:, i], unit)
        data[patient(name)] = (("arm", "patient", "visit"), counts[name], unit)
    data["event_day"] = (("arm", "patient"), np.stack([arm.event_day for arm in arms]), {"units": "day"})
    shares = [event_free(arm.event_day, days, arm.left_day) for arm in arms]
    data["event_free"] = (("arm", "day"), np.stack(shares), {"units": "1"})
    data["left_day"] = (("arm", "patient"), np.stack([arm.left_day for arm in arms]), {"units": "day"})
    here = [np.isfinite(done.at_visits[arm.ok]).any(axis=2).sum(axis=0) for done, arm in zip(runs, arms, strict=True)]
    data["patients_seen"] = (("arm", "visit"), np.stack(here))
    data["label"] = (("arm", "patient"), np.stack([arm.label.astype(str) for arm in arms]))
    data["status"] = (("arm", "patient"), np.stack([done.status for done in runs]))
    data["outside_bounds"] = ("arm", [_outside(done) for done in runs])
    data["unmet"] = ("arm", [done.unmet for done in runs])
    data["size"] = ("arm", [arm.size for arm in arms])
    data |= _given(model, runs, float(trial.visits[-1]))
    data |= pictured(trial, runs, cycles)
    data |= table(DECISION, _decisions(runs))
    data |= table(FIGURE, _figures(compared(tuple(trial.figures), {arm.name: arm for arm in arms}, seed)))
    coords = {"arm": [arm.name for arm in arms], "day": days, "visit": arms[0].days, "statistic": list(STATISTICS)}
    # a file of NetCDF 3 holds no larger number; the JSON of a report has it as a number again
    kept = seed if seed < 2**31 else str(seed)
    attrs = {"trial": trial.name, "model": model.name, "seed": kept, "n": len(runs[0].status), "at_dose": "pre"}
    attrs |= {ABOUT: about(trial), EVENTS: trial.events or ""}
    return xarray.Dataset(data, coords=coords, attrs=attrs)


def _outside(done: ArmRun) -> str:
    """Return how many patients of an arm have which parameters outside their bounds, in words; nothing for none."""
    declared = {p.name: p for p in done.patients.model.parameters}
    parts = [(declared[name], count) for name, count in done.patients.outside().items()]
    return ", ".join(f"{p.name} of {count} outside {span(p)}" for p, count in parts)


def _given(model: Model, runs: Sequence[ArmRun], last: float) -> dict[str, Any]:
    """Return what each patient was given: doses, cycles, and the amount into each dosed state, in its unit."""
    amounts = [amounts_given(model, done.plans, done.which, done.histories, done.left_day, last) for done in runs]
    data: dict[str, Any] = {
        GIVEN_DOSES: (("arm", "patient"), np.stack([one.doses for one in amounts])),
        GIVEN_CYCLES: (("arm", "patient"), np.stack([one.cycles for one in amounts])),
    }
    unit_of, nothing = {state.name: state.unit for state in model.states}, np.zeros(len(runs[0].status))
    for name in dict.fromkeys(name for one in amounts for name in one.amount):
        rows = np.stack([one.amount.get(name, nothing) for one in amounts])
        data[amount(name)] = (("arm", "patient"), rows, {"units": unit_of[name]})
    return data


def _decisions(runs: Sequence[ArmRun]) -> dict[str, list[Any]]:
    """Return the columns of the protocol's log: every decision, holds too."""
    import pandas

    logs = [decision.log().assign(arm=done.arm.name) for done in runs for decision in done.decisions]
    log = pandas.concat(logs, ignore_index=True) if logs else pandas.DataFrame()
    texts = [name for name, values in log.items() if any(isinstance(value, str) for value in values.dropna().head(1))]
    log = log.fillna(dict.fromkeys(texts, ""))  # columns that only one kind of rule has
    return {str(name): values.tolist() for name, values in log.items()}


def figures_of(trial: Trial, arms: Sequence[Measured], seed: int, replicates: int = REPLICATES) -> list[dict[str, Any]]:
    """Return the printed figures of measured arms beside their prediction, as `figure_rows` of their Dataset does."""
    import xarray

    by_name = {arm.name: arm for arm in arms}
    figures = compared(tuple(trial.figures), by_name, seed, replicates)
    return figure_rows(xarray.Dataset(table(FIGURE, _figures(figures))))


def _figures(figures: Sequence[ComparedFigure]) -> dict[str, list[Any]]:
    names = [field.name for field in fields(ComparedFigure)] if figures else []
    return {name: [getattr(figure, name) for figure in figures] for name in names}
