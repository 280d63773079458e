"""Compared schedules: an answer of two small tables first, everything else behind it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import Status
from immunode.report.cells import compact_table, counted_unit, three_digits, under_limit, with_limit
from immunode.report.comparison_frames import comparison_json, has_rules, mean_cycles
from immunode.studies.comparison_dataset import LABELLED
from immunode.studies.schedules import NOTHING
from immunode.virtual_trials.variables import FIGURE, columns

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

_SHORT = 12  # letters of a name that a table shows as it is; longer ones are numbered
_WIDTH = 78  # columns of a table that stands upright; a wider one is turned


@dataclass(frozen=True, eq=False)
class ComparisonReport:
    """Hold what `compare` returned, and whether all of it is shown."""

    result: "xarray.Dataset"
    everything: bool = False

    def json(self) -> dict[str, Any]:
        """Return the comparison as plain data with documented keys (docs/json.md)."""
        return comparison_json(self.result)

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
        lines += [*_benefit(result, heads), _burden(result, heads), _called_so(result, heads), _others(result, heads)]
        lines += [_figures(result, heads), *_notes(result, heads)]
        if self.everything:
            lines += [_against(result, heads, "difference"), *_ratios(result, heads), result.attrs["spread"]]
        return [line for line in lines if line is not None]


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


def _each(result: "xarray.Dataset", i: int) -> str:
    """Return the measure of an endpoint."""
    return _words(result, i).split()[0].rstrip(",")


def _head(result: "xarray.Dataset", i: int) -> str:
    unit = str(result.endpoint_unit.values[i])
    label = str(result.endpoint.values[i])
    shown = {"1": "", "percent": "(%)", label: ""}.get(unit, f"({_plain(unit)})")
    return f"{label}\n{shown}" if shown else label


def _line(result: "xarray.Dataset", i: int) -> str:
    return _head(result, i).replace("\n", " ")


def _reference(result: "xarray.Dataset", heads: list[str]) -> str:
    """Return what tables call the schedule that others are compared with."""
    versus = str(result.attrs["versus"])
    number = heads[[str(name) for name in result.arm.values].index(versus)]
    return versus if len(versus) <= _SHORT else f"schedule {number}"


def _plain(unit: str) -> str:
    """Return a unit without the brackets that it needs to be read again: (IU/mL)*day is IU/mL day."""
    return re.sub(r"^\(([^()]+)\)\*", r"\1 ", unit)


def _marked(result: "xarray.Dataset", a: int, head: str) -> str:
    return f"* {head}" if result.efficient.values[a] else f"  {head}"


def _shown(value: float, words: str = "", unit: str = "") -> str:
    never = words.startswith(("time_to", "median time_to"))
    return f"{value:g}" if np.isinf(value) and not never else with_limit(float(value), unit, three_digits)


def _number(result: "xarray.Dataset", i: int, value: float) -> str:
    """Return the cell of an endpoint's number; a count below the limit of its assay as such."""
    return _shown(value, _words(result, i), _counted(result, i))


def _counted(result: "xarray.Dataset", i: int) -> str:
    return counted_unit(str(result.endpoint_words.values[i]), str(result.endpoint_unit.values[i]))


def _span(result: "xarray.Dataset", a: int, i: int, names: Sequence[str], unit: str = "") -> str:
    """Return a number, and the span of two others; counts below the limit of the assay in `unit` as such."""
    return _spanned([float(result[key].values[a, i]) for key in names], _words(result, i), unit)


def _spanned(values: Sequence[float], words: str = "", unit: str = "") -> str:
    middle, low, high = (_shown(value, words, unit) for value in values)
    alone = np.isnan(values).any() or (middle == low == high and middle.startswith(("never", "<")))
    return middle if alone else f"{middle} ({low} to {high})"


def _quartiles(of: str = "") -> tuple[str, str, str]:
    return f"{of}estimate", f"{of}patient_q1", f"{of}patient_q3"


def _with_interval(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


def _benefit(result: "xarray.Dataset", heads: list[str]) -> "list[Table]":
    """Return the benefit of each schedule: the first with the quartiles of patients and its paired difference, others
    beside it, or below where that is too wide."""
    of = _of_kind(result, "benefit")
    if not of:
        return []
    first, *others = of
    versus, rows = str(result.attrs["versus"]), [_marked(result, a, head) for a, head in enumerate(heads)]
    shown = [f"{_line(result, first)}\n{_of_group(result, first)}", f"vs {_reference(result, heads)}\n(95 %)"]
    spans = [_span(result, a, first, _quartiles(), _counted(result, first)) for a in range(len(heads))]
    more = ["" if name == versus else _compared(result, a, first, "difference")
            for a, name in enumerate(map(str, result.arm.values))]  # fmt: skip
    beside = [_head(result, i) for i in others]
    numbers = [[_number(result, i, value) for value in result.estimate.values[:, i]] for i in others]
    if not others or _width(rows, [*shown, *beside], [spans, more, *numbers]) <= _WIDTH:
        return [_upright("benefit", rows, [*shown, *beside], [spans, more, *numbers])]
    return [_upright("benefit", rows, shown, [spans, more]), _upright("also", rows, beside, numbers)]


def _words(result: "xarray.Dataset", i: int) -> str:
    return str(result.endpoint_each.values[i])


def _width(rows: Sequence[str], heads: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """Return how wide an upright table is, but its first head."""
    wide = [max(map(len, [*head.split("\n"), *column])) + 3 for head, column in zip(heads, cells, strict=True)]
    return max(map(len, rows)) + sum(wide)


def _upright(title: str, rows: Sequence[str], heads: Sequence[str], cells: Sequence[Sequence[str]]) -> "Table":
    """Return a table of a row each schedule."""
    table = compact_table(title, *heads)
    for row, line in zip(rows, zip(*cells, strict=True), strict=True):
        table.add_row(row, *line)
    return table


def _of_group(result: "xarray.Dataset", i: int) -> str:
    """Return what is told of the patients: the statistic and their quartiles; nothing of a percentage."""
    name = str(result.endpoint_words.values[i]).split()[0]
    return "" if name == "percent" else "(quartiles)" if name.startswith("of_") else f"{name} (quartiles)"


def _burden(result: "xarray.Dataset", heads: list[str]) -> "Table | None":
    """Return the burden of each schedule: a row each, or a column each where that is too wide."""
    of = _of_kind(result, "burden")
    if not of:
        return None
    arms = [a for a, name in enumerate(result.arm.values) if str(name) != NOTHING]
    shown = [_head(result, i) for i in of]
    cells = [[_number(result, i, result.estimate.values[a, i]) for i in of] for a in arms]
    if has_rules(result):
        shown.append("cycles")
        cycles = [_shown(mean_cycles(result.isel(arm=a))) for a in arms]
        cells = [[*row, number] for row, number in zip(cells, cycles, strict=True)]
    rows, turned = [_marked(result, a, heads[a]) for a in arms], list(zip(*cells, strict=True))
    if _width(rows, shown, turned) <= _WIDTH:
        return _upright("burden", rows, shown, turned)
    table = compact_table("burden", *(row.strip() for row in rows))
    for head, column in zip(shown, turned, strict=True):
        table.add_row(head.replace("\n", " "), *column)
    return table


def _others(result: "xarray.Dataset", heads: list[str]) -> "Table | None":
    """Return the endpoints that were asked for beside, a row each."""
    of = _of_kind(result, "other")
    if not of:
        return None
    table = compact_table("and", *heads)
    for i in of:
        table.add_row(_line(result, i), *(_number(result, i, value) for value in result.estimate.values[:, i]))
    return table


def _called_so(result: "xarray.Dataset", heads: list[str]) -> "Table | None":
    """Return how many bear each label that rules give, the first benefit of these, also beside the same patients under
    the reference, and what they are given."""
    if f"{LABELLED}_arm" not in result:
        return None
    benefit, amount = _of_kind(result, "benefit")[:1], _of_kind(result, "burden")[-1:]
    columns = [f"{result.endpoint.values[i]}\n(quartiles)" for i in benefit]
    columns += [f"same vs {_reference(result, heads)}\n(95 %)" for _ in benefit]
    names, arms = ([str(name) for name in of.values] for of in (result.arm, result[f"{LABELLED}_arm"]))
    title = f"called in\n{heads[names.index(arms[0])]}" if len(set(arms)) == 1 else "called"
    table = compact_table(title, "\n(%)", *columns, "cycles", *(_head(result, i) for i in amount))
    for row, label in enumerate(result[f"{LABELLED}_label"].values):
        share, cycles = (float(result[f"{LABELLED}_{name}"].values[row]) for name in ("percent", "cycles"))
        cells = [_span(result, row, i, _quartiles(f"{LABELLED}_"), _counted(result, i)) for i in benefit]
        cells += [_span(result, row, i, _with_interval(f"{LABELLED}_difference")) for i in benefit]
        cells += [_shown(cycles), *(_shown(result[f"{LABELLED}_estimate"].values[row, i]) for i in amount)]
        of = f"{heads[names.index(arms[row])]}: " if len(set(arms)) > 1 else ""
        table.add_row(f"{of}{label}", _shown(share), *cells)
    return table


def _figures(result: "xarray.Dataset", heads: list[str]) -> "Table | None":
    """Return the single numbers that were asked for, a row each, and below each what it is of."""
    rows = columns(result, FIGURE)
    if not rows:
        return None
    called = dict(zip(map(str, result.arm.values), heads, strict=True))
    table = compact_table("figures", "(95 %)")
    parts = ("label", "words", "unit", "groups", "versus", "compare", "estimate", "low", "high")
    for label, words, unit, groups, versus, compare, *values in zip(*(rows[name] for name in parts), strict=True):
        shown = "" if unit in ("1", label) else f" ({_plain(unit)})".replace("percent", "%")
        sides = [" + ".join(called.get(name, name) for name in str(side).split(" + ")) for side in (groups, versus)]
        of = {"difference": " minus ", "ratio": " over "}.get(str(compare), "").join(filter(None, sides))
        counted = counted_unit(str(words), "" if compare == "difference" else str(unit))
        table.add_row(f"{label}{shown}\n  {of}", _spanned(values, str(words), counted))
    return table


def _without_ratio(result: "xarray.Dataset") -> list[str]:
    """Return in words of which figures there is no ratio."""
    rows = columns(result, FIGURE)
    each = zip(*(rows[name] for name in ("label", "compare", "estimate")), strict=True) if rows else ()
    none = [str(label) for label, compare, value in each if compare == "ratio" and np.isnan(value)]
    return [f"-: no ratio where one of the two is 0 or less, or of nobody: {', '.join(none)}"] if none else []


def _against(result: "xarray.Dataset", heads: list[str], name: str) -> "Table":
    """Return the paired differences, or ratios, of all endpoints, a row each."""
    others = [a for a, arm in enumerate(result.arm.values) if arm != result.attrs["versus"]]
    word = {"difference": "minus", "ratio": "over"}[name]
    table = compact_table(f"{word} {result.attrs['versus']} (95 %)", *(heads[a] for a in others))
    for i in range(result.sizes["endpoint"]):
        label = _line(result, i) if name == "difference" else str(result.endpoint.values[i])
        table.add_row(label, *(_compared(result, a, i, name) for a in others))
    return table


def _compared(result: "xarray.Dataset", a: int, i: int, name: str) -> str:
    """Return a difference or ratio to the reference with its interval; none of two counts below the limit of their
    assay, and no ratio of or to one."""
    reference = [str(arm) for arm in result.arm.values].index(str(result.attrs["versus"]))
    below = [under_limit(result.estimate.values[arm, i], _counted(result, i)) for arm in (a, reference)]
    none = all(below) if name == "difference" else any(below)
    return "below limit" if none else _span(result, a, i, _with_interval(name))


def _ratios(result: "xarray.Dataset", heads: list[str]) -> list[Any]:
    """Return the ratios of all endpoints, and of which there are none."""
    others = [a for a, arm in enumerate(result.arm.values) if arm != result.attrs["versus"]]
    none = np.isnan(result.ratio.values[others]).any(axis=0)
    names = ", ".join(str(name) for name in result.endpoint.values[none])
    return [
        _against(result, heads, "ratio"),
        *([f"-: no ratio where one of the two is 0 or less: {names}"] * any(none)),
    ]


def _notes(result: "xarray.Dataset", heads: list[str]) -> list[str]:
    """Return how the tables are read, and who is in none of them."""
    lines = []
    benefit, amounts = _of_kind(result, "benefit"), _of_kind(result, "burden")
    if benefit and amounts and result.efficient.values.any():
        what, cost = (str(result.endpoint.values[i]) for i in (benefit[0], amounts[-1]))
        much = "little" if result.endpoint_better.values[benefit[0]] == "less" else "much"
        lines.append(f"* efficient: no other schedule has as {much} {what} for as few {cost}")
    less = [i for i in benefit if result.endpoint_better.values[i] == "less" and _each(result, i) != "event"]
    if less:
        lines.append(f"less is better of: {', '.join(str(result.endpoint.values[i]) for i in less)}")
    if benefit:
        lines.append("95 %: of the draw of patients alone, not of the model's parameters")
    odd = [words for words in dict.fromkeys(map(str, result.unmet.values)) if words and "nadir" in words]
    return [*lines, *_without_ratio(result), *_lost(result, heads), *(f"not as said: {words}" for words in odd)]


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
