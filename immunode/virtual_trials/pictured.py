"""What pictures of a trial need beside the courses: doses, printed numbers, the typical patient's first cycle."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from immunode.conditions.syntax import comparisons
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.virtual_trials.arm import one_time, recurring
from immunode.virtual_trials.arm_run import CYCLE, ArmRun
from immunode.virtual_trials.recurring import VisitDecision
from immunode.virtual_trials.signals import as_known
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.variables import DOSE, PUBLISHED, column, table, typical


def pictured(trial: Trial, runs: Sequence[ArmRun], cycles: Sequence[np.ndarray | None]) -> dict[str, Any]:
    """Return the variables that pictures read; `cycles` are the typical patients' courses (CYCLE, observables), by arm.

    `dose_day`, `dose_label`, `dose_up_to` (arm, dose; nan-padded): the label is empty for planned doses, else it names
    who got them by a rule, and "up to" is how many doses of the label one patient got at most, 0 where each who is
    named got all. `published_*` (published): medians, event-free shares. `x_typical` (arm, cycle_day): nan without
    doses.
    """
    doses = [_doses(trial, done) for done in runs]
    width = max(len(arm) for arm in doses)
    # one at least: a dimension of no length cannot be read back from NetCDF 3
    padded = [arm + [(np.nan, "", 0)] * (max(width, 1) - len(arm)) for arm in doses]
    days, labels, most = ([[dose[i] for dose in arm] for arm in padded] for i in range(3))
    out: dict[str, Any] = {
        column(DOSE, "day"): (("arm", DOSE), np.array(days), {"units": "day"}),
        column(DOSE, "label"): (("arm", DOSE), np.array(labels, dtype=str)),
        column(DOSE, "up_to"): (("arm", DOSE), np.array(most)),
    }
    out |= table(PUBLISHED, _published(trial, {done.arm.name: done.arm.n for done in runs}))
    return out | _typical(trial, cycles) if width else out


def about(trial: Trial) -> str:
    """Return what a trial is about, in one line: the observables of its printed figures, baselines and rules.

    Where none of them is what the model's patients are described by it is these, too; of which it declares a level
    first.
    """
    names = [figure.observable for figure in trial.figures]
    names += [baseline.observable for arm in trial.arms for baseline in arm.baselines]
    names += [rule.when.signal for arm in trial.arms for rule in one_time(arm)]
    again = [rule.condition for arm in trial.arms for rule in recurring(arm)]
    names += [as_known(one.quantity.signal, trial.observables) for condition in again for one in comparisons(condition)]
    patients = trial.population.of.patients
    described = [one.observable for one in patients.covariates if one.observable]
    if not set(names) & set(described):
        names += sorted(described, key=lambda name: name not in patients.levels)
    return " ".join(name for name in dict.fromkeys(names) if name in trial.observables)


def noted(model: Model, name: str) -> dict[str, str]:
    """Return the attributes of a variable: the unit of the model's state or output, and what it is, in words."""
    meaning = model.meanings[name]
    return {"units": model.observables[name]} | ({"long_name": meaning} if meaning else {})


def _doses(trial: Trial, done: ArmRun) -> list[tuple[float, str, int]]:
    """Return day and label of the planned doses, then of those that rules added to somebody, and how many of these one
    patient got at most where a rule decides again and again."""
    doses, each = [(time, "") for time in _times(trial.plans[done.arm.name].regimen)], {"": np.zeros(1, dtype=int)}
    for decision in done.decisions:
        for regimen, label, who in decision.additions():
            times, again = _times(regimen), isinstance(decision, VisitDecision)
            doses += [(time, label) for time in times]
            each[label] = each.get(label, 0) + again * len(times) * who
    return [(time, label, int(each[label].max())) for time, label in doses]


def _times(regimen: Regimen) -> list[float]:
    return [dose.time for dose in regimen.doses if dose.action == "add"]


def _published(trial: Trial, sizes: Mapping[str, int]) -> dict[str, list[Any]]:
    """Return the columns of the printed medians and event-free shares of whole arms."""
    printed: list[tuple[str, str, float, float]] = []
    for figure in trial.figures:
        arm = figure.groups[0] if figure.groups else ""
        if arm not in sizes or isinstance(figure.published, str):
            continue
        if figure.kind == "median":
            printed.append((arm, figure.observable, figure.day, figure.published))
        elif figure.kind == "events":
            printed.append((arm, "event_free", figure.day, 1.0 - float(figure.published) / sizes[arm]))
    names = ("arm", "observable", "day", "value") if printed else ()
    return {name: [row[i] for row in printed] for i, name in enumerate(names)}


def _typical(trial: Trial, cycles: Sequence[np.ndarray | None]) -> dict[str, Any]:
    names, nothing = trial.observables, np.full((len(CYCLE), len(trial.observables)), np.nan)
    courses = np.stack([nothing if cycle is None else cycle for cycle in cycles])
    out: dict[str, Any] = {"cycle_day": ("cycle_day", CYCLE, {"units": "day"})}
    for i, name in enumerate(names):
        out[typical(name)] = (("arm", "cycle_day"), courses[:, :, i], noted(trial.population.of, name))
    return out
