"""Declare a model: states, parameters, inputs, outputs and one plain function; units are checked as it is made."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from textwrap import shorten
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from immunode.errors import BadValue, UnitError, UnknownName, unknown
from immunode.internal.arguments import by_name, flag, function, only_fields, refuse, several, short
from immunode.internal.disk_cache import remembered
from immunode.model.checks import check_names, check_numbers, check_texts, check_units, default_of
from immunode.model.equations import html
from immunode.model.patients import PatientTerms, check_terms
from immunode.model.scales import declared_scales
from immunode.model.trace import Trace, trace
from immunode.model.triggers import Trigger
from immunode.units import convert, time_per_day

_IN_LIBRARY: ContextVar[bool] = ContextVar("in library", default=False)
# of models made while the library is loaded: what they are is known from immunode's own files. Not a field, which
# dataclasses.replace would hand on to another model.
_KEYS: WeakKeyDictionary["Model", str] = WeakKeyDictionary()


@contextmanager
def library() -> Iterator[None]:
    """Mark the models made inside as immunode's own."""
    token = _IN_LIBRARY.set(True)
    try:
        yield
    finally:
        _IN_LIBRARY.reset(token)


@only_fields(**dict.fromkeys(("init", "y0", "x0", "value"), "did you mean 'initial'?"))
@dataclass(frozen=True)
class State:
    """Declare a state of a model: its unit, its start, and how doses enter it.

    Main arguments
        name: letters, digits and _, a letter first
        unit: text of its unit, such as "MIU" or "cells/uL"
        meaning: what it is, in words, default none
        initial: a number, a parameter's name, a function of parameters, or "steady_state", default 0 [`unit`]

    Other arguments
        lag: of doses into the state: a parameter's name or a function of parameters, default none [time unit of the
            model]
        bioavailability: share of doses that enters: a parameter's name or a function of parameters, default none: all
            [1]
        duration: of modelled infusions: a parameter's name or a function of parameters, default none [time unit]
        rate: of modelled infusions: a parameter's name or a function of parameters, default none [`unit`/time unit]
        scale: the size that matters: the absolute tolerance is rtol / 1000 of it, default what each patient has been
            given into the state so far, or else what feeds it (docs/tolerances.md) [`unit`]
        high: a regimen that sets the state above it, or adds to it, is refused, default inf [`unit`]

    Raises
        BadValue: for what is no text or number. Names and units are checked when the state is put into an im.Model.

    Example
        >>> import immunode as im
        >>> depot = im.State("depot", "MIU", "IL-2 under the skin", lag="tlag", bioavailability=lambda p: p.F)
        >>> depot.initial
        0.0
    """

    name: str
    unit: str
    meaning: str = ""
    initial: float | str | Callable[[Any], Any] = 0.0
    lag: str | Callable[[Any], Any] | None = None
    bioavailability: str | Callable[[Any], Any] | None = None
    duration: str | Callable[[Any], Any] | None = None
    rate: str | Callable[[Any], Any] | None = None
    scale: float | None = None
    high: float = math.inf

    def __post_init__(self) -> None:
        check_texts(self, "a state")
        if not isinstance(self.initial, str) and not callable(self.initial):
            check_numbers(self, f"state {self.name}", "initial")
        check_numbers(self, f"state {self.name}", "high", finite=False)
        if self.scale is not None:
            check_numbers(self, f"state {self.name}", "scale")
            if self.scale <= 0:
                refuse(f"scale of state {self.name}", self.scale, f"a size above 0 in {self.unit}, or none")


@only_fields()
@dataclass(frozen=True)
class Parameter:
    """Declare a parameter: its typical value in `unit`, bounds, meaning, and the source of the number.

    Main arguments
        name: letters, digits and _, a letter first
        value: the typical value, within its bounds [`unit`]
        unit: text of its unit, such as "L/day"; "1" for a pure number
        meaning: what it is, in words, default none

    Other arguments
        low: the lowest value that it can have, default -inf [`unit`]
        high: the highest value that it can have, default inf [`unit`]
        source: where the number is from, or "assumed", default none

    Raises
        BadValue: for what is no text or number. Bounds and units are checked when it is put into an im.Model.

    Example
        >>> import immunode as im
        >>> clearance = im.Parameter("CL", 162.0, "L/day", "clearance", low=10, high=1000, source="assumed")
        >>> clearance.value
        162.0
    """

    name: str
    value: float
    unit: str
    meaning: str = ""
    low: float = -math.inf
    high: float = math.inf
    source: str = ""

    def __post_init__(self) -> None:
        check_texts(self, "a parameter")
        check_numbers(self, f"parameter {self.name}", "value")
        check_numbers(self, f"parameter {self.name}", "low", "high", finite=False)


@only_fields()
@dataclass(frozen=True)
class Input:
    """Declare a quantity that another part fills; with a `default` it can stay open and acts as a parameter.

    Main arguments
        name: letters, digits and _, a letter first
        unit: text of its unit, such as "IU/mL"
        default: value where nothing fills it, default none: something must fill it [`unit`]

    Other arguments
        meaning: what it is, in words, default none

    Raises
        BadValue: for what is no text or number. im.compose fills it; units are checked there.

    Example
        >>> import immunode as im
        >>> il2 = im.Input("il2", "IU/mL", default=0.0, meaning="IL-2 in serum")
        >>> il2.default
        0.0
    """

    name: str
    unit: str
    default: float | None = None
    meaning: str = ""

    def __post_init__(self) -> None:
        check_texts(self, "an input")
        if self.default is not None:
            check_numbers(self, f"input {self.name}", "default")


@only_fields()
@dataclass(frozen=True)
class Output:
    """Declare an observable, `value(t, x, p)`; it may differ from its declared `unit` by a factor, kept in `scale`.

    Main arguments
        name: letters, digits and _, a letter first
        unit: text of the unit in which it is reported, such as "IU/mL"
        value: function of time, states and parameters, such as lambda t, x, p: x.central / p.V
        meaning: what it is, in words, default none

    Other arguments
        scale: factor from the unit of `value` to `unit`, which im.Model finds out, default 1 [1]
        part: whether it is but a part of equations, with a name: shown where asked for, not in trials, default False

    Raises
        BadValue: for what is no text, number or function. Units are checked when it is put into an im.Model.

    Example
        >>> import immunode as im
        >>> il2 = im.Output("il2", "IU/mL", lambda t, x, p: x.central / p.V, "IL-2 in serum")
        >>> il2.unit
        'IU/mL'
    """

    name: str
    unit: str
    value: Callable[[Any, Any, Any], Any]
    meaning: str = ""
    scale: float = 1.0
    part: bool = False

    def __post_init__(self) -> None:
        check_texts(self, "an output")
        check_numbers(self, f"output {self.name}", "scale")
        object.__setattr__(self, "part", flag(self.part, f"output {self.name}: part"))
        function(self.value, f"output {self.name}", "(t, x, p)")


_PARTS: dict[str, tuple[type[Any], str]] = {
    "states": (State, "[State('depot', 'MIU')]"),
    "parameters": (Parameter, "[Parameter('CL', 10.0, 'L/day')]"),
    "inputs": (Input, "[Input('il2', 'IU/mL')]"),
    "outputs": (Output, "[Output('level', 'IU/mL', lambda t, x, p: x.central / p.V)]"),
    "triggers": (Trigger, "[Trigger(when, then)]"),
}


@only_fields(**dict.fromkeys(("initial", "init", "y0", "x0"), "a state has its own: State('y', 'mg', initial=1.0)"))
@dataclass(frozen=True, eq=False)
class Model:
    """Join states, parameters, inputs, outputs, dosing routes and the derivative `f(t, x, p) -> {state: slope}`.

    What an equation may say: docs/functions.md. Units are checked as the model is made.

    Main arguments
        name: what the model is called
        states: im.State, what changes in time
        derivative: function of time, states (x.central) and parameters (p.CL) that returns the slope of every state by
            its name [unit of the state/`time`]
        parameters: im.Parameter, the numbers that a patient has, default none
        outputs: im.Output, what is observed, default none
        routes: {route: state} of doses, such as {"sc": "depot"}, default none

    Other arguments
        inputs: im.Input, what other parts fill (see im.compose), default none
        reference: the paper that it is from, default none
        meaning: what it is, in words, default none
        time: the unit in which it counts time, such as "h"; "1" is time without a unit, default "day"
        triggers: im.Trigger, which change states where a condition becomes true, default none
        patients: im.PatientTerms, how its patients are described and differ, default none

    Raises
        ModelError: for a clash of names, a value outside its own bounds, or an equation of the wrong kind: slopes of
            other states, functions of NumPy.
        UnitError: for an equation of the wrong unit, also where units differ by a factor.
        BadValue: for what is no text, list or function.
        UnknownName: for a name that an equation or a route says and the model does not have.

    Example
        >>> import immunode as im
        >>> decay = im.Model(
        ...     "decay",
        ...     states=[im.State("central", "mg")],
        ...     derivative=lambda t, x, p: {"central": -p.CL / p.V * x.central},
        ...     parameters=[im.Parameter("CL", 2.0, "L/day"), im.Parameter("V", 10.0, "L")],
        ...     outputs=[im.Output("level", "mg/L", lambda t, x, p: x.central / p.V)],
        ...     routes={"iv": "central"},
        ... )
        >>> print(im.simulate(decay, "50 mg IV", times=[1, 2, 5]).level.values.round(3))
        [4.094 3.352 1.839]
    """

    name: str
    states: Sequence[State]
    derivative: Callable[[Any, Any, Any], Mapping[str, Any]]
    parameters: Sequence[Parameter] = ()
    inputs: Sequence[Input] = ()
    outputs: Sequence[Output] = ()
    routes: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""
    meaning: str = ""
    time: str = "day"
    triggers: Sequence[Trigger] = ()
    patients: PatientTerms = field(default_factory=PatientTerms)

    def __post_init__(self) -> None:
        check_texts(self, "a model")
        function(self.derivative, f"derivative of {self.name}", "(t, x, p)")
        for part, (kind, example) in _PARTS.items():
            object.__setattr__(self, part, several(getattr(self, part), kind, f"{part} of {self.name}", example))
        object.__setattr__(self, "routes", dict(by_name(self.routes, f"routes of {self.name}", "{'sc': 'depot'}")))
        check_names(self)
        check_terms(self)
        if _IN_LIBRARY.get():
            declared = repr([getattr(self, item.name) for item in fields(self)])
            _KEYS[self] = f"{self.derivative.__module__}: {re.sub(' at 0x[0-9a-fA-F]+', '', declared)}"
        scales = remembered(f"{self.key}/units", lambda: check_units(self)) if self.key else check_units(self)
        scaled = (replace(output, scale=scale) for output, scale in zip(self.outputs, scales, strict=True))
        object.__setattr__(self, "outputs", tuple(scaled))

    def __repr__(self) -> str:
        """Return what the model is, in a few lines."""
        parts = {
            "states": [state.name for state in self.states],
            "parameters": [p.name for p in self.parameters] + [i.name for i in self.inputs],
            "outputs": [output.name for output in self.outputs],
            "routes": list(self.routes),
        }
        lines = [f"{name}: {', '.join(names)}" for name, names in parts.items() if names]
        lines = [f"<Model {self.name}, time in {self.time}", *(shorten(one, 110, placeholder=" ...") for one in lines)]
        return "\n".join(lines) + ">"

    def __getstate__(self) -> dict[str, Any]:
        """Return what the model was declared with: what was made of it later is made again in a copy."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @property
    def key(self) -> str:
        """Return what facts of a library model are remembered by, its declaration; "" for a user's model."""
        return _KEYS.get(self, "")

    @cached_property
    def observables(self) -> MappingProxyType[str, str]:
        """Return the unit of everything that can be reported: states, then outputs."""
        return MappingProxyType({s.name: s.unit for s in self.states} | {o.name: o.unit for o in self.outputs})

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """Return the names of what is shown where nobody says what: outputs but those that are parts, else states."""
        outputs = tuple(output.name for output in self.outputs if not output.part)
        return outputs or tuple(state.name for state in self.states)

    @cached_property
    def meanings(self) -> MappingProxyType[str, str]:
        """Return what each state and output is, in words, "" where nobody said it."""
        return MappingProxyType({s.name: s.meaning for s in self.states} | {o.name: o.meaning for o in self.outputs})

    @cached_property
    def per_day(self) -> float:
        """Return what a number of days is multiplied by to be in the model's time; 1 where that has no unit."""
        return time_per_day(self.time)

    @cached_property
    def scales(self) -> np.ndarray:
        """Return the scale of each state, 1 where none is declared: what a scale is measured in there."""
        return declared_scales(self)

    @cached_property
    def typical(self) -> MappingProxyType[str, float]:
        """Return the value of every parameter, and of every input left at its default."""
        inputs = {each.name: default_of(self, each) for each in self.inputs}
        return MappingProxyType({p.name: p.value for p in self.parameters} | inputs)

    @cached_property
    def parameter_units(self) -> MappingProxyType[str, str]:
        """Return the unit of every parameter and of every open input."""
        return MappingProxyType({p.name: p.unit for p in self.parameters} | {i.name: i.unit for i in self.inputs})

    def trace(self) -> Trace:
        """Return the model as SymPy expressions (made once)."""
        return trace(self)

    def values(self, changes: Mapping[str, Any] | None = None) -> dict[str, float]:
        """Return every parameter as a number in its unit, with `changes` ("10 L/h", pint or number) taken in.

        Check names and bounds.
        """
        values, units = dict(self.typical), self.parameter_units
        bounds = {p.name: (p.low, p.high) for p in self.parameters}
        for name, wanted in (changes or {}).items():
            if name not in values:
                raise unknown("parameter", name, values, self.name)
            try:
                value = convert(wanted, units[name])
            except (UnitError, BadValue) as error:
                raise type(error)(f"parameter '{name}' of {self.name} is in {units[name]}: {error}") from error
            low, high = bounds.get(name, (-math.inf, math.inf))
            if not (math.isfinite(value) and low <= value <= high):
                raise BadValue(
                    f"parameter '{name}' = {short(wanted)} is outside {low:g} to {high:g} {units[name]} of {self.name}"
                )
            values[name] = value
        return values

    def target(self, into: str) -> State:
        """Return the state that a dose "into" a route or state reaches."""
        place = self.place(into)
        if place is None:
            raise UnknownName(f"{self.name} has no route or state '{into}'; {self.places}")
        name = self.routes.get(place, place)
        return next(state for state in self.states if state.name == name)

    def place(self, into: str) -> str | None:
        """Return the route or state as it is declared, asked for in any case; None if there is none of this name."""
        if into in self.routes or any(state.name == into for state in self.states):
            return into
        folded = [route for route in self.routes if route.lower() == into.lower()]
        folded = folded or [state.name for state in self.states if state.name.lower() == into.lower()]
        return folded[0] if len(folded) == 1 else None

    @property
    def places(self) -> str:
        """List the routes and states in words."""
        routes = f"the routes are {', '.join(self.routes)}; " if self.routes else "there are no routes; "
        return f"{routes}the states are {', '.join(state.name for state in self.states)}"

    def _repr_html_(self) -> str:
        return html(self)
