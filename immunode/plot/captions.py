"""What stands beside the courses of a picture: their names, whose they are, what their times do not show."""

import warnings
from typing import TYPE_CHECKING

from immunode.internal.coarse_times import coarse
from immunode.plot.axes import held
from immunode.plot.simulated import curves
from immunode.plot.words import safe

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

LINE = 84  # letters of a label in a legend


def course_names(result: "xarray.Dataset") -> list[str]:
    """Return the names of the variables that `course` can draw."""
    dims = {"day", "statistic"} if "arm" in result.dims else {"time"}
    return [str(name) for name in result.data_vars if dims <= set(result[name].dims)]


def labels_of(ax: "Axes", names: list[str], label: str | None, variable: str) -> list[str]:
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


def heading(result: "xarray.Dataset", name: str, *, change: bool = False) -> str:
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


def warn_missed(variables: "list[xarray.DataArray]") -> None:
    """Warn of variables that reach more between the times than they show; of several in one line."""
    said = [text for variable in variables if (text := coarse(variable))]
    if said:
        names = ", ".join(str(variable.name) for variable in variables if coarse(variable))
        warnings.warn(said[0] if len(said) == 1 else f"{said[0]} (and so do others: {names})", stacklevel=3)
