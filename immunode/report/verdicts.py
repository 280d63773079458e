"""What a paper printed, judged by simulated trials of its size: what agrees, what is in doubt, what is left out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from immunode.report.cells import digits

HARDLY = 0.05  # share of trials below which a published p-value is hardly ever reached
HALF = 0.5  # share of trials that are significant, from which on a significant one is expected

FigureRow = Mapping[str, Any]


@dataclass(frozen=True)
class Verdicts:
    """Hold a line that counts the printed figures, and those outside, that agree, in doubt, and not modelled."""

    counted: str
    outside: tuple[str, ...]
    agrees: tuple[str, ...]
    doubts: tuple[str, ...]
    silent: tuple[str, ...]


def verdicts(rows: Sequence[FigureRow]) -> Verdicts:
    """Return what is said of each printed figure.

    A number agrees inside what 95 % of simulated trials would see. A p-value agrees where half of the trials or more
    come out as it did, below 0.05 or not, unless hardly any has one as small.
    """
    numbers = [row for row in rows if row["inside"] is not None]
    tests = [row for row in rows if row["test"] is not None and isinstance(row["published"], float)]
    inside = [row for row in numbers if row["inside"]]
    agreed = [row for row in tests if _as_published(row)]
    silent = [row for row in rows if row["kind"] == "not_modelled"]
    outside = [f"{named(row)} {digits(row['published'])}, not {_interval(row)}" for row in numbers if not row["inside"]]
    return Verdicts(
        _counted(numbers, inside, tests, agreed),
        tuple(outside),
        (*_grouped(inside), *(_test(row) for row in agreed)),
        tuple(_test(row) for row in tests if row not in agreed),
        tuple(dict.fromkeys(row["label"].split(",")[0].split(" (")[0] for row in silent)),
    )


def named(row: FigureRow) -> str:
    """Return a figure's short name, or its label without what stands in brackets."""
    label = str(row["label"])
    return row["short"] or re.sub(r" ?\([^()]*\)", "", label)


def _counted(
    numbers: Sequence[FigureRow], inside: Sequence[FigureRow], tests: Sequence[FigureRow], agreed: Sequence[FigureRow]
) -> str:
    parts = []
    if numbers:
        parts.append(f"{len(inside)} of {len(numbers)} numbers")
    if tests:
        parts.append(f"{len(agreed)} of {len(tests)} p-values")
    if not parts:
        return "the paper: no number that is predicted"
    return f"the paper: {' and '.join(parts)} are as simulated trials have them"


def _as_published(row: FigureRow) -> bool:
    share = row["p_below_05"]
    if share is None:
        return False
    percent = round(share, 2)  # as it is shown
    return bool(percent >= HALF if row["published"] < 0.05 else percent < HALF) and not hardly(row)


def hardly(row: FigureRow) -> bool:
    """Return whether hardly any simulated trial has a p-value as small as the published one."""
    reached = row["p_at_most_published"]
    return reached is not None and bool(reached < HARDLY)


def _interval(row: FigureRow) -> str:
    return f"{digits(row['low'])} to {digits(row['high'])}"


def _test(row: FigureRow) -> str:
    share = row["p_below_05"]
    published = digits(row["published"])
    reached = "no data" if share is None else f"p < 0.05 in {100 * share:.0f} % of trials"
    if hardly(row):
        reached = f"p <= {published} in {100 * row['p_at_most_published']:.1f} % of trials"
    return f"{named(row)} p {published} ({reached})"


def _grouped(rows: Sequence[FigureRow]) -> list[str]:
    """Return figures by name; those of one thing in several arms once, with their number."""
    names = [named(row) for row in rows]
    things = [name.rsplit(", ", 1)[0] for name in names]
    shown = [
        f"{thing} ({things.count(thing)})" if things.count(thing) > 1 else name for thing, name in zip(things, names)
    ]
    return list(dict.fromkeys(shown))
