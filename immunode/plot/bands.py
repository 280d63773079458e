"""Lines of a course: median with quartiles, what was measured at visits, what was printed."""

from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.plot.arms import ArmStyle, arm_styles, draw_published
from immunode.plot.axes import MANY, drawn_before
from immunode.plot.dose_ticks import TickRow, dose_rows
from immunode.plot.simulated import changes, is_log
from immunode.plot.words import safe
from immunode.virtual_trials.statistics import quartiles
from immunode.virtual_trials.variables import patient, typical, visit

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

_BEYOND = 0.3  # of the range: what leaves that of days a week apart by more within a cycle moves within days


def draw_band(ax: "Axes", x: np.ndarray, values: np.ndarray, style: ArmStyle, label: str, *, pale: bool) -> Any:
    """Draw a median line and, where there are any, its quartiles; return the line. A single time is a point."""
    point: dict[str, Any] = {"marker": style.marker} if np.isfinite(values[0]).sum() < 2 else {}
    gid, name = f"median:{style.name}", safe(label)
    (line,) = ax.plot(x, values[0], linewidth=1.8, label=name, gid=gid, zorder=3, **style.drawn, **point)
    if np.isfinite(values[1:]).any():
        alpha = 0.07 if pale else 0.18
        ax.fill_between(x, values[1], values[2], color=style.colour, alpha=alpha, linewidth=0, zorder=1)
    return line


def draw_arms(
    ax: "Axes", result: "xarray.Dataset", name: str, stretch: float, scale: float, *, change: bool, label: str | None
) -> list[TickRow]:
    """Draw the arms of a trial, visits and printed medians too, or their changes; return the rows of their doses."""
    ticks = []
    looks = arm_styles(result, drawn_before(ax))
    for arm in looks:
        text = arm.name if label is None else label if len(looks) == 1 else f"{label}: {arm.name}"
        pale = len(looks) > MANY
        if change:
            x, values = _changes(result, name, arm.name)
            line = draw_band(ax, stretch * x, scale * values, arm, text, pale=pale)
            line.set(marker=arm.marker, markersize=4.5)
        else:
            chosen = result[name].sel(arm=arm.name, statistic=["median", "q1", "q3"]).transpose("statistic", "day")
            draw_band(ax, stretch * result.day.values, scale * chosen.values, arm, text, pale=pale)
            _draw_visits(ax, result, name, arm, text, stretch, scale)
            draw_published(ax, result, name, arm, scale)
        ticks += [TickRow(row.label, stretch * row.days, row.colour) for row in dose_rows(result, arm)]
    return ticks


def _changes(result: "xarray.Dataset", name: str, arm: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the visits, and median, q1 and q3 of the patients' changes since the visit of day 0, as measured."""
    column = patient(name)
    if column not in result or "visit" not in result[column].dims:
        raise BadValue(f"a change of '{name}' needs '{column}', each patient's at the visits, which the result lacks")
    days = result.visit.values
    if not (np.abs(days) <= 1e-9).any():
        listed = ", ".join(f"{day:g}" for day in days[:4])
        raise BadValue(f"a change needs a visit on day 0; the trial's are {listed}{', ...' if len(days) > 4 else ''}")
    rows = result[column].sel(arm=arm).transpose("patient", "visit").values
    rows = changes(rows, days, log=is_log(result[name]))
    some, out = np.isfinite(rows).any(axis=0), np.full((3, len(days)), np.nan)
    if some.any():
        out[:, some] = quartiles(np.where(np.isfinite(rows), rows, np.nan)[:, some])[:3]
    return days, out


def _draw_visits(
    ax: "Axes", result: "xarray.Dataset", name: str, arm: ArmStyle, text: str, stretch: float, scale: float
) -> None:
    """Draw an arm's medians as measured at the visits."""
    if visit(name) not in result:
        return
    seen = result[visit(name)].sel(arm=arm.name, statistic="median").values
    style: dict[str, Any] = {"color": arm.colour, "marker": arm.marker, "linestyle": "none", "markersize": 4.5}
    label = safe(f"{text}, measured at visits")
    ax.plot(stretch * result.visit.values, scale * seen, label=label, gid=f"visits:{arm.name}", zorder=4, **style)


def moves_within_days(result: "xarray.Dataset", name: str) -> bool:
    """Return whether the typical patient's cycle leaves what days a week apart show of it: it is no course of these.

    The patients of an arm may have other levels than the typical one, so levels are not compared.
    """
    if typical(name) not in result:
        return False
    cycle = result[typical(name)].values
    if not np.isfinite(cycle).any():
        return False
    if name not in result:
        return True
    cycle = cycle[np.isfinite(cycle).any(axis=-1)]
    days = result["cycle_day"].values
    weekly = cycle[:, [int(np.argmin(np.abs(days - day))) for day in np.arange(days[0], days[-1] + 0.5, 7.0)]]
    above = np.nanmax(cycle, axis=1) - np.nanmax(weekly, axis=1)
    below = np.nanmin(weekly, axis=1) - np.nanmin(cycle, axis=1)
    shown = result[name].values
    shown = shown[np.isfinite(shown)]
    span = np.maximum(np.nanmax(cycle, axis=1) - np.nanmin(cycle, axis=1), np.ptp(shown) if shown.size else 0.0)
    return bool((np.maximum(above, below) > _BEYOND * span).any())
