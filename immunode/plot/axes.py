"""Figures and axes as every picture has them: sizes, labels with units, legends, small texts; nothing of trials.

No global style changes, and pyplot is not imported outside a notebook.
"""

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.internal.arguments import one
from immunode.units import MONTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart with any colour vision; an arm takes those of its place, the same in every panel
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "v", "P", "X", "h")
LINES = ("-", (0, (5, 2)), (0, (1, 1)), (0, (5, 1, 1, 1)))  # where two arms coincide, both still show
GREY = "#555555"
TITLES = {"cd4": "CD4 cells", "rna": "HIV-RNA", "il2": "IL-2 in serum"}  # other names are their own title
ASSAY_LIMIT = 50.0  # copies/mL
SMALL = 8.0  # points


def new_axes(ax: "Axes | None", width: float = 7.0, height: float = 4.6) -> "Axes":
    """Return the axes that came, or new ones in a figure of their own, of a size in inches."""
    from matplotlib.axes import Axes

    return (
        new_figure(1, 1, width, height, shown=True)[1][0] if ax is None else one(ax, Axes, "ax", "axes of matplotlib")
    )


def new_figure(
    count: int, columns: int, width: float, height: float, *, shown: bool = False
) -> tuple["Figure", list["Axes"]]:
    """Return a figure with `count` axes of a size in inches.

    It needs no display and pyplot does not know it, so it is gone when nobody holds it. Only in a notebook pyplot makes
    it: a cell that returns Axes shows only pyplot's open figures (`shown`); a Figure that it returns shows itself.
    """
    rows = math.ceil(count / columns)
    size: dict[str, Any] = {"figsize": (width * columns, height * rows), "layout": "constrained"}
    if "ipykernel" in sys.modules:
        from matplotlib import pyplot

        figure = pyplot.figure(**size)
        if not shown:
            pyplot.close(figure)
    else:
        from matplotlib.figure import Figure

        figure = Figure(**size)
    return figure, [figure.add_subplot(rows, columns, i + 1) for i in range(count)]


def title(name: str) -> str:
    """Return what a picture calls a variable."""
    return TITLES.get(name, name.replace("_", " "))


def label_values(ax: "Axes", name: str, unit: str) -> None:
    """Label the value axis with its unit; copies/mL are drawn on a log axis with the limit of the assay."""
    log = unit == "copies/mL"
    shown = "no unit" if unit == "1" else unit.replace("uL", "µL")
    ax.set_ylabel(f"{title(name)} ({shown}{', log scale' if log else ''})")
    ax.margins(x=0.02)
    ax.spines[["top", "right"]].set_visible(False)
    if not log:
        if ax.dataLim.y0 >= 0:
            ax.set_ylim(0, 1.05 * ax.dataLim.y1 or 1.0)
        return
    ax.set_yscale("log")
    ax.axhline(ASSAY_LIMIT, color=GREY, linewidth=1.0, linestyle="--", gid="assay limit")
    where = ("axes fraction", "data")
    write_note(ax, f"{ASSAY_LIMIT:g} {unit}", (1, ASSAY_LIMIT), (-2, 3), xycoords=where, ha="right", color=GREY)


def label_times(ax: "Axes", times: np.ndarray, unit: str, since: str = "") -> None:
    """Label the time axis, and tick it in months when it is longer than four of them."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.02)
    span = float(times[-1] - times[0])
    months = unit == "day" and span > 4 * MONTH
    if months:
        step = next((s for s in (1, 3, 6, 12, 24, 60) if span / MONTH / s <= 8), 120)
        ax.xaxis.set_major_locator(MultipleLocator(step * MONTH))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda day, _: f"{round(day / MONTH)}"))
    elif unit == "day" and span > 5:
        ax.xaxis.set_major_locator(MultipleLocator(next(s for s in (1, 2, 7, 14, 28) if span / s <= 10)))
    shown = "months" if months else "days" if unit == "day" else unit
    ax.set_xlabel(f"time{f' since {since}' if since else ''} ({shown})")


def write_note(ax: "Axes", text: str, at: tuple[float, float], away: tuple[float, float], **options: Any) -> None:
    """Write a small text `away` points from `at`."""
    ax.annotate(text, at, xytext=away, textcoords="offset points", fontsize=SMALL, **options)


def legend(ax: "Axes", handles: list[Any], heading: str | None = None) -> None:
    """Put the legend above the axes, where it hides nothing."""
    if handles:
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "title": heading, "alignment": "left"}
        ax.legend(**in_columns(handles), **place, fontsize=SMALL, title_fontsize=SMALL, frameon=False)


def in_columns(handles: list[Any]) -> dict[str, Any]:
    """Return a legend's handles, one a label, in columns: the arms, then their visits, then what was printed."""
    order = {"visits": 1, "published": 2}
    unique = {handle.get_label(): handle for handle in reversed(handles)}
    kind = {label: order.get(handle.get_gid().split(":")[0], 0) for label, handle in unique.items()}
    shown = sorted(reversed(unique.values()), key=lambda handle: kind[handle.get_label()])
    return {"handles": shown, "ncols": len(set(kind.values()))}
