"""What pictures read of the arms of a trial's result: each arm's style, its printed numbers, which variables there are.

A Dataset of `simulate` has no arms; its variables lie over 'time' instead of 'day'.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue, unknown
from immunode.internal.arguments import one
from immunode.plot.axes import COLOURS, LINES, MARKERS
from immunode.virtual_trials.variables import PUBLISHED, columns

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class ArmStyle:
    """Hold an arm's name and how it is drawn in every panel."""

    name: str
    colour: str
    line: Any
    marker: str

    @property
    def drawn(self) -> dict[str, Any]:
        """Return matplotlib's options of the arm's lines."""
        return {"color": self.colour, "linestyle": self.line}


def drawable(result: Any, call: str) -> None:
    """Raise BadValue for what is no Dataset, naming the call that cannot draw it."""
    from xarray import Dataset

    one(result, Dataset, f"{call}: result", "a Dataset of simulate() or run_trial()")


def arm_styles(result: "xarray.Dataset") -> list[ArmStyle]:
    """Return the style of every arm, by its place; none for a result of `simulate`."""
    names = [str(arm) for arm in result.arm.values] if "arm" in result.dims else []
    return [
        ArmStyle(name, COLOURS[i % len(COLOURS)], LINES[i % len(LINES)], MARKERS[i % len(MARKERS)])
        for i, name in enumerate(names)
    ]


def over_time(result: "xarray.Dataset") -> str:
    """Return the dimension over which the result's courses lie; raise BadValue where there is no time to draw."""
    over = "day" if "arm" in result.dims else "time"
    if result.sizes.get(over) == 0:
        raise BadValue(f"nothing to draw: the result has no value over '{over}'")
    return over


def only_name(names: list[str], call: str) -> str:
    """Return the only one of the names, for a call that named none; raise BadValue with the names that there are."""
    if not names:
        raise BadValue(
            f"{call}: nothing to draw; expected a Dataset of run_trial() or simulate(), with one time for all"
        )
    if len(names) > 1:
        raise BadValue(f"{call}: the result has {len(names)} variables to draw; name one of {', '.join(names)}")
    return names[0]


def check_variable(result: "xarray.Dataset", name: str, over: str) -> None:
    """Raise BadValue for a variable over records, UnknownName for one that does not lie over the dimension `over`."""
    one(name, str, "name", "the name of a variable of the result")
    if name in result and "record" in result[name].dims:
        cure = "simulate with times for all, or draw result.to_dataframe() by patient"
        raise BadValue(f"'{name}' is over records, each of a patient with times of its own: {cure}")
    if name not in result or over not in result[name].dims:
        known = [str(key) for key in result.data_vars if over in result[key].dims]
        raise unknown("variable", name, known, f"a picture over '{over}' needs it, and the result")


def draw_published(ax: "Axes", result: "xarray.Dataset", name: str, arm: ArmStyle, scale: float) -> list[Any]:
    """Draw the numbers that were printed of an arm's variable, `scale` times; return the handles of the legend."""
    printed = columns(result, PUBLISHED)
    of_arm = (printed["arm"] == arm.name) & (printed["observable"] == name) if printed else np.array([], dtype=bool)
    if not of_arm.any():
        return []
    style: dict[str, Any] = {"color": arm.colour, "marker": "D", "markerfacecolor": "white", "markeredgewidth": 1.8}
    style |= {"linestyle": "none", "markersize": 7, "zorder": 5, "clip_on": False}
    days, values = printed["day"][of_arm], scale * printed["value"][of_arm]
    return ax.plot(days, values, label=f"{arm.name}, published", gid=f"published:{arm.name}", **style)
