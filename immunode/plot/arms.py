"""What pictures read of a result: the styles of its courses, printed numbers, which variables there are.

A Dataset of `simulate` has no arms; its variables lie over 'time' instead of 'day'.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue, unknown
from immunode.internal.arguments import one, refuse
from immunode.plot.axes import COLOURS, LINES, MARKERS
from immunode.plot.words import safe
from immunode.virtual_trials.variables import PUBLISHED, columns

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

_OVER = ("day", "visit", "patient", "cycle_day", "dose")  # what lies over one of these is of an arm


@dataclass(frozen=True)
class ArmStyle:
    """Hold the name of an arm, or of a course, and how it is drawn in every panel."""

    name: str
    colour: str
    line: Any
    marker: str

    @property
    def drawn(self) -> dict[str, Any]:
        """Return matplotlib's options of the arm's lines."""
        return {"color": self.colour, "linestyle": self.line}


def drawable(result: Any, call: str) -> "xarray.Dataset":
    """Return a Dataset to draw; raise BadValue for what is none, naming the call that cannot draw it.

    A single arm that was taken out of a trial is a trial of one arm again.
    """
    from xarray import DataArray, Dataset

    if isinstance(result, DataArray):
        name = result.name or "il2"
        refuse(f"{call}: result", result, f"the Dataset that has it, such as {call}(course, {str(name)!r})")
    if isinstance(result, list | tuple):
        cure = "draw the second with ax=, the axes that the first returned"
        refuse(f"{call}: result", result, f"one Dataset of simulate() or run_trial(); {cure}")
    one(result, Dataset, f"{call}: result", "a Dataset of simulate() or run_trial()")
    if "arm" not in result.coords or "arm" in result.dims:
        return result
    of_arm = [name for name in result.data_vars if set(_OVER) & set(result[name].dims)]
    return result.assign({name: result[name].expand_dims("arm") for name in of_arm})


def styles(names: Sequence[str], first: int = 0) -> list[ArmStyle]:
    """Return the style of each of some courses, by its place behind the `first` ones that are drawn already."""
    return [
        ArmStyle(name, COLOURS[i % len(COLOURS)], LINES[i % len(LINES)], MARKERS[i % len(MARKERS)])
        for i, name in enumerate(names, start=first)
    ]


def arm_styles(result: "xarray.Dataset", first: int = 0) -> list[ArmStyle]:
    """Return the style of every arm; none for a result of `simulate`. Raise BadValue for a trial without arms."""
    if "arm" not in result.dims:
        return []
    if not result.sizes["arm"]:
        raise BadValue("nothing to draw: the result has no arm")
    return styles([str(arm) for arm in result.arm.values], first)


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


def check_variable(result: "xarray.Dataset", name: str, over: str, among: Sequence[str] | None = None) -> None:
    """Raise BadValue for a variable over records, UnknownName for one that is not `among` those to draw.

    These are, if none are told, all that lie over the dimension `over`.
    """
    one(name, str, "name", "the name of a variable of the result")
    if name in result and "record" in result[name].dims:
        cure = "simulate with times for all, or draw result.to_dataframe() by patient"
        raise BadValue(f"'{name}' is over records, each of a patient with times of its own: {cure}")
    if name not in result or over not in result[name].dims or (among is not None and name not in among):
        known = list(among or []) or [str(key) for key in result.data_vars if over in result[key].dims]
        raise unknown("variable", name, known, f"a picture over '{over}' needs it, and the result")
    if result[name].dtype.kind not in "iufb":
        raise BadValue(f"'{name}' holds no numbers to draw")


def draw_published(ax: "Axes", result: "xarray.Dataset", name: str, arm: ArmStyle, scale: float) -> list[Any]:
    """Draw the numbers that were printed of an arm's variable, `scale` times; return the handles of the legend."""
    printed = columns(result, PUBLISHED)
    of_arm = (printed["arm"] == arm.name) & (printed["observable"] == name) if printed else np.array([], dtype=bool)
    if not of_arm.any():
        return []
    style: dict[str, Any] = {"color": arm.colour, "marker": "D", "markerfacecolor": "white", "markeredgewidth": 1.8}
    style |= {"linestyle": "none", "markersize": 7, "zorder": 5, "clip_on": False}
    days, values = printed["day"][of_arm], scale * printed["value"][of_arm]
    return ax.plot(days, values, label=safe(f"{arm.name}, published"), gid=f"published:{arm.name}", **style)
