"""Search the minimum from several starts with lmfit, keep what each reached, and tell which minima are distinct."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.free_parameters import LOG, varied
from immunode.errors import SolveError

FTOL = 1e-14  # of chi-square: steps get shorter by a factor each, and so what is left is as small as the last one
XTOL = 1e-12  # of the largest parameter, beside which another may be small
SAME = 0.05  # standard errors between two ends of one minimum, at most
NEAR = 1e-3  # of a parameter that has no standard error


@dataclass(frozen=True)
class Ending:
    """Hold when a minimiser ends: SciPy's ftol and xtol, and lmfit's max_nfev (None: lmfit's own)."""

    ftol: float = FTOL
    xtol: float = XTOL
    max_nfev: int | None = None


def least(minimizer: lmfit.Minimizer, params: lmfit.Parameters, ending: Ending = Ending()) -> Any:
    """Return lmfit's result from a start; the objective's own `slopes` are used where it has them.

    SciPy's gtol is left out: it is compared with slopes in whatever units the parameters have.
    """
    slopes = getattr(minimizer.userfcn, "slopes", "2-point")
    with np.errstate(all="ignore"):  # lmfit divides by errors that are zero where data are exact
        return minimizer.minimize(
            "least_squares", params=params, jac=slopes, x_scale="jac", ftol=ending.ftol, xtol=ending.xtol, gtol=None,
            max_nfev=ending.max_nfev,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Search:
    """Hold what starts reached: lmfit's minimizer and result of each that could be solved; how many could not, and the
    last reason; how many were to be tried, and whether Ctrl-C came before."""

    minimizers: Sequence[lmfit.Minimizer]
    results: Sequence[Any]
    unsolved: int
    total: int
    stopped: bool

    @property
    def best(self) -> int:
        """Return which has the least chi-square."""
        return int(np.argmin([result.chisqr for result in self.results]))


def search(
    minimizer_of: Callable[[lmfit.Parameters], lmfit.Minimizer],
    starts: Sequence[lmfit.Parameters],
    ending: Ending,
    told: Callable[[int, int, str], Any],
    before: Any = None,
) -> Search:
    """Return what every start reached; raise SolveError when none can be solved.

    Ctrl-C loses nothing finished: it ends the search, and what was reached is kept where there is something. `told`
    hears at each evaluation how many starts are done, of how many, and the least chi-square. What a start reached
    `before` (see resuming) is taken from there, and what one reaches is put there.
    """
    minimizers: list[lmfit.Minimizer] = []
    results: list[Any] = []
    failures: list[SolveError] = []
    stopped = False
    try:
        for number, start in enumerate(starts, start=1):
            minimizer = minimizer_of(start)
            result = None if before is None else before.get(number)
            try:
                if result is None:
                    result = _watched(minimizer, start, ending, _telling(told, number - 1, len(starts), results))
                    if before is not None:
                        before.put(number, result)
                results.append(result)
                minimizers.append(minimizer)
            except SolveError as error:
                failures.append(error)
            told(number, len(starts), _best(results))
    except KeyboardInterrupt:
        results = results[: len(minimizers)]
        if not results:
            raise
        stopped = True
    if not results:
        raise failures[-1]
    return Search(minimizers, results, len(failures), len(starts), stopped)


def _watched(minimizer: lmfit.Minimizer, start: lmfit.Parameters, ending: Ending, watch: Any) -> Any:
    """Return the minimum from a start, whose evaluations are watched; the minimizer does not keep who does."""
    minimizer.iter_cb = watch
    try:
        return least(minimizer, start, ending)
    finally:
        minimizer.iter_cb = None


def _telling(told: Callable[[int, int, str], Any], done: int, total: int, results: Sequence[Any]) -> Any:
    """Return what lmfit calls at each evaluation."""
    lowest = [np.inf]

    def watch(params: lmfit.Parameters, number: int, away: np.ndarray, *args: Any, **options: Any) -> None:
        lowest[0] = min(lowest[0], float(away @ away))
        told(done, total, f"chi-square {lowest[0]:.6g} after {number} evaluations; best {_best(results) or 'none yet'}")

    return watch


def _best(results: Sequence[Any]) -> str:
    return f"{min(result.chisqr for result in results):.6g}" if results else ""


def optima(results: Sequence[Any], deviances: Sequence[float] | None = None, same: float = SAME) -> pd.DataFrame:
    """Return a row a distinct minimum, best first: chi-square, how many starts reached it, values of the parameters.

    Minima are ordered by their `deviances`, -2 log L, where these are given. Two ends are one minimum where they are
    at most `same` standard errors apart.
    """
    what, levels = ("chisqr", [one.chisqr for one in results]) if deviances is None else ("deviance", deviances)
    kept: list[tuple[float, Any, int]] = []
    for level, result in sorted(zip(levels, results, strict=True), key=lambda pair: pair[0]):
        for i, (lower, other, count) in enumerate(kept):
            if _same(other.params, result.params, same):
                kept[i] = lower, other, count + 1
                break
        else:
            kept.append((float(level), result, 1))
    rows: list[Mapping[str, Any]] = [
        {what: level, "starts": count}
        | {name: float(p.value) for name, p in one.params.items() if not name.startswith(LOG)}
        for level, one, count in kept
    ]
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="optimum"))


def _same(better: lmfit.Parameters, other: lmfit.Parameters, same: float) -> bool:
    """Return whether two ends lie beside each other, by the standard errors of the better one."""
    for name, value in varied(better).items():
        stderr = better[name].stderr
        known = stderr is not None and np.isfinite(stderr) and stderr > 0
        away = abs(value - float(other[name].value))
        if away > max(same * stderr if known else 0.0, NEAR * abs(value)):
            return False
    return True
