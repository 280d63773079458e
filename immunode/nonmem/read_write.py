"""Read NONMEM-style event tables into regimens, observation times and covariates, and write regimens as such tables.

The rules, and what is refused, are in docs/dosing.md.
"""

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.model.declaration import Model
from immunode.nonmem.cells import DATES, DOSE, OBSERVATION, RESET, STANDARD
from immunode.nonmem.cells import Problem as Problem
from immunode.nonmem.checks import check as check
from immunode.nonmem.checks import examine
from immunode.nonmem.event_table import EventTable, event_table
from immunode.nonmem.records import stand_in
from immunode.regimen import STEADY, Dose, Regimen, prescribe, what_is_given
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


@dataclass(frozen=True)
class Reading:
    """Hold what was found in an event table: its problems, what patients get in words, the use of its own columns.

    `covariates` gives the parameter that a column sets, `unused` the columns of no use; both are None without a model.
    """

    problems: list[Problem]
    patients: list[str]
    covariates: dict[str, str] | None
    unused: list[str] | None

    @property
    def notes(self) -> list[str]:
        """Say which columns set what, or what cannot be known without a model."""
        if self.covariates is None or self.unused is None:
            return [
                "without --model the amounts have no unit and times are taken as days; names of routes and states, "
                "modelled infusions (RATE = -1, -2) and covariates were not checked: give --model"
            ]
        said = [f"{column} sets {parameter} over time" for column, parameter in self.covariates.items()]
        if self.unused:
            said.append(f"{', '.join(self.unused)} {'is' if len(self.unused) == 1 else 'are'} not used")
        return ["; ".join(said)] if said else []


def reading(source: Any, model: Model | None) -> Reading:
    """Return what `check` prints of an event table, for `model` or for one that has whatever its CMT asks for.

    The words of `describe` are there if no problem is an error.
    """
    found = stand_in(source) if model is None else model
    records, problems = examine(source, found, [] if model is None else None)
    bad = any(problem.error for problem in problems)
    words = [] if bad else describe(event_table(records, found)).split("\n")
    if model is None:
        return Reading(problems, words, None, None)
    sets = {column: parameter for parameter, column in records.covariates.items()}
    own = [name for name in records.cells.names if name.upper() not in (*STANDARD, *DATES)]
    taken = {name: sets[name.upper()] for name in own if name.upper() in sets}
    return Reading(problems, words, taken, [name for name in own if name not in taken])


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
    repeats = _repeats(table)
    for who, plan, times in zip(table.ids, table.regimens, table.times):
        seen[who] += 1
        label = f"{who} (course {seen[who]})" if courses[who] > 1 else str(who)
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
    frame, clock = table.frame, factor("day", table.model.time)
    found: dict[Any, dict[tuple[float, float], float]] = {}
    if not {"TIME", "AMT", "II", "ADDL"} <= set(frame):
        return found
    for row in frame[frame["ADDL"] > 0].itertuples():
        found.setdefault(row.ID, {})[row.TIME / clock, row.AMT] = row.II / clock
    return found


def _words(plan: Regimen, model: Model, repeats: dict[tuple[float, float], float]) -> str:
    """Tell the doses in their order; a run of the same at even steps is told where it begins."""
    clock, unit = factor("day", model.time), _SHORT.get(model.time, model.time)
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
