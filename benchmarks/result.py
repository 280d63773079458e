"""Keep a benchmark's result as JSON, and compare two."""

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Times

FOLDER = Path(__file__).parent / "results"
NAMES = (
    "startup", "single", "population", "threads", "million", "regimens", "work_precision", "tolerances", "stiff",
    "switches", "sensitivities", "trial", "coverage",
)  # fmt: skip
# CI runs a small trial anyway, and coverage takes an hour
SMOKED = tuple(name for name in NAMES if name not in ("trial", "coverage"))


@dataclass(frozen=True)
class Result:
    """Hold what a benchmark measured.

    `headline` are the rows of docs/performance.md: what was measured, of immunode, and beside it. `accuracy` holds the
    p99 error of the patients of a smoke run, in whole runs too. `draw` writes the diagram to a path.
    """

    question: str
    figures: dict[str, Any]
    times: dict[str, Times]
    headline: Sequence[tuple[str, str, str]]
    draw: Callable[[Path], None]
    accuracy: dict[str, float] = field(default_factory=dict)


def write(folder: Path, name: str, result: Result, environment: dict[str, Any]) -> None:
    """Write <name>.json and <name>.png into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = {
        label: {kind: [float(f"{s:.5g}") for s in getattr(times, kind)] for kind in ("clock", "processor")}
        for label, times in result.times.items()
    }
    content = {"question": result.question, "headline": [list(row) for row in result.headline]}
    content |= {"figures": result.figures, "accuracy": result.accuracy, "runs_seconds": runs} | environment
    text = json.dumps(finite(content), indent=1, allow_nan=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    result.draw(folder / f"{name}.png")


def finite(content: Any) -> Any:
    """Return the content with null for each infinite number (the error of a failed patient): JSON has none."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def read(path: Path) -> dict[str, Any]:
    """Return a result kept as JSON."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def slower(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return a line for each call whose median grew by more than the noise: both runs' interquartile ranges together.

    Calls with fewer than three runs have no known noise and are left out.
    """
    lines = []
    for label, runs in new["runs_seconds"].items():
        before, after = old["runs_seconds"].get(label, {}).get("clock", []), runs["clock"]
        if min(len(before), len(after)) < 3:
            continue
        noise = sum(q[2] - q[0] for q in map(statistics.quantiles, (before, after)))
        was, now = statistics.median(before), statistics.median(after)
        if now - was > noise:
            lines.append(f"{label}: {was:.4g} s -> {now:.4g} s (x {now / was:.2f}; noise {noise:.2g} s)")
    return lines


def kept() -> dict[str, dict[str, Any]]:
    """Return the committed results by name."""
    return {name: read(path) for name in NAMES if (path := FOLDER / f"{name}.json").exists()}
