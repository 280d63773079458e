"""What three mistakes cost: a wrong fit beside the right one, of a level that is log-normal between patients.

All are of the normal law, on moments in closed form: no chance is in them. docs/mistakes.py fits simulated trials.
"""

import numpy as np

import immunode as im
from immunode.calibration.normal_fit import NormalFit, fit_normal

N, VOLUME, DAYS = 60, 5.0, (1.0, 2.0, 4.0)
Q3 = 0.6744897501960817  # of the standard normal
BOLUS = im.Model(
    name="bolus",
    states=[im.State("central", "mg")],
    routes={"iv": "central"},
    parameters=[im.Parameter("V", VOLUME, "L", low=0.1, high=100), im.Parameter("k", 0.2, "1/day", low=0.01, high=5)],
    outputs=[im.Output("level", "mg/L", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"central": -p.k * x.central},
)


def levels(omega: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of the level on the days, of which V varies by `omega`: closed form."""
    mean = 10 / VOLUME * np.exp(-0.2 * np.array(DAYS)) * np.exp(omega**2 / 2)
    return mean, mean**2 * np.expm1(omega**2)


def fitted(mean: np.ndarray, variances: np.ndarray, vary: tuple[str, ...] = ("V", "omega_V", "k")) -> NormalFit:
    """Return the fit of V, its spread and k to printed means and variances, with an additive error of 0.05."""
    printed = im.PrintedCovariance(
        arm="a", observable="level", days=DAYS, mean=tuple(mean), variances=tuple(variances), n=N, divisor="n"
    )
    evidence = im.Evidence(name="e", arms={"a": "10 mg IV bolus"}, covariances=[printed])
    population = im.Population(BOLUS, omega={"V": 0.3})
    return fit_normal(evidence, population, vary, additive={"level": 0.05}, patients=1000)


def error_as_sd(omega: float = 0.4) -> tuple[float, float]:
    """Return the spread by SDs, and by SEs that were read as SDs: between them lies almost the root of n."""
    mean, variances = levels(omega)
    right, wrong = (fitted(mean, spread + 0.05**2).params["omega_V"].value for spread in (variances, variances / N))
    return right, wrong


def quartiles_as_sd(omega: float = 0.8) -> tuple[float, float, float, float]:
    """Return V and its spread by the moments, and by median and IQR / 1.35 in their place, as if levels were normal."""
    mean, variances = levels(omega)
    median = mean / np.exp(omega**2 / 2)
    sd = median * 2 * np.sinh(Q3 * omega) / 1.35
    right, wrong = fitted(mean, variances + 0.05**2), fitted(median, sd**2)
    return tuple(one.params[name].value for one in (right, wrong) for name in ("V", "omega_V"))


def visits_as_independent(omega: float = 0.4) -> dict[str, tuple[float, float]]:
    """Return standard errors with visits of the same patients, and as if each visit had others: of what is common to
    the visits (V, k being known) that is too small, of what lies between them (k) too large."""
    mean, variances = levels(omega)
    out = {}
    for vary, name in ((("V", "omega_V"), "V"), (("V", "omega_V", "k"), "k")):
        fit = fitted(mean, variances + 0.05**2, vary)
        order, log = fit.result.var_names, f"log_{name}" in fit.params
        at = order.index(f"log_{name}" if log else name)
        naive = np.sqrt(np.linalg.inv(fit.slopes.T @ fit.slopes)[at, at]) * (fit.params[name].value if log else 1.0)
        out[name] = float(fit.params[name].stderr), float(naive)
    return out
