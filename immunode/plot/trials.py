"""A trial in one picture."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.plot.arms import drawable
from immunode.plot.axes import in_columns, new_figure, title
from immunode.plot.courses import course_names, draw_course, draw_cycle
from immunode.plot.survival import draw_event_free
from immunode.virtual_trials.variables import typical

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

COURSES = ("cd4", "rna")  # what is drawn of a trial that has it, in this order; of any other its first output
DOSED = "il2"  # what is drawn over one cycle of doses


def trial(result: "xarray.Dataset") -> "Figure":
    """Draw a trial in one Figure: CD4 and HIV-RNA (else its first output), IL-2 over one cycle, event-free survival.

    Panels for which the result holds nothing (no IL-2, no events) are left out.

    Main arguments
        result: a Dataset of im.run_trial

    Returns
        a Figure of matplotlib

    Raises
        BadValue: for what is no trial.

    Example
        >>> import immunode as im
        >>> figure = im.plot.trial(im.run_trial("tincati_2008", n=20))
        >>> len(figure.axes)
        4
    """
    drawable(result, "plot.trial")
    panels = _panels(result) if "arm" in result.dims else []
    if not panels:
        raise BadValue("nothing to draw: expected a Dataset of run_trial(), with courses over 'arm' and 'day'")
    figure, axes = new_figure(len(panels), min(2, len(panels)), 6.0, 4.2)
    handles: list[Any] = []
    for (draw, heading), ax in zip(panels, axes, strict=True):
        handles += draw(ax)
        ax.set_title(heading, fontsize="medium", loc="left")
    figure.legend(**in_columns(handles), loc="outside lower center", frameon=False, fontsize=9)
    size = f"{result.attrs['n']} virtual patients per arm" if "n" in result.attrs else ""
    figure.align_ylabels()
    figure.suptitle(", ".join(filter(None, (str(result.attrs.get("trial", "")), size))), fontsize="large")
    return figure


def _panels(result: "xarray.Dataset") -> list[tuple[partial[list[Any]], str]]:
    """Return the function that draws each panel on axes, and the panel's heading."""
    courses = course_names(result)
    names = [name for name in COURSES if name in courses] or courses[:1]
    panels = [(partial(draw_course, result, name), f"{title(name)}: median and quartiles") for name in names]
    if typical(DOSED) in result:
        panels.append((partial(draw_cycle, result, DOSED), "IL-2 over one cycle, typical patient"))
    if "event_day" in result and np.isfinite(result.event_day).any():
        panels.append((partial(draw_event_free, result), "Event-free survival"))
    return panels
