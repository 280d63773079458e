"""Pictures of courses: a variable over time, over one cycle of doses, or everything that a simulation holds."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.internal.arguments import flag, one
from immunode.internal.coarse_times import DOSES, coarse
from immunode.plot.arms import arm_styles, check_variable, drawable, only_name, over_time, styles
from immunode.plot.axes import (
    MANY,
    drawn_before,
    held,
    in_columns,
    label_times,
    label_values,
    legend,
    new_axes,
    new_figure,
    time_scale,
    value_scale,
)
from immunode.plot.bands import draw_arms, draw_band, moves_within_days
from immunode.plot.dose_ticks import TickRow, counted, draw_dose_ticks, first_cycle_row
from immunode.plot.simulated import baseline_of, curves, is_log
from immunode.plot.words import safe, title, typeset, wrapped
from immunode.units import time_per_day
from immunode.virtual_trials.variables import CYCLE_LENGTH, cycles, typical

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SEEN = 0.26  # days: a quarter of one, and its rounding
_LINE = 84  # letters of a label in a legend


def course(
    result: "xarray.Dataset",
    name: str | None = None,
    ax: "Axes | None" = None,
    *,
    change: bool = False,
    label: str | None = None,
) -> "Axes":
    """Draw a variable over time: median and quartiles of each arm of a trial, or of what `simulate` returned.

    Of a list of up to 12 regimens each is a course of its own, called by its sentence; its doses are ticks below. A
    trial also shows its visits (as measured) and printed medians. x data are in the result's time unit; ticks are
    months when it is long. Copies/mL are on a log axis with the assay's limit. It warns where the variable reaches
    more between the times than they show.

    Main arguments
        result: a Dataset of im.run_trial or im.simulate
        name: the variable, default the only one that there is

    Other arguments
        ax: axes of matplotlib to draw on, in the next colours where they hold courses already, default new ones
        change: whether to draw each patient's change from day 0 (from the first time where there is no day 0), of a
            trial that from the visit of day 0 as measured; of copies/mL that of their log10, default False
        label: what the course is called in the legend, default the regimen, or the names of the arms

    Returns
        the axes

    Raises
        UnknownName: for no such name.
        BadValue: for no name where there are several, for what is no such Dataset, for patients with times of their
            own, for axes that show another kind of quantity, for a change of a trial without a visit on day 0.

    Example
        >>> import immunode as im
        >>> result = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=im.days(0, 7, every=1/24))
        >>> ax = im.plot.course(result, "il2")
        >>> ax.get_ylabel()
        'IL-2 in serum (IU/mL)'
        >>> other = im.simulate("il2_sc", "6 MIU SC QD days 1-5", times=im.days(0, 7, every=1/24))
        >>> ax = im.plot.course(other, "il2", ax=ax)
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['3 MIU SC QD days 1-5', '6 MIU SC QD days 1-5']
    """
    result, change = drawable(result, "plot.course"), flag(change, "plot.course: change")
    if label is not None:
        one(label, str, "plot.course: label", "a text")
    over = over_time(result)
    chosen = only_name(course_names(result), "plot.course") if name is None else name
    check_variable(result, chosen, over, course_names(result))
    canvas = new_axes(ax)
    draw_course(result, chosen, canvas, change=change, label=label)
    if over == "day" and moves_within_days(result, chosen):
        text = f"'{chosen}' moves within days, which the days of a trial's course, a week apart, do not show"
        warnings.warn(f"{text}: use plot.cycle(result, {chosen!r})", stacklevel=2)
    _warn([result[chosen]])
    legend(canvas, _heading(result, chosen, change=change), owned=ax is None)
    return canvas


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
    legend(canvas, "typical patient" if "arm" in result.dims else _heading(result, chosen), owned=ax is None)
    return canvas


def outputs(result: "xarray.Dataset") -> "Figure":
    """Draw everything that a Dataset of `simulate` holds over time, a panel each, with the doses below.

    It warns of variables that reach more between the times than they show.

    Main arguments
        result: a Dataset of im.simulate

    Returns
        a Figure of matplotlib

    Raises
        BadValue: for any other, and for patients with times of their own.

    Example
        >>> import immunode as im
        >>> course = im.simulate("il2_sc", "3 MIU SC", times=im.days(0, 1, every=1/24), outputs=["central", "il2"])
        >>> figure = im.plot.outputs(course)
        >>> len(figure.axes)
        2
    """
    result = drawable(result, "plot.outputs")
    names = course_names(result) if "arm" not in result.dims else []
    if not names:
        raise BadValue("nothing to draw: expected a Dataset of simulate(), with variables over 'time'")
    over_time(result)
    for name in names:
        check_variable(result, name, "time")
    figure, panels = new_figure(len(names), min(3, len(names)), 4.0, 2.8)
    for name, ax in zip(names, panels, strict=True):
        draw_course(result, name, ax)
    _warn([result[name] for name in names])
    figure.align_ylabels()
    handles = [line for ax in panels for line in ax.lines if not str(line.get_label()).startswith("_")]
    shown = in_columns(handles, 56 * min(3, len(names)))
    heading = _heading(result, names[0])
    if len(shown["handles"]) > 1:
        figure.legend(**shown, loc="outside lower center", frameon=False, fontsize=9)
    else:
        regimen = str(result.attrs.get("regimen", "") or "")
        heading = ", ".join(part for part in (heading, regimen) if part)
    figure.suptitle(safe(wrapped(heading, 34 * min(3, len(names)))), fontsize="medium")
    return figure


def course_names(result: "xarray.Dataset") -> list[str]:
    """Return the names of the variables that `course` can draw."""
    dims = {"day", "statistic"} if "arm" in result.dims else {"time"}
    return [str(name) for name in result.data_vars if dims <= set(result[name].dims)]


def cycle_names(result: "xarray.Dataset") -> list[str]:
    """Return the names of the variables that `cycle` can draw."""
    return cycles(result) if "arm" in result.dims else course_names(result)


def draw_course(
    result: "xarray.Dataset", name: str, ax: "Axes", *, change: bool = False, label: str | None = None
) -> list[Any]:
    """Draw a course and return the handles of its legend."""
    variable, before = result[name], set(ax.lines)
    log = is_log(variable)
    unit = str(variable.attrs.get("units", "1"))
    shown = f"log10 {typeset(unit)}" if change and log else unit
    over = over_time(result)
    clock = str(result[over].attrs.get("units", "day"))
    stretch = time_scale(ax, clock, f"the time of '{name}'")
    scale = value_scale(ax, shown, f"'{name}'")
    if over == "time":
        ticks = _draw_curves(ax, result, name, stretch, scale, change=change, label=label)
    else:
        ticks = draw_arms(ax, result, name, stretch, scale, change=change, label=label)
    text = title(name, variable)
    since = "" if not change else " since day 0" if over == "day" else _since(result)
    text = f"Change of {text[:1].lower() + text[1:] if text[1:2].islower() else text}{since}" if change else text
    label_values(ax, text, log=log and not change, signed=change)
    label_times(ax)
    draw_dose_ticks(ax, ticks)
    return [line for line in ax.lines if line not in before and not str(line.get_label()).startswith("_")]


def _draw_curves(
    ax: "Axes", result: "xarray.Dataset", name: str, stretch: float, scale: float, *, change: bool, label: str | None
) -> list[TickRow]:
    """Draw the courses of a simulation, and return the rows of their doses."""
    drawn = curves(result, name, change=change)
    names = _labels(ax, [curve.label for curve in drawn], label, title(name, result[name]))
    looks = styles(names, drawn_before(ax))
    pale = len(drawn) > MANY
    ticks: dict[str, TickRow] = {}
    for curve, style in zip(drawn, looks, strict=True):
        draw_band(ax, stretch * result.time.values, scale * curve.values, style, wrapped(style.name, _LINE), pale=pale)
        if curve.doses.size:
            key = curve.doses.tobytes() if "by" in result[name].dims else style.name
            row = TickRow(counted(len(curve.doses)), stretch * curve.doses, style.colour)
            ticks.setdefault(str(key), row)
    return list(ticks.values())


def _labels(ax: "Axes", names: list[str], label: str | None, variable: str) -> list[str]:
    """Return what courses are called, each name once on the axes."""
    if label is not None:
        names = [label] if len(names) == 1 else [f"{label}: {name}" for name in names]
    taken = {str(line.get_label()).replace("\n", " ") for line in ax.lines}
    out = []
    for name in names:
        ways = [name, f"{variable}, {name}", *(f"{name} ({k})" for k in range(2, len(taken) + 3))]
        if held(ax).names in ((), (variable,)):
            ways.pop(1)
        out.append(next(way for way in ways if safe(way) not in taken))
        taken.add(safe(out[-1]))
    return out


def _since(result: "xarray.Dataset") -> str:
    at = float(result.time.values[baseline_of(result.time.values)])
    unit = str(result.time.attrs.get("units", "day"))
    return f" since {'' if unit == '1' else f'{unit} '}{at:g}" if unit != "1" else f" since time {at:g}"


def _heading(result: "xarray.Dataset", name: str, *, change: bool = False) -> str:
    """Return what stands above a legend: whose course it is."""
    if "arm" in result.dims:
        what = "median, quartiles"
        many = result.attrs.get("n")
        who = f"{what} of {many} virtual patients per arm" if many else what
        return ": ".join(part for part in (str(result.attrs.get("trial", "")), who) if part)
    patients = result[name].sizes.get("patient", 1)
    each = max((curve.patients for curve in curves(result, name, change=change)), default=1)
    who = "one patient" if patients == 1 else "median, quartiles of patients" if each > 1 else "a patient each"
    if each > 1 and each == patients:
        who = f"median, quartiles of {patients} patients"
    return ": ".join(part for part in (str(result.attrs.get("model", "")), who) if part)


def _warn(variables: "list[xarray.DataArray]") -> None:
    """Warn of variables that reach more between the times than they show; of several in one line."""
    said = [text for variable in variables if (text := coarse(variable))]
    if said:
        names = ", ".join(str(variable.name) for variable in variables if coarse(variable))
        warnings.warn(said[0] if len(said) == 1 else f"{said[0]} (and so do others: {names})", stacklevel=3)


def draw_cycle(result: "xarray.Dataset", name: str, ax: "Axes") -> list[Any]:
    """Draw two weeks of dosing and return the handles of its legend."""
    before, ticks = set(ax.lines), []
    stretch = time_scale(ax, "day", f"the time of '{name}'")
    column = typical(name) if "arm" in result.dims else name
    scale = value_scale(ax, str(result[column].attrs.get("units", "1")), f"'{name}'")
    if "arm" in result.dims:
        days = stretch * result.cycle_day.values
        for arm in arm_styles(result, drawn_before(ax)):
            values = result[column].sel(arm=arm.name).values
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
    looks = styles(_labels(ax, [curve.label for curve in drawn], None, title(name, result[name])), drawn_before(ax))
    ticks = []
    for curve, style in zip(drawn, looks, strict=True):
        days, values = stretch * (time[chosen] - begin), scale * curve.values[:, chosen]
        draw_band(ax, days, values, style, wrapped(style.name, _LINE), pale=len(drawn) > MANY)
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
