"""Checks of what a population varies: spreads, correlations, subgroups, each refused by name with the cure."""

from collections.abc import Mapping, Sequence
from typing import Any

from immunode.errors import BadValue, unknown
from immunode.evidence.design import Subgroup
from immunode.internal.arguments import finite, short
from immunode.model.declaration import Model, Parameter

MOST_SHARES = 1 + 1e-9  # of all subgroups together, but for rounding
MOST_OMEGA = 10.0  # an SD of the log; more is a percentage


def check_spread(model: Model, omega: Mapping[str, Any], correlation: Mapping[Any, Any], what: str = "omega") -> None:
    """Check the spread of parameters and its correlations.

    `what` is how a caller calls the spread. Raise UnknownName for what is no parameter, BadValue for an SD or a
    correlation that is none, and for a pair that is
    stated twice.
    """
    for name, sd in omega.items():
        _check_parameter(model, name)
        expected = "an SD of the log, zero or more, such as 0.3 for about 30 %"
        if not 0 <= finite(sd, f"{what} of '{name}'", expected) <= MOST_OMEGA:
            raise BadValue(f"{what} of '{name}' = {sd}: expected {expected}, at most {MOST_OMEGA:g}")
    stated = set()
    for pair, value in correlation.items():
        if not isinstance(pair, tuple) or len(pair) != 2 or pair[0] == pair[1]:
            raise BadValue(f"correlation {short(pair)}: expected two parameters, such as ('CL', 'V')")
        for name in pair:
            _check_parameter(model, name)
            if name not in omega:
                raise BadValue(f"correlation {pair}: '{name}' does not vary; give it an omega")
        if not -1 < finite(value, f"correlation {pair}", "a number between -1 and 1") < 1:
            raise BadValue(
                f"the correlations {{{pair}: {value}}} do not form a correlation matrix: expected between -1 and 1"
            )
        if frozenset(pair) in stated:
            raise BadValue(f"the correlation of '{pair[0]}' and '{pair[1]}' is stated twice; leave one out")
        stated.add(frozenset(pair))


def check_subgroups(model: Model, subgroups: Sequence[Subgroup], typical: Mapping[str, Any]) -> None:
    """Check names and shares of subgroups, and that their factors leave typical values within their bounds.

    Raise UnknownName for what is no parameter, BadValue otherwise.
    """
    names = [group.name for group in subgroups]
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadValue(f"two subgroups are called '{twice[0]}'; give each a name of its own")
    values, declared = model.values(typical), {p.name: p for p in model.parameters}
    for group in subgroups:
        for name, scale in group.scale.items():
            _check_parameter(model, name)
            p, scaled = declared[name], values[name] * scale
            if not p.low <= scaled <= p.high:
                raise BadValue(
                    f"subgroup '{group.name}': '{name}' x {scale:g} is {scaled:g}, outside {span(p)} "
                    f"of {model.name}; give another factor"
                )
    total = sum(group.share for group in subgroups)
    if total > MOST_SHARES:
        raise BadValue(f"the shares of the subgroups add up to {total:g}, more than 1")


def span(p: Parameter) -> str:
    """Return the bounds of a parameter in words, with its unit where it has one."""
    return f"{p.low:g} to {p.high:g}{'' if p.unit == '1' else ' ' + p.unit}"


def _check_parameter(model: Model, name: Any) -> None:
    if name not in model.typical:
        raise unknown("parameter", str(name), model.typical, model.name)
