"""Compute areas under a curve and under its first moment, by trapezia and behind the last sample."""

from collections.abc import Callable, Mapping

import numpy as np

from immunode.noncompartmental.samples import Samples
from immunode.noncompartmental.terminal import last

METHODS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    # where the logarithmic rule holds, of intervals that fall and those that begin at Tmax (C0, where larger) or later
    "linear": lambda falls, after: np.zeros_like(falls),
    "log after Tmax": lambda falls, after: after,
    "linear-up log-down": lambda falls, after: falls,
    "linear-up log-down after Tmax": lambda falls, after: falls & after,
}


def areas(data: Samples, method: str, values: Mapping[str, np.ndarray], infused: float) -> dict[str, np.ndarray]:
    """Return areas and mean residence times of a dose, and how much of them is not between samples."""
    area, moment = trapezia(data.t, data.c, logarithmic(data.c, method))
    until, k = np.arange(len(data.t) - 1) < last(data.c)[:, None], values["lambda_z"]
    auc, aumc = (area * until).sum(axis=1), (moment * until).sum(axis=1)
    known = {"AUClast": auc, "AUCall": area.sum(axis=1), "AUMClast": aumc, "MRTlast": over(aumc, auc) - infused / 2}
    for kind, end in (("obs", values["Clast"]), ("pred", values["Clast_pred"])):
        rest, total = end / k, auc + end / k
        beyond = (values["Tlast"] + 1 / k) * rest
        known |= {f"AUCinf_{kind}": total, f"AUC_extrapolated_{kind}": 100 * rest / total}
        known |= {f"AUMCinf_{kind}": aumc + beyond, f"AUMC_extrapolated_{kind}": 100 * beyond / (aumc + beyond)}
        known[f"MRTinf_{kind}"] = (aumc + beyond) / total - infused / 2
        if data.extrapolated:
            known[f"AUC_back_extrapolated_{kind}"] = 100 * area[:, 0] / total
    return known


def logarithmic(c: np.ndarray, method: str) -> np.ndarray:
    """Return in which intervals a curve is exponential by the method."""
    falls, after = np.diff(c, axis=1) < 0, np.arange(c.shape[1] - 1) >= np.argmax(c, axis=1)[:, None]
    return METHODS[method](falls, after) & (c[:, :-1] > 0) & (c[:, 1:] > 0)


def trapezia(t: np.ndarray, c: np.ndarray, log: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return areas under the curve and under its first moment, (n, times - 1), logarithmic where `log`."""
    from scipy.special import exprel, hyp1f1

    step, left, right = np.diff(t), c[:, :-1], c[:, 1:]
    x = np.log(np.divide(right, left, out=np.ones_like(left), where=log))
    # integrals of exp(x s) and of s exp(x s) over s from 0 to 1, which lose no digits where x is small
    area = step * np.where(log, left * exprel(x), (left + right) / 2)
    moment = t[:-1] * area + step * step * left * hyp1f1(2, 3, x) / 2
    return area, np.where(log, moment, step * (t[:-1] * left + t[1:] * right) / 2)


def over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return a ratio, nan where nothing is above zero to divide by."""
    return np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)
