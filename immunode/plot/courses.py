"""Pictures of courses: a variable over time, over one cycle of doses, or everything that a simulation holds."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.plot.arms import ArmStyle, arm_styles, check_variable, draw_published, drawable, only_name, over_time
from immunode.plot.axes import COLOURS, label_times, label_values, legend, new_axes, new_figure
from immunode.plot.dose_ticks import dose_rows, draw_dose_ticks, first_cycle_row
from immunode.units import time_per_day
from immunode.virtual_trials.statistics import quartiles
from immunode.virtual_trials.variables import CYCLE_LENGTH, cycles, typical, visit

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEN = 0.26  # days: a quarter of one, and its rounding


def course(result: "xarray.Dataset", name: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """Draw a variable over time: median and quartiles of each arm of a trial, or of what `simulate` returned.

    A trial also shows its visits (as measured), doses and printed medians. x data are in the result's time unit; ticks
    are months when it is long. Copies/mL are on a log axis with the assay's limit.

    Main arguments
        result: a Dataset of im.run_trial or im.simulate
        name: the variable, default the only one that there is

    Other arguments
        ax: axes of matplotlib to draw on, default new ones

    Returns
        the axes

    Raises
        UnknownName: for no such name.
        BadValue: for no name where there are several, for what is no such Dataset, and for patients with times of their
            own.

    Example
        >>> import immunode as im
        >>> result = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=im.days(0, 7, every=0.1))
        >>> ax = im.plot.course(result, "il2")
        >>> ax.get_ylabel()
        'IL-2 in serum (IU/mL)'
    """
    drawable(result, "plot.course")
    ax = new_axes(ax)
    chosen = only_name(course_names(result), "plot.course") if name is None else name
    legend(ax, draw_course(result, chosen, ax), "median, quartiles")
    return ax


def cycle(result: "xarray.Dataset", name: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """Draw the first two weeks of dosing: each dosed arm's typical patient of a trial, or what `simulate` returned.

    The latter is drawn from its first rise.

    Main arguments
        result: a Dataset of im.run_trial or im.simulate
        name: the variable, default the only one that there is

    Other arguments
        ax: axes of matplotlib to draw on, default new ones

    Returns
        the axes

    Raises
        UnknownName: for no such name.
        BadValue: for no name where there are several, for a variable that never rises, and for what is no such Dataset.

    Example
        >>> import immunode as im
        >>> result = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=im.days(0, 14, every=0.1))
        >>> im.plot.cycle(result, "il2").get_xlabel()
        'time since first dose (days)'
    """
    drawable(result, "plot.cycle")
    ax = new_axes(ax)
    chosen = only_name(_cycle_names(result), "plot.cycle") if name is None else name
    legend(ax, draw_cycle(result, chosen, ax), "typical patient")
    return ax


def outputs(result: "xarray.Dataset") -> "Figure":
    """Draw everything that a Dataset of `simulate` holds over time, a panel each.

    Main arguments
        result: a Dataset of im.simulate

    Returns
        a Figure of matplotlib

    Raises
        BadValue: for any other, and for patients with times of their own.

    Example
        >>> import immunode as im
        >>> figure = im.plot.outputs(im.simulate("il2_sc", "3 MIU SC", times=im.days(0, 2, every=0.1)))
        >>> len(figure.axes)
        3
    """
    drawable(result, "plot.outputs")
    names = [str(name) for name in result if "time" in result[name].dims]
    if not names:
        raise BadValue("nothing to draw: expected a Dataset of simulate(), with variables over 'time'")
    figure, panels = new_figure(len(names), min(3, len(names)), 4.0, 2.8)
    for name, ax in zip(names, panels, strict=True):
        draw_course(result, name, ax)
    figure.align_ylabels()
    return figure


def course_names(result: "xarray.Dataset") -> list[str]:
    """Return the names of the variables that `course` can draw."""
    dims = {"day", "statistic"} if "arm" in result.dims else {"time"}
    return [str(name) for name in result.data_vars if dims <= set(result[name].dims)]


def _cycle_names(result: "xarray.Dataset") -> list[str]:
    if "arm" not in result.dims:
        return course_names(result)
    return cycles(result)


def draw_course(result: "xarray.Dataset", name: str, ax: "Axes") -> list[Any]:
    """Draw a course and return the handles of its legend."""
    over = over_time(result)
    check_variable(result, name, over)
    if over == "time":
        _draw_band(ax, result.time.values, _over_patients(result[name]), {"color": COLOURS[0]}, name)
    handles, ticks = [], []
    for arm in arm_styles(result):
        values = result[name].sel(arm=arm.name, statistic=["median", "q1", "q3"]).transpose("statistic", "day").values
        handles.append(_draw_band(ax, result.day.values, values, arm.drawn, arm.name))
        handles += _draw_visits(ax, result, name, arm)
        handles += draw_published(ax, result, name, arm, 1.0)
        ticks += dose_rows(result, arm)
    label_values(ax, name, result[name].attrs.get("units", "1"))
    label_times(ax, result[over].values, result[over].attrs.get("units", "day"))
    draw_dose_ticks(ax, ticks)
    return handles


def draw_cycle(result: "xarray.Dataset", name: str, ax: "Axes") -> list[Any]:
    """Draw two weeks of dosing and return the handles of its legend."""
    handles, ticks = [], []
    if "arm" in result.dims:
        column = typical(name)
        check_variable(result, column, "cycle_day")
        days = result.cycle_day.values
        for arm in arm_styles(result):
            values = result[column].sel(arm=arm.name).values
            if np.isfinite(values).any():
                handles += ax.plot(days, values, linewidth=1.5, label=arm.name, gid=f"typical:{arm.name}", **arm.drawn)
                ticks += first_cycle_row(result, arm)
    else:
        column = name
        check_variable(result, name, "time")
        days, values = _from_first_rise(result, name)
        _draw_band(ax, days, values, {"color": COLOURS[0]}, name)
    label_values(ax, name, result[column].attrs.get("units", "1"))
    label_times(ax, days, "day", since="first dose")
    draw_dose_ticks(ax, ticks)
    return handles


def _over_patients(values: "xarray.DataArray") -> np.ndarray:
    """Return median, q1 and q3, shape (3, time), of a variable of `simulate`; quartiles are nan for one patient."""
    if "patient" in values.dims:
        return quartiles(values.transpose("patient", "time").values)[:3]
    return np.stack([values.values, *np.full((2, values.size), np.nan)])


def _from_first_rise(result: "xarray.Dataset", name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return days since the last time before the variable first rises, and its statistics, for two weeks.

    Warn where they are so few that a peak may lie between them.
    """
    values = _over_patients(result[name])
    time = result.time.values / time_per_day(result.time.attrs.get("units", "day"))
    rising = np.flatnonzero(np.diff(values[0]) > 0)
    if not rising.size:
        raise BadValue(f"'{name}' never rises: the regimen gives nothing, or the times miss its first two weeks")
    chosen = (time >= time[rising[0]]) & (time <= time[rising[0]] + CYCLE_LENGTH)
    gaps = np.diff(time[chosen])
    if (apart := float(np.median(gaps)) if gaps.size else CYCLE_LENGTH) > SEEN:
        warnings.warn(
            f"'{name}' is drawn from times {apart:.3g} d apart, peaks between them are not seen; "
            "simulate with times=im.days(0, 14, every=1/24)",
            stacklevel=4,
        )
    return time[chosen] - time[rising[0]], values[:, chosen]


def _draw_band(ax: "Axes", days: np.ndarray, values: np.ndarray, style: dict[str, Any], label: str) -> Any:
    """Draw a median line and, where there are any, its quartiles; return the line."""
    (line,) = ax.plot(days, values[0], linewidth=1.8, label=label, gid=f"median:{label}", zorder=3, **style)
    if np.isfinite(values[1:]).any():
        ax.fill_between(days, values[1], values[2], color=style["color"], alpha=0.18, linewidth=0, zorder=1)
    return line


def _draw_visits(ax: "Axes", result: "xarray.Dataset", name: str, arm: ArmStyle) -> list[Any]:
    """Draw an arm's medians as measured at the visits; return the handles of the legend."""
    if visit(name) not in result:
        return []
    seen = result[visit(name)].sel(arm=arm.name, statistic="median").values
    style: dict[str, Any] = {"color": arm.colour, "marker": arm.marker, "linestyle": "none", "markersize": 4.5}
    label = f"{arm.name}, measured at visits"
    return ax.plot(result.visit.values, seen, label=label, gid=f"visits:{arm.name}", zorder=4, **style)
