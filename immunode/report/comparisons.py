"""Compared schedules: an answer of two small tables first, everything else behind it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import Status
from immunode.report.cells import compact_table, text
from immunode.studies.schedules import NOTHING
from immunode.virtual_trials.variables import DECISION, columns, observables

if TYPE_CHECKING:
    import pandas
    import xarray
    from rich.table import Table

_SHORT = 12  # letters of a name that a table shows as it is; longer ones are numbered
_WIDTH = 78  # columns of a table that stands upright; a wider one is turned
_NUMBERS = ("estimate", "low", "high", "patient_q1", "patient_q3", "difference", "difference_low", "difference_high")


@dataclass(frozen=True, eq=False)
class ComparisonReport:
    """Hold what `compare` returned, and whether all of it is shown."""

    result: "xarray.Dataset"
    everything: bool = False

    def json(self) -> dict[str, Any]:
        """Return the comparison as plain data with documented keys (docs/json.md)."""
        result = self.result
        return {
            **{key: result.attrs[key] for key in ("model", "n", "patients", "spread", "versus")},
            "seed": int(result.attrs["seed"]),
            "until": float(result.visit.values[-1]),
            "schedules": [_schedule_json(result.sel(arm=name)) for name in result.arm.values],
        }

    def table(self) -> list[Any]:
        """Return who was simulated, the schedules, their benefit and burden, what is efficient, and how to read it."""
        result = self.result
        heads = _heads(result)
        last, count = result.visit.values[-1], result.sizes["arm"] - 1
        which = f"{count} schedule{'s' if count > 1 else ''}"
        lines: list[Any] = [
            f"{result.attrs['model']}: {which} in the same {result.attrs['n']} patients, day 0 to {last:g}",
            f"patients: {result.attrs['patients'] or 'typical, as the model declares them'}",
        ]
        named = zip(heads, result.arm.values, result.schedule.values, strict=True)
        lines += [
            f"  {head}  {_called(str(name), str(words), head)}" for head, name, words in named if head != str(words)
        ]
        lines += [_benefit(result, heads), _burden(result, heads), _others(result, heads), *_notes(result, heads)]
        if self.everything:
            lines += [_differences(result, heads), result.attrs["spread"]]
        return [line for line in lines if line is not None]


def comparison_frame(result: "xarray.Dataset") -> "pandas.DataFrame":
    """Return one row a schedule and endpoint: words, unit, kind, estimates, quartiles, differences, efficient."""
    import pandas

    rows = []
    for a, name in enumerate(result.arm.values):
        for i, endpoint in enumerate(result.endpoint.values):
            numbers = {key: float(result[key].values[a, i]) for key in _NUMBERS}
            words, unit, kind = (str(result[f"endpoint_{key}"].values[i]) for key in ("words", "unit", "kind"))
            rows.append(
                {"schedule": str(name), "endpoint": str(endpoint), "words": words, "unit": unit, "kind": kind}
                | numbers
                | {"efficient": bool(result.efficient.values[a])}
            )
    if has_rules(result):
        for a, name in enumerate(result.arm.values):
            counted: dict[str, Any] = {"endpoint": "cycles", "words": "mean cycles", "unit": "1", "kind": "burden"}
            counted |= {"estimate": mean_cycles(result.isel(arm=a)), "efficient": bool(result.efficient.values[a])}
            rows.append({"schedule": str(name)} | counted)
    return pandas.DataFrame(rows)


def courses_frame(result: "xarray.Dataset") -> "pandas.DataFrame":
    """Return one row a schedule, output and day: median, quartiles and mean of the patients, as simulated."""
    import pandas

    frames = []
    for name in observables(result):
        for arm in result.arm.values:
            frame = result[name].sel(arm=arm).to_pandas()
            frame = frame.rename_axis(columns=None).reset_index()
            frame.insert(0, "unit", result[name].attrs["units"])
            frame.insert(0, "output", name)
            frame.insert(0, "schedule", str(arm))
            frames.append(frame)
    return pandas.concat(frames, ignore_index=True)


def patients_frame(result: "xarray.Dataset") -> "pandas.DataFrame":
    """Return one row a schedule and patient, a column a measure: what each patient has, and the cycles given."""
    import pandas

    frames = []
    for a, name in enumerate(result.arm.values):
        each = {str(words): result.each.values[a, i] for i, words in enumerate(result.endpoint_each.values)}
        frame = pandas.DataFrame(each | {"cycles": result.given_cycles.values[a]})
        frame.insert(0, "patient", range(len(frame)))
        frame.insert(0, "schedule", str(name))
        frames.append(frame)
    return pandas.concat(frames, ignore_index=True)


def _schedule_json(one: "xarray.Dataset") -> dict[str, Any]:
    endpoints = [
        {
            "endpoint": str(name),
            **{key: str(one[f"endpoint_{key}"].values[i]) for key in ("words", "unit", "kind")},
            **{key: _finite(one[key].values[i]) for key in _NUMBERS},
        }
        for i, name in enumerate(one.endpoint.values)
    ]
    return {
        "name": str(one.arm.values),
        "cycles": _finite(mean_cycles(one)),
        "regimen": str(one.schedule.values),
        "efficient": bool(one.efficient.values),
        "endpoints": endpoints,
    }


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _heads(result: "xarray.Dataset") -> list[str]:
    """Return what tables call the schedules: their names, or numbers where one is long."""
    names = [str(name) for name in result.arm.values]
    if all(len(name) <= _SHORT for name in names):
        return names
    return [name if name == NOTHING else str(i) for i, name in enumerate(names)]


def _called(name: str, words: str, head: str) -> str:
    return words if name in (words, head) else f"{name}: {words}"


def _of_kind(result: "xarray.Dataset", kind: str) -> list[int]:
    return [i for i, said in enumerate(result.endpoint_kind.values) if said == kind]


def _head(result: "xarray.Dataset", i: int) -> str:
    unit = str(result.endpoint_unit.values[i])
    label = str(result.endpoint.values[i])
    shown = {"1": "", "percent": "(%)", label: ""}.get(unit, f"({_plain(unit)})")
    return f"{label}\n{shown}" if shown else label


def _plain(unit: str) -> str:
    """Return a unit without the brackets that it needs to be read again: (IU/mL)*day is IU/mL day."""
    return re.sub(r"^\(([^()]+)\)\*", r"\1 ", unit)


def _marked(result: "xarray.Dataset", a: int, head: str) -> str:
    return f"* {head}" if result.efficient.values[a] else f"  {head}"


def _shown(value: float, words: str = "") -> str:
    never = words.startswith(("time_to", "median time_to"))
    return "never" if np.isposinf(value) and never else "-" if np.isnan(value) else text(float(value))


def _span(result: "xarray.Dataset", name: str, a: int, i: int, low: str, high: str) -> str:
    values = [float(result[key].values[a, i]) for key in (name, low, high)]
    return f"{_shown(values[0])} ({_shown(values[1])} to {_shown(values[2])})" if np.isfinite(values[0]) else "-"


def _benefit(result: "xarray.Dataset", heads: list[str]) -> "Table | None":
    """Return the benefit of each schedule: the first with the quartiles of patients and its paired difference."""
    of = _of_kind(result, "benefit")
    if not of:
        return None
    first, *others = of
    versus = str(result.attrs["versus"])
    shown = heads[[str(name) for name in result.arm.values].index(versus)]
    shown = versus if len(versus) <= _SHORT else f"schedule {shown}"
    columns = [_head(result, first).replace("\n", " ") + "\nmedian (quartiles)", f"vs {shown}\n(95 %)"]
    table = compact_table("benefit", *columns, *(_head(result, i) for i in others))
    for a, head in enumerate(heads):
        is_reference = str(result.arm.values[a]) == versus
        more = "" if is_reference else _span(result, "difference", a, first, "difference_low", "difference_high")
        cells = [_span(result, "estimate", a, first, "patient_q1", "patient_q3"), more]
        table.add_row(_marked(result, a, head), *cells, *(_shown(result.estimate.values[a, i]) for i in others))
    return table


def _burden(result: "xarray.Dataset", heads: list[str]) -> "Table | None":
    """Return the burden of each schedule: a row each, or a column each where that is too wide."""
    of = _of_kind(result, "burden")
    if not of:
        return None
    arms = [a for a, name in enumerate(result.arm.values) if str(name) != NOTHING]
    shown = [_head(result, i) for i in of]
    cells = [[_shown(result.estimate.values[a, i]) for i in of] for a in arms]
    if has_rules(result):
        shown.append("cycles")
        cycles = [_shown(mean_cycles(result.isel(arm=a))) for a in arms]
        cells = [[*row, number] for row, number in zip(cells, cycles, strict=True)]
    rows, turned = [_marked(result, a, heads[a]) for a in arms], list(zip(*cells, strict=True))
    wide = [max(map(len, [*head.split("\n"), *column])) + 3 for head, column in zip(shown, turned, strict=True)]
    if max(map(len, rows)) + sum(wide) <= _WIDTH:
        table = compact_table("burden", *shown)
        for head, row in zip(rows, cells, strict=True):
            table.add_row(head, *row)
        return table
    table = compact_table("burden", *(row.strip() for row in rows))
    for head, column in zip(shown, turned, strict=True):
        table.add_row(head.replace("\n", " "), *column)
    return table


def mean_cycles(one: "xarray.Dataset") -> float:
    """Return the mean number of cycles of the patients of a schedule who did not fail."""
    ok = one.status.values == 0
    return float(one.given_cycles.values[ok].mean()) if ok.any() else np.nan


def has_rules(result: "xarray.Dataset") -> bool:
    """Return whether rules decided something, so that patients may have had different cycles."""
    return bool(columns(result, DECISION))


def _others(result: "xarray.Dataset", heads: list[str]) -> "Table | None":
    """Return the endpoints that were asked for beside, a row each."""
    of = _of_kind(result, "other")
    if not of:
        return None
    table = compact_table("and", *heads)
    for i in of:
        table.add_row(
            _head(result, i).replace("\n", " "),
            *(_shown(value, str(result.endpoint_each.values[i])) for value in result.estimate.values[:, i]),
        )
    return table


def _differences(result: "xarray.Dataset", heads: list[str]) -> "Table":
    """Return the paired differences of all endpoints, a row each."""
    others = [a for a, name in enumerate(result.arm.values) if name != result.attrs["versus"]]
    table = compact_table(f"minus {result.attrs['versus']} (95 %)", *(heads[a] for a in others))
    for i in range(result.sizes["endpoint"]):
        spans = [_span(result, "difference", a, i, "difference_low", "difference_high") for a in others]
        table.add_row(_head(result, i).replace("\n", " "), *spans)
    return table


def _notes(result: "xarray.Dataset", heads: list[str]) -> list[str]:
    """Return how the tables are read, and who is in none of them."""
    lines = []
    benefit, amounts = _of_kind(result, "benefit"), _of_kind(result, "burden")
    if benefit and amounts and result.efficient.values.any():
        cost = str(result.endpoint.values[amounts[-1]])
        lines.append(
            f"* efficient: no other schedule has as much {result.endpoint.values[benefit[0]]} for as few {cost}"
        )
    if benefit:
        lines.append("95 %: of the draw of patients alone, not of the model's parameters")
    odd = [words for words in dict.fromkeys(map(str, result.unmet.values)) if words and "nadir" in words]
    return [*lines, *_lost(result, heads), *(f"not as said: {words}" for words in odd)]


def _lost(result: "xarray.Dataset", heads: list[str]) -> list[str]:
    """Return how many patients are in no number of a schedule, and how they ended."""
    each = [_ends(statuses) for statuses in result.status.values]
    if not any(each):
        return []
    n = result.attrs["n"]
    if len(set(each)) == 1:
        return [f"of {n} patients under each schedule in no number: {each[0]}"]
    return [f"{head}: of {n} patients in no number: {ends}" for head, ends in zip(heads, each, strict=True) if ends]


def _ends(statuses: np.ndarray) -> str:
    codes, counts = np.unique(statuses[statuses != 0], return_counts=True)
    return ", ".join(f"{count} {Status(int(code)).name}" for code, count in zip(codes, counts, strict=True))
