"""Event tables in words: what each patient gets and when it is observed."""

from collections import Counter
from typing import Any

import numpy as np

from immunode.model.declaration import Model
from immunode.nonmem.event_table import EventTable
from immunode.regimen import Dose, Regimen, what_is_given

_SHOWN = 3  # patients that a line names
_SHORT = {"hour": "h", "day": "d", "minute": "min", "second": "s"}


def describe(table: EventTable) -> str:
    """Say in words what each patient of an event table gets and when it is observed, one line for those alike."""
    alike: dict[str, list[str]] = {}
    episodes, seen = Counter(table.ids), Counter[Any]()
    repeats = _repeats(table)
    for who, plan, times in zip(table.ids, table.regimens, table.times):
        seen[who] += 1
        label = f"{who} (course {seen[who]})" if episodes[who] > 1 else str(who)
        alike.setdefault(
            f"{_words(plan, table.model, repeats.get(who, {}))}; {_observed(times, table.model)}", []
        ).append(label)
    return "\n".join(f"{_patients(labels)}: {text}" for text, labels in alike.items())


def _patients(labels: list[str]) -> str:
    more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    return f"patient{'s' if len(labels) > 1 else ''} {', '.join(labels[:_SHOWN])}{more}"


def _observed(times: np.ndarray, model: Model) -> str:
    if not len(times):
        return "no observations"
    unit = _SHORT.get(model.time, model.time)
    if len(times) == 1:
        return f"1 observation at {times[0]:.6g} {unit}"
    return f"{len(times)} observations from {times.min():.6g} to {times.max():.6g} {unit}"


def _repeats(table: EventTable) -> dict[Any, dict[tuple[float, float], float]]:
    """Return for each patient the interval, in days, of the doses (day, amount) that have additional ones."""
    frame, clock = table.frame, table.model.per_day
    intervals: dict[Any, dict[tuple[float, float], float]] = {}
    if not {"TIME", "AMT", "II", "ADDL"} <= set(frame):
        return intervals
    for row in frame[frame["ADDL"] > 0].itertuples():
        intervals.setdefault(row.ID, {})[row.TIME / clock, row.AMT] = row.II / clock
    return intervals


def _words(plan: Regimen, model: Model, repeats: dict[tuple[float, float], float]) -> str:
    """Tell the doses in their order; a run of the same at even steps is told where it begins."""
    clock, unit = model.per_day, _SHORT.get(model.time, model.time)
    doses, told, parts = plan.doses, set[int](), []
    for i, dose in enumerate(doses):
        if i in told:
            continue
        step = repeats.get((dose.time, dose.amount)) if dose.action == "add" else None
        run = _run(doses, i, told, step)
        told.update(run)
        every = (doses[run[0]].time - dose.time) * clock if run else 0.0
        what = what_is_given(dose) + (f" into {dose.into}" if dose.into else "")
        then = f", then every {every:.6g} {unit} x {len(run)}" if run else ""
        parts.append(f"{what} at {dose.time * clock:.6g} {unit}{then}")
    return "; ".join(parts) or "no doses"


def _run(doses: tuple[Dose, ...], i: int, told: set[int], every: float | None) -> list[int]:
    """Return the places of the doses that go on from dose i at even steps.

    With `every`, the interval of its additional doses, other doses may stand between them, though no reset; without,
    nothing may, and fewer than two are no run.
    """
    kind, step, run = doses[i].kind, every, list[int]()
    for j in range(i + 1, len(doses)):
        if j in told:
            continue
        same = doses[j].kind == kind
        if step is None and same:
            step = doses[j].time - doses[i].time
        due = doses[i].time + (step or 0.0) * (len(run) + 1)
        if same and step and np.isclose(doses[j].time, due, rtol=1e-9, atol=1e-9):
            run.append(j)
        elif every is None or doses[j].action == "reset" or doses[j].time > due:
            break
    return run if every or len(run) > 1 else []
