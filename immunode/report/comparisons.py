"""Compared schedules: an answer of two small tables first, everything else behind it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.report.cells import compact_table, counted_unit, three_digits, under_limit, with_limit
from immunode.report.comparison_frames import comparison_json, has_rules, mean_cycles
from immunode.report.endings import ended_words
from immunode.studies.comparison_dataset import LABELLED
from immunode.studies.schedules import NOTHING
from immunode.virtual_trials.variables import FIGURE, columns

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

LINES, WIDTH = 25, 80  # of an answer
_CYCLES = "cycles\n(mean)"
_SHORT = 12  # letters of a name that a table shows as it is; longer ones are numbered
_WIDE = 78  # columns of a table that stands upright; a wider one is turned


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
        result, heads = self.result, _heads(self.result)
        tables = [*_benefit(result, heads), *_burden(result, heads), *_called_so(result, heads)]
        lines = [*_who(result, heads, short=not self.everything), *tables, *_figures(result, heads)]
        lines += _notes(result, heads)
        if self.everything:
            differences = [_against(result, heads, "difference"), *_ratios(result, heads)]
            return [*lines, *differences, result.attrs["spread"]]
        return lines if _height(lines) <= LINES else [_without_rule(line) for line in lines]


def _who(result: "xarray.Dataset", heads: list[str], *, short: bool) -> list[str]:
    """Return what was simulated in whom, and what each schedule is where its name does not say it."""
    last, count = result.visit.values[-1], result.sizes["arm"] - 1
    which = f"{count} schedule{'s' if count > 1 else ''}"
    who = result.attrs["patients_in_short" if short else "patients"] or "typical, as the model declares them"
    named = zip(heads, result.arm.values, result.schedule.values, strict=True)
    said = [f"  {head}  {_called(str(name), str(words), head)}" for head, name, words in named if head != str(words)]
    return [
        f"{result.attrs['model']}: {which} in the same {result.attrs['n']} patients, day 0 to {last:g}",
        *_lines(f"patients: {who}"),
        *(line for text in said for line in _lines(text)),
    ]


def _lines(text: str) -> list[str]:
    """Return a text in lines of 80 columns, the further ones set in."""
    margin = " " * (len(text) - len(text.lstrip()))
    return wrap(text.lstrip(), WIDTH, initial_indent=margin, subsequent_indent=margin + "  ", break_on_hyphens=False)


def _height(lines: Sequence[Any]) -> int:
    """Return how many lines of 80 columns texts and tables take."""
    of_texts = sum(len(_lines(line)) for line in lines if isinstance(line, str))
    tables = [line for line in lines if not isinstance(line, str)]
    heads = [max(str(column.header).count("\n") + 1 for column in table.columns) + 1 for table in tables]
    rows = [str(cell).count("\n") + 1 for table in tables for cell in table.columns[0].cells]
    return of_texts + sum(heads) + sum(rows)


def _without_rule(line: Any) -> Any:
    """Return a table without the rule below its head, for answers of many lines."""
    if not isinstance(line, str):
        line.box = None
    return line


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
    """Return the head of an endpoint in two lines: its name, then its unit; that it is a mean where its name does not
    say so."""
    unit = str(result.endpoint_unit.values[i])
    label = str(result.endpoint.values[i])
    shown = {"1": "", "percent": "%", label: ""}.get(unit, _plain(unit))
    mean = str(result.endpoint_words.values[i]).startswith("mean ") and not label.startswith("mean ")
    shown = ", ".join(filter(None, ["mean" if mean else "", shown]))
    return f"{label}\n({shown})" if shown else label


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
    if not others or _width(rows, [*shown, *beside], [spans, more, *numbers]) <= _WIDE:
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


def _burden(result: "xarray.Dataset", heads: list[str]) -> "list[Table]":
    """Return the burden of each schedule, a row each, and other endpoints, a column each schedule; both in one such
    table where that of the burden is too wide, or other endpoints are there."""
    of, others = _of_kind(result, "burden"), _of_kind(result, "other")
    arms = [a for a, name in enumerate(result.arm.values) if str(name) != NOTHING]
    shown = [_head(result, i) for i in of]
    cells = [[_number(result, i, result.estimate.values[a, i]) for i in of] for a in arms]
    if of and has_rules(result):
        shown.append(_CYCLES)
        cycles = [_shown(mean_cycles(result.isel(arm=a))) for a in arms]
        cells = [[*row, number] for row, number in zip(cells, cycles, strict=True)]
    rows, turned = [_marked(result, a, heads[a]) for a in arms], list(zip(*cells, strict=True))
    upright = bool(of) and _width(rows, shown, turned) <= _WIDE
    tables = [_upright("burden", rows, shown, turned)] if upright else []
    lines = [] if upright else [(head.replace("\n", " "), ["", *cells]) for head, cells in zip(shown, turned)]
    lines += [(_line(result, i), [_number(result, i, v) for v in result.estimate.values[:, i]]) for i in others]
    if lines:
        every = [NOTHING, *rows] if others else rows
        table = compact_table("and" if upright or not of else "burden", *(row.strip() for row in every))
        for head, values in lines:
            table.add_row(head, *values[len(values) - len(every) :])
        tables.append(table)
    return tables


def _called_so(result: "xarray.Dataset", heads: list[str]) -> "list[Table]":
    """Return how many bear each label that rules give, the first benefit of these, also beside the same patients under
    the reference, and what they are given."""
    if f"{LABELLED}_arm" not in result:
        return []
    benefit, amount = _of_kind(result, "benefit")[:1], _of_kind(result, "burden")[-1:]
    columns = [f"{result.endpoint.values[i]}\n(quartiles)" for i in benefit]
    columns += [f"same vs {_reference(result, heads)}\n(95 %)" for _ in benefit]
    names, arms = ([str(name) for name in of.values] for of in (result.arm, result[f"{LABELLED}_arm"]))
    title = f" called in\n {heads[names.index(arms[0])]}" if len(set(arms)) == 1 else " called"
    table = compact_table(title, "\n(%)", *columns, _CYCLES, *(_head(result, i) for i in amount))
    table.padding = (0, 1, 0, 0)  # it is wide
    for row, label in enumerate(result[f"{LABELLED}_label"].values):
        share, cycles = (float(result[f"{LABELLED}_{name}"].values[row]) for name in ("percent", "cycles"))
        cells = [_span(result, row, i, _quartiles(f"{LABELLED}_"), _counted(result, i)) for i in benefit]
        cells += [_span(result, row, i, _with_interval(f"{LABELLED}_difference")) for i in benefit]
        cells += [_shown(cycles), *(_shown(result[f"{LABELLED}_estimate"].values[row, i]) for i in amount)]
        of = f"{heads[names.index(arms[row])]}: " if len(set(arms)) > 1 else ""
        table.add_row(f" {of}{label}", _shown(share), *cells)
    return [table]


def _figures(result: "xarray.Dataset", heads: list[str]) -> list[str]:
    """Return the single numbers that were asked for, each with what it is of."""
    rows = columns(result, FIGURE)
    if not rows:
        return []
    called = dict(zip(map(str, result.arm.values), heads, strict=True))
    lines = []
    parts = ("label", "words", "unit", "groups", "versus", "compare", "estimate", "low", "high")
    for label, words, unit, groups, versus, compare, *values in zip(*(rows[name] for name in parts), strict=True):
        shown = "" if unit in ("1", label) else f" {_plain(unit)}".replace("percent", "%")
        sides = [" + ".join(called.get(name, name) for name in str(side).split(" + ")) for side in (groups, versus)]
        of = {"difference": " minus ", "ratio": " over "}.get(str(compare), "").join(filter(None, sides))
        counted = counted_unit(str(words), "" if compare == "difference" else str(unit))
        number = _spanned(values, str(words), counted)
        value, blank, span = number.partition(" (")
        lines += _lines(f"{label}, {of}: {value}{shown}{blank}{span}")
    return lines


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
        lines.append(f"* efficient: no other has as {much} {what} for as few {cost}")
    less = [i for i in benefit if result.endpoint_better.values[i] == "less" and _each(result, i) != "event"]
    if less:
        lines.append(f"less is better of: {', '.join(str(result.endpoint.values[i]) for i in less)}")
    if benefit:
        lines.append("95 %: of the draw of patients alone, not of the model's parameters")
    odd = [words for words in dict.fromkeys(map(str, result.unmet.values)) if words and "nadir" in words]
    lines += [*_without_ratio(result), *_left_out(result)]
    return [*lines, *_lost(result, heads), *(f"not as said: {words}" for words in odd)]


def _left_out(result: "xarray.Dataset") -> list[str]:
    """Return how many patients are left out of endpoints that they have none of, such as a percent change from 0."""
    names: dict[str, list[str]] = {}
    simulated = result.status.values == 0
    for i, name in enumerate(result.endpoint.values):
        without = (np.isnan(result.each.values[:, i]) & simulated).sum(axis=1)
        if without.any():
            span = "-".join(str(count) for count in sorted({without.min(), without.max()}))
            why = " (there is no percentage of 0)" if _each(result, i) == "percent_change" else ""
            names.setdefault(f"{span} of {result.attrs['n']} patients have none{why} and are left out", []).append(name)
    return [f"{said}: {', '.join(of)}" for said, of in names.items()]


def _lost(result: "xarray.Dataset", heads: list[str]) -> list[str]:
    """Return how many patients are in no number of a schedule, and how they ended."""
    each = [ended_words(statuses, failed=True) for statuses in result.status.values]
    if not any(each):
        return []
    if len(set(each)) == 1:
        return [f"in no number, under each schedule: {each[0]}"]
    return [f"in no number, {head}: {ends}" for head, ends in zip(heads, each, strict=True) if ends]
