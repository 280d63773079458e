"""Name a model's solver, and make its kernels when a solve first needs them: generated, compiled, cached on disk."""

import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from immunode.engine.cache import load_module, write_module
from immunode.engine.control import LANES, VECTOR
from immunode.engine.layout import Layout, looped
from immunode.engine.methods import METHODS
from immunode.engine.signatures import Kernels, Rows
from immunode.errors import BadValue, nearest
from immunode.internal.disk_cache import remembered
from immunode.model.trace import Trace


@dataclass(frozen=True)
class Compiled:
    """Hold one method's kernels for a model, where their rows are, and the module on disk."""

    method: ModuleType
    lanes: int
    layout: Layout
    observed: int
    kernels: Kernels
    path: Path
    seconds: float  # to generate and to compile, or to load

    def rows(self, patients: int, directions: int) -> Rows:
        """Return where the loop finds its rows; it looks after as many lanes as there are patients."""
        at = self.layout
        return Rows(
            lanes=min(self.lanes, patients),
            total=at.total(directions),
            blocks=1 + directions,
            stride=at.stride,
            states=at.states,
            hoisted=at.hoisted,
            infused=at.rates,
            observed=self.observed,
            state=at.state,
            new=at.new,
            parameter=at.parameter,
            rate=at.rate,
            atol=at.atol,
        )


@dataclass(frozen=True)
class Program:
    """Name a model and the methods that solve it; each is compiled when a solve first needs it."""

    trace: Trace
    method: str
    directions: bool = False  # whether there are sensitivities
    lock: Any = field(default_factory=threading.Lock, compare=False, repr=False)  # one thread compiles, others wait
    made: dict[tuple[str, int], Compiled] = field(default_factory=dict, compare=False, repr=False)

    @property
    def steps(self) -> tuple[ModuleType, ...]:
        """Return the methods, the one to start with first."""
        return METHODS[self.method]

    def compiled(self, step: ModuleType, patients: int = LANES) -> Compiled:
        """Return the kernels of one of `steps`, for the lanes of one vector if they hold the patients, else for all.

        A step of a single lane costs as much as one of a vector, and other instructions would round otherwise.
        """
        key = (step.__name__, self._lanes(patients))
        if key not in self.made:
            with self.lock:
                self.made[key] = _compile(self.trace, step, key[1], self.directions)
        return self.made[key]

    def is_compiled(self, step: ModuleType, patients: int) -> bool:
        """Return whether `compiled` would return at once."""
        return (step.__name__, self._lanes(patients)) in self.made

    def _lanes(self, patients: int) -> int:
        few = patients <= VECTOR and not looped(self.trace.sizes.states, self.directions)
        return VECTOR if few else LANES


@lru_cache(maxsize=256)
def _compile(trace: Trace, step: ModuleType, lanes: int, directions: bool) -> Compiled:
    clock = time.perf_counter()

    def make() -> tuple[str, Layout]:
        from immunode.engine.codegen.kernels import generate

        return generate(trace.whole, step, lanes, directions)

    source, layout = remembered(trace.key and f"{trace.key}/{step.__name__}/{lanes} of {LANES}/{directions}", make)
    path = write_module(source)
    module = load_module(path)
    kernels = Kernels(module.step, module.interpolate, module.observe, module.hoist)
    return Compiled(step, lanes, layout, trace.sizes.observed, kernels, path, time.perf_counter() - clock)


@lru_cache(maxsize=256)
def build(trace: Trace, method: str = "auto", *, sensitivities: bool = False) -> Program:
    """Return the solver of `trace` by `method`, with or without sensitivities; raise BadValue for an unknown method.

    What it needs is generated and compiled when a solve first needs it; what has been compiled on this machine is
    loaded (about 0.1 s). The solve raises ModelError for what cannot be compiled.
    """
    if method not in METHODS:
        raise BadValue(f"there is no method '{method}'{nearest(method, METHODS)}")
    return Program(trace, method, sensitivities)
