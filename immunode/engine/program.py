"""Name a model's solver, and make its kernels when a solve first needs them: generated, compiled, cached on disk."""

import hashlib
import math
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from immunode.engine.cache import MachineCode, loaded
from immunode.engine.code_folder import cache_directory
from immunode.engine.constants import LANES, VECTOR
from immunode.engine.layout import Layout
from immunode.engine.methods import METHODS
from immunode.engine.records import Kernels, Rows, Switch
from immunode.errors import BadValue, nearest
from immunode.internal.disk_cache import remembered, replace_file
from immunode.model.trace import Trace


@dataclass(frozen=True)
class Compiled:
    """Hold one method's kernels for a model, where their rows are (without directions), and their machine code.

    The kernels are addresses, which are good as long as the code lives.
    """

    method: ModuleType
    layout: Layout
    kernels: Kernels
    rows: Rows
    code: MachineCode
    seconds: float  # to generate and to compile, or to load

    def arguments(self, patients: int, directions: int, may_leave: bool) -> tuple[Kernels, Rows, Switch]:
        """Return what the loop takes of a method; it looks after as many lanes as there are patients."""
        rows = self.rows._replace(
            lanes=min(self.rows.lanes, patients),
            total=self.rows.total + self.rows.stride * directions,
            blocks=1 + directions,
        )
        switch = Switch(*self.method.LEAVE) if may_leave else Switch(0.0, math.inf, math.inf)
        return self.kernels, rows, switch


@dataclass(frozen=True)
class Program:
    """Name a model and the methods that solve it; each is compiled when a solve first needs it."""

    trace: Trace
    method: str
    directions: bool = False  # whether there are sensitivities
    lock: Any = field(default_factory=threading.Lock, compare=False, repr=False)  # one thread compiles, others wait
    made: dict[tuple[str, int], Compiled] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def steps(self) -> tuple[ModuleType, ...]:
        """Return the methods, the one to start with first."""
        return METHODS[self.method]

    def compiled(self, step: ModuleType, patients: int = LANES) -> Compiled:
        """Return the kernels of one of `steps`, for the lanes of one vector if they hold the patients, else for all.

        A step of a single lane costs as much as one of a vector, and other instructions would round otherwise.
        """
        name, lanes = key = _key(step, patients)
        if key not in self.made:
            with self.lock:
                if key not in self.made:  # else another thread was first, and may run that code: it must stay
                    made = _compile(self.trace, step, lanes, self.directions)
                    for few in (VECTOR, LANES) if made.layout.looped else (lanes,):  # loops always go over all lanes
                        self.made[name, few] = made
        return self.made[key]

    def arguments(self, patients: int, directions: int) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
        """Return what the loop takes of the first method, and of a second one if it has been compiled before."""
        several = len(self.steps) > 1
        first = self.compiled(self.steps[0], patients).arguments(patients, directions, may_leave=several)
        known = several and _key(self.steps[1], patients) in self.made
        return first, self.second(patients, directions) if known else None

    def second(self, patients: int, directions: int) -> tuple[Any, ...]:
        """Return what the loop takes of the second method; compile it if need be."""
        return self.compiled(self.steps[1], patients).arguments(patients, directions, may_leave=True)


def _key(step: ModuleType, patients: int) -> tuple[str, int]:
    return step.__name__, VECTOR if patients <= VECTOR else LANES


@lru_cache(maxsize=256)
def _compile(trace: Trace, step: ModuleType, lanes: int, directions: bool) -> Compiled:
    clock = time.perf_counter()

    def make() -> tuple[str, dict[str, Any]]:
        from immunode.engine.codegen.kernels import generate

        text, rows = generate(trace.whole, step, lanes, directions)
        return text, asdict(rows)

    source, at = remembered(trace.key and f"{trace.key}/{step.__name__}/{lanes} of {LANES}/{directions}", make)
    layout = Layout(**at)
    name = f"model_{hashlib.sha256(source.encode()).hexdigest()[:20]}"
    code = loaded(name, lambda: _compiled(source, Path(f"{name}.py")))
    rows = _rows(layout, LANES if layout.looped else lanes, trace.sizes.observed, step.STIFF)
    # no address may be none, and those of what a model has not are never called
    kernels = Kernels(**dict.fromkeys(Kernels._fields, code.at["step"]) | dict(code.at))
    return Compiled(step, layout, kernels, rows, code, time.perf_counter() - clock)


def _compiled(source: str, path: Path) -> bytes:
    """Return the machine code of a generated module, and leave its source beside it for who wants to read it."""
    from immunode.engine.compiler import compile_kernels

    if folder := cache_directory():
        with suppress(OSError):
            replace_file(folder / path, source.encode())
    return compile_kernels(source, path)


def _rows(at: Layout, lanes: int, observed: int, stiff: bool) -> Rows:
    """Return where the loop finds its rows when there are no directions."""
    return Rows(
        lanes=lanes,
        stiff=int(stiff),
        total=at.total(0),
        blocks=1,
        stride=at.stride,
        states=at.states,
        hoisted=at.hoisted,
        infused=at.rates,
        observed=observed,
        state=at.state,
        new=at.new,
        parameter=at.parameter,
        switch=at.switch,
        switches=at.switches,
        margins=at.margins,
        clocked=at.clocked,
        forced=at.forced,
        rate=at.rate,
        atol=at.atol,
        triggers=at.triggers,
        assigned=at.assigned,
        kept=at.kept,
    )


@lru_cache(maxsize=256)
def build(trace: Trace, method: str = "auto", *, sensitivities: bool = False) -> Program:
    """Return the solver of `trace` by `method`, with or without sensitivities; raise BadValue for an unknown method.

    What it needs is generated and compiled when a solve first needs it; what has been compiled on this machine is
    loaded (about 0.1 s). The solve raises ModelError for what cannot be compiled.
    """
    if method not in METHODS:
        raise BadValue(f"there is no method '{method}'{nearest(method, METHODS)}")
    return Program(trace, method, sensitivities)
