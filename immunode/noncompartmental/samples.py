"""Read concentrations and their times: what is no sample is refused, what is missing is left out,
what is noise or below a limit is zero."""

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue, UnitError
from immunode.internal import arguments
from immunode.internal.coarse_times import coarse
from immunode.internal.gc_pause import paused
from immunode.units import convert, with_unit

if TYPE_CHECKING:
    import xarray

_NAMED = 5  # profiles of which a warning says how many samples are missing
_NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")
SAME = 1e-9  # times that differ by less, relatively, are one that was rounded


@dataclass(frozen=True)
class Samples:
    """Hold n profiles: times since the dose, concentrations (n, times), and whether the first column is no sample but
    the C0 that was extrapolated for a bolus; `profiles` as they were given, whose units are `unit` and `clock`."""

    t: np.ndarray
    c: np.ndarray
    extrapolated: bool
    profiles: "xarray.DataArray"

    @property
    def unit(self) -> str | None:
        """Return the unit of the concentrations."""
        return self.profiles.attrs.get("units")

    @property
    def clock(self) -> str | None:
        """Return the unit of the times."""
        return self.profiles["time"].attrs.get("units")

    @property
    def sampled(self) -> np.ndarray:
        """Return which columns are samples."""
        return np.arange(len(self.t)) >= self.extrapolated


def read(
    concentrations: Any, times: Any, dose_time: Any, lloq: Any, *, bolus: bool
) -> list[tuple[np.ndarray, Samples]]:
    """Return the samples since the dose, before them the C0 of a bolus that has none at the dose: for the profiles that
    lack none, and for those that lack the same, which ones and their samples."""
    profiles = _profiles(concentrations, times)
    if missed := coarse(profiles):
        warnings.warn(missed, stacklevel=3)
    start = number("dose_time", dose_time, profiles["time"].attrs.get("units"))
    t = profiles["time"].values.astype(float) - start
    t[np.abs(t) <= SAME * max(1.0, abs(start))] = 0.0
    c = profiles.values.astype(float).reshape(-1, len(t))
    limit = None if lloq is None else number("lloq", lloq, profiles.attrs.get("units"))
    c = _without_noise(c, profiles.attrs.get("rtol", 0.0)) if limit is None else np.where(c < limit, 0.0, c)
    t, c = t[t >= 0], c[:, t >= 0]
    if not t.size:
        raise BadValue(f"dose_time = {start:g} is after the last sample; give the time of the dose")
    missing = np.isnan(c) & ~np.isnan(c).all(axis=1, keepdims=True)
    failed = np.isnan(c) if "rtol" not in profiles.attrs else np.isnan(c) & ~missing  # what is solved lacks none
    bad = ~((c >= 0) & np.isfinite(c) | failed)
    if bad.any():
        _refuse(profiles, t + start, c, *np.argwhere(bad)[0])
    lacking, which = np.zeros((1, len(t)), dtype=bool), np.zeros(len(c), dtype=int)
    if missing.any():
        warnings.warn(_left_out(profiles, missing), stacklevel=3)
        lacking, which = np.unique(missing, axis=0, return_inverse=True)
    alike = [np.flatnonzero(which.ravel() == i) for i in range(len(lacking))]
    groups = [
        (rows, _since(profiles, start, t[~left], c[np.ix_(rows, ~left)], rows, bolus=bolus))
        for rows, left in zip(alike, lacking, strict=True)
    ]
    zero = sum(int((data.c[:, 0] == 0).sum()) for _, data in groups if bolus and not data.extrapolated)
    if zero:
        warnings.warn(
            f"{zero} of {len(c)} profiles are zero at the bolus, which counts as C0: leave out a "
            "sample that was taken before it, and simulate with at_dose='post'",
            stacklevel=3,
        )
    return groups


def _since(
    profiles: "xarray.DataArray", start: float, t: np.ndarray, c: np.ndarray, rows: np.ndarray, *, bolus: bool
) -> Samples:
    """Return the samples of profiles that have all of them, before them C0 where a bolus has none at the dose."""
    absent = bool(t[0] > 0)
    if absent and not bolus:
        one = f" of {_name(profiles, rows[0])}" if len(t) < profiles["time"].size else ""
        raise BadValue(
            f"no sample{one} at the dose, time {start:g}: give its time as dose_time=, or add the concentration there "
            "(zero before a first dose), or say route='iv bolus'"
        )
    if absent:
        t, c = np.r_[0.0, t], np.column_stack([_back(t, c), c])
    return Samples(t, c, absent, profiles)


def number(name: str, value: Any, unit: str | None) -> float:
    """Return a number in the unit of the data; raise UnitError for a unit where they have none."""
    if unit is None and (isinstance(value, str) or hasattr(value, "magnitude")):
        raise UnitError(f"{name} = {arguments.short(value)}, but the data have no units: give a number")
    if not isinstance(value, str) and not hasattr(value, "magnitude"):
        return arguments.finite(value, name, "a number" + (f", or a text such as '1 {unit}'" if unit else ""))
    try:
        return convert(value, unit or "1")
    except (BadValue, UnitError) as error:
        raise type(error)(f"{name} = {arguments.short(value)}: expected a quantity in {unit} ({error})") from error


def positive(name: str, value: Any, unit: str | None) -> float:
    """Return a number above zero in the unit of the data."""
    converted = number(name, value, unit)
    return converted if converted > 0 else arguments.refuse(name, value, "a time above zero")


def infusion(route: str, duration: Any, data: Samples) -> float:
    """Return how long the dose was infused, 0 for another route."""
    if route == "iv infusion":
        if duration is None:
            raise BadValue("route = 'iv infusion' needs a duration, such as duration='2 h'")
        return positive("duration", duration, data.clock)
    if duration is not None:
        raise BadValue(f"duration = {arguments.short(duration)} with route = {route!r}: say route='iv infusion'")
    return 0.0


def _profiles(concentrations: Any, times: Any) -> "xarray.DataArray":
    """Return concentrations as a DataArray whose last dimension is `time`, increasing."""
    with paused():
        import xarray
    if times is not None:
        (concentrations, unit), (times, clock) = with_unit(concentrations), with_unit(times)
        c, t = _array("concentrations", concentrations, missing=True), _array("times", times)
        if t.ndim != 1 or c.ndim not in (1, 2) or c.shape[-1] != len(t) or not t.size:
            raise BadValue(f"{c.shape} concentrations at {t.shape} times: expected (times,) or (patients, times)")
        concentrations = xarray.DataArray(c, {"time": t}, ("patient", "time")[-c.ndim :])
        for part, name in ((concentrations, unit), (concentrations["time"], clock)):
            part.attrs |= {} if name is None else {"units": name}
    if "record" in getattr(concentrations, "dims", ()):
        raise BadValue(
            "each patient has times of their own: analyse one by one, such as course['il2'].groupby('patient').map("
            "lambda one: im.nca(one.swap_dims(record='time')))"
        )
    if "time" not in getattr(concentrations, "dims", ()) or not isinstance(concentrations, xarray.DataArray):
        raise BadValue("concentrations have no times: give times=, or one output of simulate such as course['il2']")
    if concentrations.dtype.kind not in "iuf":
        raise BadValue(f"concentrations are of the kind {concentrations.dtype}: expected numbers")
    t = concentrations["time"].values
    if not t.size or t.dtype.kind not in "iuf":
        raise BadValue(f"times are {t.size} of the kind {t.dtype}: expected numbers, such as days")
    rises = np.isfinite(t) & np.r_[True, np.diff(t) > 0]
    if not rises.all():
        at = int(np.argmin(rises))
        raise BadValue(
            f"time {t[at]:g} (sample {at}): expected times that increase; sort them, drop repeated ones (of a course "
            "with at_dose='both' one side)"
        )
    return concentrations.transpose(..., "time")


def _array(name: str, values: Any, *, missing: bool = False) -> np.ndarray:
    """Return numbers as an array, nan for what is `missing`; raise BadValue, naming them, for texts, tables and ragged
    lists."""
    try:
        array = np.asarray(values)
        if array.dtype.kind in "OU":
            cells = np.array(values, dtype=object)
            numbers = [_cell(value, missing) for value in cells.ravel()]
            array = np.array(numbers, float).reshape(cells.shape) if None not in numbers else np.empty(0, object)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0, object)
    if array.dtype.kind not in "iuf":
        arguments.refuse(name, values, f"numbers, of several patients in rows of equal length{_cure(values, missing)}")
    return array.astype(float)


def _cure(values: Any, missing: bool) -> str:
    """Return what to write for the first text among concentrations, such as "BLQ" or "<2"."""
    try:
        cells = np.array(values, dtype=object).ravel().tolist() if missing else []
    except (TypeError, ValueError):  # rows of unequal length, a Dataset
        return ""
    texts = [cell.strip() for cell in cells if isinstance(cell, str)]
    word = next((text for text in texts if text and not _NUMBER.fullmatch(text)), None)
    if word is None:
        return "; write them without quotes" if any(texts) else ""
    return f"; for {arguments.short(word)} write 0, as for what is below lloq=, or None if missing"


def _cell(value: Any, missing: bool) -> float | None:
    """Return a number, nan for an empty cell where one may be `missing`, None for what is neither."""
    empty = value is None or type(value).__name__ == "NAType" or (isinstance(value, str) and not value.strip())
    return np.nan if missing and empty else arguments.number(value)


def _without_noise(c: np.ndarray, rtol: float) -> np.ndarray:
    """Return concentrations with zeros for what a solver of this tolerance cannot tell from it."""
    largest = np.max(np.nan_to_num(c), axis=1, keepdims=True, initial=0.0)
    return np.where(np.abs(c) <= rtol * largest, 0.0, c)


def _back(t: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return C0 of a bolus: the line through the logarithms of the first two samples at the dose, else the first."""
    first, second = c[:, 0], c[:, min(1, len(t) - 1)]
    falls = (first > second) & (second > 0)
    steps = t[0] / (t[1] - t[0]) if len(t) > 1 else 0.0
    return first * np.divide(first, second, out=np.ones_like(first), where=falls) ** steps


def _refuse(profiles: "xarray.DataArray", t: np.ndarray, c: np.ndarray, profile: int, at: int) -> None:
    """Raise BadValue for a concentration, naming the patient as the table does."""
    raise BadValue(
        f"the concentration of {_name(profiles, profile)} at time {t[at]:g} is {c[profile, at]:g}: expected "
        "zero or more; let lloq= count small values as zero, and make failed patients nan throughout: "
        "course['il2'].where(course.status == 0)"
    )


def _left_out(profiles: "xarray.DataArray", missing: np.ndarray) -> str:
    """Return what is said of missing concentrations: of whom, how many."""
    count = missing.sum(axis=1)
    who = np.flatnonzero(count)
    each = ", ".join(f"{count[i]} of {_name(profiles, i)}" for i in who[:_NAMED])
    more = f" and {count[who[_NAMED:]].sum()} of {len(who) - _NAMED} others" if len(who) > _NAMED else ""
    return f"concentrations are missing and left out: {each}{more}"


def _name(profiles: "xarray.DataArray", profile: int) -> str:
    """Return the name of a profile by its coordinates, such as "patient 3"."""
    dims = profiles.dims[:-1]
    place = np.unravel_index(profile, profiles.shape[:-1]) if dims else ()
    names = [f"{d} {profiles[d].values[i] if d in profiles.coords else i}" for d, i in zip(dims, place, strict=True)]
    return ", ".join(names) or "the profile"
