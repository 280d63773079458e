"""Rows of ticks below a course, one a dose: planned ones, and those that a rule of the protocol added."""

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.plot.arms import ArmStyle
from immunode.plot.axes import held, write_note
from immunode.virtual_trials.variables import CYCLE_LENGTH, DOSE, column

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

HEIGHT, NARROW = 10.0, 5.0  # points of a row, and of one of many
SHARE = 0.2  # of the height of the axes that many rows take at most
LETTER = 5.0  # points of a letter
LEAST = 20  # letters of a line
FEW = 6  # rows: more are narrow


@dataclass(frozen=True, eq=False)
class TickRow:
    """Hold a row of ticks: its label, the days of the doses, its colour."""

    label: str
    days: np.ndarray
    colour: str


def dose_rows(result: "xarray.Dataset", arm: ArmStyle) -> list[TickRow]:
    """Return the rows of an arm's doses: planned ones, and (lighter) those that a rule added, by who got them."""
    days, who, most = _doses(result, arm)
    extra = [
        TickRow(_more(days[who == label], label, most[who == label]), days[who == label], _lighter(arm.colour))
        for label in dict.fromkeys(who[who != ""])
    ]
    return [*_planned(days[who == ""], arm), *extra]


def first_cycle_row(result: "xarray.Dataset", arm: ArmStyle) -> list[TickRow]:
    """Return the row of the planned doses of an arm's first cycle, in days since the first dose."""
    days, who, _ = _doses(result, arm)
    planned = days[who == ""]
    return _planned(planned[planned <= planned[:1] + CYCLE_LENGTH] - planned[:1], arm)


def first_day(result: "xarray.Dataset", arm: ArmStyle) -> float:
    """Return the day of an arm's first planned dose, 0 where none is known."""
    days, who, _ = _doses(result, arm)
    return float(days[who == ""][0]) if (who == "").any() else 0.0


def _more(days: np.ndarray, label: str, most: np.ndarray) -> str:
    """Return what a row of added doses says: how many more those get who are named, or one of them at most."""
    if not most.any():
        return f"{len(days)} more, {label} only"
    return f"up to {min(len(days), int(most.max()))} more of a patient, {label}"


def _doses(result: "xarray.Dataset", arm: ArmStyle) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the days of an arm's doses up to the last day, the label of those who got each ("": all), and how many one
    patient got of the label at most, 0 where each got all."""
    day, label, up_to = (column(DOSE, name) for name in ("day", "label", "up_to"))
    if day not in result:
        return np.array([]), np.array([], dtype=str), np.array([], dtype=int)
    days = result[day].sel(arm=arm.name).values
    within = days <= result.day.values[-1]  # false for padding
    most = result[up_to].sel(arm=arm.name).values if up_to in result else np.zeros(len(days), dtype=int)
    return days[within], result[label].sel(arm=arm.name).values.astype(str)[within], most[within]


def _planned(days: np.ndarray, arm: ArmStyle) -> list[TickRow]:
    return [TickRow(counted(len(days)), days, arm.colour)] if days.size else []


def counted(doses: int) -> str:
    """Return how many doses a row shows, in words."""
    return "1 dose" if doses == 1 else f"{doses} doses"


def _lighter(colour: str) -> str:
    from matplotlib.colors import to_rgb

    return "#" + "".join(f"{round(255 * (0.4 + 0.6 * part)):02x}" for part in to_rgb(colour))


def draw_dose_ticks(ax: "Axes", rows: list[TickRow]) -> None:
    """Draw rows of dosing ticks between the lower edge of the axes and the time axis, which moves down for them.

    A row's text stands after its last tick, or before its first, where there is room; else in a line of its own. Many
    rows are narrow and have no texts: their colours say whose they are. Rows of what was drawn before stay above.
    """
    from matplotlib.lines import Line2D

    left, right = ax.get_xlim()
    shown, many = held(ax), len(rows) > FEW
    figure: Any = ax.figure
    wide, high = 72 * figure.get_size_inches() * (ax.get_position().width, ax.get_position().height)
    height = min(NARROW, SHARE * high / len(rows)) if many else HEIGHT
    for row in rows:
        start, end = (row.days[[0, -1]] - left) / (right - left)
        room = (LETTER * len(row.label) + 8) / wide  # of a text beside the ticks, in parts of the width
        place = "none" if many else "after" if end + room < 1 else "before" if start > room else "below"
        lines = wrap(row.label, max(LEAST, int(wide / LETTER))) if place == "below" else [row.label]
        where = _at(ax, -(shown.below + height * 0.5 + 2))
        size = height - 3 if not many else 0.8 * height
        ticks = Line2D(row.days, 0 * row.days, color=row.colour, marker="|", linestyle="none", markersize=size)
        ticks.set(transform=where, clip_on=False, gid=f"doses:{row.label}", label=f"_doses {row.label}")
        ax.add_artist(ticks)
        if not many:
            # a text that does not fit behind its first tick either begins where the axes do
            first = row.days[0] if start + room < 1 else left
            at = ({"after": row.days[-1], "before": row.days[0]}.get(place, first), 0)
            style = {"ha": "right" if place == "before" else "left", "va": "center_baseline", "color": row.colour}
            for i, line in enumerate(lines, start=1):
                away = {"after": (5, 0), "before": (-5, 0), "below": (-2, -HEIGHT * i)}[place]
                write_note(ax, line, at, away, xycoords=where, annotation_clip=False, **style)
        shown.below += height * (1 + len(lines) if place == "below" else 1)
    if shown.below:
        ax.spines["bottom"].set_position(("outward", shown.below + 4))


def _at(ax: "Axes", points: float) -> Any:
    """Return where a tick stands: x in the units of the axes, y so many points above their lower edge."""
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    figure: Any = ax.figure
    return blended_transform_factory(ax.transData, ax.transAxes) + ScaledTranslation(
        0, points / 72, figure.dpi_scale_trans
    )
