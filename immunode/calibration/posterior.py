"""Sample the posterior with emcee through lmfit, and hand it to ArviZ; both come with pip install 'immunode[bayes]'.

Priors are flat within the bounds of the varied parameters: of a logarithm on the log scale.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import lmfit
import numpy as np

from immunode.calibration.free_parameters import LOG
from immunode.errors import BadValue
from immunode.internal.arguments import flag, seed_number, whole

LNSIGMA = "__lnsigma"  # lmfit's name of the logarithm of what scales all sigmas


def package(name: str, what: str) -> Any:
    """Return an optional package; raise BadValue with the line that installs it where it is missing."""
    if find_spec(name) is None:
        raise BadValue(f"{what} needs the package '{name}': pip install 'immunode[bayes]'")
    return import_module(name)


def sampled(
    minimizer: lmfit.Minimizer,
    params: lmfit.Parameters,
    *,
    steps: int,
    burn: int,
    thin: int,
    walkers: int,
    seed: int,
    progress: bool,
) -> Any:
    """Return lmfit's result of emcee, started beside the estimates; see Fit.emcee."""
    package("emcee", "fit.emcee")
    steps, burn = whole(steps, "steps", 1), whole(burn, "burn", 0)
    thin, seed = whole(thin, "thin", 1), seed_number(seed)
    free = sum(p.vary for p in params.values()) + bool(minimizer.scale_covar)
    walkers = whole(walkers, "walkers", 2 * free, None, f"twice the {free} parameters that are sampled, or more")
    if burn + thin > steps:
        raise BadValue(
            f"burn = {burn}: expected fewer than the {steps} steps, with one of every {thin} left after them"
        )
    start = params.copy()
    for p in start.values():  # walkers begin in a small ball, which bounds would cut
        if p.vary and np.isfinite([p.min, p.max]).all():
            edge = 1e-3 * (p.max - p.min)
            p.value = float(np.clip(p.value, p.min + edge, p.max - edge))
    before = minimizer.nan_policy
    try:
        return minimizer.emcee(
            params=start, steps=steps, burn=burn, thin=thin, nwalkers=walkers, seed=seed,
            progress=flag(progress, "progress"), is_weighted=not minimizer.scale_covar,
        )  # fmt: skip
    finally:
        minimizer.nan_policy = before


def inference_data(minimizer: lmfit.Minimizer, table: Any, chain: Any) -> Any:
    """Return ArviZ's InferenceData of a chain; see Fit.to_inference_data."""
    arviz = package("arviz", "fit.to_inference_data")
    if not (hasattr(chain, "chain") and hasattr(chain, "var_names")):
        raise BadValue("chain: expected what fit.emcee(...) returned")
    return arviz.from_dict(**groups(minimizer, table, chain))


def groups(minimizer: lmfit.Minimizer, table: Any, chain: Any) -> dict[str, Any]:
    """Return the groups of ArviZ's InferenceData, as arviz.from_dict takes them.

    Printed numbers of a typical patient are independent, and so are trials of a population; where neither is, effects
    of trials and the normal law of covariances, there is no likelihood by parts.
    """
    draws = np.swapaxes(chain.chain, 0, 1)  # (walkers, draws, variables): each walker is a chain
    fitted = table[table["use"] == "fit"]
    objective = minimizer.userfcn
    if by_trial := getattr(objective, "by_trial", None):
        likelihood, values = _evaluated(by_trial, chain, draws)
        parts = {"trials": likelihood}
        coords = {"trial": list(objective.trials)}
    elif hasattr(objective, "problem"):
        residual, values = _evaluated(objective, chain, draws)
        parts, coords = {"numbers": _of_numbers(residual, fitted["sigma"].to_numpy(float), chain, draws)}, {}
    else:
        (_, values), parts, coords = _evaluated(lambda work: (), chain, draws), {}, {}
    return {
        "posterior": values,
        "log_likelihood": parts or None,
        "observed_data": {"numbers": fitted["observed"].to_numpy(float)},
        "coords": {"number": fitted["label"].tolist()} | coords,
        "dims": {"numbers": ["number"]} | ({"trials": ["trial"]} if coords else {}),
    }


def _of_numbers(residual: np.ndarray, sigma: np.ndarray, chain: Any, draws: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of every printed number (walkers, draws, rows)."""
    scale = np.exp(draws[..., list(chain.var_names).index(LNSIGMA)]) if LNSIGMA in chain.var_names else 1.0
    scale = np.broadcast_to(scale, draws.shape[:2])[..., None]
    return np.asarray(-0.5 * (residual / scale) ** 2 - np.log(sigma * scale * np.sqrt(2 * np.pi)))


def _evaluated(
    function: Callable[[lmfit.Parameters], Any], chain: Any, draws: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return what a function has at every draw (walkers, draws, its parts), and by parameter its values (walkers,
    draws), derived ones too."""
    work = chain.params.copy()
    names = [name for name in work if not name.startswith(LOG)]
    values = {name: np.empty(draws.shape[:2]) for name in names}
    parts = []
    for i, j in np.ndindex(*draws.shape[:2]):
        for name, value in zip(chain.var_names, draws[i, j], strict=True):
            work[name].value = value
        work.update_constraints()
        parts.append(np.asarray(function(work), float))
        for name in names:
            values[name][i, j] = work[name].value
    return np.array(parts).reshape(*draws.shape[:2], -1), values
