"""What a trial measures of an arm: counts at the visits with assay noise, events, labels, and what entered it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from immunode.virtual_trials.arm import Arm, final_labels
from immunode.virtual_trials.arm_run import ArmRun
from immunode.virtual_trials.protocol import Assay, noise_factors
from immunode.virtual_trials.trial import Trial


@dataclass(frozen=True, eq=False)
class Measured:
    """Hold what was measured in one arm.

    `values` by observable (patients, days), which day is in which `column`, `event_day` (inf = none), `left_day`
    (inf = stays), after which there is no visit and no event, the trial's own size.

    `label` (patients,) is what the rules called each patient, out of `labels`; `without` are the values had no rule
    added a regimen. Who is not `ok` (failed) is in no statistic. `entered` holds what the simulation was given.
    """

    name: str
    size: int
    days: np.ndarray
    column: Mapping[float, int]
    values: Mapping[str, np.ndarray]
    event_day: np.ndarray
    left_day: np.ndarray
    label: np.ndarray
    labels: frozenset[str]
    without: Mapping[str, np.ndarray]
    treated: np.ndarray
    ok: np.ndarray
    entered: Mapping[str, Any]


def measured_arm(trial: Trial, done: ArmRun, seed: int) -> Measured:
    """Return what the trial measures of a simulated arm at its visits, with assay noise."""
    visits = np.asarray(trial.visits, dtype=float)
    columns = np.searchsorted(done.days, visits)
    assay = Assay(trial.noise, seed, trial.drawn_as(done.arm), done.patients.first)
    seen, without = {}, {}
    for i, name in enumerate(done.observables):
        seen[name], without[name] = done.values[:, columns, i], done.without[:, columns, i]
        if trial.noise.get(name, 0.0):
            factors = noise_factors(assay, len(done.values), name, visits)
            seen[name], without[name] = seen[name] * factors, without[name] * factors
        if np.isfinite(done.left_day).any():
            there = visits < done.left_day[:, None]
            seen[name], without[name] = np.where(there, seen[name], np.nan), np.where(there, without[name], np.nan)
    ok = done.status == 0
    label, treated = np.full(len(ok), done.arm.label, dtype=object), np.zeros(len(ok), dtype=bool)
    for decision in done.decisions:  # the last decision names the patient
        there = decision.rule.day < done.left_day
        label, treated = np.where(there, decision.label, "").astype(object), treated | (decision.treated() & there)
    return Measured(
        name=done.arm.name,
        size=done.arm.n,
        days=visits,
        column={float(day): i for i, day in enumerate(visits)},
        values=seen,
        without=without,
        event_day=done.event_day,
        left_day=done.left_day,
        label=np.where(ok, label, ""),
        labels=final_labels(done.arm),
        treated=treated & ok,
        ok=ok,
        entered=entered(trial, done.arm),
    )


def entered(trial: Trial, arm: Arm) -> dict[str, Any]:
    """Return what entered the simulation of an arm, for the figures that read it back."""
    doses = [dose for dose in trial.plans[arm.name].regimen.doses if dose.action == "add"]
    return {
        "n": arm.n,
        "cut": next((baseline.below for baseline in arm.baselines if baseline.below), None),
        "rise": 100 * (arm.rules[0].when.above - 1) if arm.rules else None,
        "lead_in": -trial.start,
        "dose": doses[0].amount if doses else None,
        "doses": len(doses),
        "last_dose": doses[-1].time if doses else None,
        "follow_up": float(trial.visits[-1]),
    }
