"""The picture of a comparison of schedules: the course of what they are for, and benefit against burden."""

from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.plot.axes import legend, new_figure
from immunode.plot.courses import draw_course
from immunode.plot.frontiers import frontier
from immunode.virtual_trials.variables import visit

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


def comparison(result: "xarray.Dataset") -> "Figure":
    """Draw what `compare` returned: the course of the first benefit under each schedule, and benefit against burden.

    Main arguments
        result: a Dataset of im.compare

    Returns
        a Figure of matplotlib

    Raises
        BadValue: for any other.

    Example
        >>> import immunode as im
        >>> doses = ["1.5 MIU SC BID days 1-5", "4.5 MIU SC BID days 1-5"]
        >>> result = im.compare("il2_cd4_hiv", doses, patients="cd4 300, suppressed", until=56, n=20)
        >>> len(im.plot.comparison(result).axes)
        2
    """
    if "endpoint_kind" not in getattr(result, "variables", ()):
        raise BadValue("plot.comparison: expected the Dataset that compare() returns")
    benefit, burden = (_first(result, kind) for kind in ("benefit", "given"))
    signal = _signal(result, benefit)
    both = [part for part in (signal, benefit if burden is not None else None) if part is not None]
    figure, axes = new_figure(max(len(both), 1), max(len(both), 1), 6.4, 4.6)
    if signal is not None:
        draw_course(result.drop_vars(visit(signal)), signal, axes[0])  # without the noise of counts
        legend(axes[0], "median, quartiles", owned=True)
    if benefit is not None and burden is not None:
        _draw_frontier(result, benefit, burden, axes[-1])
    return figure


def _first(result: "xarray.Dataset", kind: str) -> int | None:
    """Return the place of the first benefit, or of the amount given."""
    for i, words in enumerate(result.endpoint_words.values):
        if (kind == "given" and " given" in str(words)) or result.endpoint_kind.values[i] == kind:
            return i
    return None


def _signal(result: "xarray.Dataset", benefit: int | None) -> str | None:
    if benefit is None:
        return None
    words = str(result.endpoint_words.values[benefit])
    return next((str(name) for name in result.data_vars if f" of {name}" in f"{words} "), None)


def _draw_frontier(result: "xarray.Dataset", benefit: int, burden: int, ax: Any) -> None:
    arms = np.arange(1, result.sizes["arm"])
    known = arms[np.isfinite(result.estimate.values[arms][:, [benefit, burden]]).all(axis=1)]
    part = result.isel(arm=known)
    units = [str(result.endpoint_unit.values[i]) for i in (benefit, burden)]
    labels = [str(result.endpoint.values[i]) for i in (benefit, burden)]
    shown = [label if unit in (label, "1") else f"{label} ({unit})" for label, unit in zip(labels, units, strict=True)]
    frontier(
        part.estimate.values[:, benefit],
        part.estimate.values[:, burden],
        [str(name) for name in part.arm.values],
        benefit_interval=np.stack([part.low.values[:, benefit], part.high.values[:, benefit]], axis=1),
        efficient=part.efficient.values.tolist(),
        benefit_label=shown[0],
        burden_label=shown[1],
        first=1,  # of the patients without doses, who are drawn beside
        ax=ax,
    )
