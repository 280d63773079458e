"""The picture of a comparison of schedules: what they are for, what they expose to, and benefit against burden."""

from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.plot.axes import legend, new_figure
from immunode.plot.courses import draw_course
from immunode.plot.cycles import cycle_names, draw_cycle
from immunode.plot.frontiers import frontier
from immunode.plot.words import typeset
from immunode.virtual_trials.variables import observables, visit

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


def comparison(result: "xarray.Dataset") -> "Figure":
    """Draw what `compare` returned: the course of the first benefit under each schedule, the typical patient's exposure
    after the first dose, and benefit against burden.

    Main arguments
        result: a Dataset of im.compare

    Returns
        a Figure of matplotlib, with a panel for each of these that there is

    Raises
        BadValue: for any other.

    Example
        >>> import immunode as im
        >>> doses = ["1.5 MIU SC BID days 1-5", "4.5 MIU SC BID days 1-5"]
        >>> result = im.compare("il2_cd4_hiv", doses, patients="cd4 300, suppressed", until=56, n=20)
        >>> len(im.plot.comparison(result).axes)
        3
    """
    if "endpoint_kind" not in getattr(result, "variables", ()):
        raise BadValue("plot.comparison: expected the Dataset that compare() returns")
    benefit, amount, exposure = _benefit(result), _measured(result, "given"), _measured(result, "cmax")
    courses = [] if benefit is None else [name for name in [_signal(result, benefit)] if name in observables(result)]
    drugs = [] if exposure is None else [_signal(result, exposure)]
    drugs = [name for name in drugs if name in cycle_names(result)]
    both = benefit is not None and amount is not None and _known(result, benefit, amount).size > 0
    count = len(courses) + len(drugs) + both
    if not count:
        raise BadValue("plot.comparison: nothing to draw: no schedule gives anything, and no endpoint is a benefit")
    figure, axes = new_figure(count, count, 6.0, 4.6)
    for name, ax in zip(courses, axes, strict=False):
        draw_course(result.drop_vars(visit(name)), name, ax)  # without the noise of counts
        legend(ax, "median, quartiles", owned=True)
    for name, ax in zip(drugs, axes[len(courses) :], strict=False):
        draw_cycle(result, name, ax)
        legend(ax, "typical patient", owned=not courses)
    if both and benefit is not None and amount is not None:
        _draw_frontier(result, benefit, amount, axes[-1])
    return figure


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


def _draw_frontier(result: "xarray.Dataset", benefit: int, amount: int, ax: Any) -> None:
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
        first=1,  # of the patients without doses, who are drawn beside
        ax=ax,
    )
