"""The tables of docs/coverage.md: which intervals hold, how far estimates are off, what each way of fitting takes."""

from collections.abc import Mapping
from typing import Any

WAYS = (
    "calibrated", "raw", "visits as independent", "normal law, IQR / 1.35", "least squares on medians",
    "maximum entropy weights",
)  # fmt: skip
NOMINAL = 0.95


def tables(figures: Mapping[str, Any]) -> str:
    """Return the tables of the page."""
    one, differ = (
        {name: cell for name, cell in figures["cells"].items() if bool(cell["of trials"]) is trials}
        for trials in (False, True)
    )
    parts = [
        "Share of 95 % intervals that hold the truth; those more than three Monte Carlo errors off are in bold.",
        *_table(one, WAYS[:5], _coverage), "",
        "Pooled over these cells: " + "; ".join(_pooled(way, figures["pooled"]) for way in WAYS[:5]) + ".", "",
        "Bias of the estimate in percent of the truth (and root mean squared error of its logarithm, in percent).",
        *_table(one, WAYS, _bias), "",
        "Seconds a set.",
        *_seconds(one, WAYS), "",
        "Six trials of 12 to 100 patients that differ by tau, share of 95 % intervals that hold.",
        *_table(differ, WAYS[:2], _coverage), "",
        "The same, bias (and root mean squared error) in percent.",
        *_table(differ, WAYS[:2], _bias),
    ]  # fmt: skip
    return "\n".join(line + "\n" if line.endswith(".") else line for line in parts).strip()


def _table(cells: Mapping[str, Any], ways: tuple[str, ...], say: Any) -> list[str]:
    """Return a table with a row a cell and parameter, a column a way of fitting."""
    lines = [f"| trials | parameter | {' | '.join(ways)} |", "|---|---|" + "---|" * len(ways)]
    for name, cell in cells.items():
        for parameter in cell["ways"]["calibrated"]["of"]:
            each = [cell["ways"].get(way, {"of": {}})["of"].get(parameter) for way in ways]
            shown = [say(one, cell["sets"]) if one else "" for one in each]
            lines.append(f"| {name} ({cell['sets']} sets) | `{parameter}` | {' | '.join(shown)} |")
    return lines


def _coverage(one: Mapping[str, Any], sets: int) -> str:
    if one["coverage"] is None:
        return ""
    share = f"{one['coverage']:.3f}"
    return share if abs(one["coverage"] - NOMINAL) <= 3 * (NOMINAL * (1 - NOMINAL) / sets) ** 0.5 else f"**{share}**"


def _bias(one: Mapping[str, Any], sets: int) -> str:
    return f"{100 * one['bias']:+.1f} ({100 * one['rmse']:.0f})"


def _seconds(cells: Mapping[str, Any], ways: tuple[str, ...]) -> list[str]:
    lines = [f"| trials | {' | '.join(ways)} |", "|---|" + "---|" * len(ways)]
    for name, cell in cells.items():
        each = [f"{cell['ways'][way]['seconds']:.2f}" if way in cell["ways"] else "" for way in ways]
        lines.append(f"| {name} | {' | '.join(each)} |")
    return lines


def _pooled(way: str, pooled: Mapping[str, Any]) -> str:
    one = pooled.get(way)
    if one is None:
        return f"{way} none"
    bias = "" if one["spread bias"] is None else f", bias of spreads {100 * one['spread bias']:+.1f} %"
    failed = f", {one['failed']} sets failed" if one["failed"] else ""
    near = f"{one['within three errors']} of {one['of']} within three errors"
    return f"{way} {100 * one['coverage']:.1f} % ({near}{bias}{failed})"
