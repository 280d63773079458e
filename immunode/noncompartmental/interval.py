"""Compute what holds over one dosing interval at steady state."""

from collections.abc import Mapping

import numpy as np

from immunode.noncompartmental.areas import logarithmic, over, trapezia
from immunode.noncompartmental.samples import SAME, Samples


def interval(
    data: Samples, method: str, values: Mapping[str, np.ndarray], tau: float, infused: float
) -> dict[str, np.ndarray]:
    """Return areas, average, extremes and trough of the interval, and what rests on them."""
    within = data.sampled & (data.t <= tau * (1 + SAME))
    times, seen = data.t[within], data.c[:, within]
    if not times.size:  # a bolus whose first sample is later: there is nothing but what was extrapolated
        times, seen = np.array([np.nan]), np.full((len(data.c), 1), np.nan)
    row, high, low = np.arange(len(seen)), np.argmax(seen, axis=1), np.argmin(seen, axis=1)
    area, moment, trough = _until(data, method, values, tau)
    average = area / tau
    results = {
        "Cmax": seen[row, high],
        "Tmax": np.where(np.isnan(values["Tmax"]), np.nan, times[high]),
        "Cmin": seen[row, low],
        "Tmin": times[low],
        "Ctrough": trough,
        "AUCtau": area,
        "AUMCtau": moment,
        "Cavg": average,
        "accumulation_index": -1 / np.expm1(-values["lambda_z"] * tau),
        "fluctuation": 100 * over(seen[row, high] - seen[row, low], average),
        "swing": over(seen[row, high] - seen[row, low], seen[row, low]),
    }
    # by superposition AUCtau is the whole area of one dose, and tau times what lies behind it is what its moment lacks
    for kind in ("obs", "pred"):
        results[f"MRTinf_{kind}"] = over(moment + tau * (values[f"AUCinf_{kind}"] - area), area) - infused / 2
    return results


def _until(
    data: Samples, method: str, values: Mapping[str, np.ndarray], tau: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the area and the moment up to `tau`, and the concentration there."""
    t, c = data.t, data.c
    log = logarithmic(c, method)
    if tau > t[-1] * (1 + SAME):  # zero at the last sample stays zero
        predicted = values["Clast_pred"] * np.exp(-values["lambda_z"] * (tau - t[-1]))
        end = np.where(c[:, -1] > 0, predicted, c[:, -1])
        log = logarithmic(np.column_stack([c, end]), method)
    else:
        i = min(int(np.searchsorted(t, tau)), len(t) - 1) - 1
        share, left, right = (tau - t[i]) / (t[i + 1] - t[i]), c[:, i], c[:, i + 1]
        end = np.where(log[:, i], left ** (1 - share) * right**share, (1 - share) * left + share * right)
        t, c, log = t[: i + 1], c[:, : i + 1], log[:, : i + 1]
    area, moment = (v.sum(axis=1) for v in trapezia(np.r_[t, tau], np.column_stack([c, end]), log))
    return area, moment, end
