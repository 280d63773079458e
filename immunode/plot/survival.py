"""Pictures of who is left without an event."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.plot.arms import arm_styles, check_variable, draw_published, drawable
from immunode.plot.axes import label_times, legend, new_axes
from immunode.virtual_trials.statistics import event_free as kaplan_meier

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


def event_free(result: "xarray.Dataset", ax: "Axes | None" = None) -> "Axes":
    """Draw the percentage of patients without an event in each arm, as steps at the events, and what was printed.

    Nobody is lost, so this is Kaplan-Meier's curve. The axis starts below the lowest value, not at 0.

    Main arguments
        result: a Dataset of im.run_trial

    Other arguments
        ax: axes of matplotlib to draw on, default new ones

    Returns
        the axes

    Raises
        UnknownName: for a result without event days.
        BadValue: for what is no Dataset.

    Example
        >>> import immunode as im
        >>> im.plot.event_free(im.run_trial("tincati_2008", n=20)).get_ylabel()
        'patients without an event (%)'
    """
    drawable(result, "plot.event_free")
    ax = new_axes(ax)
    legend(ax, draw_event_free(result, ax))
    return ax


def draw_event_free(result: "xarray.Dataset", ax: "Axes") -> list[Any]:
    """Draw the steps of each arm and return the handles of the legend."""
    from matplotlib.ticker import MaxNLocator

    check_variable(result, "event_day", "patient")
    begin, last = max(0.0, float(result.day.values[0])), float(result.day.values[-1])
    handles, lowest = [], 100.0
    for arm in arm_styles(result):
        left = result["left_day"].sel(arm=arm.name).values if "left_day" in result else None
        x, y = _steps(result.event_day.sel(arm=arm.name).values, left, begin, last)
        handles += ax.step(x, y, where="post", linewidth=1.8, label=arm.name, gid=f"event_free:{arm.name}", **arm.drawn)
        printed = draw_published(ax, result, "event_free", arm, 100.0)
        lowest = min([lowest, y[-1], *(float(point.get_ydata().min()) for point in printed)])
        handles += printed
    ax.set_ylabel("patients without an event (%)")
    floor = max(0.0, 5.0 * math.floor(lowest / 5.0) - 5.0)
    ax.set_ylim(floor, 100.0 + 0.05 * (100.0 - floor))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    label_times(ax, result.day.values, result.event_day.attrs.get("units", "day"))
    return handles


def _steps(event_day: np.ndarray, left: np.ndarray | None, begin: float, last: float) -> tuple[np.ndarray, np.ndarray]:
    """Return days and percentages without an event from each of them on; nan is the day of a patient who failed."""
    known = np.sort(event_day[~np.isnan(event_day)])
    events = known[known <= last]
    share = 100.0 * np.append(1.0, kaplan_meier(event_day, events, left))
    return np.concatenate([[begin], events, [last]]), np.append(share, share[-1])
