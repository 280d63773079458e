"""Analyse concentrations without a model (NCA): areas, moments, terminal slope, clearance, defined as in WinNonlin."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue, UnitError, unknown
from immunode.internal.gc_pause import paused
from immunode.units import convert, factor, parse

if TYPE_CHECKING:
    import xarray

METHODS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    # where the logarithmic rule holds, of intervals that fall and intervals that begin at Tmax or later
    "linear": lambda falls, after: np.zeros_like(falls),
    "log after Tmax": lambda falls, after: after,
    "linear-up log-down": lambda falls, after: falls,
    "linear-up log-down after Tmax": lambda falls, after: falls & after,
}
TIE = 1e-4  # an adjusted R2 this near to the largest is as good, and more points win
SAME = 1e-9  # times that differ by less, relatively, are one that was rounded
FAILED, EMPTY = "missing concentrations", "no concentration above zero"
SHORT, RISING = "fewer than 3 concentrations above zero after Cmax", "concentrations do not fall after Cmax"
UNITS = {  # of concentrations c, times t and volumes v
    "{c}": "Cmax Clast Clast_pred Cavg Ctrough",
    "{t}": "Tmax Tlag Tlast lambda_z_start half_life MRTlast MRTinf_obs MRTinf_pred",
    "{c} * {t}": "AUClast AUCall AUCinf_obs AUCinf_pred AUCtau",
    "{c} * {t}^2": "AUMClast AUMCinf_obs AUMCinf_pred AUMCtau",
    "1/{t}": "lambda_z",
    "{v}/{t}": "CL_F",
    "{v}": "Vz_F",
    "percent": "AUC_extrapolated_obs AUC_extrapolated_pred",
    "1": "lambda_z_points R2 R2_adjusted",
}


def nca(
    concentrations: Any,
    times: Any = None,
    *,
    dose: Any = None,
    tau: Any = None,
    method: str = "linear-up log-down",
    dose_time: Any = 0.0,
    lloq: float = 0.0,
) -> "xarray.Dataset":
    """Return the non-compartmental analysis of `concentrations` as a Dataset with one value for each profile.

    `concentrations` is an output of `simulate` (`course["il2"]`, which knows its times and units), or an array (times,)
    or (patients, times) with its `times`. Results count time from `dose_time`; samples before it are left out, and one
    must be at it: for a bolus the value after it (`at_dose="post"`). What is below `lloq` ("1 IU/mL") counts as zero,
    as a simulated value should that is no more than the solver's tolerance. `method`, the trapezoidal rule, is
    "linear", "log after Tmax", "linear-up log-down", or "linear-up log-down after Tmax" (linear before it). `lambda_z`
    is fitted to the last 3 or more samples above zero after Cmax: those with the largest adjusted R2, or the most of
    those within 1e-4 of it. Where there are none, what rests on it is nan and `reason` says why; of a profile that is
    nan throughout, all is. Mean residence times (MRT) include that of the input.

    `dose` ("3 MIU", a DataArray, or plain numbers where concentrations have no unit; one, or one for each profile) adds
    clearance CL_F and volume Vz_F, over bioavailability. `tau`, the dosing interval ("12 h" or in the unit of the
    times), says that the profile is at steady state: it adds AUCtau, AUMCtau, Cavg and, at the end, Ctrough; CL_F,
    Vz_F and MRTinf then rest on AUCtau. What lies behind the last sample falls by `lambda_z`.

    Raise BadValue for times that do not increase, missing or negative concentrations, UnknownName for a method,
    UnitError for a dose or duration whose unit does not fit. Formulas: doi:10.1007/978-1-62703-050-2_16.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS, "nca")
    profiles = _profiles(concentrations, times)
    clock, unit = profiles["time"].attrs.get("units"), profiles.attrs.get("units")
    t, c = _since_dose(profiles, _number("dose_time", dose_time, clock), _number("lloq", lloq, unit))
    values, reason = _terminal(t, c)
    values |= _areas(t, c, method, values)
    if tau is not None:
        values |= _interval(t, c, method, values, _number("tau", tau, clock))
    volume = None
    if dose is not None:
        amount, volume = _amount(dose, profiles)
        clearance = _over(amount, values["AUCinf_obs" if tau is None else "AUCtau"])
        values |= {"CL_F": clearance, "Vz_F": clearance / values["lambda_z"]}
    return _dataset(values, reason, profiles, volume)


def _profiles(concentrations: Any, times: Any) -> "xarray.DataArray":
    """Return concentrations as a DataArray whose last dimension is `time`, increasing."""
    with paused():
        import xarray
    if times is not None:
        c, t = np.asarray(concentrations, dtype=float), np.asarray(times, dtype=float)
        if t.ndim != 1 or c.ndim not in (1, 2) or c.shape[-1] != len(t) or not t.size:
            raise BadValue(f"{c.shape} concentrations at {t.shape} times: expected (times,) or (patients, times)")
        concentrations = xarray.DataArray(c, {"time": t}, ("patient", "time")[-c.ndim :])
    if "record" in getattr(concentrations, "dims", ()):
        raise BadValue(
            "each patient has times of their own: analyse one by one, such as course['il2'].groupby('patient').map("
            "lambda one: im.nca(one.swap_dims(record='time')))"
        )
    if "time" not in getattr(concentrations, "dims", ()) or not isinstance(concentrations, xarray.DataArray):
        raise BadValue("concentrations have no times: give times=, or one output of simulate such as course['il2']")
    t = concentrations["time"].values
    rises = np.isfinite(t) & np.r_[True, np.diff(t) > 0]
    if not rises.all():
        at = int(np.argmin(rises))
        raise BadValue(
            f"time {t[at]:g} (sample {at}): expected times that increase; sort them, drop repeated ones (of a course "
            "with at_dose='both' one side)"
        )
    return concentrations.transpose(..., "time")


def _number(name: str, value: Any, unit: str | None) -> float:
    if unit is None and (isinstance(value, str) or hasattr(value, "magnitude")):
        raise UnitError(f"{name} = {value!r}, but the data have no units: give a number")
    number = convert(value, unit or "1")
    if name == "tau" and not number > 0:
        raise BadValue(f"tau = {value!r}: expected a dosing interval above zero")
    return number


def _since_dose(profiles: "xarray.DataArray", start: float, lloq: float) -> tuple[np.ndarray, np.ndarray]:
    """Return times since the dose and concentrations (n, times), zero below `lloq`; raise BadValue for bad samples."""
    t = profiles["time"].values - start
    t[np.abs(t) <= SAME * max(1.0, abs(start))] = 0.0
    c = profiles.values.astype(float).reshape(-1, len(t))
    failed = np.isnan(c).all(axis=1, keepdims=True)
    t, c = t[t >= 0], np.where(c < lloq, 0.0, c)[:, t >= 0] if lloq > 0 else c[:, t >= 0]
    if not (t.size and t[0] == 0):
        raise BadValue(
            f"no sample at the dose, time {start:g}: give its time as dose_time=, or add the concentration there "
            "(zero before a first dose, C0 after a bolus)"
        )
    bad = ~((c >= 0) & np.isfinite(c) | failed)
    if bad.any():
        profile, at = np.argwhere(bad)[0]
        raise BadValue(
            f"the concentration of profile {profile} at time {t[at] + start:g} is {c[profile, at]:g}: expected zero or "
            "more; leave missing samples out, let lloq= count small values as zero, and make failed patients nan "
            "throughout: course['il2'].where(course.status == 0)"
        )
    return t, c


def _terminal(t: np.ndarray, c: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return what is read off the samples and the best terminal slope, with the reason where there is none."""
    row, peak, first, last = np.arange(len(c)), np.argmax(c, axis=1), np.argmax(c > 0, axis=1), _last(c)
    some = (c > 0).any(axis=1)
    clast, tlast = np.where(some, c[row, last], np.nan), np.where(some, t[last], np.nan)
    use = (c > 0) & (np.arange(len(t)) > peak[:, None])
    y = np.log(np.divide(c, clast[:, None], out=np.ones_like(c), where=use))
    start, n, slope, above, r2, adjusted = _best_fit(t, np.where(use, t - tlast[:, None], 0.0), y, use)
    values = {
        "Cmax": c[row, peak],
        "Tmax": np.where(some, t[peak], np.nan),
        "Tlag": np.where(some, t[np.maximum(first - 1, 0)], np.nan),
        "Clast": clast,
        "Clast_pred": clast * np.exp(above),
        "Tlast": tlast,
        "lambda_z": -slope,
        "lambda_z_points": n,
        "lambda_z_start": start,
        "R2": r2,
        "R2_adjusted": adjusted,
        "half_life": -np.log(2) / slope,
    }
    failed = np.isnan(c).any(axis=1)
    return values, np.select(
        [failed, ~some, np.isfinite(slope), use.sum(axis=1) < 3], [FAILED, EMPTY, "", SHORT], RISING
    )


def _best_fit(t: np.ndarray, x: np.ndarray, y: np.ndarray, use: np.ndarray) -> list[np.ndarray]:
    """Return the time of the first point, points, slope, intercept, R2 and adjusted R2 of the best line; nan for none.

    `x` and `y` (n, times) are zero at the last point and where not in `use`: sums then lose no digits.
    """

    def tail(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.cumsum(values[:, ::-1], axis=1)[:, ::-1])  # from each sample to the last

    n, sx, sy = tail(use), tail(x), tail(y)
    with np.errstate(divide="ignore", invalid="ignore"):
        xx, xy, yy = tail(x * x) - sx * sx / n, tail(x * y) - sx * sy / n, tail(y * y) - sy * sy / n
        slope, r2 = xy / xx, np.minimum(xy * xy / (xx * yy), 1.0)
        adjusted = np.where(use & (n >= 3) & (xy < 0), 1 - (1 - r2) * (n - 1) / (n - 2), -np.inf)
        intercept = (sy - slope * sx) / n
    best = np.argmax(adjusted >= adjusted.max(axis=1, keepdims=True) - TIE, axis=1)
    row = np.arange(len(x))
    fitted = np.isfinite(adjusted[row, best])
    return [
        np.where(fitted, values[row, best], np.nan)
        for values in (np.broadcast_to(t, x.shape), n, slope, intercept, r2, adjusted)
    ]


def _last(c: np.ndarray) -> np.ndarray:
    return np.asarray(c.shape[1] - 1 - np.argmax(c[:, ::-1] > 0, axis=1))


def _logarithmic(c: np.ndarray, method: str) -> np.ndarray:
    falls, after = np.diff(c, axis=1) < 0, np.arange(c.shape[1] - 1) >= np.argmax(c, axis=1)[:, None]
    return METHODS[method](falls, after) & (c[:, :-1] > 0) & (c[:, 1:] > 0)


def _trapezoids(t: np.ndarray, c: np.ndarray, log: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return areas under the curve and under its first moment, (n, times - 1), logarithmic where `log`."""
    from scipy.special import exprel, hyp1f1

    step, left, right = np.diff(t), c[:, :-1], c[:, 1:]
    x = np.log(np.divide(right, left, out=np.ones_like(left), where=log))
    # integrals of exp(x s) and of s exp(x s) over s from 0 to 1, which lose no digits where x is small
    area = step * np.where(log, left * exprel(x), (left + right) / 2)
    moment = t[:-1] * area + step * step * left * hyp1f1(2, 3, x) / 2
    return area, np.where(log, moment, step * (t[:-1] * left + t[1:] * right) / 2)


def _areas(t: np.ndarray, c: np.ndarray, method: str, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    area, moment = _trapezoids(t, c, _logarithmic(c, method))
    until, k = np.arange(len(t) - 1) < _last(c)[:, None], values["lambda_z"]
    auc, aumc = (area * until).sum(axis=1), (moment * until).sum(axis=1)
    areas = {"AUClast": auc, "AUCall": area.sum(axis=1), "AUMClast": aumc, "MRTlast": _over(aumc, auc)}
    for kind, last in (("obs", values["Clast"]), ("pred", values["Clast_pred"])):
        rest, total = last / k, auc + last / k
        moments = aumc + (values["Tlast"] + 1 / k) * rest
        areas |= {f"AUCinf_{kind}": total, f"AUC_extrapolated_{kind}": 100 * rest / total}
        areas |= {f"AUMCinf_{kind}": moments, f"MRTinf_{kind}": moments / total}
    return areas


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)


def _interval(
    t: np.ndarray, c: np.ndarray, method: str, values: dict[str, np.ndarray], tau: float
) -> dict[str, np.ndarray]:
    """Return what holds over one dosing interval at steady state."""
    log = _logarithmic(c, method)
    if tau > t[-1] * (1 + SAME):  # zero at the last sample stays zero
        end = np.where(c[:, -1] > 0, c[:, -1] * np.exp(-values["lambda_z"] * (tau - t[-1])), c[:, -1])
        log = np.column_stack([log, end > 0])
    else:
        i = min(int(np.searchsorted(t, tau)), len(t) - 1) - 1
        share, left, right = (tau - t[i]) / (t[i + 1] - t[i]), c[:, i], c[:, i + 1]
        end = np.where(log[:, i], left ** (1 - share) * right**share, (1 - share) * left + share * right)
        t, c, log = t[: i + 1], c[:, : i + 1], log[:, : i + 1]
    area, moment = (v.sum(axis=1) for v in _trapezoids(np.r_[t, tau], np.column_stack([c, end]), log))
    interval = {"AUCtau": area, "AUMCtau": moment, "Cavg": area / tau, "Ctrough": end}
    # by superposition AUCtau is the whole area of one dose, and tau times what lies behind it is what its moment lacks
    kinds = ("obs", "pred")
    return interval | {f"MRTinf_{k}": _over(moment + tau * (values[f"AUCinf_{k}"] - area), area) for k in kinds}


def _amount(dose: Any, profiles: "xarray.DataArray") -> tuple[np.ndarray, str | None]:
    """Return the dose of each profile, and the unit of dose over concentration: L where that is a volume."""
    unit, concentration = None, profiles.attrs.get("units")
    if isinstance(dose, str) or hasattr(dose, "magnitude"):
        dose, unit = parse(dose)
    elif hasattr(dose, "attrs"):
        unit = dose.attrs.get("units")
    amount = np.asarray(dose, dtype=float)
    if amount.shape not in ((), profiles.shape[:-1]) or not (np.isfinite(amount) & (amount > 0)).all():
        raise BadValue(
            f"dose = {dose!r}: expected a positive number, or one for each of {profiles.shape[:-1]} profiles"
        )
    if (unit is None) != (concentration is None):
        raise UnitError(f"dose in {unit}, concentrations in {concentration}: expected units of both ('3 MIU') or none")
    if unit is None:
        return amount.ravel(), None
    ratio = f"({unit}) / ({concentration})"
    try:
        return amount.ravel() * factor(ratio, "L"), "L"
    except UnitError:  # a dose per body weight, or of another kind than what is measured
        return amount.ravel(), ratio


def _dataset(values: dict[str, Any], reason: np.ndarray, profiles: "xarray.DataArray", volume: str | None) -> Any:
    import xarray

    shape, dims, clock = profiles.shape[:-1], profiles.dims[:-1], profiles["time"].attrs.get("units")
    known = {"c": profiles.attrs.get("units"), "t": clock, "v": volume}
    units = {name: unit.format(**known) for unit, names in UNITS.items() for name in names.split()}
    labels = {name: {"units": units[name]} if known["c"] and clock else {} for name in values}
    data = {k: (dims, np.where(reason == FAILED, np.nan, v).reshape(shape), labels[k]) for k, v in values.items()}
    others = {name: value for name, value in profiles.coords.items() if "time" not in value.dims}
    return xarray.Dataset(data | {"reason": (dims, reason.reshape(shape))}, others)
