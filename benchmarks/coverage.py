"""Do the 95 % intervals of a fit of a population hold, for trials of 12, 33 and 100 patients?

Trials are drawn from a known truth, printed as quartiles, means and percentages, and fitted: with the calibrated
intervals, and beside them in every other way that is usual. Whatever misses is shown.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import immunode as im
from benchmarks.coverage_cells import Cell, cells
from benchmarks.coverage_sets import Judged, judge
from benchmarks.measure import Times, say
from benchmarks.result import Result

QUESTION = "coverage of 95 % intervals of a fit of a population to printed summaries, and its bias, beside other ways"
NOMINAL = 0.95
# sets of cells of closed form, of simulated ones, and of trials that differ (of the prior twice as many)
SETS, SMOKE = (500, 200, 100), (2, 2, 1)
CHUNK = 50  # sets of a process at a time


def measure(smoke: bool) -> Result:
    """Return coverage, bias, RMSE and seconds of every way of fitting, of every cell."""
    every = cells(*(SMOKE if smoke else SETS))
    every = [every[0], every[-1]] if smoke else every
    figures: dict[str, Any] = {"cells": {}}
    seconds: dict[str, list[float]] = {}
    with ProcessPoolExecutor(max_workers=os.cpu_count() or 1, initializer=_one_thread) as pool:
        for place, cell in enumerate(every):
            started = time.perf_counter()
            if not smoke and (done := _kept(cell)):
                figures["cells"][cell.name], seconds[cell.name] = done
                continue
            chunks = [list(range(i, min(i + CHUNK, cell.sets))) for i in range(0, cell.sets, CHUNK)]
            jobs = [pool.submit(_judged, place if not smoke else (0, -1)[place], smoke, seeds) for seeds in chunks]
            sets = [one for job in jobs for one in job.result()]
            figures["cells"][cell.name] = summary(cell, sets)
            seconds[cell.name] = [one["calibrated"].seconds for one in sets]
            if not smoke:
                _keep(cell, (figures["cells"][cell.name], seconds[cell.name]))
            shown = figures["cells"][cell.name]["ways"]["calibrated"]["of"]
            holds = ", ".join(f"{name} {value['coverage']:.3f} ({value['bias']:+.3f})" for name, value in shown.items())
            say(f"coverage: {cell.name}: {holds}; {time.perf_counter() - started:.0f} s")
    figures["pooled"] = pooled(figures["cells"])
    shutil.rmtree(_file(every[0]).parent, ignore_errors=True)
    return Result(
        question=QUESTION, figures=figures, times={name: Times(s, s) for name, s in seconds.items()},
        headline=headline(figures), draw=lambda path: draw(figures, path),
    )  # fmt: skip


def _file(cell: Cell) -> Path:
    """Return where the figures of a cell are kept while others are counted: a run of the same code goes on."""
    code = hashlib.sha256()
    for path in sorted([*Path(im.__file__).parent.rglob("*.py"), *Path(__file__).parent.glob("coverage*.py")]):
        code.update(path.read_bytes())
    folder = Path(tempfile.gettempdir()) / f"immunode-coverage-{code.hexdigest()[:12]}"
    return folder / f"{cell.name.replace(' ', '_')}_{cell.sets}.json"


def _kept(cell: Cell) -> Any:
    return json.loads(_file(cell).read_text(encoding="utf-8")) if _file(cell).exists() else None


def _keep(cell: Cell, figures: Any) -> None:
    _file(cell).parent.mkdir(exist_ok=True)
    _file(cell).write_text(json.dumps(figures), encoding="utf-8")


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import warnings

    warnings.simplefilter("ignore")


def _judged(place: int, smoke: bool, seeds: Sequence[int]) -> list[dict[str, Judged]]:
    every = cells(*(SMOKE if smoke else SETS))
    return judge(every[place], seeds)


def summary(cell: Cell, sets: Sequence[Mapping[str, Judged]]) -> dict[str, Any]:
    """Return what every way of fitting gave in a cell: by parameter coverage, bias and RMSE of the logarithm."""
    out: dict[str, Any] = {"n": cell.n, "sets": len(sets), "of trials": bool(cell.effects), "ways": {}}
    for way in sets[0]:
        each = [one[way] for one in sets]
        of: dict[str, Any] = {}
        for name in dict.fromkeys(name for one in each for name in one.ratio):
            ratios = np.array([one.ratio.get(name, np.nan) for one in each])
            holds = [one.holds[name] for one in each if name in one.holds]
            of[name] = {
                "coverage": round(float(np.mean(holds)), 4) if holds else None,
                "bias": round(float(np.nanmean(ratios) - 1), 4),
                "rmse": round(float(np.sqrt(np.nanmean(np.log(ratios) ** 2))), 4),
            }
        failed = sum(not one.ratio for one in each)
        out["ways"][way] = {
            "of": of,
            "failed": failed,
            "seconds": round(float(np.mean([one.seconds for one in each])), 3),
        }
    return out


def pooled(by_cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return coverage and the bias of spreads over all cells but those of trials that differ, by way, and how many
    cells and parameters are within three Monte Carlo errors of 95 %."""
    out: dict[str, Any] = {}
    usual = [one for one in by_cell.values() if not one["of trials"]]
    for way in {way for one in usual for way in one["ways"]}:
        coverage, sets = _numbers(usual, way, "coverage", "")
        if not len(coverage):
            continue
        within = np.abs(coverage - NOMINAL) <= 3 * np.sqrt(NOMINAL * (1 - NOMINAL) / sets)
        bias, of = _numbers(usual, way, "bias", "omega")
        out[way] = {
            "coverage": round(float(np.average(coverage, weights=sets)), 4),
            "within three errors": int(within.sum()), "of": len(within),
            "least": float(coverage.min()), "most": float(coverage.max()),
            "spread bias": round(float(np.average(bias, weights=of)), 4) if len(bias) else None,
            "failed": sum(one["ways"][way]["failed"] for one in usual if way in one["ways"]),
        }  # fmt: skip
    return out


def _numbers(cells: Sequence[Mapping[str, Any]], way: str, what: str, begins: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a number of each parameter whose name begins so, and how many sets it is of."""
    pairs = [
        (value[what], one["sets"]) for one in cells if way in one["ways"]
        for name, value in one["ways"][way]["of"].items() if name.startswith(begins) and value[what] is not None
    ]  # fmt: skip
    return np.array([pair[0] for pair in pairs], dtype=float), np.array([pair[1] for pair in pairs], dtype=float)


def headline(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the rows of docs/performance.md."""
    all_ways = figures["pooled"]
    here = all_ways.get("calibrated")
    if here is None:
        return []
    beside = ", ".join(f"{way} {one['coverage']:.1%}" for way, one in sorted(all_ways.items()) if way != "calibrated")
    return [("coverage of 95 % intervals, all cells", f"{here['coverage']:.1%}", beside)]


def plain(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the README's row."""
    shown = figures["pooled"]
    beside = "taken as chi-square {raw:.0%}, by IQR / 1.35 {iqr:.0%}, visits as independent {alone:.0%}".format(
        raw=shown["raw"]["coverage"], iqr=shown["normal law, IQR / 1.35"]["coverage"],
        alone=shown["visits as independent"]["coverage"],
    )  # fmt: skip
    what = "95 % intervals of a population, of trials of 12 to 100 patients, that hold"
    return [(what, f"{shown['calibrated']['coverage']:.1%}", beside)]


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """Draw the coverage of every parameter of every cell, by way."""
    from matplotlib.figure import Figure

    names = list(figures["cells"])
    figure = Figure(figsize=(8, 0.36 * len(names) + 1.6), layout="constrained")
    axes = figure.subplots()
    marks = {"calibrated": ("o", "C0"), "raw": ("s", "C1"), "visits as independent": ("^", "C2"),
             "normal law, IQR / 1.35": ("x", "C3"), "least squares on medians": ("+", "C7")}  # fmt: skip
    for way, (mark, colour) in marks.items():
        points = [
            (value["coverage"], row) for row, name in enumerate(names)
            for value in figures["cells"][name]["ways"].get(way, {"of": {}})["of"].values()
            if value["coverage"] is not None
        ]  # fmt: skip
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, mark, color=colour, label=way, markersize=5, alpha=0.8)
    axes.axvline(NOMINAL, color="0.4", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="share of 95 % intervals that hold the truth; a mark a parameter", ylim=(len(names) - 0.5, -0.5))
    axes.grid(axis="x", alpha=0.3)
    figure.legend(fontsize="small", loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=110)
