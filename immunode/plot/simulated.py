"""The courses of what `simulate` returned: one of all patients, or one of each regimen of a list, with their doses."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.internal.coarse_times import DOSES, DOSES_NAMES, DOSES_OF, MOST_NAMED, SETS, SETS_WORDS
from immunode.plot.words import typeset
from immunode.virtual_trials.statistics import quartiles

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False)
class Curve:
    """Hold a course: what it is called, median, q1 and q3 (3, times), when doses are given [unit of the time].

    Quartiles are nan for one patient.
    """

    label: str
    values: np.ndarray
    doses: np.ndarray
    patients: int


def curves(result: "xarray.Dataset", name: str, *, change: bool = False) -> list[Curve]:
    """Return the courses of a variable: of each of a list of few regimens, by each parameter of a sensitivity.

    With `change` each patient's is less what it is at the baseline (see `baseline_of`), on a log axis in powers of ten.
    Raise BadValue for a dimension that no picture has.
    """
    variable = result[name]
    odd = [str(dim) for dim in variable.dims if dim not in ("time", "patient", "by")]
    if odd:
        raise BadValue(f"'{name}' lies over '{odd[0]}' too: choose one of it, such as result.isel({odd[0]}=0)")
    ways: list[tuple[int | None, str]] = [(None, "")]
    if "by" in variable.dims:
        units = result["by_units"].values if "by_units" in result.coords else [""] * variable.sizes["by"]
        ways = [(i, f"by {by}{_per(unit)}") for i, (by, unit) in enumerate(zip(result["by"].values, units))]
    out, groups = [], _groups(result)
    for regimen, patients, doses in groups:
        chosen = variable if patients is None else variable.isel(patient=patients)
        for at, by in ways:
            one = chosen if at is None else chosen.isel(by=at)
            rows = np.atleast_2d(one.transpose(..., "time").values.astype(float))
            rows = changes(rows, result.time.values, log=is_log(variable)) if change else rows
            parts = (regimen if len(groups) > 1 or not by else "", by)
            label = ", ".join(part for part in parts if part) or name
            out.append(Curve(label, _statistics(rows), doses, len(rows)))
    return out


def _per(unit: Any) -> str:
    return f" (per {typeset(str(unit))})" if typeset(str(unit)) else ""


def sets(result: "xarray.Dataset") -> list[tuple[float, str]]:
    """Return when states are set within the times of a result [unit of the time], and to what, "art = 0"."""
    said, time = result["time"].attrs, result["time"].values
    when = np.atleast_1d(np.asarray(said.get(SETS, []), dtype=float)).tolist()
    texts = str(said.get(SETS_WORDS, "")).split("\n")
    return [(at, text) for at, text in zip(when, texts) if time.min() <= at <= time.max()]


def is_log(variable: "xarray.DataArray") -> bool:
    """Return whether a variable is drawn on a log axis: copies/mL that are above zero."""
    return variable.attrs.get("units") == "copies/mL" and bool((np.nan_to_num(variable.values, nan=-1.0) > 0).any())


def changes(rows: np.ndarray, time: np.ndarray, *, log: bool) -> np.ndarray:
    """Return rows (patients, times) less each one's value at the baseline; of copies/mL the change of their log10."""
    at = baseline_of(time)
    if not log:
        return np.asarray(rows - rows[:, [at]])
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = np.log10(np.where(rows > 0, rows, np.nan))
    return np.asarray(shown - shown[:, [at]])


def baseline_of(time: np.ndarray) -> int:
    """Return which time is the baseline: 0 where it is among them, else the first."""
    zero = np.flatnonzero(np.abs(time) <= 1e-9)
    return int(zero[0]) if zero.size else 0


def _groups(result: "xarray.Dataset") -> list[tuple[str, np.ndarray | None, np.ndarray]]:
    """Return the name of each course, its patients (None: all), and its doses."""
    shared = str(result.attrs.get("regimen", ""))
    if "regimen" not in result.coords:
        return [(shared, None, _doses(result, None))]
    regimen = result["regimen"].values.astype(str)
    if not regimen.ndim:
        return [(str(regimen), None, _doses(result, str(regimen)))]
    names = list(dict.fromkeys(regimen.tolist()))
    if len(names) > MOST_NAMED:
        return [(f"{len(names)} regimens", None, np.array([]))]
    return [(name, np.flatnonzero(regimen == name), _doses(result, name)) for name in names]


def _doses(result: "xarray.Dataset", regimen: str | None) -> np.ndarray:
    """Return when doses are given, of one regimen of a list, within the times of the result."""
    said, time = result["time"].attrs, result["time"].values
    doses = np.atleast_1d(np.asarray(said.get(DOSES, []), dtype=float))
    if DOSES_NAMES in said:
        names = str(said[DOSES_NAMES]).split("\n")
        of = np.atleast_1d(np.asarray(said[DOSES_OF]))
        doses = doses[of == names.index(regimen)] if regimen in names else doses[:0]
    return np.sort(doses[(doses >= time.min()) & (doses <= time.max())])


def _statistics(rows: np.ndarray) -> np.ndarray:
    """Return median, q1 and q3 of rows (patients, times), nan where nobody has a number."""
    if len(rows) == 1:
        return np.stack([rows[0], *np.full((2, rows.shape[1]), np.nan)])
    out, some = np.full((3, rows.shape[1]), np.nan), np.isfinite(rows).any(axis=0)
    if some.any():
        out[:, some] = quartiles(np.where(np.isfinite(rows), rows, np.nan)[:, some])[:3]
    return out
