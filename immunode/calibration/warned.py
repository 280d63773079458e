"""What a fit warns of, in words: bounds, trials that disagree, parameters that never moved or cannot be told apart."""

from typing import Any

import lmfit
import numpy as np

from immunode.calibration.free_parameters import LOG, varied, varied_name

UNLIKELY = 1e-4  # probability of so large a chi-square where the sigmas are right
TOGETHER = 0.99  # a correlation beyond it
BESIDE = 0.05  # of a standard error that an estimate is from its bound by at least: nearer, it is at the bound
STILL = 1e-9  # of a parameter, that a fit moved it by at least


def at_bound(free: Any, logarithm: bool) -> bool:
    """Return whether a varied parameter ended at a bound: within BESIDE of its standard error (of the span of its
    bounds, where that is less), or a millionth of what it is and was first; of a logarithm of 1."""
    size = 1.0 + abs(free.value) if logarithm else max(abs(free.value), abs(free.init_value))
    known = free.stderr is not None and np.isfinite(free.stderr)
    near = BESIDE * min(free.stderr, free.max - free.min) if known else 0.0
    return bool(min(free.value - free.min, free.max - free.value) <= max(1e-6 * size, near))


def warned(result: lmfit.minimizer.MinimizerResult, *, absolute: bool = True) -> tuple[str, ...]:
    """Return warnings of a minimum, a sentence each; `absolute` says whether the sigmas are taken as they are."""
    params = result.params
    out = []
    if not getattr(result, "success", True):
        out.append(f"the minimiser gave up before the minimum: {result.message}")
    out += [text for name in varied(params) if (text := _of_one(params, name))]
    out += _correlated(params)
    if absolute and result.nfree > 0:
        from scipy import stats

        probability = float(stats.chi2.sf(result.chisqr, result.nfree))
        if probability < UNLIKELY:
            out.append(
                f"chi-square {result.chisqr:.4g} with {result.nfree} degrees of freedom has a probability of "
                f"{probability:.1g}: the evidence disagrees with itself or the model, or sigmas are too small; "
                f"standard errors are too small by a factor of {result.redchi**0.5:.2g} or more"
            )
    return tuple(out)


def _of_one(params: lmfit.Parameters, name: str) -> str:
    """Return what there is to warn of about one varied parameter, "" for nothing."""
    p, said = params[name], name.removeprefix(LOG)
    logarithm = varied_name(params, said) == name and said != name
    value = np.exp(p.value) if logarithm else p.value
    if at_bound(p, logarithm):
        low = p.value - p.min < p.max - p.value
        return (
            f"'{said}' ended at its {'lower' if low else 'upper'} bound, {value:.4g}: its standard error means little"
        )
    if abs(p.value - p.init_value) <= STILL * (1.0 if logarithm else max(abs(p.init_value), 1e-300)):
        return (
            f"'{said}' never moved from its start, {value:.4g}: nothing printed depends on it, or it began at its best"
        )
    if p.stderr is None or not np.isfinite(p.stderr):
        return f"'{said}' has no standard error: the evidence does not fix it together with the others"
    return ""


def _correlated(params: lmfit.Parameters) -> list[str]:
    """Return the pairs of parameters that the evidence hardly tells apart."""
    names = list(varied(params))
    out = []
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            correlation = (params[one].correl or {}).get(other)
            if correlation is not None and abs(correlation) > TOGETHER:
                said = [name.removeprefix(LOG) for name in (one, other)]
                out.append(f"'{said[0]}' and '{said[1]}' are told apart badly: their correlation is {correlation:.4f}")
    return out
