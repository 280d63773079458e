"""Printed figures of a trial beside their prediction: tables and lines of what does not fit.

The rows are those of `virtual_trials.variables.figure_rows`: dictionaries, None where there is nothing.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from immunode.report.cells import new_table, text
from immunode.report.verdicts import hardly
from immunode.studies.readings_run import ReadingRun

if TYPE_CHECKING:
    from rich.table import Table


FigureRow = Mapping[str, Any]


def figures_table(rows: Sequence[FigureRow], title: str) -> "Table":
    """Return the table of every printed figure beside its prediction; of figures without printed values that alone."""
    stated = is_printed(rows)
    numbers = (*(["published"] if stated else []), "simulated", "95 % interval")
    heads = ("figure", *numbers, "inside" if stated else "test")
    point = ", and point as stated" if stated else ""
    caption = f"at the trial's own size; of a test: how often such trials are significant{point}"
    table = new_table(title, *heads, right=numbers, caption=caption, fold=False)
    for row in rows:
        table.add_row(row["label"], *([text(row["published"])] if stated else []), *_prediction(row))
    return table


def is_printed(rows: Sequence[FigureRow]) -> bool:
    """Return whether figures have anything that was published beside them."""
    return any(row["published"] not in (None, "") for row in rows)


_TOWARDS = {  # of a test of which nothing is stated: what its direction is
    "Mann-Whitney U": "the first higher",
    "Wilcoxon signed-rank": "a rise",
    "Fisher's exact": "fewer in the first",
}


def _prediction(row: FigureRow) -> tuple[str, str, str]:
    """Return the cells of what was simulated, its interval, and whether the figure is inside (of a test: its name)."""
    if row["test"] is not None:
        at_most, direction = row["p_at_most_published"], row["p_direction"]
        if row["p_below_05"] is None:
            return "no data", "", row["test"]
        exact = "" if at_most is None else f"P(p<={text(row['published'])}) {at_most:.2f}; "
        way = "as stated" if row["published"] not in (None, "") else _TOWARDS[row["test"]]
        towards = "no data" if direction is None else f"{way} in {100 * direction:.0f} %"
        return f"P(p<0.05) {row['p_below_05']:.2f}", exact + towards, row["test"]
    if row["simulated"] is None:
        return "not modelled" if row["kind"] == "not_modelled" else "no data", "", ""
    interval = "input" if row["low"] is None else f"{text(row['low'])} to {text(row['high'])}"
    return text(row["simulated"]), interval, text(row["inside"])


def misfits(rows: Sequence[FigureRow]) -> list[str]:
    """Return one line for each figure that does not fit: outside its interval, or a p-value hardly ever reached."""
    lines = []
    for row in rows:
        published = text(row["published"])
        if row["inside"] is False:
            lines.append(f"does not fit - {row['label']}: {published} is outside {_prediction(row)[1]}")
        elif hardly(row):
            share = 100 * row["p_at_most_published"]
            lines.append(f"hardly ever - {row['label']}: p <= {published} in {share:.1f} % of trials")
    return lines


def notes(rows: Sequence[FigureRow]) -> list[str]:
    """Return the notes of the figures, one line each."""
    return [f"{row['label']}: {row['note']}" for row in rows if row["note"] and row["kind"] != "given"]


def readings_table(readings: Sequence[ReadingRun]) -> "Table":
    """Return what each reading does to the figures that have a short name; the first is as assumed."""
    columns = [str(number) for number, _ in enumerate(readings[0].figures, start=1)]  # names would leave no room
    title = f"other readings of what is left open, {readings[0].n} virtual patients per arm, same draws"
    names = "; ".join(f"{number}: {row['short']}" for number, row in zip(columns, readings[0].figures))
    caption = f"{names}; a p-value shows as P(p<0.05)"
    table = new_table(title, "assumption", "reading", *columns, right=columns, caption=caption)
    for reading in readings:
        table.add_row(reading.assumption, reading.reading, *(_short(row) for row in reading.figures))
    return table


def _short(row: FigureRow) -> str:
    return text(row["p_below_05"], 2) if row["test"] is not None else text(row["simulated"])
