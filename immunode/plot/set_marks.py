"""Marks of when a state is set, such as therapy that stops: a thin line over a course, with what it is set to."""

from typing import TYPE_CHECKING

import numpy as np

from immunode.plot.axes import GREY, write_note

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EDGE = 0.75  # of the width: beyond, a text stands on the left of its line


def draw_set_marks(ax: "Axes", marks: list[tuple[float, str]]) -> None:
    """Draw a mark at each time [units of the axes]; of marks with the same text the first alone has it."""
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
            look = {"color": GREY, "va": "top", "ha": "right" if late else "left"}
            write_note(ax, text, (when, 1), (-3 if late else 3, -1), xycoords=where, **look)
        said.add(gid)
