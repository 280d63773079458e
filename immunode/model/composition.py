"""Compose models: one part's state or output, or an expression, fills another part's input."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from immunode.errors import ModelError, UnitError, unknown
from immunode.functions.quantity import Units, require_same
from immunode.functions.steps import rescale
from immunode.internal.arguments import by_name, one, several, short
from immunode.model.declaration import Input, Model, Output, State
from immunode.model.patients import PatientTerms, joined
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
    patients: PatientTerms | None = None,
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
        patients: im.PatientTerms, further ones of the whole, default none

    Returns
        an im.Model with the states, parameters, outputs, routes, triggers and terms of patients of all
        parts, and the inputs that are open

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
    extra = [] if patients is None else [one(patients, PatientTerms, "patients", "a PatientTerms")]
    outputs = several(outputs, Output, "outputs", "[Output('level', 'IU/mL', lambda t, x, p: x.central / p.V)]")
    declared = {i.name: i for part in parts for i in part.inputs}
    for key in connect:
        if key not in declared:
            raise unknown("input", key, declared, name)
    produced = {o.name: o for part in parts for o in part.outputs}
    states = {s.name for part in parts for s in part.states}
    known = states | set(produced) | {q.name for part in parts for q in part.parameters}
    filled = {key: connect.get(key, key) for key in declared if key in connect or key in known}
    whole = _Whole(name, parts, declared, filled, produced, frozenset(states))
    return Model(
        name=name,
        states=[_started(whole, state) for part in parts for state in part.states],
        parameters=[q for part in parts for q in part.parameters],
        inputs=[i for key, i in declared.items() if key not in filled],
        outputs=[_seen(whole, o) for o in (*(o for part in parts for o in part.outputs), *outputs)],
        routes={route: state for part in parts for route, state in part.routes.items()},
        derivative=lambda t, x, p: _slopes(whole, t, x, p),  # the key of a library model wants its module
        reference="; ".join(dict.fromkeys(part.reference for part in parts if part.reference)),
        meaning=meaning,
        time=_one_time(name, parts),
        triggers=[_triggered(whole, trigger) for part in parts for trigger in part.triggers],
        patients=joined(name, [*(part.patients for part in parts), *extra]),
    )


@dataclass(frozen=True, eq=False)
class _Whole:
    """Hold what the functions of a composition look names up in: its parts, the inputs that they declare, what fills
    these, the outputs that parts produce, and the names of states."""

    name: str
    parts: tuple[Model, ...]
    declared: Mapping[str, Input]
    filled: Mapping[str, str | Expression]
    produced: Mapping[str, Output]
    states: frozenset[str]

    def view(self, t: Any, x: Any, p: Any, busy: tuple[str, ...] = ()) -> Names:
        """Return a name space in which parameters, filled inputs and outputs are found."""

        def resolve(key: str) -> Any:
            if key in self.filled:
                if key in busy:
                    circle = " -> ".join((*busy, key))
                    raise ModelError(f"{self.name}: {circle} need each other; break the circle in connect")
                inside = self.view(t, x, p, (*busy, key))
                return _checked(self.name, self.declared[key], self._source(self.filled[key], t, x, p, inside))
            if key in self.produced:
                return self._source(key, t, x, p, self.view(t, x, p, busy))
            return getattr(p, key)

        return Names({}, self.name, resolve)

    def _source(self, what: str | Expression, t: Any, x: Any, p: Any, inside: Names) -> Any:
        if callable(what):
            return what(t, x, inside)
        if what in self.produced:
            output = self.produced[what]
            return rescale(output.value(t, x, inside), output.scale, unit(output.unit))
        return getattr(x, what) if what in self.states else getattr(p, what)


def _slopes(whole: _Whole, t: Any, x: Any, p: Any) -> dict[str, Any]:
    slopes: dict[str, Any] = {}
    for part in whole.parts:
        slopes |= part.derivative(t, x, whole.view(t, x, p))
    return slopes


def _started(whole: _Whole, state: State) -> State:
    """Return a state whose initial value, lag and the like find filled inputs; states are not known there."""
    nowhere = Names({}, f"{whole.name} before its start")

    def of_parameters(spec: Any) -> Any:
        if callable(spec):
            return lambda p: spec(whole.view(0.0, nowhere, p))
        named = isinstance(spec, str) and spec != "steady_state"
        return (lambda p: getattr(whole.view(0.0, nowhere, p), spec)) if named else spec

    names = ("initial", "lag", "bioavailability", "duration", "rate")
    return replace(state, **{key: of_parameters(getattr(state, key)) for key in names})


def _seen(whole: _Whole, output: Output) -> Output:
    return replace(output, value=lambda t, x, p: output.value(t, x, whole.view(t, x, p)), scale=1.0)


def _triggered(whole: _Whole, trigger: Trigger) -> Trigger:
    def seeing(spec: Any) -> Any:
        """Return what a trigger says, which finds filled inputs; a number is its own."""
        return spec if isinstance(spec, Real) else lambda t, x, p: said(spec, t, x, whole.view(t, x, p))

    then = trigger.then
    return replace(
        trigger,
        when=seeing(trigger.when),
        then=seeing(then) if callable(then) else {state: seeing(spec) for state, spec in then.items()},
        delay=seeing(trigger.delay),
        priority=seeing(trigger.priority),
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
