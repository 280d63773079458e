"""Draw results: each function returns matplotlib Axes (`trial` and `outputs` a Figure) and changes no global style."""

import math
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue, unknown
from immunode.virtual_trials.figures import quartiles

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart with any colour vision; an arm takes those of its place, the same in every panel
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "v", "P", "X", "h")
LINES = ("-", (0, (5, 2)), (0, (1, 1)), (0, (5, 1, 1, 1)))  # where two arms coincide, both still show
GREY = "#555555"
NAMES = {"cd4": "CD4 cells", "rna": "HIV-RNA", "il2": "IL-2 in serum"}
ASSAY_LIMIT = 50.0  # copies/mL
MONTH = 30.4375  # days
CYCLE = 14.0  # days
ROW = 10.0  # points: height of a row of dosing ticks
SMALL = 8.0  # points


def course(result: "xarray.Dataset", name: str = "cd4", ax: "Axes | None" = None) -> "Axes":
    """Draw an observable over time: median and quartiles of each arm of a trial, or of what `simulate` returned.

    A trial also shows its visits (as measured), doses and printed medians. x data are in the result's time unit; ticks
    are months when it is long. Copies/mL are on a log axis with the assay's limit. Raise UnknownName for no such name.
    """
    ax = _axes(ax)
    _legend(ax, _course(result, name, ax), "median, quartiles")
    return ax


def cycle(result: "xarray.Dataset", name: str = "il2", ax: "Axes | None" = None) -> "Axes":
    """Draw the first two weeks of dosing: each dosed arm's typical patient of a trial, or what `simulate` returned.

    The latter is drawn from its first rise. Raise UnknownName for no such name, BadValue when it never rises.
    """
    ax = _axes(ax)
    _legend(ax, _cycle(result, name, ax), "typical patient")
    return ax


def event_free(result: "xarray.Dataset", ax: "Axes | None" = None) -> "Axes":
    """Draw the percentage of patients without an event in each arm, as steps at the events, and what was printed.

    Nobody is lost, so this is Kaplan-Meier's curve. The axis starts below the lowest value, not at 0. Raise UnknownName
    for a result without event days.
    """
    ax = _axes(ax)
    _legend(ax, _event_free(result, ax))
    return ax


def fit(table: "pandas.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw predicted against observed numbers (columns label, observed, predicted, sigma), in standard errors.

    So one axis holds numbers of unlike units; the numbers themselves stand at the right. A column `residual` is taken
    as given (it may be of logarithms), rows whose `use` is not "fit" are hollow. Raise BadValue for a missing column
    or an empty table.
    """
    missing = [column for column in ("label", "observed", "predicted", "sigma") if column not in table]
    if missing or table.empty:
        lacks = f"column '{missing[0]}'" if missing else "rows"
        raise BadValue(f"the table has no {lacks}: expected label, observed, predicted, sigma, as in Fit.table")
    ax = _axes(ax, width=11.0, height=1.3 + 0.26 * len(table))
    y = np.arange(len(table))
    residual = table["residual"] if "residual" in table else (table["predicted"] - table["observed"]) / table["sigma"]
    away = residual.to_numpy(dtype=float)
    fitted = (table["use"] == "fit").to_numpy() if "use" in table else np.ones(len(table), dtype=bool)
    ax.axvspan(-2, 2, color="0.94", zorder=0)
    observed = ax.errorbar(0 * y, y, xerr=1.0, fmt="|", color=GREY, capsize=2.5, label="observed, ± 1 standard error")
    handles: list[Any] = [observed]
    for chosen, face, label in ((fitted, COLOURS[1], "predicted"), (~fitted, "white", "predicted, not in the fit")):
        if chosen.any():
            style: dict[str, Any] = {"color": COLOURS[1], "markerfacecolor": face, "linestyle": "none", "markersize": 6}
            handles += ax.plot(away[chosen], y[chosen], "D", label=label, gid=label, zorder=3, **style)
    ax.set_yticks(y, table["label"], fontsize=SMALL)
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlim(-1.08 * max(3.0, np.abs(away).max()), 1.08 * max(3.0, np.abs(away).max()))
    numbers = zip(table["observed"], table["sigma"], table["predicted"], strict=True)
    right = ax.secondary_yaxis("right")
    right.set_yticks(y, [f"{seen:.3g} ± {sigma:.2g}; {told:.3g}" for seen, sigma, told in numbers], fontsize=SMALL)
    right.set_ylabel("observed ± standard error; predicted (unit of the row)", fontsize=SMALL)
    ax.set_xlabel("predicted - observed (standard errors of the observed)")
    ax.legend(handles=handles, fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return ax


def trial(result: "xarray.Dataset") -> "Figure":
    """Draw a trial in one Figure: CD4 and HIV-RNA (else its first output), IL-2 over one cycle, event-free survival.

    Panels for which the result holds nothing (no IL-2, no events) are left out.
    """
    courses = [str(name) for name in result.data_vars if {"day", "statistic"} <= set(result[name].dims)]
    names = [name for name in ("cd4", "rna") if name in courses] or courses[:1]
    draw = [(partial(_course, result, name), f"{_title(name)}: median and quartiles") for name in names]
    if "il2_typical" in result:
        draw.append((partial(_cycle, result, "il2"), "IL-2 over one cycle, typical patient"))
    if "event_day" in result and np.isfinite(result.event_day).any():
        draw.append((partial(_event_free, result), "Event-free survival"))
    figure, panels = _figure(len(draw), min(2, len(draw)), 6.0, 4.2)
    handles: list[Any] = []
    for (one, title), ax in zip(draw, panels, strict=True):
        handles += one(ax)
        ax.set_title(title, fontsize="medium", loc="left")
    figure.legend(**_ordered(handles), loc="outside lower center", frameon=False, fontsize=9)
    size = f"{result.attrs['n']} virtual patients per arm" if "n" in result.attrs else ""
    figure.align_ylabels()
    figure.suptitle(", ".join(filter(None, (str(result.attrs.get("trial", "")), size))), fontsize="large")
    return figure


def outputs(result: "xarray.Dataset") -> "Figure":
    """Draw everything that a Dataset of `simulate` holds over time, a panel each; raise BadValue for any other."""
    names = [str(name) for name in result if "time" in result[name].dims]
    if not names:
        raise BadValue("nothing to draw: expected a Dataset of simulate(), with variables over 'time'")
    figure, panels = _figure(len(names), min(3, len(names)), 4.0, 2.8)
    for name, ax in zip(names, panels, strict=True):
        _course(result, name, ax)
    figure.align_ylabels()
    return figure


def _course(result: "xarray.Dataset", name: str, ax: "Axes") -> list[Any]:
    """Draw a course and return the handles of its legend."""
    over = "day" if "arm" in result.dims else "time"
    _check(result, name, over)
    if over == "time":
        _band(ax, result.time.values, _over_patients(result[name]), {"color": COLOURS[0]}, name)
    handles, ticks = [], []
    for arm, style, marker in _arms(result):
        values = result[name].sel(arm=arm, statistic=["median", "q1", "q3"]).transpose("statistic", "day").values
        handles.append(_band(ax, result.day.values, values, style, arm))
        handles += _visits(ax, result, name, arm, style["color"], marker)
        handles += _published(ax, result, name, arm, style["color"], 1.0)
        ticks += _doses(result, arm, style["color"])
    _value_axis(ax, name, result[name].attrs.get("units", "1"))
    _time_axis(ax, result[over].values, result[over].attrs.get("units", "day"))
    _tick_rows(ax, ticks)
    return handles


def _cycle(result: "xarray.Dataset", name: str, ax: "Axes") -> list[Any]:
    """Draw two weeks of dosing and return the handles of its legend."""
    handles, ticks = [], []
    if "arm" in result.dims:
        column = f"{name}_typical"
        _check(result, column, "cycle_day")
        days = result.cycle_day.values
        for arm, style, _ in _arms(result):
            values = result[column].sel(arm=arm).values
            if np.isfinite(values).any():
                handles += ax.plot(days, values, linewidth=1.5, label=arm, gid=f"typical:{arm}", **style)
                ticks += _doses(result, arm, style["color"], first=True)
    else:
        column = name
        _check(result, name, "time")
        days, values = _from_first_rise(result, name)
        _band(ax, days, values, {"color": COLOURS[0]}, name)
    _value_axis(ax, name, result[column].attrs.get("units", "1"))
    _time_axis(ax, days, "day", since="first dose")
    _tick_rows(ax, ticks)
    return handles


def _event_free(result: "xarray.Dataset", ax: "Axes") -> list[Any]:
    """Draw the steps of each arm and return the handles of the legend."""
    from matplotlib.ticker import MaxNLocator

    _check(result, "event_day", "patient")
    begin, last = max(0.0, float(result.day.values[0])), float(result.day.values[-1])
    handles, lowest = [], 100.0
    for arm, style, _ in _arms(result):
        events = result.event_day.sel(arm=arm).values
        events = np.sort(events[~np.isnan(events)])  # nan: a patient who failed
        total, events = max(len(events), 1), events[events <= last]
        share = 100.0 * (1.0 - np.arange(len(events) + 1) / total)
        x, y = np.concatenate([[begin], events, [last]]), np.append(share, share[-1])
        handles += ax.step(x, y, where="post", linewidth=1.8, label=arm, gid=f"event_free:{arm}", **style)
        shown = _published(ax, result, "event_free", arm, style["color"], 100.0)
        lowest = min([lowest, y[-1], *(float(point.get_ydata().min()) for point in shown)])
        handles += shown
    ax.set_ylabel("patients without an event (%)")
    floor = max(0.0, 5.0 * math.floor(lowest / 5.0) - 5.0)
    ax.set_ylim(floor, 100.0 + 0.05 * (100.0 - floor))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    _time_axis(ax, result.day.values, result.event_day.attrs.get("units", "day"))
    return handles


def _check(result: "xarray.Dataset", name: str, over: str) -> None:
    if name in result and "record" in result[name].dims:
        cure = "simulate with times for all, or draw result.to_dataframe() by patient"
        raise BadValue(f"'{name}' is over records, each of a patient with times of its own: {cure}")
    if name not in result or over not in result[name].dims:
        known = [str(key) for key in result.data_vars if over in result[key].dims]
        raise unknown("variable", name, known, f"a picture over '{over}' needs it, and the result")


def _arms(result: "xarray.Dataset") -> list[tuple[str, dict[str, Any], str]]:
    """Return name, line style and marker of every arm."""
    names = [str(arm) for arm in result.arm.values] if "arm" in result.dims else []
    return [
        (arm, {"color": COLOURS[i % len(COLOURS)], "linestyle": LINES[i % len(LINES)]}, MARKERS[i % len(MARKERS)])
        for i, arm in enumerate(names)
    ]


def _over_patients(values: "xarray.DataArray") -> np.ndarray:
    """Return median, q1 and q3, shape (3, time), of a variable of `simulate`; quartiles are nan for one patient."""
    if "patient" in values.dims:
        return quartiles(values.transpose("patient", "time").values)[:3]
    return np.stack([values.values, *np.full((2, values.size), np.nan)])


def _from_first_rise(result: "xarray.Dataset", name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return days since the last time before the observable first rises, and its statistics, for two weeks."""
    values, time = _over_patients(result[name]), result.time.values
    rising = np.flatnonzero(np.diff(values[0]) > 0)
    if not rising.size:
        raise BadValue(f"'{name}' never rises: the regimen gives nothing, or the times miss its first two weeks")
    chosen = (time >= time[rising[0]]) & (time <= time[rising[0]] + CYCLE)
    return time[chosen] - time[rising[0]], values[:, chosen]


def _band(ax: "Axes", days: np.ndarray, values: np.ndarray, style: dict[str, Any], label: str) -> Any:
    """Draw a median line and, where there are any, its quartiles; return the line."""
    (line,) = ax.plot(days, values[0], linewidth=1.8, label=label, gid=f"median:{label}", zorder=3, **style)
    if np.isfinite(values[1:]).any():
        ax.fill_between(days, values[1], values[2], color=style["color"], alpha=0.18, linewidth=0, zorder=1)
    return line


def _visits(ax: "Axes", result: "xarray.Dataset", name: str, arm: str, colour: str, marker: str) -> list[Any]:
    if f"{name}_visit" not in result:
        return []
    seen = result[f"{name}_visit"].sel(arm=arm, statistic="median").values
    style: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 4.5, "zorder": 4}
    return ax.plot(result.visit.values, seen, label=f"{arm}, measured at visits", gid=f"visits:{arm}", **style)


def _published(ax: "Axes", result: "xarray.Dataset", name: str, arm: str, colour: str, scale: float) -> list[Any]:
    if "published_value" not in result:
        return []
    mine = (result.published_arm.values == arm) & (result.published_observable.values == name)
    if not mine.any():
        return []
    style: dict[str, Any] = {"color": colour, "marker": "D", "markerfacecolor": "white", "markeredgewidth": 1.8}
    style |= {"linestyle": "none", "markersize": 7, "zorder": 5, "clip_on": False}
    days, values = result.published_day.values[mine], scale * result.published_value.values[mine]
    return ax.plot(days, values, label=f"{arm}, published", gid=f"published:{arm}", **style)


def _doses(result: "xarray.Dataset", arm: str, colour: str, first: bool = False) -> list[tuple[str, np.ndarray, str]]:
    """Return label, days and colour of the rows of an arm's doses: planned ones, and (lighter) those that a rule added.

    With `first`, only the planned ones of the first cycle, in days since the first dose.
    """
    from matplotlib.colors import to_rgb

    if "dose_day" not in result:
        return []
    days, who = result.dose_day.sel(arm=arm).values, result.dose_label.sel(arm=arm).values.astype(str)
    seen = days <= result.day.values[-1]  # false for padding
    days, who = days[seen], who[seen]
    planned = days[who == ""]
    if first:
        planned = planned[planned <= planned[:1] + CYCLE] - planned[:1]
    lighter = "#" + "".join(f"{round(255 * (0.4 + 0.6 * part)):02x}" for part in to_rgb(colour))
    rows = [(f"{len(planned)} doses", planned, colour)] if planned.size else []
    for label in [] if first else dict.fromkeys(who[who != ""]):
        extra = days[who == label]
        rows.append((f"{len(extra)} more, {label} only", extra, lighter))
    return rows


def _tick_rows(ax: "Axes", rows: list[tuple[str, np.ndarray, str]]) -> None:
    """Draw rows of dosing ticks between the lower edge of the axes and the time axis, which moves down for them.

    A row's text stands after its last tick, or before its first, where there is room; else in a line of its own.
    """
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    left, right = ax.get_xlim()
    inches = ax.figure.dpi_scale_trans
    line = 0
    for label, days, colour in rows:
        start, end = (days[[0, -1]] - left) / (right - left)
        place = "after" if end < 0.65 else "before" if start > 0.35 else "below"
        down = ScaledTranslation(0, -(ROW * (line + 0.5) + 2) / 72, inches)
        where = blended_transform_factory(ax.transData, ax.transAxes) + down
        ticks = Line2D(days, 0 * days, color=colour, marker="|", linestyle="none", markersize=ROW - 3, transform=where)
        ticks.set(clip_on=False, gid=f"doses:{label}")
        ax.add_artist(ticks)
        at = (days[-1] if place == "after" else days[0], 0)
        away = {"after": (5, 0), "before": (-5, 0), "below": (-2, -ROW)}[place]
        style = {"ha": "right" if place == "before" else "left", "va": "center_baseline", "color": colour}
        _note(ax, label, at, away, xycoords=where, annotation_clip=False, **style)
        line += 2 if place == "below" else 1
    if rows:
        ax.spines["bottom"].set_position(("outward", ROW * line + 4))


def _value_axis(ax: "Axes", name: str, unit: str) -> None:
    """Label the value axis with its unit; copies/mL are drawn on a log axis with the limit of the assay."""
    log = unit == "copies/mL"
    shown = "no unit" if unit == "1" else unit.replace("uL", "µL")
    ax.set_ylabel(f"{_title(name)} ({shown}{', log scale' if log else ''})")
    ax.margins(x=0.02)
    ax.spines[["top", "right"]].set_visible(False)
    if not log:
        if ax.dataLim.y0 >= 0:
            ax.set_ylim(0, 1.05 * ax.dataLim.y1 or 1.0)
        return
    ax.set_yscale("log")
    ax.axhline(ASSAY_LIMIT, color=GREY, linewidth=1.0, linestyle="--", gid="assay limit")
    where = ("axes fraction", "data")
    _note(ax, f"{ASSAY_LIMIT:g} {unit}", (1, ASSAY_LIMIT), (-2, 3), xycoords=where, ha="right", color=GREY)


def _note(ax: "Axes", text: str, at: tuple[float, float], away: tuple[float, float], **options: Any) -> None:
    """Write a small text `away` points from `at`."""
    ax.annotate(text, at, xytext=away, textcoords="offset points", fontsize=SMALL, **options)


def _time_axis(ax: "Axes", times: np.ndarray, unit: str, since: str = "") -> None:
    """Label the time axis, and tick it in months when it is longer than four of them."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.02)
    span = float(times[-1] - times[0])
    months = unit == "day" and span > 4 * MONTH
    if months:
        step = next((s for s in (1, 3, 6, 12, 24, 60) if span / MONTH / s <= 8), 120)
        ax.xaxis.set_major_locator(MultipleLocator(step * MONTH))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda day, _: f"{round(day / MONTH)}"))
    elif unit == "day" and span > 5:
        ax.xaxis.set_major_locator(MultipleLocator(next(s for s in (1, 2, 7, 14, 28) if span / s <= 10)))
    shown = "months" if months else "days" if unit == "day" else unit
    ax.set_xlabel(f"time{f' since {since}' if since else ''} ({shown})")


def _title(name: str) -> str:
    return NAMES.get(name, name.replace("_", " "))


def _legend(ax: "Axes", handles: list[Any], title: str | None = None) -> None:
    """Put the legend above the axes, where it hides nothing."""
    if handles:
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "title": title, "alignment": "left"}
        ax.legend(**_ordered(handles), **place, fontsize=SMALL, title_fontsize=SMALL, frameon=False)


def _ordered(handles: list[Any]) -> dict[str, Any]:
    """Return a legend's handles, one a label, in columns: the arms, then their visits, then what was printed."""
    order = {"visits": 1, "published": 2}
    unique = {handle.get_label(): handle for handle in reversed(handles)}
    kind = {label: order.get(handle.get_gid().split(":")[0], 0) for label, handle in unique.items()}
    shown = sorted(reversed(unique.values()), key=lambda handle: kind[handle.get_label()])
    return {"handles": shown, "ncols": len(set(kind.values()))}


def _axes(ax: "Axes | None", width: float = 7.0, height: float = 4.6) -> "Axes":
    return _figure(1, 1, width, height, shown=True)[1][0] if ax is None else ax


def _figure(
    count: int, columns: int, width: float, height: float, *, shown: bool = False
) -> tuple["Figure", list["Axes"]]:
    """Return a figure with `count` axes of a size in inches.

    It needs no display and pyplot does not know it, so it is gone when nobody holds it. Only in a notebook pyplot makes
    it: a cell that returns Axes shows only pyplot's open figures (`shown`); a Figure that it returns shows itself.
    """
    rows = math.ceil(count / columns)
    size: dict[str, Any] = {"figsize": (width * columns, height * rows), "layout": "constrained"}
    if "ipykernel" in sys.modules:
        from matplotlib import pyplot

        figure = pyplot.figure(**size)
        if not shown:
            pyplot.close(figure)
    else:
        from matplotlib.figure import Figure

        figure = Figure(**size)
    return figure, [figure.add_subplot(rows, columns, i + 1) for i in range(count)]
