"""Pictures of courses: a variable over time, or everything that a simulation holds."""

import warnings
from typing import TYPE_CHECKING, Any

from immunode.errors import BadValue
from immunode.internal.arguments import flag, one
from immunode.plot.arms import check_variable, drawable, only_name, over_time, styles
from immunode.plot.axes import (
    MANY,
    drawn_before,
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
from immunode.plot.captions import LINE, course_names, heading, labels_of, warn_missed
from immunode.plot.dose_ticks import FEW, TickRow, counted, draw_dose_ticks
from immunode.plot.set_marks import draw_set_marks
from immunode.plot.simulated import baseline_of, curves, is_log, sets
from immunode.plot.words import safe, title, typeset, wrapped

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
    warn_missed([result[chosen]])
    legend(canvas, heading(result, chosen, change=change), owned=ax is None)
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
    rows = max(0, len(curves(result, names[0])) - FEW)  # a row of doses each: panels grow with them
    figure, panels = new_figure(len(names), min(3, len(names)), 4.0, 2.8 + 0.06 * rows)
    for name, ax in zip(names, panels, strict=True):
        draw_course(result, name, ax)
    warn_missed([result[name] for name in names])
    figure.align_ylabels()
    handles = [line for ax in panels for line in ax.lines if not str(line.get_label()).startswith("_")]
    shown = in_columns(handles, 56 * min(3, len(names)))
    text = heading(result, names[0])
    if len(shown["handles"]) > 1:
        figure.legend(**shown, loc="outside lower center", frameon=False, fontsize=9)
        lines = sum(str(one.get_label()).count("\n") + 1 for one in shown["handles"]) / shown["ncols"]
        wide, high = figure.get_size_inches()
        figure.set_size_inches(wide, high + 0.16 * max(0.0, lines - 1))  # its room is no panel's
    else:
        regimen = str(result.attrs.get("regimen", "") or "")
        text = ", ".join(part for part in (text, regimen) if part)
    figure.suptitle(safe(wrapped(text, 34 * min(3, len(names)))), fontsize="medium")
    return figure


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
    if over == "time":
        draw_set_marks(ax, [(stretch * when, text) for when, text in sets(result)])
    return [line for line in ax.lines if line not in before and not str(line.get_label()).startswith("_")]


def _draw_curves(
    ax: "Axes", result: "xarray.Dataset", name: str, stretch: float, scale: float, *, change: bool, label: str | None
) -> list[TickRow]:
    """Draw the courses of a simulation, and return the rows of their doses."""
    drawn = curves(result, name, change=change)
    names = labels_of(ax, [curve.label for curve in drawn], label, title(name, result[name]))
    looks = styles(names, drawn_before(ax))
    pale = len(drawn) > MANY
    ticks: dict[str, TickRow] = {}
    for curve, style in zip(drawn, looks, strict=True):
        draw_band(ax, stretch * result.time.values, scale * curve.values, style, wrapped(style.name, LINE), pale=pale)
        if curve.doses.size:
            key = curve.doses.tobytes() if "by" in result[name].dims else style.name
            row = TickRow(counted(len(curve.doses)), stretch * curve.doses, style.colour)
            ticks.setdefault(str(key), row)
    return list(ticks.values())


def _since(result: "xarray.Dataset") -> str:
    at = float(result.time.values[baseline_of(result.time.values)])
    unit = str(result.time.attrs.get("units", "day"))
    return f" since {'' if unit == '1' else f'{unit} '}{at:g}" if unit != "1" else f" since time {at:g}"
