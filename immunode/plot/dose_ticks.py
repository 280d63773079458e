"""Rows of ticks below a course, one a dose: planned ones, and those that a rule of the protocol added."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunode.plot.arms import ArmStyle
from immunode.plot.axes import write_note
from immunode.virtual_trials.variables import CYCLE_LENGTH, DOSE, column

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

HEIGHT = 10.0  # points of a row


@dataclass(frozen=True, eq=False)
class TickRow:
    """Hold a row of ticks: its label, the days of the doses, its colour."""

    label: str
    days: np.ndarray
    colour: str


def dose_rows(result: "xarray.Dataset", arm: ArmStyle) -> list[TickRow]:
    """Return the rows of an arm's doses: planned ones, and (lighter) those that a rule added, by who got them."""
    days, who = _doses(result, arm)
    extra = [
        TickRow(f"{(who == label).sum()} more, {label} only", days[who == label], _lighter(arm.colour))
        for label in dict.fromkeys(who[who != ""])
    ]
    return [*_planned(days[who == ""], arm), *extra]


def first_cycle_row(result: "xarray.Dataset", arm: ArmStyle) -> list[TickRow]:
    """Return the row of the planned doses of an arm's first cycle, in days since the first dose."""
    days, who = _doses(result, arm)
    planned = days[who == ""]
    return _planned(planned[planned <= planned[:1] + CYCLE_LENGTH] - planned[:1], arm)


def _doses(result: "xarray.Dataset", arm: ArmStyle) -> tuple[np.ndarray, np.ndarray]:
    """Return the days of an arm's doses up to the last day, and the label of those who got each ("": all)."""
    day, label = column(DOSE, "day"), column(DOSE, "label")
    if day not in result:
        return np.array([]), np.array([], dtype=str)
    days = result[day].sel(arm=arm.name).values
    within = days <= result.day.values[-1]  # false for padding
    return days[within], result[label].sel(arm=arm.name).values.astype(str)[within]


def _planned(days: np.ndarray, arm: ArmStyle) -> list[TickRow]:
    return [TickRow(f"{len(days)} doses", days, arm.colour)] if days.size else []


def _lighter(colour: str) -> str:
    from matplotlib.colors import to_rgb

    return "#" + "".join(f"{round(255 * (0.4 + 0.6 * part)):02x}" for part in to_rgb(colour))


def draw_dose_ticks(ax: "Axes", rows: list[TickRow]) -> None:
    """Draw rows of dosing ticks between the lower edge of the axes and the time axis, which moves down for them.

    A row's text stands after its last tick, or before its first, where there is room; else in a line of its own.
    """
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    left, right = ax.get_xlim()
    inches = ax.figure.dpi_scale_trans
    line = 0
    for row in rows:
        start, end = (row.days[[0, -1]] - left) / (right - left)
        place = "after" if end < 0.65 else "before" if start > 0.35 else "below"
        down = ScaledTranslation(0, -(HEIGHT * (line + 0.5) + 2) / 72, inches)
        where = blended_transform_factory(ax.transData, ax.transAxes) + down
        ticks = Line2D(row.days, 0 * row.days, color=row.colour, marker="|", linestyle="none", markersize=HEIGHT - 3)
        ticks.set(transform=where, clip_on=False, gid=f"doses:{row.label}")
        ax.add_artist(ticks)
        at = (row.days[-1] if place == "after" else row.days[0], 0)
        away = {"after": (5, 0), "before": (-5, 0), "below": (-2, -HEIGHT)}[place]
        style = {"ha": "right" if place == "before" else "left", "va": "center_baseline", "color": row.colour}
        write_note(ax, row.label, at, away, xycoords=where, annotation_clip=False, **style)
        line += 2 if place == "below" else 1
    if rows:
        ax.spines["bottom"].set_position(("outward", HEIGHT * line + 4))
