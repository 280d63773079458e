"""Marks of when a state is set, such as therapy that stops: a thin line over a course, with what it is set to."""

from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.plot.axes import GREY, held, write_note

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EDGE = 0.75  # of the width: beyond, a text stands on the left of its line
_ROW, _LETTER = 11.0, 5.0  # points of a row of texts, and of a letter
_NOTE = 12.0  # points above the limit of an assay that its own text takes


def draw_set_marks(ax: "Axes", marks: list[tuple[float, str]]) -> None:
    """Draw a mark at each time [units of the axes]; of marks with the same text the first alone has it.

    Texts stand in rows above all that the axes show, which grow for them, so that no line crosses one.
    """
    from matplotlib.lines import Line2D

    left, right = ax.get_xlim()
    lines = [line for line in ax.lines if str(line.get_gid()).startswith("set:")]
    drawn = {(str(line.get_gid()), float(np.asarray(line.get_xdata())[0])) for line in lines}
    said = {gid for gid, _ in drawn}
    for when, text in marks:
        gid = f"set:{text}"
        if (gid, when) in drawn:
            continue
        where = ax.get_xaxis_transform()
        line = Line2D([when, when], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1.5)
        line.set(transform=where, gid=gid, label=f"_{gid}")
        ax.add_artist(line)
        if gid not in said:
            late = (when - left) / (right - left) > _EDGE
            row = _row_of(ax, (when - left) / (right - left), text, late=late)
            look: dict[str, Any] = {"color": GREY, "va": "top", "ha": "right" if late else "left"}
            look["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # marks of other times end at it
            write_note(ax, text, (when, 1), (-3 if late else 3, -1 - _ROW * row), xycoords=where, **look)
        said.add(gid)
    if held(ax).above:
        _grow(ax, _ROW * len(held(ax).above) + 2)


def _size(ax: "Axes") -> tuple[float, float]:
    """Return width and height of the axes in points."""
    figure: Any = ax.figure
    wide, high = 72 * figure.get_size_inches() * (ax.get_position().width, ax.get_position().height)
    return float(wide), float(high) - held(ax).below


def _row_of(ax: "Axes", at: float, text: str, *, late: bool) -> int:
    """Return the first row of texts in which one beside a mark at a share of the width meets no other."""
    wide = (_LETTER * len(text) + 8) / _size(ax)[0]
    start, end = (at - wide, at) if late else (at, at + wide)
    rows = list(held(ax).above)
    row = next((i for i, spans in enumerate(rows) if all(end <= a or start >= b for a, b in spans)), len(rows))
    rows[row:] = [(*rows[row], (start, end)) if row < len(rows) else ((start, end),), *rows[row + 1 :]]
    held(ax).above = tuple(rows)
    return row


def _grow(ax: "Axes", points: float) -> None:
    """Move the upper end of the values up, so that so many points above all that is drawn are free."""
    low, top = ax.get_ylim()
    scale, high = ax.yaxis.get_transform(), _size(ax)[1]
    below, above = scale.transform([low, top])
    limits = [float(np.asarray(line.get_ydata())[0]) for line in ax.lines if line.get_gid() == "assay limit"]
    if limits and (above - scale.transform(limits)[0]) / (above - below) * high < _NOTE:
        points += _NOTE
    share = min(points / max(high, 1.0), 0.5)
    ax.set_ylim(top=float(scale.inverted().transform([below + (above - below) / (1 - share)])[0]), auto=None)
