"""Where a fit by the normal law starts: lmfit's parameters of a population and of residual errors."""

from collections.abc import Mapping, Sequence
from typing import Any

import lmfit
import numpy as np

from immunode.calibration.free_parameters import LOG, OPTIONS, Options
from immunode.calibration.normal_objective import ADDITIVE, NOISE
from immunode.calibration.population.parameters import population_parameters
from immunode.errors import BadValue, unknown
from immunode.internal.arguments import by_name, finite, is_list, short
from immunode.virtual_trials.population import Population

SPAN = 1000.0  # times and parts of where a residual error starts: its bounds where none are said


def residual_errors(noise: Mapping[str, float] | None, additive: Mapping[str, float] | None) -> dict[str, float]:
    """Return residual errors by the names under which they are varied."""
    out = {}
    for prefix, stated in ((NOISE, by_name(noise, "noise", "{'conc': 0.2}")),
                           (ADDITIVE, by_name(additive, "additive", "{'conc': 0.1}"))):  # fmt: skip
        for name, value in stated.items():
            out[f"{prefix}{name}"] = finite(value, f"{prefix.rstrip('_')} of '{name}'")
            if value < 0:
                raise BadValue(f"{prefix.rstrip('_')} of '{name}' = {value:g}: expected 0 or more")
    return out


def normal_parameters(
    population: Population,
    vary: Sequence[str] | Mapping[str, Options],
    derived: Mapping[str, str] | None,
    errors: Mapping[str, float],
    observed: Sequence[str],
) -> lmfit.Parameters:
    """Return lmfit parameters of what varies: those of a population, and residual errors by their logarithms.

    Raise UnknownName for a name that is none of them, BadValue for an empty list, a name twice, options that cannot be,
    and an error that starts at 0, where the likelihood is flat.
    """
    if not isinstance(vary, Mapping) and not is_list(vary):
        raise BadValue(f"vary = {short(vary)}: expected a list of parameters, such as ['CL', 'omega_CL']")
    names: list[Any] = list(vary)
    if not names:
        raise BadValue("vary is empty: expected at least one parameter to fit")
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadValue(f"vary names '{twice[0]}' twice; leave one out")
    options: dict[str, Options] = dict(vary) if isinstance(vary, Mapping) else {name: {} for name in names}
    known = [f"{prefix}{name}" for prefix in (NOISE, ADDITIVE) for name in observed]
    for name in options:
        if str(name).startswith((NOISE, ADDITIVE)) and name not in (*known, *population.of.typical):
            raise unknown("residual error", name, known, population.of.name)
    rest = {name: one for name, one in options.items() if name not in known}
    out = population_parameters(population, rest, by_name(derived, "derived", "{'omega_V': 'omega_CL'}"))
    for name in known:
        if name in options:
            _add_error(out, name, errors.get(name, 0.0), options[name])
    return out


def _add_error(out: lmfit.Parameters, name: str, start: float, options: Options) -> None:
    what = f"free parameter '{name}'"
    said = by_name(options, what, "{'value': 0.2, 'min': 0.01, 'max': 1}")
    if extra := set(said) - set(OPTIONS):
        raise unknown("option", min(extra), OPTIONS, what)
    value = finite(said.get("value", start), f"{what}: value")
    low, high = (finite(said.get(end, usual), f"{what}: {end}") for end, usual in
                 (("min", value / SPAN), ("max", value * SPAN)))  # fmt: skip
    if not value > 0:
        raise BadValue(f"{what} starts at {value:g}, where nothing tells it from 0; start above, such as 0.1")
    if not 0 < low <= value <= high or low == high:
        raise BadValue(f"{what} starts at {value:g}, which must lie within {low:g} to {high:g}, above 0")
    out.add(f"{LOG}{name}", value=float(np.log(value)), min=float(np.log(low)), max=float(np.log(high)))
    out.add(name, expr=f"exp({LOG}{name})")
