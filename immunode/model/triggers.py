"""Declare triggers: what a model does to its own states when a condition becomes true; and trace them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from immunode.errors import ModelError
from immunode.functions.traced import expression, truth
from immunode.internal.arguments import choice, flag, number, one, only_fields, refuse, short

if TYPE_CHECKING:
    import sympy

Equation = Callable[[Any, Any, Any], Any]
VALUES = ("due", "trigger")


@only_fields()
@dataclass(frozen=True)
class Trigger:
    """Declare a trigger: each time `when(t, x, p)` goes from false to true, states become what `then` says.

    The semantics are those of an event of SBML level 3, whose words are in docs/switches.md.

    Main arguments
        when: function of (t, x, p) that returns a condition
        then: function of (t, x, p) that returns the new values by state, or a dict of numbers, parameters' names and
            such functions by state [unit of the state]

    Other arguments
        delay: a number, a parameter's name or a function of (t, x, p): puts that off, default 0 [time unit of the
            model]
        priority: a number, name or function: of several at one time the highest comes first, then the one declared
            first, default 0 [1]
        persistent: if not, it is dropped where its condition becomes false before it is due, default True
        initial: what the condition counts as just before the start: False fires at the start if it is true there,
            default True
        values: whether the new values are those of the time when it is "due" or of the time of the "trigger", default
            "due"
        meaning: what it is, in words, default none

    Raises
        ModelError: for what is no function.
        BadValue: for a number that cannot be, such as a negative delay, and for an unknown word.

    Example
        >>> import immunode as im
        >>> growth = im.Model(
        ...     "growth", [im.State("y", "mg", initial=1.0)], lambda t, x, p: {"y": p.k * x.y},
        ...     [im.Parameter("k", 1.0, "1/day"), im.Parameter("full", 4.0, "mg")],
        ...     triggers=[im.Trigger(when=lambda t, x, p: x.y > p.full, then={"y": 1.0})],
        ... )
        >>> print(im.simulate(growth, times=[1, 1.5]).y.values.round(2))
        [2.72 1.12]
    """

    when: Equation
    then: Equation | Mapping[str, float | str | Equation]
    delay: float | str | Equation = 0.0
    priority: float | str | Equation = 0.0
    persistent: bool = True
    initial: bool = True
    values: str = "due"
    meaning: str = ""

    def __post_init__(self) -> None:
        if not callable(self.when):
            raise ModelError(f"when = {short(self.when)} of a trigger: expected a function of (t, x, p), a condition")
        if not callable(self.then) and not (isinstance(self.then, Mapping) and self.then):
            raise ModelError(
                f"then = {short(self.then)} of a trigger: expected a function of (t, x, p), or {{state: value}}"
            )
        for name, least in (("delay", 0.0), ("priority", -math.inf)):
            value = getattr(self, name)
            if callable(value) or (isinstance(value, str) and value.isidentifier()):
                continue
            size = number(value)
            if size is None:
                refuse(f"{name} of a trigger", value, "a number without a unit, a parameter's name or a function")
            if not (math.isfinite(size) and size >= least):
                refuse(f"{name} of a trigger", value, "0 or more" if least == 0 else "a finite number")
            object.__setattr__(self, name, size)
        for name in ("persistent", "initial"):
            object.__setattr__(self, name, flag(getattr(self, name), f"{name} of a trigger"))
        choice(self.values, "values of a trigger", VALUES)
        one(self.meaning, str, "meaning of a trigger", "a text")


def said(spec: Any, t: Any, x: Any, p: Any) -> Any:
    """Return what a trigger says as a number, a parameter's name or a function."""
    return spec(t, x, p) if callable(spec) else getattr(p, spec) if isinstance(spec, str) else spec


def assigned(trigger: Trigger, t: Any, x: Any, p: Any) -> Any:
    """Return what `then` makes of states, by name."""
    if callable(trigger.then):
        return trigger.then(t, x, p)
    return {name: said(spec, t, x, p) for name, spec in trigger.then.items()}


@dataclass(frozen=True)
class TracedTrigger:
    """Hold a trigger as expressions; `then` has the index of a state and its new value."""

    when: "sympy.Basic"
    then: "tuple[tuple[int, sympy.Expr], ...]"
    delay: "sympy.Expr"
    priority: "sympy.Expr"
    persistent: bool = True
    initial: bool = True
    kept: bool = False  # whether values are those of the time of the trigger

    def mapped(self, change: Callable[[Any], Any]) -> "TracedTrigger":
        """Return the trigger with every expression changed."""
        then = tuple((state, change(value)) for state, value in self.then)
        return replace(
            self, when=change(self.when), then=then, delay=change(self.delay), priority=change(self.priority)
        )


def traced(trigger: Trigger, states: Sequence[str], t: Any, x: Any, p: Any) -> TracedTrigger:
    """Return the trigger as expressions of what `t`, `x` and `p` stand for."""
    import sympy

    def made(value: Any) -> Any:
        return sympy.sympify(expression(value))

    values = assigned(trigger, t, x, p)
    return TracedTrigger(
        when=truth(trigger.when(t, x, p)),
        then=tuple((states.index(name), made(value)) for name, value in values.items()),
        delay=made(said(trigger.delay, t, x, p)),
        priority=made(said(trigger.priority, t, x, p)),
        persistent=trigger.persistent,
        initial=trigger.initial,
        kept=trigger.values == "trigger",
    )
