"""Turn simulated arms into one labelled dataset: what was measured, events, printed figures, what a picture needs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.regimen import prescribe
from immunode.simulation.simulation import days, simulate
from immunode.virtual_trials.arm_run import Arm, ArmRun, Trial
from immunode.virtual_trials.figures import STATISTICS, Measured, Row, event_free, quartiles, rows
from immunode.virtual_trials.protocol import measured

if TYPE_CHECKING:
    import xarray


def measured_arm(trial: Trial, done: ArmRun, seed: int) -> Measured:
    """Return what the trial measures of a simulated arm at its visits, with assay noise."""
    visits = np.asarray(trial.visits, dtype=float)
    columns = np.searchsorted(done.days, visits)
    seen, without = {}, {}
    for i, name in enumerate(done.observables):
        noise = trial.noise.get(name, 0.0)
        options: dict[str, Any] = {"seed": seed, "arm": done.arm.name, "first": done.patients.first}
        seen[name] = measured(done.values[:, columns, i], name, visits, noise, **options)
        without[name] = measured(done.without[:, columns, i], name, visits, noise, **options)
    ok = done.status == 0
    label, legal = np.full(len(ok), done.arm.label, dtype=object), {done.arm.label}
    treated = np.zeros(len(ok), dtype=bool)
    for decision in done.decisions:  # the last decision names the patient
        label, treated = decision.label.astype(object), treated | decision.treated()
        legal = {decision.rule.then.label, decision.rule.otherwise.label}
    return Measured(
        name=done.arm.name,
        size=done.arm.n,
        days=visits,
        values=seen,
        without=without,
        event_day=done.event_day,
        label=np.where(ok, label, ""),
        labels=frozenset(legal - {""}),
        treated=treated & ok,
        ok=ok,
        given=given(trial, done.arm),
    )


def given(trial: Trial, arm: Arm) -> dict[str, Any]:
    """Return what entered the simulation of an arm, for the rows that read it back."""
    doses = [dose for dose in arm.plan.doses if dose.action == "add"]
    return {
        "n": arm.n,
        "cut": None if arm.baseline is None else arm.baseline.below,
        "rise": 100 * (arm.rules[0].when.above - 1) if arm.rules else None,
        "lead_in": -trial.start,
        "dose": doses[0].amount if doses else None,
        "doses": len(doses),
        "last_dose": doses[-1].time if doses else None,
        "follow_up": float(trial.visits[-1]),
    }


def dataset(trial: Trial, runs: Sequence[ArmRun], seed: int) -> "xarray.Dataset":
    """Return the labelled dataset of simulated arms."""
    import xarray

    model = trial.population.of
    arms = [measured_arm(trial, done, seed) for done in runs]
    days, names = runs[0].days, runs[0].observables
    data: dict[str, Any] = {}
    for i, name in enumerate(names):
        unit = {"units": model.observables[name]}
        true = [quartiles(done.values[:, :, i]).T for done in runs]
        seen = [quartiles(arm.values[name]).T for arm in arms]
        data[name] = (("arm", "day", "statistic"), np.stack(true), unit)
        data[f"{name}_visit"] = (("arm", "visit", "statistic"), np.stack(seen), unit)
        data[f"{name}_patient"] = (("arm", "patient", "visit"), np.stack([arm.values[name] for arm in arms]), unit)
    data["event_day"] = (("arm", "patient"), np.stack([arm.event_day for arm in arms]), {"units": model.time})
    data["event_free"] = (("arm", "day"), np.stack([event_free(arm.event_day, days) for arm in arms]), {"units": "1"})
    data["label"] = (("arm", "patient"), np.stack([arm.label.astype(str) for arm in arms]))
    data["status"] = (("arm", "patient"), np.stack([done.status for done in runs]))
    data["size"] = ("arm", [arm.size for arm in arms])
    data |= pictured(trial, runs)
    data |= decisions(runs)
    found = rows(tuple(trial.figures), {arm.name: arm for arm in arms}, seed)
    for column in Row.__dataclass_fields__ if found else ():
        data[f"figure_{column}"] = ("figure", _storable([getattr(row, column) for row in found]))
    coords = {"arm": [arm.name for arm in arms], "day": days, "visit": arms[0].days, "statistic": list(STATISTICS)}
    attrs = {"trial": trial.name, "model": model.name, "seed": seed, "n": len(runs[0].status), "at_dose": "pre"}
    return xarray.Dataset(data, coords=coords, attrs=attrs)


def pictured(trial: Trial, runs: Sequence[ArmRun]) -> dict[str, Any]:
    """Return what pictures show beside the courses: doses, printed numbers, the typical patient's first two weeks.

    `dose_day`, `dose_label` (arm, dose; nan-padded): the label is empty for planned doses, else it names who got them
    by a rule. `published_*` (published): medians, event-free shares. `x_typical` (arm, cycle_day): nan without doses.
    """
    doses = [[(d.time, "") for d in done.arm.plan if d.action == "add"] + _added_doses(done) for done in runs]
    width = max(len(arm) for arm in doses)
    padded = [arm + [(np.nan, "")] * (width - len(arm)) for arm in doses]
    size = {done.arm.name: done.arm.n for done in runs}
    numbers = [f for f in trial.figures if f.kind in ("median", "events") and not isinstance(f.published, str)]
    printed = [
        (f.groups[0], f.observable, f.day, f.published)
        if f.kind == "median"
        else (f.groups[0], "event_free", f.day, 1.0 - float(f.published) / size[f.groups[0]])
        for f in numbers
        if f.groups and f.groups[0] in size
    ]
    out: dict[str, Any] = {
        "dose_day": (("arm", "dose"), np.array([[day for day, _ in arm] for arm in padded]), {"units": "day"}),
        "dose_label": (("arm", "dose"), np.array([[label for _, label in arm] for arm in padded], dtype=str)),
    }
    for i, column in enumerate(("arm", "observable", "day", "value")):
        out[f"published_{column}"] = ("published", _storable([row[i] for row in printed]))
    return out | _typical(trial, runs) if width else out


def _added_doses(done: ArmRun) -> list[tuple[float, str]]:
    ways = [(d.rule, *way) for d in done.decisions for way in ((d.rule.then, d.met), (d.rule.otherwise, ~d.met))]
    extra = [(prescribe(a.regimen).shift(rule.day), a.label) for rule, a, who in ways if a.regimen and who.any()]
    return [(dose.time, label) for regimen, label in extra for dose in regimen if dose.action == "add"]


def _typical(trial: Trial, runs: Sequence[ArmRun]) -> dict[str, Any]:
    model, names, cycle = trial.population.of, runs[0].observables, days(0.0, 14.0, 1 / 48)
    found = np.full((len(names), len(runs), len(cycle)), np.nan)
    for column, done in enumerate(runs):
        first = [dose.time for dose in done.arm.plan if dose.action == "add"][:1]
        if first:
            options: Any = {"parameters": model.values({**trial.population.typical, **done.arm.values}), "throw": False}
            course = simulate(model, done.arm.plan, times=first + cycle, start=trial.start, outputs=names, **options)
            found[:, column] = [course[name].values for name in names]
    units = [{"units": model.observables[name]} for name in names]
    out: dict[str, Any] = {"cycle_day": ("cycle_day", cycle, {"units": "day"})}
    return out | {f"{name}_typical": (("arm", "cycle_day"), found[i], units[i]) for i, name in enumerate(names)}


def _storable(column: list[Any]) -> np.ndarray:
    """Return a column of a NetCDF file: numbers with nan for none, else text."""
    if all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in column):
        return np.array([np.nan if value is None else float(value) for value in column])
    return np.array(["" if value is None else str(value) for value in column])


def figure_rows(result: "xarray.Dataset") -> list[dict[str, Any]]:
    """Return the printed figures of a result as a list of dictionaries, one a row, None where there is nothing."""
    names = list(Row.__dataclass_fields__)
    count = result.sizes.get("figure", 0)
    return [{name: _plain(name, result[f"figure_{name}"].values[i]) for name in names} for i in range(count)]


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else float(value)
    text = str(value)
    if name == "inside":
        return {"True": True, "False": False}.get(text)
    if name in ("published", "simulated"):  # a figure is a number where it can be read as one
        try:
            return float(text)
        except ValueError:
            pass
    return text or None


def decisions(runs: Sequence[ArmRun]) -> dict[str, Any]:
    """Return the protocol's log as variables `decision_...` along `decision`: every decision, holds too."""
    import pandas

    logs = [decision.log().assign(arm=done.arm.name) for done in runs for decision in done.decisions]
    log = pandas.concat(logs, ignore_index=True) if logs else pandas.DataFrame()
    return {f"decision_{name}": ("decision", _storable(column.tolist())) for name, column in log.items()}
