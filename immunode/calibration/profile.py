"""Profile of the objective along one parameter, the others fitted again at each value; intervals are where it crosses
a level.

Levels are those of chi-square where the sigmas are taken as they are; where lmfit scales standard errors by chi-square
(scale_covar), they are those of F, as in lmfit.conf_interval. Venzon and Moolgavkar 1988, doi:10.2307/2347496.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.free_parameters import LOG, varied, varied_name
from immunode.calibration.minimum import Ending, least
from immunode.errors import BadValue, SolveError, unknown
from immunode.internal.arguments import finite, is_list, refuse, whole

SIGMAS = (1.0, 2.0, 3.0)
FURTHEST = 40  # doublings of a step in search of a level: a parameter that it is not met by has no limit
CLOSE = 1e-6  # of the distance to a limit
ENDING = Ending(1e-11, 1e-9)  # of the other parameters: chi-square is flat there, and so known to much less
LOWER = 0.01  # of what chi-square rises by in one standard error: a profile that lies lower by it found another minimum


def probability(sigma: float) -> float:
    """Return the probability within so many standard deviations; a number below 1 is one already, as in lmfit."""
    return sigma if sigma < 1 else math.erf(sigma / math.sqrt(2))


def level(result: Any, inside: float, *, absolute: bool) -> float:
    """Return the change of chi-square at which one parameter's interval of a probability ends."""
    from scipy import stats

    if absolute:
        return float(stats.chi2.ppf(inside, 1))
    return float(result.chisqr / result.nfree * stats.f.ppf(inside, 1, result.nfree))


def least_squares(result: Any) -> float:
    """Return the sum of squares that lmfit reached, of a population with the constant that lifts it."""
    return float(result.chisqr + getattr(result, "lifted", 0.0))


@dataclass(eq=False)
class Profile:
    """Hold the profile of one varied parameter: `change` evaluates it and remembers each point."""

    minimizer: lmfit.Minimizer
    best: Any
    name: str
    ending: Ending = ENDING
    points: dict[float, tuple[float, lmfit.Parameters]] = field(default_factory=dict)

    def change(self, value: float) -> float:
        """Return by how much chi-square rises where the parameter is held at a value; inf where nothing is solved."""
        if value not in self.points:
            self.points[value] = self._solved(value)
        return self.points[value][0] - least_squares(self.best)

    def _solved(self, value: float) -> tuple[float, lmfit.Parameters]:
        """Return chi-square at a value, from the fit of the others at the nearest value that is known."""
        known = {at: params for at, (chisqr, params) in self.points.items() if np.isfinite(chisqr)}
        known[float(self.best.params[self.name].value)] = self.best.params
        start = known[min(known, key=lambda at: abs(at - value))].copy()
        start[self.name].set(value=value, vary=False)
        start.update_constraints()
        try:
            if varied(start):
                result = least(self.minimizer, start, self.ending)
                return float(result.chisqr), result.params
            away = np.asarray(self.minimizer.userfcn(start))
        except SolveError:
            return math.inf, start
        return float(away @ away), start

    def limit(self, rise: float, direction: int) -> float:
        """Return where chi-square has risen so far, below (-1) or above (1) the estimate; -inf or inf where it does not
        up to the bound."""
        from scipy.optimize import brentq

        p = self.best.params[self.name]
        centre, bound = float(p.value), float(p.min if direction < 0 else p.max)
        step = math.sqrt(rise) * (p.stderr if p.stderr else 0.1 * abs(centre) or 0.1)
        inner, outer = centre, centre

        def short_of(value: float) -> float:
            """Return how far the root of the rise, which is nearly a line, is from its level."""
            return math.sqrt(max(min(self.change(value), 1e300), 0.0)) - math.sqrt(rise)

        for _ in range(FURTHEST):
            if outer == bound:
                return direction * math.inf
            inner, outer = outer, direction * min(direction * (centre + direction * step), direction * bound)
            if short_of(outer) >= 0:
                return float(brentq(short_of, inner, outer, xtol=CLOSE * abs(outer - centre), rtol=1e-12))
            step *= 2
        return direction * math.inf


def kept(minimizer: lmfit.Minimizer | None) -> lmfit.Minimizer:
    """Return a fit's minimiser; raise BadValue where it was loaded without."""
    if minimizer is None:
        raise BadValue("this fit was loaded without its minimiser; load it with the model, or fit again")
    return minimizer


def _checked_name(result: Any, name: Any) -> str:
    """Return the name under which a parameter is varied."""
    known = [one.removeprefix(LOG) for one in varied(result.params)]
    if not isinstance(name, str):
        refuse("name", name, f"the name of a fitted parameter, such as '{known[0]}'")
    if name not in known:
        raise unknown("fitted parameter", name, known, "the fit")
    return varied_name(result.params, name)


def _said(name: str, value: float) -> float:
    """Return a value of a varied parameter as that of the parameter itself."""
    return (
        math.exp(min(value, 709.0))
        if name.startswith(LOG) and math.isfinite(value)
        else (0.0 if name.startswith(LOG) and value < 0 else value)
    )


def limits(
    minimizer: lmfit.Minimizer | None, result: Any, sigmas: Sequence[float], names: Sequence[str] | None
) -> pd.DataFrame:
    """Return the interval of each parameter at each level, a row a parameter; see Fit.conf_interval."""
    if not is_list(sigmas) or not len(sigmas):
        refuse("sigmas", sigmas, "a list of numbers, such as [1, 2, 3]")
    inside = sorted({probability(_positive(sigma)) for sigma in sigmas})
    minimizer = kept(minimizer)
    chosen = [name.removeprefix(LOG) for name in varied(result.params)] if names is None else list(names)
    rows = {}
    for said in chosen:
        name = _checked_name(result, said)
        profile = Profile(minimizer, result, name)
        rises = [level(result, p, absolute=not minimizer.scale_covar) for p in inside]
        low = [_said(name, profile.limit(rise, -1)) for rise in rises]
        high = [_said(name, profile.limit(rise, 1)) for rise in rises]
        _warn_of_lower(profile, said)
        rows[said] = [*low[::-1], _said(name, float(result.params[name].value)), *high]
    words = [f"{100 * p:.2f}%" for p in inside]
    columns = [*(f"lower {w}" for w in words[::-1]), "estimate", *(f"upper {w}" for w in words)]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _positive(sigma: Any) -> float:
    number = finite(sigma, "sigmas")
    if number <= 0 or number > 8:
        raise BadValue(f"sigmas: {number:g}: expected standard deviations up to 8, or probabilities below 1")
    return number


def course(minimizer: lmfit.Minimizer | None, result: Any, name: Any, points: int) -> pd.DataFrame:
    """Return the profile of a parameter at so many values; see Fit.profile."""
    points = whole(points, "points", 3, 1000, "odd numbers have the estimate among them")
    minimizer, varied_as = kept(minimizer), _checked_name(result, name)
    profile = Profile(minimizer, result, varied_as)
    absolute, p = not minimizer.scale_covar, result.params[varied_as]
    rises = {probability(sigma): level(result, probability(sigma), absolute=absolute) for sigma in SIGMAS}
    ends = {inside: (profile.limit(rise, -1), profile.limit(rise, 1)) for inside, rise in rises.items()}
    low, high = _span(profile, p, ends[max(ends)])
    centre = float(p.value)
    half = points // 2
    left, right = np.linspace(low, centre, half + 1), np.linspace(centre, high, points - half)
    values = np.concatenate([left, right[1:]])
    for value in [*left[::-1], *right]:  # outwards, each from its neighbour
        profile.change(float(value))
    _warn_of_lower(profile, name)
    rows = []
    for value in values.tolist():
        squares, params = profile.points[value]
        others = {one: float(q.value) for one, q in params.items() if not one.startswith(LOG) and one != name}
        chisqr, change = squares - getattr(result, "lifted", 0.0), squares - least_squares(result)
        rows.append({name: _said(varied_as, value), "chisqr": chisqr, "change": change} | others)
    frame = pd.DataFrame(rows)
    frame.attrs = {
        "parameter": name,
        "estimate": _said(varied_as, centre),
        "limits": {
            f"{100 * inside:.2f}%": {"change": rises[inside], "low": _said(varied_as, a), "high": _said(varied_as, b)}
            for inside, (a, b) in ends.items()
        },
    }
    return frame


def _span(profile: Profile, p: Any, ends: tuple[float, float]) -> tuple[float, float]:
    """Return from where to where a profile is drawn: its widest limits, else the bound, or as far as it was sought."""
    tried = [at for at, (chisqr, _) in profile.points.items() if np.isfinite(chisqr)]
    width = p.stderr or 0.1 * abs(p.value) or 0.1
    low = ends[0] if math.isfinite(ends[0]) else max(p.min, min(tried), p.value - 10 * width)
    high = ends[1] if math.isfinite(ends[1]) else min(p.max, max(tried), p.value + 10 * width)
    return float(low), float(high)


def _warn_of_lower(profile: Profile, name: str) -> None:
    """Warn where a profile went below the minimum of the fit, which then was none."""
    lower = least_squares(profile.best) - min(squares for squares, _ in profile.points.values())
    one_error = level(profile.best, probability(1.0), absolute=not profile.minimizer.scale_covar)
    if lower > LOWER * one_error:
        warnings.warn(
            f"the profile of '{name}' found a point lower by {lower:.3g} than the fit's {profile.best.chisqr:.6g}: the "
            "fit ended in another minimum; fit again with more starts",
            stacklevel=4,
        )
