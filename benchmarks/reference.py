"""Compute a problem's solution to about 1e-12, keep it on disk, and say how far another solver's is from it."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import platformdirs
import sympy

from benchmarks import peers
from benchmarks.accuracy import quantiles, relative
from benchmarks.measure import say
from benchmarks.problem import Problem
from benchmarks.solvers import Solver, ours

RTOL = 1e-13


@dataclass(frozen=True, eq=False)
class Reference:
    """Hold the values[n, times, states], who computed them, and their difference from SciPy on the first patients."""

    values: np.ndarray
    route: str
    check: dict[str, float]


def with_restarts(problem: Problem) -> Problem:
    """Return the problem with a restart at each output, so that no solver's interpolation enters.

    DOP853's own was off by 1e-8 where stability limits its steps.
    """
    inner = problem.times[problem.times < problem.end]
    return replace(problem, doses=tuple(sorted((*problem.doses, *((float(t), 0, 0.0) for t in inner)))))


def reference(problem: Problem, patients: int, checked: bool = True) -> Reference:
    """Return the reference of the first so many patients, from the disk if it has been computed before.

    SciPy's check takes most of the time: a smoke run leaves it out.
    """
    path = folder() / f"{problem.name}_{digest(problem, patients)}{'' if checked else '_unchecked'}.npz"
    if path.exists():
        with np.load(path) as kept:
            check = {str(key): float(value) for key, value in kept["check"]}
            return Reference(kept["values"], str(kept["route"]), check)
    say(f"{problem.name}: reference of {patients} patients")
    route = route_of(problem)
    p, y = problem.parameters[:patients], problem.initial[:patients]
    with quiet():
        values = route.solve(p, y, RTOL)
        n = route.checked if checked else 0
        compared = route.check(p[:n], y[:n], route.check_rtol)
    if not np.isfinite(values).all():
        raise RuntimeError(f"the reference of {problem.name} by {route.name} failed")
    difference = quantiles(relative(compared, values, problem.scored)) if checked else {}
    partial = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(partial, values=values, route=route.name, check=[*difference.items()])
    partial.replace(path)
    return Reference(values, route.name, difference)


@dataclass(frozen=True)
class Route:
    """Hold the fast solver of the reference, SciPy's solver that checks it, and with what tolerance on how many."""

    name: str
    solve: Solver
    check: Solver
    check_rtol: float
    checked: int


def route_of(problem: Problem) -> Route:
    """Return the route: immunode's rodas5p and SciPy's Radau if stiff, else DOP853 of numbalsoda and of SciPy."""
    exact = with_restarts(problem)
    if problem.stiff:
        name = "immunode rodas5p at 1e-13, checked by SciPy Radau at 1e-11 on one patient"
        return Route(name, ours(problem, "rodas5p"), peers.scipy(exact, "Radau"), 1e-11, 1)
    check = peers.scipy(exact, "DOP853")
    if peers.PEERS["numbalsoda"].missing:
        return Route("SciPy DOP853 at 1e-13", check, check, RTOL, 1)
    name = "numbalsoda DOP853 at 1e-13, checked by SciPy DOP853 at 1e-13 on two patients"
    return Route(name, peers.numbalsoda(exact, "dop853"), check, RTOL, 2)


def folder() -> Path:
    """Return the folder of kept references, outside the repository."""
    home = Path(platformdirs.user_cache_dir("immunode-benchmarks", appauthor=False))
    home.mkdir(parents=True, exist_ok=True)
    return home


def digest(problem: Problem, patients: int) -> str:
    """Return a hash of all that the reference depends on."""
    text = [*map(sympy.srepr, problem.trace.derivative), repr(problem.doses), repr((problem.end, patients, RTOL))]
    text.append(repr((problem.atol_per_rtol, problem.scored, Path(__file__).read_text(encoding="utf-8"))))
    hashed = hashlib.sha256("\n".join(text).encode())
    for array in (problem.times, problem.parameters[:patients], problem.initial[:patients]):
        hashed.update(np.ascontiguousarray(array).tobytes())
    return hashed.hexdigest()[:16]


@contextmanager
def quiet() -> Iterator[None]:
    """Send what Fortran prints to nowhere: DOP853 reports each stretch where stability limits it."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
