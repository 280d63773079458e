"""Check what a Model declares as it is made: its names and bounds, and its equations by calling them with units."""

import linecache
import math
import numbers
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import fields
from keyword import iskeyword
from pathlib import Path
from typing import Any
from unicodedata import is_normalized, normalize

from immunode import functions
from immunode.errors import ImmunodeError, ModelError, UnitError, unknown
from immunode.functions.quantity import Units, as_condition, pure, require_same
from immunode.functions.refusal import cure
from immunode.internal.arguments import named, number, one, refuse
from immunode.model.reads import Reading, check_reads
from immunode.model.trace import Names
from immunode.model.triggers import Trigger, assigned, said
from immunode.units import factor, unit

RESULTS = frozenset(
    ("time", "patient", "record", "id", "row", "side", "by", "by_units", "status", "status_time", "status_state")
)
SENSITIVITY = "_sensitivity"


def check_texts(part: Any, what: str) -> None:
    """Raise BadValue, naming the field, where what is declared as a text is none."""
    for field in fields(part):
        if field.type in ("str", str):
            one(getattr(part, field.name), str, f"{field.name} of {what}", "a text")


def check_numbers(part: Any, what: str, *names: str, finite: bool = True) -> None:
    """Make fields plain numbers; raise BadValue, naming the field, for what is no (finite) number."""
    for name in names:
        value = number(getattr(part, name))
        if value is None or math.isnan(value) or (finite and math.isinf(value)):
            unit = f", in {part.unit}, without the unit" if isinstance(getattr(part, name), str) else ""
            refuse(f"{name} of {what}", getattr(part, name), f"a {'finite ' if finite else ''}number{unit}")
        object.__setattr__(part, name, value)


def check_names(model: Any) -> None:
    """Raise ModelError for a name that stands twice or cannot be one, a value outside its bounds, a lost route."""
    named(model.name, "a model", "'il2_sc'")
    everything: list[Any] = [*model.states, *model.parameters, *model.inputs, *model.outputs]
    names = [item.name for item in everything]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ModelError(f"{model.name} declares {', '.join(twice)} more than once; every name must be its own")
    wrong = [name for name in names if not name.isidentifier() or name == "t" or name[:1] == "_" or iskeyword(name)]
    if wrong:
        raise ModelError(
            f"{model.name}: '{wrong[0]}' cannot be a name (letters, digits and _ only, a letter first; 't' is time, "
            "and Python's own words are its own)"
        )
    for name in names:
        if not is_normalized("NFKC", name):
            raise ModelError(
                f"{model.name}: '{name}' cannot be a name: Python reads it as {normalize('NFKC', name)!a} in an "
                "equation; write it with plain letters, such as u for the micro sign"
            )
    shown = [item.name for item in (*model.states, *model.outputs)]
    for name in shown:
        if name in RESULTS or name.removesuffix(SENSITIVITY) in set(shown) - {name}:
            raise ModelError(f"{model.name}: '{name}' is a variable of every result; give another name")
    for parameter in model.parameters:
        if not parameter.low <= parameter.value <= parameter.high:
            raise ModelError(f"{model.name}: {parameter.name} = {parameter.value:g} is outside its own bounds")
    _check_routes(model, [state.name for state in model.states])


def _check_routes(model: Any, states: list[str]) -> None:
    """Raise UnknownName for a route to no state, BadValue for one without a name, ModelError for two that are one
    in a sentence, or one that is another state."""
    for route, state in model.routes.items():
        if one(state, str, f"route '{route}' of {model.name}", "the name of a state") not in states:
            raise unknown("state", state, states, f"route '{route}' of {model.name}")
        named(route, f"a route of {model.name}", "'sc'")
        if route in states and route != state:
            raise ModelError(
                f"{model.name}: route '{route}' leads to {state} and is the name of another state; rename one of them"
            )
        if twins := [other for other in model.routes if other != route and other.lower() == route.lower()]:
            raise ModelError(f"{model.name}: routes '{route}' and '{twins[0]}' differ only in case; rename one of them")


def check_units(model: Any) -> tuple[float, ...]:
    """Call the model's functions with units; return the scale of each output, the factor to the declared unit.

    Raise ModelError for what cannot be traced, UnitError for an equation of the wrong unit.
    """
    time = Units(_unit(model.time, f"the time of {model.name}"))
    states = {s.name: Units(_unit(s.unit, f"state {s.name} of {model.name}")) for s in model.states}
    known: list[Any] = [*model.parameters, *model.inputs]
    values = Reading({item.name: Units(_unit(item.unit, f"{item.name} of {model.name}")) for item in known})
    x, p = Names(states, model.name), Names(values, model.name)
    slopes = _called(model.derivative, f"the derivative of {model.name}", time, x, p)
    _check_slopes(model, slopes)
    of_doses: dict[tuple[str, str], str] = {}
    for state in model.states:
        declared = Units(unit(state.unit))
        _must_be(slopes[state.name], declared / time, f"{model.name}: d {state.name}/dt")
        for name, wanted in (("lag", time), ("duration", time), ("rate", declared / time), ("bioavailability", None)):
            if getattr(state, name) is not None:
                value = _check_of_doses(model, state, name, wanted, p)
                # a function of several, or of a covariate, may well be read by the equations, too
                alone = next((parameter for parameter, one in values.items() if one is value), None)
                if alone is not None:
                    of_doses[state.name, name] = alone
    for state in model.states:
        if not isinstance(state.initial, numbers.Real) and state.initial != "steady_state":
            _must_be(_of(model, state, "initial", p), Units(unit(state.unit)), f"{model.name}: initial {state.name}")
    for i, trigger in enumerate(model.triggers):
        _check_trigger(model, trigger, f"trigger {i + 1} of {model.name}", time, x, p)
    shown = [_called(o.value, f"the output {o.name} of {model.name}", time, x, p) for o in model.outputs]
    scales = tuple(_scale(model, output, value) for output, value in zip(model.outputs, shown, strict=True))
    check_reads(model, of_doses, values.noted)
    return scales


def _check_of_doses(model: Any, state: Any, name: str, wanted: Any, p: Names) -> Any:
    """Check what a state declares of its doses, and return it. No unit is `wanted` of a share."""
    value, what = _of(model, state, name, p), f"{model.name}: {name} of {state.name}"
    if wanted is None:
        _must_be(pure(value, what), Units(unit("1")), what)
    else:
        _must_be(value, wanted, what)
    return value


def _unit(text: str, what: str) -> Any:
    """Return the unit of `what`; raise UnitError, naming it, where the text is none."""
    try:
        return unit(text)
    except UnitError as error:
        raise UnitError(f"{what}: {error}") from error


def _check_slopes(model: Any, slopes: Any) -> None:
    states = [s.name for s in model.states]
    if not isinstance(slopes, Mapping):
        form = ", ".join(f'"{name}": ...' for name in states)
        what = "nothing" if slopes is None else f"a {type(slopes).__name__}"
        raise ModelError(f"{model.name}: the derivative returns {what}; it must return {{{form}}}, a slope a state")
    if set(slopes) != set(states):
        odd = ", ".join(sorted(map(str, set(slopes) ^ set(states))))
        raise ModelError(f"{model.name}: the derivative and the states disagree about {odd}")


def _check_trigger(model: Any, trigger: Any, what: str, time: Units, x: Names, p: Names) -> None:
    if not isinstance(trigger, Trigger):
        raise ModelError(f"{what} is {trigger!r}: expected a Trigger(when, then)")
    declared = {state.name: Units(unit(state.unit)) for state in model.states}
    _called(lambda *at: as_condition(trigger.when(*at), "when"), f"when of {what}", time, x, p)
    values = _called(lambda *at: assigned(trigger, *at), f"then of {what}", time, x, p)
    if not isinstance(values, Mapping) or not values:
        raise ModelError(f"then of {what} returns {values!r}: expected {{state: value}}, one state at least")
    for name, value in values.items():
        if name not in declared:
            raise unknown("state", name, declared, f"then of {what}")
        plain = not callable(trigger.then) and isinstance(trigger.then[name], numbers.Real)  # in the state's unit
        if not plain or not math.isfinite(value):
            _must_be(value, declared[name], f"then of {what}: {name}")
    if not isinstance(trigger.delay, numbers.Real):
        delay = _called(lambda *at: said(trigger.delay, *at), f"delay of {what}", time, x, p)
        _must_be(delay, time, f"delay of {what}")
    priority = _called(lambda *at: said(trigger.priority, *at), f"priority of {what}", time, x, p)
    _must_be(pure(priority, f"priority of {what}"), time / time, f"priority of {what}")


def _called(function: Callable[..., Any], what: str, *arguments: Any) -> Any:
    """Return what an equation makes of units; an error says in which line, and what can be written there."""
    try:
        return function(*arguments)
    except (TypeError, ZeroDivisionError, ImmunodeError) as error:
        line = _line(error)
        place = f", in '{line}'" if line else ""
        if isinstance(error, ImmunodeError):
            raise type(error)(f"{what}: {error}{place}") from error
        raise ModelError(f"{what} cannot be traced: {error}{place}{_advice(error, line, arguments)}") from error


def _advice(error: Exception, line: str, arguments: tuple[Any, ...]) -> str:
    """Return what to write instead of a call that raised an error of Python's."""
    if isinstance(error, ZeroDivisionError) or "immunode.functions" in str(error):
        return ""
    if "'Names'" in str(error):
        names = [next(iter(vars(one)["_values"]), "CL") for one in arguments if isinstance(one, Names)]
        shown = " or ".join(f"{one}.{name}" for one, name in zip(("x", "p")[-len(names) :], names, strict=True))
        return f"; name what is meant one by one, such as {shown}"
    if not line and re.search(r"positional argument|keyword-only argument", str(error)):
        return f"; it must be a function of {'(t, x, p)' if len(arguments) == 3 else '(p)'}"
    called = re.match(r"(?:\w+\.)?(\w+)\(", line)
    return f"; {cure(called[1] if called else '')}, not NumPy's, math's or SymPy's"


def _line(error: BaseException) -> str:
    """Return the text of the call in a user's file that raised `error`, "" where it cannot be read."""
    library = str(Path(functions.__file__).parents[1])
    frames = traceback.extract_tb(error.__traceback__)
    # not those of SymPy, which it calls itself
    users = (f for f in frames if not f.filename.startswith(library) and "site-packages" not in f.filename)
    frame = next(reversed(list(users)), None)
    if frame is None or frame.lineno is None:
        return ""
    line = linecache.getline(frame.filename, frame.lineno).encode()  # its columns count bytes
    whole = frame.lineno != frame.end_lineno or frame.colno is None
    return (line if whole else line[frame.colno : frame.end_colno]).decode().strip()


def _of(model: Any, state: Any, name: str, p: Names) -> Any:
    """Return what a state declares of parameters: their function, or the name of one."""
    spec, what = getattr(state, name), f"{name} of {state.name} in {model.name}"
    if not callable(spec) and not isinstance(spec, str):
        raise ModelError(f"{what} must be a number, a parameter's name or a function of parameters, not {spec!r}")
    if isinstance(spec, str) and not spec.isidentifier():
        raise ModelError(f"{what}: '{spec}' is no parameter's name; write a number alone, without its unit")
    return _called(spec if callable(spec) else lambda known: getattr(known, spec), what, p)


def _must_be(value: Any, declared: Units, what: str) -> None:
    if not isinstance(value, Units):
        if not isinstance(value, numbers.Real) or not math.isfinite(value):
            raise ModelError(f"{what} must be a finite number in {declared.name}, not {value!r}")
        if value == 0:
            return
        value = declared.one
    try:
        require_same(declared, value, "given for")
    except UnitError as error:
        raise UnitError(f"{what} must be in {declared.name}: {error}") from error


def _scale(model: Any, output: Any, value: Any) -> float:
    if not isinstance(value, (Units, numbers.Real)):
        raise ModelError(f"{model.name}: output {output.name} must be a number in {output.unit}, not {value!r}")
    source = value.name if isinstance(value, Units) else "1"
    try:
        return factor(source, output.unit)
    except UnitError as error:
        raise UnitError(f"{model.name}: output {output.name}: {error}") from error


def default_of(model: Any, declared: Any) -> float:
    """Return the default of an open input, or raise ModelError: nothing fills it."""
    if declared.default is None:
        raise ModelError(f"input '{declared.name}' of {model.name} is filled by nothing and has no default; connect it")
    return float(declared.default)
