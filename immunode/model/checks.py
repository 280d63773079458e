"""Check what a Model declares as it is made: its names and bounds, and its equations by calling them with units."""

from typing import Any

from immunode.errors import ModelError, UnitError, unknown
from immunode.functions import Units, pure, require_same
from immunode.model.trace import Names
from immunode.units import factor, unit


def check_names(model: Any) -> None:
    """Raise ModelError for a name that stands twice or cannot be one, a value outside its bounds, a lost route."""
    everything: list[Any] = [*model.states, *model.parameters, *model.inputs, *model.outputs]
    names = [item.name for item in everything]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ModelError(f"{model.name} declares {', '.join(twice)} more than once; every name must be its own")
    wrong = [name for name in names if not name.isidentifier() or name == "t"]
    if wrong:
        raise ModelError(f"{model.name}: '{wrong[0]}' cannot be a name (letters, digits and _ only; 't' is time)")
    for parameter in model.parameters:
        if not parameter.low <= parameter.value <= parameter.high:
            raise ModelError(f"{model.name}: {parameter.name} = {parameter.value:g} is outside its own bounds")
    for route, state in model.routes.items():
        if state not in [s.name for s in model.states]:
            raise unknown("state", state, [s.name for s in model.states], f"route '{route}' of {model.name}")


def check_units(model: Any) -> tuple[float, ...]:
    """Call the model's functions with units; return the scale of each output, the factor to the declared unit.

    Raise ModelError for what cannot be traced, UnitError for an equation of the wrong unit.
    """
    time = Units(unit(model.time))
    x = Names({s.name: Units(unit(s.unit)) for s in model.states}, model.name)
    known: list[Any] = [*model.parameters, *model.inputs]
    values = {item.name: Units(unit(item.unit)) for item in known}
    p = Names(values, model.name)
    try:
        slopes = model.derivative(time, x, p)
    except TypeError as error:
        cure = "use exp, log, sqrt, where, minimum, maximum, hill of immunode.functions, not NumPy's or math's"
        raise ModelError(f"{model.name}: the derivative cannot be traced ({error}); {cure}") from error
    if set(slopes) != {s.name for s in model.states}:
        odd = sorted(set(slopes) ^ {s.name for s in model.states})
        raise ModelError(f"{model.name}: the derivative and the states disagree about {', '.join(odd)}")
    for state in model.states:
        declared = Units(unit(state.unit))
        _must_be(slopes[state.name], declared / time, f"{model.name}: d {state.name}/dt")
        if not isinstance(state.initial, (int, float)) and state.initial != "steady_state":
            _must_be(_spec(state.initial, p), declared, f"{model.name}: initial {state.name}")
        if state.lag is not None:
            _must_be(_spec(state.lag, p), time, f"{model.name}: lag of {state.name}")
        if state.duration is not None:
            _must_be(_spec(state.duration, p), time, f"{model.name}: duration of {state.name}")
        if state.rate is not None:
            _must_be(_spec(state.rate, p), declared / time, f"{model.name}: rate of {state.name}")
        if state.bioavailability is not None:
            pure(_spec(state.bioavailability, p), f"{model.name}: bioavailability of {state.name}")
    return tuple(_scale(model, output, output.value(time, x, p)) for output in model.outputs)


def _spec(spec: Any, p: Names) -> Any:
    return spec(p) if callable(spec) else getattr(p, spec)


def _must_be(value: Any, declared: Units, what: str) -> None:
    if not isinstance(value, Units):
        if value == 0:
            return
        value = Units(declared.unit**0)
    try:
        require_same(declared, value, "given for")
    except UnitError as error:
        raise UnitError(f"{what} must be in {declared.name}: {error}") from error


def _scale(model: Any, output: Any, value: Any) -> float:
    source = value.name if isinstance(value, Units) else "1"
    try:
        return factor(source, output.unit)
    except UnitError as error:
        raise UnitError(f"{model.name}: output {output.name}: {error}") from error
