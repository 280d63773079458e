"""Draw the two kinds of diagram: work against precision, and ranges of times."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.measure import Times

Curves = Mapping[str, tuple[Sequence[float], Sequence[float]]]  # label: errors, microseconds


def work_precision(panels: Mapping[str, Curves]) -> Callable[[Path], None]:
    """Return a function that draws, for each panel, time against achieved error."""

    def draw(path: Path) -> None:
        figure = Figure(figsize=(5.5 * len(panels), 5.5), layout="constrained")
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, curves) in zip(row, panels.items(), strict=True):
            for label, (errors, times) in curves.items():
                axes.loglog(errors, times, "o-", label=label, markersize=4)
            axes.invert_xaxis()
            axes.set(title=title, xlabel="p99 error over the population", ylabel="µs per patient, one thread")
            axes.grid(alpha=0.3)
            axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
        figure.savefig(path, dpi=110)

    return draw


def ranges(times: Mapping[str, Times], title: str, unit: str, factor: Mapping[str, float]) -> Callable[[Path], None]:
    """Return a function that draws median, fastest and slowest run of each label, seconds times its factor."""

    def draw(path: Path) -> None:
        figure = Figure(figsize=(7, 0.4 * len(times) + 1.4), layout="constrained")
        axes = figure.subplots()
        for row, (label, runs) in enumerate(times.items()):
            values = sorted(second * factor[label] for second in runs.clock)
            middle = statistics.median(values)
            axes.errorbar(middle, row, xerr=[[middle - values[0]], [values[-1] - middle]], fmt="o", color="C0")
            text = f"{float(f'{middle:.3g}'):,g}"
            axes.annotate(text, (middle, row), (0, 7), textcoords="offset points", ha="center")
        axes.set_yticks(range(len(times)), list(times))
        axes.set(title=title, xlabel=f"{unit}: median, fastest and slowest run", xscale="log")
        axes.set_ylim(len(times) - 0.5, -0.8)
        axes.margins(x=0.1)
        axes.grid(axis="x", alpha=0.3)
        figure.savefig(path, dpi=110)

    return draw
