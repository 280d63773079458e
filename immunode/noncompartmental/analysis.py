"""Join samples, terminal slope, areas and the dosing interval to one analysis."""

from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import unknown
from immunode.internal.arguments import choice
from immunode.noncompartmental import areas, results, samples
from immunode.noncompartmental.interval import interval
from immunode.noncompartmental.terminal import terminal

if TYPE_CHECKING:
    import xarray

ROUTES = ("extravascular", "iv bolus", "iv infusion")


def nca(
    concentrations: Any,
    times: Any = None,
    *,
    dose: Any = None,
    route: str = "extravascular",
    duration: Any = None,
    tau: Any = None,
    method: str = "linear-up log-down",
    dose_time: Any = 0.0,
    lloq: Any = None,
) -> "xarray.Dataset":
    """Return the non-compartmental analysis of concentrations, with one value for each profile.

    After a bolus a sample at the dose is C0 (simulate it with at_dose="post"); without one C0 is where the line through
    the logarithms of the first two samples meets the dose, or the first sample where they do not fall: C0 counts in
    areas, Cmax and Tmax are of samples alone. `lambda_z` is fitted to the last 3 or more samples above zero after Cmax,
    with Cmax after a bolus, and after the end of an infusion: those with the largest adjusted R2, or the most of those
    within 1e-4 of it. Where there are none, what rests on it is nan and `reason` says why; of a profile that is nan
    throughout, all is. Behind the last sample the curve falls from Clast_pred by `lambda_z`.

    Main arguments
        concentrations: an output of im.simulate (`course["il2"]`, which knows its times and units), or an array, shape
            (times,) or (patients, times), in which a missing sample (nan, None, blank) is left out, with a warning
        times: of the samples of an array, rising, default those of the output
        dose: "3 MIU", a DataArray, or plain numbers where concentrations have no unit; one, or one for each profile;
            default none: no clearance and no volume
        route: "extravascular", "iv bolus" or "iv infusion", default "extravascular"
        duration: of an infusion, "2 h" or a number in the unit of the times, default none
        tau: the dosing interval, "12 h" or a number in the unit of the times: says that the profile is at steady state;
            default none: after a single dose

    Other arguments
        method: the trapezoidal rule: "linear", "log after Tmax", "linear-up log-down", or "linear-up log-down after
            Tmax" (linear before it), default "linear-up log-down"
        dose_time: results count time from it; samples before it are left out, and one must be at it, but after a bolus;
            a time or a number in the unit of the times, default 0
        lloq: limit of quantification, "1 IU/mL": what is below counts as zero; default none: of a simulated output what
            is no more than the solver's relative tolerance of the profile's largest value

    Returns
        an xarray.Dataset over the profiles, with the unit of each value in its attribute `units` where concentrations
            have one
        `dose` adds CL, Vz and Vss, or CL_F and Vz_F over bioavailability after an extravascular dose
        `tau` adds AUCtau, AUMCtau, Cavg, Cmin, Tmin, Ctrough (at its end), accumulation_index, fluctuation and swing;
            Cmax and Tmax are then of the interval; clearance, volumes and MRTinf rest on AUCtau
        mean residence times (MRT) include that of absorption, and are less half the duration of an infusion

    Raises
        BadValue: for times that do not increase, infinite or negative concentrations, a duration without an infusion.
        UnknownName: for a method that does not exist.
        UnitError: for a dose or duration whose unit does not fit.

    Source
        Phoenix WinNonlin 8.2, onlinehelp.certara.com/phoenix/8.2/topics/ncacomprules.htm
        doi:10.1007/978-1-62703-050-2_16

    Example
        >>> import numpy as np, immunode as im
        >>> t = np.array([0.5, 1, 2, 4, 8])
        >>> result = im.nca(10 * np.exp(-0.3 * t), t, dose=50, route="iv bolus")
        >>> print(*[f"{name} {float(result[name]):.3g}" for name in ("C0", "half_life", "CL", "Vss")])
        C0 10 half_life 2.31 CL 1.5 Vss 5
    """
    if isinstance(method, str) and method not in areas.METHODS:
        raise unknown("method", method, areas.METHODS, "nca")
    choice(method, "method", areas.METHODS)
    choice(route, "route", ROUTES)
    groups = samples.read(concentrations, times, dose_time, lloq, bolus=route == "iv bolus")
    values: dict[str, np.ndarray] = {}
    data, size = groups[0][1], sum(len(rows) for rows, _ in groups)
    reason = np.full(size, "", dtype=object)
    for rows, one in groups:
        known, reason[rows] = _analysis(one, route, duration, tau, method)
        for name, of_rows in known.items():
            values.setdefault(name, np.full(size, np.nan))[rows] = of_rows
    amount, volume = (None, None) if dose is None else results.amount(dose, data)
    if amount is not None:
        values |= results.clearance(amount, values, route, steady=tau is not None)
    return results.dataset(values, reason.astype(str), data, volume)


def _analysis(
    data: samples.Samples, route: str, duration: Any, tau: Any, method: str
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the values of profiles that have the same samples, and why some are nan."""
    infused = samples.infusion(route, duration, data)
    values, reason = terminal(data, infused, bolus=route == "iv bolus")
    only = {"C0": "iv bolus", "Tlag": "extravascular"}
    values = {name: value for name, value in values.items() if only.get(name, route) == route}
    values |= areas.areas(data, method, values, infused)
    if tau is not None:
        values |= interval(data, method, values, samples.positive("tau", tau, data.clock), infused)
    return values, reason
