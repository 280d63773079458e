"""The tables of three pages, written from the committed results: every row in docs/performance.md, few in the README,
and what holds in docs/coverage.md.

A benchmark that has a function `plain` says by it which rows a new user wants, made of its figures in plain words.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.coverage_page import tables
from benchmarks.result import kept

ROOT = Path(__file__).parents[1]
README, PERFORMANCE, COVERAGE = ROOT / "README.md", ROOT / "docs" / "performance.md", ROOT / "docs" / "coverage.md"
BEGIN, END = "<!-- benchmarks: written by python -m benchmarks -->", "<!-- /benchmarks -->"
Row = tuple[str, str, str]


def pages() -> dict[Path, str]:
    """Return the text that each page must have between its markers, by path."""
    results = kept()
    rows = {name: result["headline"] for name, result in results.items()}
    few = {name: plain(name, result["figures"]) for name, result in results.items()}
    all_of_them = "All figures, and how they are measured: [performance](docs/performance.md)."
    diagrams = "Figures of all runs and diagrams: [benchmarks/results](../benchmarks/results)."
    coverage = tables(results["coverage"]["figures"]) if "coverage" in results else "Not measured yet."
    return {
        COVERAGE: "\n".join([coverage, "", f"{machines({k: v for k, v in results.items() if k == 'coverage'})}"]),
        README: "\n".join([*table(few, "benchmarks"), "", f"{machines(results)} {all_of_them}"]),
        PERFORMANCE: "\n".join([*table(rows, "../benchmarks"), "", f"{machines(results)} {diagrams}"]),
    }


def plain(name: str, figures: Mapping[str, Any]) -> Sequence[Row]:
    """Return the README's rows of a benchmark: none, unless it says which."""
    say = getattr(import_module(f"benchmarks.{name}"), "plain", None)
    return say(figures) if say else []


def table(rows: Mapping[str, Sequence[Row]], folder: str) -> list[str]:
    """Return the lines of a table of rows by benchmark, each linked to its file in `folder`."""
    lines = ["| | immunode | beside it |", "|---|---|---|"]
    for name, some in rows.items():
        lines += [f"| [{what}]({folder}/{name}.py) | {value} | {beside} |" for what, value, beside in some]
    return lines


def machines(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the sentence that says where and when the results were measured."""
    where = sorted({f"{r['cpu']} ({r['llvm_cpu']}, {r['cores']} cores), {r['date']}" for r in results.values()})
    return f"Measured on {'; '.join(where)}." if where else "Not measured yet."


def refresh(page: str, text: str) -> str:
    """Return the page with `text` between its markers."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}"


def write_pages() -> None:
    """Write the tables of the pages from the committed results."""
    for path, text in pages().items():
        path.write_text(refresh(path.read_text(encoding="utf-8"), text), encoding="utf-8")
