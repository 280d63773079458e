"""Read NONMEM-style event tables into regimens, observation times and covariates, and write regimens as such tables.

The rules, and what is refused, are in docs/dosing.md.
"""

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace as changed
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.eventcheck import check as check
from immunode.eventcheck import examine
from immunode.eventfile import DOSE, OBSERVATION, RESET
from immunode.eventfile import Problem as Problem
from immunode.eventtable import EventTable, event_table
from immunode.model import Model
from immunode.regimen import STEADY, Dose, Regimen, prescribe
from immunode.regimen import rows as kinds_of
from immunode.units import factor, in_days

if TYPE_CHECKING:
    import pandas

_SHOWN = 3  # problems that an error names, and patients that a line names; check() gives all
_SHORT = {"hour": "h", "day": "d", "minute": "min", "second": "s"}


def read(source: Any, model: Model, *, covariates: Any = None) -> EventTable:
    """Read an event table, a file (CSV, or tab, semicolon or space separated) or a DataFrame, for `model`.

    Columns, in any case: ID TIME AMT EVID CMT II ADDL RATE SS DV MDV, and DUR, the duration of an infusion. "." or
    nothing is missing. Times are in the model's time unit, amounts in the unit of the state. CMT is the number of a
    state, from 1, or the name of a state or route; none is the first state. A number stands for the route to its state
    if there is one route, else for the state. EVID also takes the words "replace" and "multiply". Columns with the name
    of a parameter set it over time: `covariates` names others, {column: parameter}, or fewer, as a list.
    Warn of what is odd. Raise BadValue that names row, column, value and cure; `check` finds all of them.
    """
    records, problems = examine(source, model, covariates)
    errors = [problem for problem in problems if problem.error]
    if errors:
        count = f"{len(errors)} errors; the first: " if len(errors) > 1 else ""
        raise BadValue(f"{records.cells.source}: {count}" + "\n".join(map(str, errors[:_SHOWN])))
    if problems:
        more = f" (and {len(problems) - 1} more: see nonmem.check)" if len(problems) > 1 else ""
        warnings.warn(f"{records.cells.source}: {problems[0]}{more}", stacklevel=2)
    return event_table(records, model)


def reading(source: Any, model: Model) -> tuple[list[Problem], list[str]]:
    """Return the problems of an event table and, if none is an error, the lines of `describe`."""
    records, problems = examine(source, model, None)
    bad = any(problem.error for problem in problems)
    return problems, [] if bad else describe(event_table(records, model)).split("\n")


def table(regimen: Any, model: Model, *, times: Any = None) -> "pandas.DataFrame":
    """Return a Regimen or sentence, or a sequence of them (one a patient, ID 1, 2, ...), as an event table for `model`.

    One row a dose: TIME in the model's time unit, AMT in the unit of the state (RATE: per time unit), CMT its number;
    resets are EVID 3, `replace` and `multiply` their words. DUR, a fixed duration, is not NONMEM's: bioavailability
    changes the rate of such an infusion. `times`, days or "36 h" as in simulate(), one list for all or one a patient,
    make rows with EVID 0 that stand before the doses of the same time. What `read` makes of the table does exactly what
    the regimens do. Raise UnitError or UnknownName.
    """
    import pandas

    given = [regimen] if isinstance(regimen, (str, Regimen)) else list(regimen)
    plans = [prescribe(plan) if isinstance(plan, str) else plan for plan in given]
    seen, clock = _one_each(times, len(plans)), factor("day", model.time)
    rows: list[dict[str, Any]] = []
    for i, plan in enumerate(plans):
        own = [_row(dose, model) for dose in plan]
        own += [{"TIME": in_days(time) * clock, "EVID": OBSERVATION} for time in seen[i]]
        own.sort(key=lambda row: (row["TIME"], row["EVID"] != OBSERVATION))
        rows += [{"ID": i + 1} | row for row in own]
    frame = pandas.DataFrame(rows, columns=["ID", "TIME", "EVID", "AMT", "CMT", "RATE", "DUR", "SS", "II"])
    frame["MDV"] = (frame["EVID"] != OBSERVATION).astype(int)
    return frame.fillna({"AMT": 0.0, "CMT": 0, "RATE": 0.0, "DUR": 0.0, "SS": 0, "II": 0.0}).astype(
        {"CMT": int, "SS": int}
    )


def _one_each(times: Any, count: int) -> list[Any]:
    listed = [] if times is None else list(times)
    if not any(np.ndim(one) for one in listed):
        return [listed] * count
    if len(listed) != count:
        raise BadValue(f"times holds {len(listed)} lists for {count} patients; give one list for all, or one a patient")
    return listed


def _row(dose: Dose, model: Model) -> dict[str, Any]:
    clock = factor("day", model.time)
    row: dict[str, Any] = {"TIME": dose.time * clock, "EVID": RESET}
    if dose.action == "reset":
        return row
    state = model.target(dose.into)
    scale = 1.0 if dose.action == "multiply" else factor(dose.unit, state.unit)
    row |= {
        "EVID": DOSE if dose.action == "add" else dose.action,
        "AMT": dose.amount * scale,
        "CMT": [s.name for s in model.states].index(state.name) + 1,
        "DUR": dose.duration * clock,
        "SS": STEADY.index(dose.steady_state),
        "II": dose.every * clock,
        "RATE": {"rate": -1.0, "duration": -2.0}.get(dose.modelled, dose.rate * scale / clock),
    }
    return row


def describe(table: EventTable) -> str:
    """Say in words what each patient of an event table gets and when it is observed, one line for those alike."""
    alike: dict[str, list[str]] = {}
    courses, seen = Counter(table.ids), Counter[Any]()
    for who, plan, times in zip(table.ids, table.regimens, table.times):
        seen[who] += 1
        label = f"{who} (course {seen[who]})" if courses[who] > 1 else str(who)
        alike.setdefault(f"{_words(plan, table.model)}; {_observed(times, table.model)}", []).append(label)
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


def _words(plan: Regimen, model: Model) -> str:
    clock, unit = factor("day", model.time), _SHORT.get(model.time, model.time)
    kinds: dict[Dose, list[float]] = {}
    for dose in plan:
        kinds.setdefault(changed(dose, time=0.0), []).append(dose.time * clock)
    parts = []
    for kind, times in kinds.items():
        what = kinds_of(Regimen((kind,)))[0][0] + (f" into {kind.into}" if kind.into else "")
        for first, step, more in _runs(times):
            then = f", then every {step:.6g} {unit} x {more}" if more else ""
            parts.append((first, f"{what} at {first:.6g} {unit}{then}"))
    return "; ".join(text for _, text in sorted(parts, key=lambda part: part[0])) or "no doses"


def _runs(times: list[float]) -> Iterator[tuple[float, float, int]]:
    """Yield (first, step, how many more) for times that follow each other at even steps."""
    i = 0
    while i < len(times):
        j = i + 1
        step = times[j] - times[i] if j < len(times) else 0.0
        while step > 0 and j < len(times) and np.isclose(times[j] - times[j - 1], step, rtol=1e-9, atol=1e-9):
            j += 1
        yield times[i], step, j - i - 1
        i = j
