"""What lmfit.Parameters say of a fit, such as the `params` of another one: what varies, what follows, what is held."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np

from immunode import models
from immunode.calibration.free_parameters import LOG
from immunode.calibration.population.values import OMEGA, correlation_name
from immunode.errors import BadValue, unknown
from immunode.internal.arguments import by_name
from immunode.model.declaration import Model
from immunode.virtual_trials.population import Population

SAME = 1e-12  # of a bound: exp(log(0.1)) is 0.1
FIXED = "is fixed in the lmfit.Parameters"


@dataclass(frozen=True)
class Said:
    """Hold what im.calibrate takes: options of what varies, expressions of what is derived, values of what is held."""

    vary: Any
    derived: Any
    values: Any


def from_lmfit(vary: Any, derived: Any, values: Any, model: Any) -> Said:
    """Return `vary`, `derived` and `values` as they are, or as lmfit.Parameters say them beside the others.

    What varies has their value and their bounds where these are finite, else the model's. A parameter X whose
    expression is exp(log_X) is varied by its logarithm. Another expression makes it derived; names in it that are none
    of the model are replaced by what they are. What is fixed is a value of the model; a population has its own.

    Raise BadValue for what is said twice, and for a fixed value that is not the population's.
    """
    if not isinstance(vary, lmfit.Parameters) or not isinstance(model, str | Model | Population):
        return Said(vary, derived, values)
    population = model if isinstance(model, Population) else None
    declared = model.of if isinstance(model, Population) else models.model(model)
    parts = _parts(vary, declared)
    known = {*declared.typical, *(_spreads(population) if population else ())}
    follows, used = _written_out(parts.derived, parts.values, known)
    held = {name: value for name, value in parts.values.items() if name in known or name not in used}
    if population:
        _check_held(population, held)
        held = {}
    derived = by_name(derived, "derived", "{'Vmax': 'slope * Km'}")
    values = by_name(values, "values", "{'CL': 100}")
    for what, one, other in (("derived", derived, follows), ("values", values, held)):
        if twice := sorted(set(one) & {*vary, *other}):
            raise BadValue(f"'{twice[0]}' is in the lmfit.Parameters, and in '{what}'; leave one out")
    return Said(parts.vary, {**follows, **derived}, {**held, **values} or None)


def _parts(params: lmfit.Parameters, model: Model) -> Said:
    """Return which parameters vary, which have an expression, and which are fixed; logarithms as what they are of."""
    bounds = {p.name: (p.low, p.high) for p in model.parameters}
    logs = {name for name, p in params.items() if p.expr and p.expr.replace(" ", "") == f"exp({LOG}{name})"}
    out = Said({}, {}, {})
    for name, p in params.items():
        if name in logs:
            continue
        read = name.removeprefix(LOG) if name.startswith(LOG) and name.removeprefix(LOG) in logs else name
        log = read != name
        if p.vary:
            out.vary[read] = _options(p, bounds.get(read, ()), log)
        elif p.expr:
            out.derived[read] = f"exp({p.expr})" if log else p.expr
        else:
            out.values[read] = float(np.exp(p.value) if log else p.value)
    for read in logs:  # what is made of a logarithm is made of what it is of
        for name, text in out.derived.items():
            out.derived[name] = re.sub(rf"\b{LOG}{read}\b", f"log({read})", text)
    return out


def _options(p: lmfit.Parameter, bounds: tuple[float, ...], log: bool) -> dict[str, Any]:
    """Return start and bounds of what varies; those of the model exactly, where a logarithm rounded them."""
    stated = {"value": p.value, "min": p.min, "max": p.max}
    stated = {key: value for key, value in stated.items() if np.isfinite(value)}
    out: dict[str, Any] = {key: float(np.exp(value) if log else value) for key, value in stated.items()}
    for key, value in out.items():
        out[key] = next((bound for bound in bounds if math.isclose(value, bound, rel_tol=SAME)), value)
    return out | ({"log": True} if log else {})


def _written_out(
    derived: Mapping[str, str], values: Mapping[str, float], known: set[str]
) -> tuple[dict[str, str], set[str]]:
    """Return expressions of what is `known` alone, others written out in them; and the names that they had."""
    others = {name: f"({text})" for name, text in derived.items()} | {name: f"({v!r})" for name, v in values.items()}
    others = {name: text for name, text in others.items() if name not in known}
    follows, used = dict(derived), set()
    for _ in others:  # one in another in another
        for name, text in follows.items():
            words = {word for word in re.findall(r"[A-Za-z_]\w*", text) if word in others}
            used |= words
            for word in words:
                text = re.sub(rf"\b{word}\b", others[word], text)
            follows[name] = text
    return {name: text for name, text in follows.items() if name not in used}, used


def _spreads(population: Population) -> dict[str, float]:
    """Return the SDs and correlations of a population by the names that a fit has for them."""
    pairs = {correlation_name(pair): value for pair, value in population.correlation.items()}
    return {OMEGA + name: sd for name, sd in population.omega.items()} | pairs


def _check_held(population: Population, held: Mapping[str, float]) -> None:
    """Raise BadValue for a fixed value that is not the population's, UnknownName for one that it does not have."""
    has = population.of.values(population.typical) | _spreads(population)
    for name, value in held.items():
        if name not in has:
            raise unknown("parameter", name, has, population.of.name)
        if not math.isclose(value, has[name], rel_tol=SAME):
            cure = f"typical={{'{name}': {value:g}}}"
            if name.startswith(OMEGA) and name not in population.of.typical:
                cure = f"omega={{'{name.removeprefix(OMEGA)}': {value:g}}}"
            pair = next((pair for pair in population.correlation if correlation_name(pair) == name), None)
            if pair is not None:
                cure = f"correlation={{{pair}: {value:g}}}"
            raise BadValue(
                f"'{name}' {FIXED} at {value:g}, and the population has {has[name]:g}; give it as im.Population(..., "
                f"{cure})"
            )
