"""Pictures of who is left without an event."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.plot.arms import arm_styles, check_variable, draw_published, drawable
from immunode.plot.axes import drawn_before, held, label_times, legend, new_axes, time_scale, value_scale
from immunode.plot.words import safe
from immunode.units import time_per_day
from immunode.virtual_trials.statistics import event_free as kaplan_meier
from immunode.virtual_trials.variables import EVENTS

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


def event_free(result: "xarray.Dataset", ax: "Axes | None" = None) -> "Axes":
    """Draw the percentage of patients without an event in each arm, as steps at the events, and what was printed.

    It is Kaplan-Meier's curve: who leaves is at risk up to that day. The axis starts below the lowest value, not at 0.

    Main arguments
        result: a Dataset of im.run_trial

    Other arguments
        ax: axes of matplotlib to draw on, in the next colours where they hold courses already,
            default new ones

    Returns
        the axes

    Raises
        UnknownName: for a result without event days.
        BadValue: for what is no Dataset of a trial, or of one that counts no events.

    Example
        >>> import immunode as im
        >>> im.plot.event_free(im.run_trial("tincati_2008", n=20)).get_ylabel()
        'patients without an event (%)'
    """
    result = drawable(result, "plot.event_free")
    _check_events(result)
    canvas = new_axes(ax)
    draw_event_free(result, canvas)
    legend(canvas, str(result.attrs.get("trial", "")), owned=ax is None)
    return canvas


def draw_event_free(result: "xarray.Dataset", ax: "Axes") -> list[Any]:
    """Draw the steps of each arm and return the handles of the legend."""
    from matplotlib.ticker import MaxNLocator

    _check_events(result)
    stretch = time_scale(ax, "day", "the time of events")
    value_scale(ax, "percent", "patients without an event")
    per_day = time_per_day(str(result.event_day.attrs.get("units", "day")))
    begin, last = max(0.0, float(result.day.values[0])), float(result.day.values[-1])
    handles, lowest = [], 100.0
    for arm in arm_styles(result, drawn_before(ax)):
        left = result["left_day"].sel(arm=arm.name).values / per_day if "left_day" in result else None
        x, y = _steps(result.event_day.sel(arm=arm.name).values / per_day, left, begin, last)
        style: dict[str, Any] = {"label": safe(arm.name), "gid": f"event_free:{arm.name}", **arm.drawn}
        handles += ax.step(stretch * x, y, where="post", linewidth=1.8, **style)
        printed = draw_published(ax, result, "event_free", arm, 100.0)
        lowest = min([lowest, y[-1], *(float(point.get_ydata().min()) for point in printed)])
        handles += printed
    ax.set_ylabel("patients without an event (%)")
    before = held(ax).lowest
    lowest = held(ax).lowest = min(lowest, before)
    floor = max(0.0, 5.0 * math.floor(lowest / 5.0) - 5.0)
    ax.set_ylim(floor, 100.0 + 0.05 * (100.0 - floor))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    label_times(ax)
    return handles


def _check_events(result: "xarray.Dataset") -> None:
    if result.attrs.get(EVENTS) == "":
        raise BadValue(
            f"nothing to draw: trial '{result.attrs.get('trial')}' counts no events; name the state of their hazard, "
            "im.Trial(..., events='cumulative_hazard')"
        )
    check_variable(result, "event_day", "patient")
    if "arm" not in result.dims or not result.sizes.get("day"):
        raise BadValue("nothing to draw: expected a Dataset of run_trial(), with events over 'arm' and a 'day'")


def _steps(event_day: np.ndarray, left: np.ndarray | None, begin: float, last: float) -> tuple[np.ndarray, np.ndarray]:
    """Return days and percentages without an event from each of them on; nan is the day of a patient who failed."""
    known = np.sort(event_day[~np.isnan(event_day)])
    events = known[known <= last]
    share = 100.0 * np.append(1.0, kaplan_meier(event_day, events, left))
    return np.concatenate([[begin], events, [last]]), np.append(share, share[-1])
