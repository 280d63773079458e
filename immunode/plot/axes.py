"""Figures and axes as every picture has them: sizes, labels with units, legends, small texts; nothing of trials.

No global style changes, and pyplot is not imported outside a notebook. What axes hold, in which units, stands on the
axes themselves, so that a second picture on them keeps to it.
"""

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from immunode.errors import BadValue, UnitError
from immunode.internal.arguments import one
from immunode.internal.defaults import ASSAY_LIMIT, ASSAY_UNIT
from immunode.plot.words import of_time, safe, with_unit, wrapped
from immunode.units import MONTH, factor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart with any colour vision; an arm takes those of its place, the same in every panel
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "v", "P", "X", "h")
LINES = ("-", (0, (5, 2)), (0, (1, 1)), (0, (5, 1, 1, 1)))  # where two arms coincide, both still show
GREY = "#555555"
SMALL = 8.0  # points
MANY = 4  # courses: of more, visits and printed numbers are explained once, and bands are pale
_NOISE = 1e-6  # of the highest value: what is below zero by less is the solver's
_COURSES = ("median:", "typical:", "event_free:")


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


def drawn_before(ax: "Axes") -> int:
    """Return how many courses the axes hold, a user's own lines too: the next takes the style behind theirs."""
    return sum(1 for line in ax.lines if _is_course(line, ax))


def _is_course(line: Any, ax: "Axes") -> bool:
    gid = line.get_gid()
    return gid.startswith(_COURSES) if gid else line.get_transform() == ax.transData


@dataclass
class Held:
    """Hold what axes show: units of their times and values (None: nothing yet), the names of their values.

    `below` are the points between them and their time axis, where rows of doses stand; `above` what the texts above
    all courses take of the width, a row each; `lowest` the lowest percentage of those without an event.
    """

    time: str | None = None
    values: str | None = None
    names: tuple[str, ...] = ()
    below: float = 0.0
    above: tuple[tuple[tuple[float, float], ...], ...] = ()
    lowest: float = 100.0


def held(ax: "Axes") -> Held:
    """Return what axes show, which stands on the axes; a second picture on them keeps to it."""
    if not hasattr(ax, "_immunode"):
        setattr(ax, "_immunode", Held())  # noqa: B010
    kept: Held = getattr(ax, "_immunode")  # noqa: B009
    return kept


def time_scale(ax: "Axes", unit: str, what: str) -> float:
    """Return what times in a unit are multiplied by on the axes; raise BadValue where they show another kind."""
    shown = held(ax)
    shown.time = shown.time or unit
    return _scale(unit, shown.time, what)


def value_scale(ax: "Axes", unit: str, what: str) -> float:
    """Return what values in a unit are multiplied by on the axes; raise BadValue where they show another kind."""
    shown = held(ax)
    shown.values = shown.values or unit
    return _scale(unit, shown.values, what)


def _scale(unit: str, shown: str, what: str) -> float:
    if unit == shown:
        return 1.0
    try:
        return factor(unit, shown)
    except UnitError as error:
        raise BadValue(f"{what} is in {unit}, and the axes show {shown}: draw it on axes of its own") from error


def label_values(ax: "Axes", text: str, *, log: bool = False, signed: bool = False) -> None:
    """Label the value axis with its unit; copies/mL are drawn on a log axis with the limit of the assay.

    `signed` are values around zero, such as a change; another name on the same axes is added.
    """
    shown, unit = held(ax), held(ax).values or "1"
    shown.names = tuple(dict.fromkeys([*shown.names, text]))
    ax.set_ylabel(safe(wrapped(with_unit(", ".join(shown.names), unit, "log scale" if log else ""), _letters(ax))))
    ax.margins(x=0.02)
    ax.spines[["top", "right"]].set_visible(False)
    if log:
        ax.set_yscale("log")
        _draw_assay_limit(ax, unit)
        return
    low, high = float(ax.dataLim.y0), float(ax.dataLim.y1)
    if signed:
        _draw_zero(ax)
    elif math.isfinite(low) and math.isfinite(high) and low >= -_NOISE * high:
        ax.set_ylim(0, 1.05 * high or 1.0)


def _letters(ax: "Axes") -> int:
    """Return how many letters of a label fit beside the axes."""
    figure: Any = ax.get_figure(root=True) if hasattr(ax, "get_figure") else ax.figure
    points = 72 * float(figure.get_size_inches()[1]) * ax.get_position().height
    return max(18, int((points - (20 if points > 200 else 70)) / 5.5))


def _draw_assay_limit(ax: "Axes", unit: str) -> None:
    if unit != ASSAY_UNIT or any(line.get_gid() == "assay limit" for line in ax.lines):
        return
    ax.axhline(ASSAY_LIMIT, color=GREY, linewidth=1.0, linestyle="--", gid="assay limit")
    where = ("axes fraction", "data")
    write_note(ax, f"{ASSAY_LIMIT:g} {unit}", (1, ASSAY_LIMIT), (-2, 3), xycoords=where, ha="right", color=GREY)


def _draw_zero(ax: "Axes") -> None:
    if not any(line.get_gid() == "zero" for line in ax.lines):
        ax.axhline(0.0, color=GREY, linewidth=0.8, zorder=0, gid="zero")


def label_times(ax: "Axes", since: str = "") -> None:
    """Label the time axis, and tick it in months when it is longer than four of them."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.02)
    unit = held(ax).time or "1"
    span = float(ax.dataLim.x1 - ax.dataLim.x0)
    span = span if math.isfinite(span) else 0.0
    shown = of_time(unit)
    if shown == "days" and span > 4 * MONTH:
        step = next((s for s in (1, 3, 6, 12, 24, 60) if span / MONTH / s <= 8), 120)
        ax.xaxis.set_major_locator(MultipleLocator(step * MONTH))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda day, _: f"{round(day / MONTH)}"))
        shown = "months"
    elif shown == "days" and span > 5:
        ax.xaxis.set_major_locator(MultipleLocator(next(s for s in (1, 2, 7, 14, 28) if span / s <= 10)))
    elif shown == "hours" and 12 < span <= 1000:
        ax.xaxis.set_major_locator(MultipleLocator(next(s for s in (2, 6, 12, 24, 48, 168) if span / s <= 8)))
    ax.set_xlabel(f"time{f' since {since}' if since else ''}{f' ({shown})' if shown else ''}")


def write_note(ax: "Axes", text: str, at: tuple[float, float], away: tuple[float, float], **options: Any) -> None:
    """Write a small text `away` points from `at`."""
    ax.annotate(safe(text), at, xytext=away, textcoords="offset points", fontsize=SMALL, **options)


def legend(ax: "Axes", heading: str = "", *, owned: bool) -> None:
    """Put the legend of all that the axes hold above them, where it hides nothing.

    A figure that is the picture's own (`owned`) grows by what the legend needs. Headings of what was drawn before are
    kept where they are the same.
    """
    handles = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    if not handles:
        return
    before = ax.get_legend()
    if before is not None and before.get_title().get_text() != heading:
        heading = ""
    shown = in_columns(handles)
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "alignment": "left"}
    ax.legend(
        **shown, **place, title=safe(heading) or None, fontsize=SMALL, title_fontsize=SMALL, frameon=False,
        handlelength=3.0, columnspacing=1.2, labelspacing=0.3,
    )  # fmt: skip
    if owned:
        figure: Any = ax.figure
        width, height = figure.get_size_inches()
        lines = sum(str(handle.get_label()).count("\n") + 1 for handle in shown["handles"]) / shown["ncols"]
        figure.set_size_inches(width, height + 0.15 * max(0.0, lines - 3))


def in_columns(handles: list[Any], width: int = 96) -> dict[str, Any]:
    """Return a legend's handles in columns: the courses, then their visits, then what was printed.

    One of each label and colour; of many courses, visits and printed numbers are explained once, in grey.
    """
    from matplotlib.lines import Line2D

    order = {"visits": 1, "published": 2}
    unique: dict[Any, Any] = {}
    for handle in handles:
        unique.setdefault((handle.get_label(), handle.get_color(), str(handle.get_linestyle())), handle)
    kind = {key: order.get((handle.get_gid() or "").split(":")[0], 0) for key, handle in unique.items()}
    groups = [[handle for key, handle in unique.items() if kind[key] == place] for place in (0, 1, 2)]
    if len(groups[0]) <= MANY and (groups[1] or groups[2]):
        shown = [handle for group in groups for handle in group]
        return {"handles": shown, "ncols": sum(1 for group in groups if group)}
    marks: list[tuple[str, dict[str, Any]]] = [
        ("measured at visits", {"marker": "o", "markersize": 4.5}),
        ("published", {"marker": "D", "markerfacecolor": "white", "markersize": 6}),
    ]
    shown = list(groups[0])
    for group, (label, style) in zip(groups[1:], marks, strict=True):
        if group:
            shown.append(Line2D([], [], color=GREY, linestyle="none", label=label, **style))
    longest = max(len(line) for handle in shown for line in str(handle.get_label()).split("\n"))
    return {"handles": shown, "ncols": max(1, min(4, len(shown), width // (longest + 10)))}
