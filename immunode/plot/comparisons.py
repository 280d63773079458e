"""The picture of a comparison of schedules: what they are for, what they expose to, and benefit against burden."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue, unknown
from immunode.internal.arguments import several
from immunode.plot.axes import legend, new_figure
from immunode.plot.courses import draw_course
from immunode.plot.cycles import CYCLE, cycle_names, draw_cycle
from immunode.plot.frontiers import frontier
from immunode.plot.words import typeset
from immunode.virtual_trials.variables import observables, visit

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_FRONTIER = "frontier"
_Panel = Callable[..., None]  # draws on axes, `first` of a figure or behind others


def comparison(result: "xarray.Dataset", panels: "Sequence[str] | str | None" = None) -> "Figure":
    """Draw what `compare` returned in one Figure, or some of its panels.

    These are the course of the first benefit under each schedule, the typical patient's exposure after the first dose,
    and benefit against burden.

    Main arguments
        result: a Dataset of im.compare
        panels: names of the panels to draw: a variable, "x cycle" of a drug x, and "frontier"; default all that there
            are

    Returns
        a Figure of matplotlib, with a panel for each of these that there is

    Raises
        BadValue: for any other.
        UnknownName: for a panel that the result does not have, with those that it has.

    Example
        >>> import immunode as im
        >>> doses = ["1.5 MIU SC BID days 1-5", "4.5 MIU SC BID days 1-5"]
        >>> result = im.compare("il2_cd4_hiv", doses, patients="cd4 300, suppressed", until=56, n=20)
        >>> len(im.plot.comparison(result).axes)
        3
        >>> len(im.plot.comparison(result, "cd4").axes)
        1
    """
    if not is_comparison(result):
        raise BadValue("plot.comparison: expected the Dataset that compare() returns")
    known = comparison_panels(result)
    if not known:
        raise BadValue("plot.comparison: nothing to draw: no schedule gives anything, and no endpoint is a benefit")
    listed = [panels] if isinstance(panels, str) else panels
    names = list(known) if listed is None else several(listed, str, "plot.comparison: panels", "['cd4', 'frontier']")
    for name in names:
        if name not in known:
            raise unknown("panel", name, list(known), "plot.comparison of this result")
    figure, axes = new_figure(len(names), len(names), 6.0, 4.6)
    for i, (name, ax) in enumerate(zip(names, axes, strict=True)):
        known[name](ax, first=i == 0)
    return figure


def is_comparison(result: Any) -> bool:
    """Return whether a value is what `compare` returned."""
    return "endpoint_kind" in getattr(result, "variables", ())


def comparison_panels(result: "xarray.Dataset") -> dict[str, _Panel]:
    """Return the panels of what `compare` returned, by name."""
    benefit, amount, exposure = _benefit(result), _measured(result, "given"), _measured(result, "cmax")
    panels: dict[str, _Panel] = {}
    if benefit is not None and (name := _signal(result, benefit)) in observables(result):
        panels[name] = partial(_draw_course, result, name)
    if exposure is not None and (name := _signal(result, exposure)) in cycle_names(result):
        panels[f"{name} {CYCLE}"] = partial(_draw_cycle, result, name)
    if benefit is not None and amount is not None and _known(result, benefit, amount).size > 0:
        panels[_FRONTIER] = partial(_draw_frontier, result, benefit, amount)
    return panels


def _draw_course(result: "xarray.Dataset", name: str, ax: "Axes", *, first: bool) -> None:
    draw_course(result.drop_vars(visit(name)), name, ax)  # without the noise of counts
    legend(ax, "median, quartiles", owned=first)


def _draw_cycle(result: "xarray.Dataset", name: str, ax: "Axes", *, first: bool) -> None:
    draw_cycle(result, name, ax)
    legend(ax, "typical patient", owned=first)


def _benefit(result: "xarray.Dataset") -> int | None:
    kinds = result.endpoint_kind.values.tolist()
    return kinds.index("benefit") if "benefit" in kinds else None


def _measured(result: "xarray.Dataset", measure: str) -> int | None:
    """Return the place of the first burden of a measure."""
    for i, words in enumerate(result.endpoint_each.values):
        if str(words).split()[0] == measure and result.endpoint_kind.values[i] == "burden":
            return i
    return None


def _signal(result: "xarray.Dataset", place: int) -> str:
    return str(result.endpoint_each.values[place]).partition(" of ")[2].partition(",")[0]


def _known(result: "xarray.Dataset", benefit: int, amount: int) -> np.ndarray:
    """Return the places of schedules of which both are known."""
    arms = np.arange(1, result.sizes["arm"])
    return arms[np.isfinite(result.estimate.values[arms][:, [benefit, amount]]).all(axis=1)]


def _draw_frontier(result: "xarray.Dataset", benefit: int, amount: int, ax: "Axes", **_: bool) -> None:
    part = result.isel(arm=_known(result, benefit, amount))
    spans = np.stack([part.low.values[:, benefit], part.high.values[:, benefit]], axis=1)
    gain = f"{result.endpoint.values[benefit]} ({typeset(str(result.endpoint_unit.values[benefit]))})"
    frontier(
        part.estimate.values[:, benefit],
        part.estimate.values[:, amount],
        [str(name) for name in part.arm.values],
        benefit_interval=spans if np.isfinite(spans).all() else None,  # few patients have none
        efficient=part.efficient.values.tolist(),
        benefit_label=gain,
        better=str(result.endpoint_better.values[benefit]) or "more",
        burden_label=f"given ({typeset(str(result.endpoint_unit.values[amount]))})",
        first=1,  # of the patients without doses, who are drawn in other panels
        ax=ax,
    )
