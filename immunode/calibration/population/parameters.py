"""What a fit of a population varies, as lmfit's parameters: typical values, SDs and correlations between patients."""

from collections.abc import Mapping, Sequence
from typing import Any

import lmfit

from immunode.calibration.expressions import arithmetic
from immunode.calibration.free_parameters import Options, parameters
from immunode.calibration.population.values import CORRELATION, OMEGA, correlation_name
from immunode.errors import BadValue, unknown
from immunode.internal.arguments import by_name, finite
from immunode.virtual_trials.population import Population

OMEGA_BOUNDS = (0.05, 3.0)  # SD of a logarithm: below, patients are alike; above, they differ 400-fold
CORRELATION_BOUNDS = (-0.95, 0.95)
LEAST = 1e-4  # of its start: the lower bound of a logarithm where the model's is 0


def population_parameters(
    population: Population, vary: Mapping[str, Options], derived: Mapping[str, str]
) -> lmfit.Parameters:
    """Return lmfit's parameters of a fit of a population.

    `vary` names parameters of the model, omega_NAME for the SD of one that the population's omega has, and
    correlation_A_B. Typical values of what varies between patients are varied by their logarithms.

    Raise UnknownName for other names, BadValue for options that cannot be.
    """
    spreads = {OMEGA + name: sd for name, sd in population.omega.items()}
    pairs = {correlation_name(pair): value for pair, value in population.correlation.items()}
    model = population.of
    example = "{'value': 0.3, 'min': 0.1, 'max': 1}"
    typical = {name: by_name(options, f"free parameter '{name}'", example) for name, options in vary.items()
               if name not in {**spreads, **pairs}}  # fmt: skip
    for name in typical:
        if name not in model.typical and name.startswith((OMEGA, CORRELATION)):
            raise unknown("spread", name, [*spreads, *pairs], "the population")
    held = {name: model.values(population.typical)[name] for name in population.typical if name not in typical}
    known = {n: e for n, e in derived.items() if not n.startswith(OMEGA)}
    starts = {name: _with_log(population, name, options) for name, options in typical.items()}
    out = (
        parameters(model, starts, known, {n: v for n, v in held.items() if n not in known})
        if starts
        else (lmfit.Parameters())
    )
    for name, options in vary.items():
        if name in spreads:
            _add_spread(out, name, spreads[name], options)
        elif name in pairs:
            _add_correlation(out, name, pairs[name], options)
    for name, text in derived.items():
        if name in vary:
            raise BadValue(f"'{name}' is free and derived; leave one out")
        if name.startswith(OMEGA):
            if name not in spreads:
                raise unknown("spread", name, spreads, "the population")
            out.add(name, expr=arithmetic(name, text, {*out}))
    return out


def _with_log(population: Population, name: str, options: Options) -> dict[str, Any]:
    """Return the options of a typical value; that of what varies between patients is varied by its logarithm."""
    p = next((p for p in population.of.parameters if p.name == name), None)
    start = population.typical.get(name, population.of.typical.get(name))
    filled = {"value": population.of.values({name: start})[name], **options} if start is not None else dict(options)
    if p is None or name not in population.omega or "log" in options or p.low < 0:
        return filled
    if filled.get("min", p.low) <= 0:
        filled["min"] = LEAST * float(filled["value"])
    return {**filled, "log": True}


def _add_spread(out: lmfit.Parameters, name: str, start: float, options: Options) -> None:
    """Add an SD as it is: its logarithm would have no end where the statistics leave room for none."""
    low, high, value = _span(name, start, options, OMEGA_BOUNDS)
    if not low > 0:
        raise BadValue(f"free parameter '{name}': min = {low:g}: expected an SD above 0, such as 0.05")
    out.add(name, value=value, min=low, max=high)


def _add_correlation(out: lmfit.Parameters, name: str, start: float, options: Options) -> None:
    low, high, value = _span(name, start, options, CORRELATION_BOUNDS)
    if not -1 < low < high < 1:
        raise BadValue(f"free parameter '{name}': min = {low:g}, max = {high:g}: expected a span within -1 to 1")
    out.add(name, value=value, min=low, max=high)


def _span(name: str, start: float, options: Options, bounds: Sequence[float]) -> tuple[float, float, float]:
    by_name(options, f"free parameter '{name}'", "{'value': 0.3, 'min': 0.1, 'max': 1}")
    if extra := set(options) - {"value", "min", "max", "log"}:
        raise unknown("option", min(extra), ("value", "min", "max"), f"free parameter '{name}'")
    stated = {key: finite(value, f"free parameter '{name}': {key}") for key, value in options.items() if key != "log"}
    low, high = stated.get("min", bounds[0]), stated.get("max", bounds[1])
    value = stated.get("value", start)
    if not low < high:
        raise BadValue(f"free parameter '{name}': min = {low:g}, max = {high:g}: expected min below max")
    if not low <= value <= high:
        raise BadValue(f"free parameter '{name}' starts at {value:g}, which must lie within {low:g} to {high:g}")
    return low, high, value
