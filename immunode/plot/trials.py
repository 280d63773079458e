"""A trial in one picture, or some of its panels."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue, unknown
from immunode.internal.arguments import several
from immunode.plot.arms import drawable
from immunode.plot.axes import in_columns, new_figure
from immunode.plot.bands import moves_within_days
from immunode.plot.captions import course_names
from immunode.plot.comparisons import comparison_panels, is_comparison
from immunode.plot.courses import draw_course
from immunode.plot.cycles import CYCLE, draw_cycle
from immunode.plot.survival import draw_event_free
from immunode.plot.words import safe, title
from immunode.virtual_trials.variables import ABOUT, cycles, typical

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

EVENT_FREE = "event_free"  # a name of a panel; those of courses are their variables'
_MOST = 4  # courses, where nothing says what the trial is about
_ROOM = 4  # arms; more need a higher figure

_Panel = tuple[partial[list[Any]], str]


def trial(result: "xarray.Dataset", panels: "Sequence[str] | str | None" = None) -> "Figure":
    """Draw a trial in one Figure: what it is about over time, what is given over one cycle, event-free survival.

    It is about the outputs of printed figures, baselines and rules, or those that the model's patients are described
    by, else about the model's first four. What moves within days, such as a drug, is drawn over the first cycle of
    doses. Panels for which the result holds nothing (no doses, no events) are left out.

    Main arguments
        result: a Dataset of im.run_trial
        panels: names of the panels to draw: variables, of which "x cycle" is over one cycle, and "event_free"; default
            all of them

    Returns
        a Figure of matplotlib

    Raises
        BadValue: for what is no trial.
        UnknownName: for a panel that the result does not have, with those that it has.

    Example
        >>> import immunode as im
        >>> result = im.run_trial("tincati_2008", n=20)
        >>> len(im.plot.trial(result).axes)
        4
        >>> len(im.plot.trial(result, ["cd4", "il2 cycle"]).axes)
        2
    """
    result = drawable(result, "plot.trial")
    chosen = _chosen(result, panels)
    if not chosen:
        raise BadValue("nothing to draw: expected a Dataset of run_trial(), with courses over 'arm' and 'day'")
    rows = max(0, result.sizes["arm"] - _ROOM)
    figure, axes = new_figure(len(chosen), min(2, len(chosen)), 6.0, 4.2 + 0.1 * rows)
    handles: list[Any] = []
    for (draw, heading), ax in zip(chosen, axes, strict=True):
        handles += draw(ax)
        ax.set_title(safe(heading), fontsize="medium", loc="left")
    figure.legend(
        **in_columns(handles, 84 * min(2, len(chosen))), loc="outside lower center", frameon=False, fontsize=9
    )
    size = f"{result.attrs['n']} virtual patients per arm" if "n" in result.attrs else ""
    figure.align_ylabels()
    name = ", ".join(filter(None, (str(result.attrs.get("trial", "")), size)))
    figure.suptitle(safe(name), fontsize="large")
    return figure


def panel_names(result: "xarray.Dataset") -> list[str]:
    """Return the names of the panels that `trial` or `comparison` draws of a result, for their `panels`.

    Main arguments
        result: a Dataset of im.run_trial or im.compare

    Returns
        a list of names, empty for a result without courses

    Raises
        BadValue: for what is no Dataset.

    Example
        >>> import immunode as im
        >>> im.plot.panel_names(im.run_trial("tincati_2008", n=20))
        ['cd4', 'rna', 'il2 cycle', 'event_free']
    """
    result = drawable(result, "plot.panel_names")
    if is_comparison(result):
        return list(comparison_panels(result))
    return list(_panels(result)) if _drawn(result) else []


def _drawn(result: "xarray.Dataset") -> bool:
    return bool("arm" in result.dims and result.sizes["arm"] and result.sizes.get("day"))


def _chosen(result: "xarray.Dataset", panels: "Sequence[str] | str | None") -> list[_Panel]:
    """Return the panels by their names, all that are usual where none are named."""
    if not _drawn(result):
        return []
    usual = _panels(result)
    if panels is None:
        return list(usual.values())
    names = [panels] if isinstance(panels, str) else several(panels, str, "plot.trial: panels", "['cd4', 'event_free']")
    known = usual | _courses(result, course_names(result)) | _cycles(result, cycles(result))
    for name in names:
        if name not in known:
            raise unknown("panel", name, list(known), "plot.trial of this result")
    return [known[name] for name in names]


def _panels(result: "xarray.Dataset") -> dict[str, _Panel]:
    """Return the panels that are drawn of a result, by name: the function that draws each on axes, and its heading."""
    fast = [name for name in cycles(result) if moves_within_days(result, name)]
    slow = [name for name in course_names(result) if name not in fast]
    about = [name for name in str(result.attrs.get(ABOUT, "")).split() if name in slow]
    panels = _courses(result, about or slow[:_MOST]) | _cycles(result, fast[:2])
    if "event_day" in result and np.isfinite(result.event_day).any():
        panels[EVENT_FREE] = (partial(draw_event_free, result), "Event-free survival")
    return panels


def _courses(result: "xarray.Dataset", names: Sequence[str]) -> dict[str, _Panel]:
    return {
        name: (partial(draw_course, result, name), f"{title(name, result[name])}: median and quartiles")
        for name in names
    }


def _cycles(result: "xarray.Dataset", names: Sequence[str]) -> dict[str, _Panel]:
    heading = "over one cycle, typical patient"
    return {
        f"{name} {CYCLE}": (partial(draw_cycle, result, name), f"{title(name, result[typical(name)])} {heading}")
        for name in names
    }
