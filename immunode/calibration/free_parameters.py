"""The parameters that a fit varies, as lmfit's: bounds, log scale, derived expressions, and the model's values."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import lmfit
import numpy as np

from immunode.calibration.expressions import arithmetic
from immunode.errors import BadValue, unknown
from immunode.internal.arguments import by_name, finite, flag, is_list, short
from immunode.model.declaration import Model

LOG = "log_"  # what the name of a parameter begins with when its logarithm is varied
PERTURB = 0.5  # log-SD of the extra starts
OPTIONS = ("value", "min", "max", "log")

Options = Mapping[str, Any]


def parameters(
    model: Model,
    vary: Sequence[str] | Mapping[str, Options],
    derived: Mapping[str, str] | None = None,
    held: Mapping[str, float] | None = None,
) -> lmfit.Parameters:
    """Return lmfit parameters: `log` ones are varied as log_<name>, bounds default to the model's.

    A `derived` expression may name any parameter of the model; one that is not varied has its `held` or typical value.

    Raise UnknownName for a name that is neither a parameter of the model nor used by a derived one, BadValue for
    options that are none or lie outside the model's bounds, and for a parameter that is said twice.
    """
    free = options_of(vary)
    for name in free:
        if name in (derived or {}):
            raise BadValue(f"'{name}' is free and derived; leave one out")
        if name in (held or {}):
            raise BadValue(f"'{name}' is free, and held at values = {{'{name}': ...}}; leave one out")
    for name in set(derived or {}) & set(held or {}):
        raise BadValue(f"'{name}' is derived, and held by 'values'; leave one out")
    known = {*model.typical, *free, *(derived or {})}
    derived = {name: arithmetic(name, text, known) for name, text in (derived or {}).items()}
    words = {word for text in derived.values() for word in re.findall(r"\w+", text)}
    out = lmfit.Parameters()
    for name, options in free.items():
        if name not in model.typical and name not in words:
            raise unknown("parameter", name, model.typical, model.name)
        for parameter in _free(model, name, options):
            out.add(**parameter)
    for name, value in (model.typical | dict(held or {})).items():
        if name in words and name not in free and name not in derived:
            out.add(name, value=value, vary=False)
    for name, expression in derived.items():
        if name not in model.typical:
            raise unknown("parameter", name, model.typical, model.name)
        _add_derived(out, name, expression)
    return out


def options_of(vary: Any) -> dict[str, Options]:
    """Return the options of each free parameter by its name; raise BadValue for none, and for what names none."""
    if not isinstance(vary, Mapping) and not is_list(vary):
        raise BadValue(f"vary = {short(vary)}: expected a list of parameters, such as ['CL'], or their options by name")
    names = list(vary)
    for name in names:
        if not isinstance(name, str):
            raise BadValue(f"vary: {short(name)} is no name of a parameter")
    if not names:
        raise BadValue("vary is empty: expected at least one parameter to fit")
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadValue(f"vary names '{twice[0]}' twice; leave one out")
    if not isinstance(vary, Mapping):
        return {name: {} for name in names}
    return {
        name: by_name(options, f"free parameter '{name}'", "{'value': 10, 'min': 1, 'max': 100}")
        for name, options in vary.items()
    }


def check_derived(model: Model, params: lmfit.Parameters, derived: Iterable[str], when: str) -> None:
    """Raise BadValue when a derived parameter is outside the bounds of the model `when`."""
    bounds = {p.name: p for p in model.parameters}
    for name in derived:
        p, value = bounds[name], float(params[name].value)
        if not p.low <= value <= p.high:
            raise BadValue(
                f"derived parameter '{name}' {when} {value:.6g}, outside {p.low:g} to {p.high:g} {p.unit} of "
                f"{model.name}; bound what it is made of"
            )


def _add_derived(out: lmfit.Parameters, name: str, expression: str) -> None:
    try:
        with np.errstate(all="ignore"):
            out.add(name, expr=expression)
            value = float(out[name].value)
    except (NameError, ArithmeticError, TypeError, ValueError, RuntimeError) as error:
        why = str(error).strip() or "it is no finite number"
        raise BadValue(f"derived parameter '{name}': cannot evaluate '{expression}': {why}") from error
    if not np.isfinite(value):
        raise BadValue(f"derived parameter '{name}': '{expression}' is {value:g} at the start, no finite number")


def _free(model: Model, name: str, options: Options) -> list[dict[str, Any]]:
    """Return how lmfit adds a free parameter: on the log scale its logarithm, which is varied, and what follows it."""
    if extra := set(options) - set(OPTIONS):
        raise unknown("option", min(extra), OPTIONS, f"free parameter '{name}'")
    what, p = f"free parameter '{name}'", {p.name: p for p in model.parameters}.get(name)
    bounds = (p.low, p.high) if p else (-np.inf, np.inf)
    number = f"a number{f' in {p.unit}' if p else ''}"
    stated = {key: finite(value, f"{what}: {key}", number) for key, value in options.items() if key != "log"}
    low, high = stated.get("min", bounds[0]), stated.get("max", bounds[1])
    log = flag(options.get("log", False), f"{what}: log")
    if log and not low > 0:
        raise BadValue(f"{what} is fitted on the log scale: its min must be above 0, not {low:g}")
    if not bounds[0] <= low < high <= bounds[1]:
        raise BadValue(
            f"{what}: min = {low:g}, max = {high:g}: expected a span within {bounds[0]:g} to {bounds[1]:g}; "
            "one that is not to vary belongs into 'values'"
        )
    value = stated.get("value", model.typical.get(name))
    if value is None or not low <= value <= high:
        raise BadValue(f"{what} starts at {value}, which must lie within {low:g} to {high:g}")
    if not log:
        return [{"name": name, "value": value, "min": low, "max": high}]
    logarithm = {"name": f"{LOG}{name}", "value": np.log(value), "min": np.log(low), "max": np.log(high)}
    return [logarithm, {"name": name, "expr": f"exp({LOG}{name})"}]


def varied_name(params: lmfit.Parameters, name: str) -> str:
    """Return the name under which a parameter is varied: log_<name> on the log scale, else its own."""
    return f"{LOG}{name}" if f"{LOG}{name}" in params else name


def varied(params: lmfit.Parameters) -> dict[str, float]:
    """Return the values of the parameters that vary."""
    return {name: float(p.value) for name, p in params.items() if p.vary}


def model_values(model: Model, params: lmfit.Parameters, held: Mapping[str, float]) -> dict[str, float]:
    """Return the model's parameters that a fit sets."""
    return dict(held) | {name: float(p.value) for name, p in params.items() if name in model.typical}


def perturbed(params: lmfit.Parameters, random: np.random.Generator) -> lmfit.Parameters:
    """Return another start: each varied parameter moved by a log-normal factor, within its bounds."""
    out = params.copy()
    for name, p in out.items():
        if p.vary:
            move = PERTURB * random.standard_normal()
            p.value = float(np.clip(p.value + move if name.startswith(LOG) else p.value * np.exp(move), p.min, p.max))
    out.update_constraints()
    return out
