"""Compose models: one part's state or output, or an expression, fills another part's input."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

from immunode.errors import ModelError, UnitError, unknown
from immunode.functions.quantity import Units, require_same
from immunode.functions.steps import rescale
from immunode.internal.arguments import by_name, several, short
from immunode.model.declaration import Input, Model, Output, State
from immunode.model.trace import Names
from immunode.model.triggers import Trigger, said
from immunode.units import unit

Expression = Callable[[Any, Any, Any], Any]


def compose(
    name: str,
    *parts: Model,
    connect: Mapping[str, str | Expression] | None = None,
    outputs: tuple[Output, ...] = (),
    meaning: str = "",
) -> Model:
    """Join models into one that shares one name space; what one part makes fills the inputs of another.

    An input is filled by `connect`, else by the state, output or parameter of its name; else it keeps its default.

    Main arguments
        name: what the new model is called
        *parts: im.Model, one or more, which count time in one unit
        connect: {input: what fills it}: a name, or an expression `f(t, x, p)` in which `p` also knows every part's
            outputs, default none

    Other arguments
        outputs: further im.Output of the whole, default none
        meaning: what it is, in words, default none

    Returns
        an im.Model with the states, parameters, outputs, routes and triggers of all parts, and the inputs that are open

    Raises
        ModelError: for a clash of names, inputs that need each other, parts with other units of time. An input that
            nothing fills and that has no default stays open, and is refused when the model is used.
        UnitError: for what fills an input in another unit.
        UnknownName: for an input in `connect` that no part has.
        BadValue: for what is no model.

    Example
        >>> import immunode as im
        >>> drug = im.Model(
        ...     "drug", [im.State("c", "mg/L", initial=1.0)], lambda t, x, p: {"c": -p.k * x.c},
        ...     [im.Parameter("k", 1.0, "1/day")],
        ... )
        >>> cells = im.Model(
        ...     "cells", [im.State("n", "cells/uL", initial=100.0)], lambda t, x, p: {"n": p.gain * p.level * x.n},
        ...     [im.Parameter("gain", 0.5, "L/mg/day")], inputs=[im.Input("level", "mg/L")],
        ... )
        >>> both = im.compose("both", drug, cells, connect={"level": "c"})
        >>> print(im.simulate(both, times=[1, 5]).n.values.round(1))
        [137.2 164.3]
    """
    parts = several(parts, Model, f"parts of {short(name)}", "compose('both', first, second)")
    if not parts:
        raise ModelError(f"compose({short(name)}) joins nothing; give one model at least")
    connect = dict(by_name(connect, "connect", "{'il2': 'level'}"))
    outputs = several(outputs, Output, "outputs", "[Output('level', 'IU/mL', lambda t, x, p: x.central / p.V)]")
    declared = {i.name: i for part in parts for i in part.inputs}
    for key in connect:
        if key not in declared:
            raise unknown("input", key, declared, name)
    produced = {o.name: o for part in parts for o in part.outputs}
    states = {s.name for part in parts for s in part.states}
    known = states | set(produced) | {q.name for part in parts for q in part.parameters}
    filled = {key: connect.get(key, key) for key in declared if key in connect or key in known}

    def view(t: Any, x: Any, p: Any, busy: tuple[str, ...] = ()) -> Names:
        """Return a name space in which parameters, filled inputs and outputs are found."""

        def resolve(key: str) -> Any:
            if key in filled:
                if key in busy:
                    raise ModelError(
                        f"{name}: {' -> '.join((*busy, key))} need each other; break the circle in connect"
                    )
                return _checked(name, declared[key], source(filled[key], view(t, x, p, (*busy, key))))
            return source(key, view(t, x, p, busy)) if key in produced else getattr(p, key)

        def source(what: str | Expression, inside: Names) -> Any:
            if callable(what):
                return what(t, x, inside)
            if what in produced:
                output = produced[what]
                return rescale(output.value(t, x, inside), output.scale, unit(output.unit))
            return getattr(x, what) if what in states else getattr(p, what)

        return Names({}, name, resolve)

    def derivative(t: Any, x: Any, p: Any) -> dict[str, Any]:
        slopes: dict[str, Any] = {}
        for part in parts:
            slopes |= part.derivative(t, x, view(t, x, p))
        return slopes

    def of_parameters(spec: Any) -> Any:
        """Return an initial value, lag and the like that finds filled inputs; states are not known there."""
        nowhere = Names({}, f"{name} before its start")
        if callable(spec):
            return lambda p: spec(view(0.0, nowhere, p))
        named = isinstance(spec, str) and spec != "steady_state"
        return (lambda p: getattr(view(0.0, nowhere, p), spec)) if named else spec

    def started(state: State) -> State:
        names = ("initial", "lag", "bioavailability", "duration", "rate")
        specs = {key: of_parameters(getattr(state, key)) for key in names}
        return replace(state, **specs)

    def seen(output: Output) -> Output:
        return Output(output.name, output.unit, lambda t, x, p: output.value(t, x, view(t, x, p)), output.meaning)

    def triggered(trigger: Trigger) -> Trigger:
        def seeing(spec: Any) -> Any:
            """Return what a trigger says, which finds filled inputs; a number is its own."""
            return spec if isinstance(spec, Real) else lambda t, x, p: said(spec, t, x, view(t, x, p))

        then = trigger.then
        return replace(
            trigger,
            when=seeing(trigger.when),
            then=seeing(then) if callable(then) else {state: seeing(spec) for state, spec in then.items()},
            delay=seeing(trigger.delay),
            priority=seeing(trigger.priority),
        )

    open_inputs: dict[str, Input] = {key: i for key, i in declared.items() if key not in filled}
    return Model(
        name=name,
        states=[started(s) for part in parts for s in part.states],
        parameters=[q for part in parts for q in part.parameters],
        inputs=list(open_inputs.values()),
        outputs=[seen(o) for o in (*(o for part in parts for o in part.outputs), *outputs)],
        routes={route: state for part in parts for route, state in part.routes.items()},
        derivative=derivative,
        reference="; ".join(dict.fromkeys(part.reference for part in parts if part.reference)),
        meaning=meaning,
        time=_one_time(name, parts),
        triggers=[triggered(trigger) for part in parts for trigger in part.triggers],
    )


def _checked(owner: str, declared: Input, value: Any) -> Any:
    if isinstance(value, Units):
        try:
            require_same(Units(unit(declared.unit)), value, "given for")
        except UnitError as error:
            raise UnitError(f"{owner}: input '{declared.name}': {error}") from error
    return value


def _one_time(name: str, parts: tuple[Model, ...]) -> str:
    times = {part.time for part in parts}
    if len(times) > 1:
        raise ModelError(f"{name}: its parts count time in {' and '.join(sorted(times))}; declare one time unit")
    return times.pop()
