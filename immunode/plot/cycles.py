"""Pictures of the two weeks that begin with the first dose."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.internal.arguments import one
from immunode.internal.coarse_times import DOSES, coarse
from immunode.plot.arms import ArmStyle, arm_styles, check_variable, drawable, only_name, over_time, styles
from immunode.plot.axes import MANY, drawn_before, label_times, label_values, legend, new_axes, time_scale, value_scale
from immunode.plot.bands import draw_band
from immunode.plot.captions import LINE, course_names, heading, labels_of
from immunode.plot.dose_ticks import TickRow, counted, draw_dose_ticks, first_cycle_row, first_day
from immunode.plot.simulated import curves, is_log
from immunode.plot.words import safe, title, wrapped
from immunode.units import time_per_day
from immunode.virtual_trials.variables import CYCLE_LENGTH, cycles, typical

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

CYCLE = "cycle"  # of the name of a panel, "il2 cycle"
_SEEN = 0.26  # days: a quarter of one, and its rounding


def cycle(result: "xarray.Dataset", name: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """Draw the first two weeks of dosing: each dosed arm's typical patient of a trial, or what `simulate` returned.

    The latter is drawn from its first dose, or from its first rise where nothing tells of doses.

    Main arguments
        result: a Dataset of im.run_trial or im.simulate
        name: the variable, default the only one that there is

    Other arguments
        ax: axes of matplotlib to draw on, in the next colours where they hold courses already, default new ones

    Returns
        the axes

    Raises
        UnknownName: for no such name.
        BadValue: for no name where there are several, for a variable that never rises, and for what is no such Dataset.

    Example
        >>> import immunode as im
        >>> result = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=im.days(0, 14, every=1/24))
        >>> im.plot.cycle(result, "il2").get_xlabel()
        'time since first dose (days)'
    """
    result = drawable(result, "plot.cycle")
    chosen = only_name(cycle_names(result), "plot.cycle") if name is None else name
    over_time(result)
    if "arm" in result.dims:
        one(chosen, str, "name", "the name of a variable of the result")
        check_variable(result, typical(chosen), "cycle_day")
    else:
        check_variable(result, chosen, "time", course_names(result))
    canvas = new_axes(ax)
    draw_cycle(result, chosen, canvas)
    legend(canvas, "typical patient" if "arm" in result.dims else heading(result, chosen), owned=ax is None)
    return canvas


def cycle_names(result: "xarray.Dataset") -> list[str]:
    """Return the names of the variables that `cycle` can draw."""
    return cycles(result) if "arm" in result.dims else course_names(result)


def draw_cycle(result: "xarray.Dataset", name: str, ax: "Axes") -> list[Any]:
    """Draw two weeks of dosing and return the handles of its legend."""
    before, ticks = set(ax.lines), []
    stretch = time_scale(ax, "day", f"the time of '{name}'")
    column = typical(name) if "arm" in result.dims else name
    scale = value_scale(ax, str(result[column].attrs.get("units", "1")), f"'{name}'")
    if "arm" in result.dims:
        for arm in arm_styles(result, drawn_before(ax)):
            seen = result.cycle_day.values <= _end(result, arm)
            days, values = stretch * result.cycle_day.values[seen], result[column].sel(arm=arm.name).values[seen]
            if np.isfinite(values).any():
                label = safe(arm.name)
                ax.plot(days, scale * values, linewidth=1.5, label=label, gid=f"typical:{arm.name}", **arm.drawn)
                ticks += first_cycle_row(result, arm)
    else:
        ticks = _draw_first_cycle(ax, result, name, stretch, scale)
    label_values(ax, title(name, result[column]), log=is_log(result[column]))
    label_times(ax, since="first dose")
    draw_dose_ticks(ax, ticks)
    return [line for line in ax.lines if line not in before and not str(line.get_label()).startswith("_")]


def _end(result: "xarray.Dataset", arm: ArmStyle) -> float:
    """Return how many days after its first dose the last day of an arm is: what follows is in no other panel."""
    return float(result.day.values[-1]) - first_day(result, arm) + 1e-9


def _draw_first_cycle(ax: "Axes", result: "xarray.Dataset", name: str, stretch: float, scale: float) -> list[TickRow]:
    """Draw the courses of a simulation from the first dose, or their first rise; return the rows of their doses."""
    drawn = curves(result, name)
    per_day = time_per_day(str(result.time.attrs.get("units", "day")))
    time = result.time.values / per_day
    begin = _begin(result, name, time, drawn[0].values[0], per_day)
    chosen = (time >= begin - 1e-9) & (time <= begin + CYCLE_LENGTH + 1e-9)
    if not chosen.any():
        raise BadValue(f"no time of '{name}' lies in the two weeks of dosing: simulate with times=im.days(0, 14, 1/24)")
    _warn_cycle(result, name, time[chosen])
    looks = styles(labels_of(ax, [curve.label for curve in drawn], None, title(name, result[name])), drawn_before(ax))
    ticks = []
    for curve, style in zip(drawn, looks, strict=True):
        days, values = stretch * (time[chosen] - begin), scale * curve.values[:, chosen]
        draw_band(ax, days, values, style, wrapped(style.name, LINE), pale=len(drawn) > MANY)
        doses = curve.doses / per_day - begin
        doses = doses[(doses >= 0) & (doses <= CYCLE_LENGTH)]
        if doses.size:
            ticks.append(TickRow(counted(len(doses)), stretch * doses, style.colour))
    return ticks


def _begin(result: "xarray.Dataset", name: str, time: np.ndarray, values: np.ndarray, per_day: float) -> float:
    """Return the day of the first dose; where nothing tells of doses, the last before the variable first rises."""
    doses = np.atleast_1d(np.asarray(result.time.attrs.get(DOSES, []), dtype=float)) / per_day
    doses = doses[(doses >= time.min()) & (doses <= time.max())]
    if doses.size:
        return float(doses.min())
    rising = np.flatnonzero(np.diff(values) > 0)
    if not rising.size:
        raise BadValue(f"'{name}' never rises: the regimen gives nothing, or the times miss its first two weeks")
    return float(time[rising[0]])


def _warn_cycle(result: "xarray.Dataset", name: str, time: np.ndarray) -> None:
    """Warn where a peak may lie between the times: as the variable says, or as they are far apart."""
    apart = float(np.median(np.diff(time))) if time.size > 1 else CYCLE_LENGTH
    known = DOSES in result.time.attrs and time.size > 2
    text = coarse(result[name])
    if not text and apart > _SEEN and not known:
        text = (
            f"'{name}' is drawn from times {apart:.3g} d apart, peaks between them are not seen; "
            "simulate with times=im.days(0, 14, every=1/24)"
        )
    if text:
        warnings.warn(text, stacklevel=5)
