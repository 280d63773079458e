"""Trace a model's plain functions into SymPy expressions.

What the engine compiles, and what LaTeX and sensitivities come from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from immunode.errors import ImmunodeError, ModelError, unknown
from immunode.functions.traced import Traced, expression
from immunode.model.triggers import TracedTrigger, traced

if TYPE_CHECKING:
    import sympy


class Names:
    """Give values by attribute (`x.depot`, `p.CL`); a missing name is an error that offers the nearest one."""

    def __init__(self, values: Mapping[str, Any], owner: str, resolve: Callable[[str], Any] | None = None) -> None:
        vars(self).update(_values=values, _owner=owner, _resolve=resolve)

    def __setattr__(self, name: str, value: Any) -> None:
        raise ModelError(f"'{name}' of {self._owner} cannot be set in an equation; give the new value another name")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._resolve is not None:
            return self._resolve(name)
        try:
            return self._values[name]
        except KeyError:
            raise unknown("quantity", name, self._values, self._owner) from None

    def __getitem__(self, name: Any) -> Any:
        cure = f"write .{name}" if isinstance(name, str) and name.isidentifier() else "write its name, such as .CL"
        raise ModelError(f"[{name!r}] is no way to name a state or parameter of {self._owner}; {cure}")

    __iter__ = None  # sum(x) says so, and does not ask for [0]


class Sizes(NamedTuple):
    """Count the states, parameters and outputs of a trace."""

    states: int
    parameters: int
    observed: int


@dataclass(frozen=True)
class Trace:
    """Hold a model as SymPy expressions of `time`, `states` and `parameters` (inputs that kept their default included).

    One expression a state in `derivative`, `initial` (None = steady state), `lag`, `bioavailability`, and in `duration`
    and `rate` of modelled infusions (None = not modelled); one an output in `observed` (in the declared unit).
    `infused` are the indices of states that can receive an infusion, `sizes` how many there are of what.
    """

    time: "sympy.Symbol"
    states: "tuple[sympy.Symbol, ...]"
    parameters: "tuple[sympy.Symbol, ...]"
    derivative: "tuple[sympy.Expr, ...]"
    observed: "tuple[sympy.Expr, ...]" = ()
    infused: tuple[int, ...] = ()
    initial: "tuple[sympy.Expr | None, ...]" = ()
    lag: "tuple[sympy.Expr, ...]" = ()
    bioavailability: "tuple[sympy.Expr, ...]" = ()
    duration: "tuple[sympy.Expr | None, ...]" = ()
    rate: "tuple[sympy.Expr | None, ...]" = ()
    triggers: tuple[TracedTrigger, ...] = ()
    sizes: Sizes = field(init=False, repr=False, compare=False)

    key: ClassVar[str] = ""  # what is made of it is not remembered between processes

    def __post_init__(self) -> None:
        sizes = Sizes(len(self.states), len(self.parameters), len(self.observed))
        object.__setattr__(self, "sizes", sizes)

    @property
    def whole(self) -> "Trace":
        """Return the trace itself."""
        return self


class _Later(Sequence[Any]):
    """Hold a field of a trace whose length is known: its expressions are made when one is looked at."""

    def __init__(self, size: int, make: Callable[[], Sequence[Any]]) -> None:
        self._size, self._make = size, make

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: Any) -> Any:
        return self._make()[index]


_OF_STATES = ("states", "derivative", "initial", "lag", "bioavailability", "duration", "rate")


class LazyTrace(Trace):
    """Stand for the trace of a model, `whole`, which is made when an expression is looked at.

    `key` names a library model: what is made of its trace can be remembered, and SymPy need not be imported.
    """

    key: str  # type: ignore[misc]
    __eq__, __hash__ = object.__eq__, object.__hash__  # there is one a model, and its fields are not to be made

    def __init__(self, model: Any) -> None:
        sizes = Sizes(len(model.states), len(model.parameters) + len(model.inputs), len(model.outputs))
        count = dict.fromkeys(_OF_STATES, sizes.states) | {"parameters": sizes.parameters, "observed": sizes.observed}
        count["triggers"] = len(model.triggers)
        later = {name: _Later(size, partial(self._made, name)) for name, size in count.items()}
        known = {"model": model, "key": model.key, "infused": _infused(model), "sizes": sizes}
        vars(self).update(later, **known)  # frozen, as Trace is

    def _made(self, name: str) -> Any:
        return getattr(self.whole, name)

    @property
    def time(self) -> "sympy.Symbol":  # type: ignore[override]
        """Return the symbol of time."""
        return self.whole.time

    @property
    def whole(self) -> Trace:
        """Return the trace with its expressions."""
        return trace(vars(self)["model"])


@lru_cache(maxsize=256)
def trace(model: Any) -> Trace:
    """Trace `model` (a Model) once; raise ModelError when its functions do something that cannot be traced."""
    import sympy

    time = sympy.Symbol("t", real=True)
    states = tuple(sympy.Symbol(state.name, real=True) for state in model.states)
    names = [p.name for p in model.parameters] + [i.name for i in model.inputs]
    parameters = tuple(sympy.Symbol(name, real=True) for name in names)
    x = Names(dict(zip([s.name for s in model.states], map(Traced, states), strict=True)), model.name)
    p = Names(dict(zip(names, map(Traced, parameters), strict=True)), model.name)

    def made(value: Any) -> "sympy.Expr":
        return sympy.sympify(expression(value))

    def of_parameters(spec: Any) -> "sympy.Expr":
        return made(spec(p) if callable(spec) else getattr(p, spec) if isinstance(spec, str) else spec)

    try:
        slopes = model.derivative(Traced(time), x, p)
        observed = tuple(made(output.value(Traced(time), x, p) * output.scale) for output in model.outputs)
        order = [state.name for state in model.states]
        triggers = tuple(traced(trigger, order, Traced(time), x, p) for trigger in model.triggers)
    except (TypeError, ImmunodeError) as error:
        raise ModelError(
            f"{model.name} cannot be traced ({error}); use where(), exp(), log(), ... of immunode.functions"
        ) from error
    return Trace(
        time=time,
        states=states,
        parameters=parameters,
        derivative=tuple(made(slopes[s.name]) for s in model.states),
        observed=observed,
        infused=_infused(model),
        triggers=triggers,
        **_of_states(model.states, of_parameters),
    )


def _of_states(states: Sequence[Any], of_parameters: Callable[[Any], Any]) -> dict[str, tuple[Any, ...]]:
    """Return what parameters say of each state: how it begins, and how doses into it are administered."""
    return {
        "initial": tuple(None if s.initial == "steady_state" else of_parameters(s.initial) for s in states),
        "lag": tuple(of_parameters(0.0 if s.lag is None else s.lag) for s in states),
        "bioavailability": tuple(
            of_parameters(1.0 if s.bioavailability is None else s.bioavailability) for s in states
        ),
        "duration": tuple(None if s.duration is None else of_parameters(s.duration) for s in states),
        "rate": tuple(None if s.rate is None else of_parameters(s.rate) for s in states),
    }


def _infused(model: Any) -> tuple[int, ...]:
    return tuple(i for i, s in enumerate(model.states) if not model.routes or s.name in model.routes.values())


@lru_cache(maxsize=256)
def infusing(of: Trace, states: tuple[int, ...]) -> Trace:
    """Return the trace of which these states, too, can receive an infusion."""
    missing = set(states) - set(of.infused)
    return replace(of.whole, infused=tuple(sorted({*of.infused, *missing}))) if missing else of


@lru_cache(maxsize=256)
def lazy_trace(model: Any) -> LazyTrace:
    """Return the trace of `model` (a Model) that is made when it is needed, once."""
    return LazyTrace(model)
