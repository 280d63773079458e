"""What a trial measures of an arm: counts at the visits with assay noise, events, labels, and what entered it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from immunode.internal.arguments import thread_count
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.measuring import Asked, MeasuredEach, measure_each
from immunode.virtual_trials.arm import Arm, final_labels, one_time
from immunode.virtual_trials.arm_run import ArmRun
from immunode.virtual_trials.endpoints import AT_VISITS, at_visits, ready
from immunode.virtual_trials.protocol import Assay, Decision, noise_factors
from immunode.virtual_trials.trial import Trial


@dataclass(frozen=True, eq=False)
class Measured:
    """Hold what was measured in one arm.

    `values` by observable (patients, days), which day is in which `column`, `event_day` (inf = none), `left_day`
    (inf = stays), after which there is no visit and no event, the trial's own size.

    `label` (patients,) is what the rules called each patient, out of `labels`; `without` are the values had no rule
    added a regimen. Who is not `ok` (failed) is in no statistic.
    `entered` holds what the simulation was given, `endpoints` those of figures, by the number of the figure.
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
    endpoints: Mapping[int, tuple[Asked, MeasuredEach]] = field(default_factory=dict)


def measured_arms(trial: Trial, runs: Sequence[ArmRun], seed: int) -> list[Measured]:
    """Return what the trial measures of its simulated arms."""
    return [measured_arm(trial, done, seed) for done in runs]


def measured_arm(trial: Trial, done: ArmRun, seed: int) -> Measured:
    """Return what the trial measures of a simulated arm at its visits, with assay noise."""
    visits = np.asarray(trial.visits, dtype=float)
    assay = Assay(trial.noise, seed, trial.drawn_as(done.arm), done.patients.first)
    seen, without = {}, {}
    for i, name in enumerate(done.observables):
        seen[name], without[name] = done.at_visits[:, :, i], done.without_at_visits[:, :, i]
        if trial.noise.get(name, 0.0):
            factors = noise_factors(assay, len(done.values), name, visits)
            seen[name], without[name] = seen[name] * factors, without[name] * factors
    ok = done.status == 0
    label, treated = np.full(len(ok), done.arm.label, dtype=object), np.zeros(len(ok), dtype=bool)
    for decision in done.decisions:  # the last decision names the patient
        there = np.ones(len(ok), dtype=bool)
        if isinstance(decision, Decision):  # the others decide at visits, where nobody is who has left
            there = done.came[:, visits.tolist().index(decision.rule.day)] < done.left_day
        label = np.where(there, decision.relabelled(label), "").astype(object)
        treated = treated | (decision.treated() & there)
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
        endpoints=_endpoints(trial, done, seen),
    )


def _endpoints(trial: Trial, done: ArmRun, seen: Mapping[str, np.ndarray]) -> dict[int, tuple[Asked, MeasuredEach]]:
    """Return the endpoints of an arm's figures by their number among the figures of the trial.

    `seen` are counts as measured at the visits (n, visits) by observable.
    """
    named = {i: f.endpoint for i, f in enumerate(trial.figures) if f.endpoint is not None}
    wanted = {
        i: ready(
            endpoint, trial.population.of, trial.plans[done.arm.name], trial.visits,
            events=trial.events is not None, observables=trial.observables,
        )
        for i, endpoint in named.items()
    }  # fmt: skip
    exact = {i: one for i, one in wanted.items() if one.needs not in AT_VISITS}
    out = {i: (one, at_visits(one, trial.visits, seen)) for i, one in wanted.items() if i not in exact}
    if exact:
        ensemble = Ensemble(
            done.patients.model, done.patients.parameters, done.plans, done.which,
            np.full(len(done.which), trial.start * done.patients.model.per_day),
        )  # fmt: skip
        each = measure_each(
            ensemble,
            list(exact.values()),
            SolveOptions(threads=thread_count(None)),
            visits=trial.visits,
            event_day=done.event_day,
        )
        gone = done.status != 0
        for row, (i, one) in enumerate(exact.items()):
            parts = [np.where(gone, np.nan, part[[row]]) for part in (each.values, each.start, each.end)]
            out[i] = one, MeasuredEach(parts[0], parts[1], parts[2], done.status)
    return out


def entered(trial: Trial, arm: Arm) -> dict[str, Any]:
    """Return what entered the simulation of an arm, for the figures that read it back."""
    doses = [dose for dose in trial.plans[arm.name].regimen.doses if dose.action == "add"]
    once = one_time(arm)
    return {
        "n": arm.n,
        "cut": next((baseline.below for baseline in arm.baselines if baseline.below), None),
        "rise": 100 * (once[0].when.above - 1) if once else None,
        "lead_in": -trial.start,
        "dose": doses[0].amount if doses else None,
        "doses": len(doses),
        "last_dose": doses[-1].time if doses else None,
        "follow_up": float(trial.visits[-1]),
    }
