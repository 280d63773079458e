"""Solve a problem with other people's solvers, each as fast as a fair expert would use it; a missing one is None."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numba import carray, cfunc, njit
from scipy.integrate import odeint, solve_ivp

from benchmarks.diffsol import pydiffsol
from benchmarks.problem import Problem, right_hand_side, segments
from benchmarks.solvers import Solver

# the flags of the engine's own code
FLAGS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "nsz", "arcp"}}
MAX_STEPS = 10_000_000


@dataclass(frozen=True)
class Peer:
    """Hold how to prepare a peer, the package it needs, and how many patients it solves in one timed run."""

    prepare: Callable[[Problem], Solver]
    package: str
    patients: int

    @property
    def missing(self) -> bool:
        """Return whether its package is not installed."""
        return find_spec(self.package) is None


def compiled(problem: Problem) -> Any:
    """Return the right-hand side f(t, y, p) -> tuple, compiled by Numba."""
    return njit(**FLAGS)(right_hand_side(problem.trace))


def over_patients(integrate: Any) -> Any:
    """Return the compiled loops over patients and segments around a solver of numbalsoda's."""

    @njit(nogil=True)
    def run(pointer, parameters, initial, jumps, grid, starts, first, rows, rtol, atol, out):  # type: ignore
        for i in range(len(parameters)):
            y = initial[i].copy()
            out[i, : first[0]] = y
            for s in range(len(jumps)):
                points = grid[starts[s] : starts[s + 1]]
                course, ok = integrate(pointer, y + jumps[s], points, parameters[i], rtol, atol, MAX_STEPS)
                if not ok:
                    out[i, first[s] :] = np.nan
                    break
                out[i, first[s] : first[s] + rows[s]] = course[1 : 1 + rows[s]]
                y = course[-1].copy()

    return run


def numbalsoda(problem: Problem, name: str = "lsoda") -> Solver:
    """Return numbalsoda's LSODA (or dop853), nothing of it interpreted."""
    import numbalsoda as package

    run, f = over_patients(getattr(package, name)), compiled(problem)
    states, width = problem.initial.shape[1], problem.parameters.shape[1]

    @cfunc(package.lsoda_sig, **FLAGS)
    def rhs(t: Any, y: Any, slope: Any, p: Any) -> None:
        k, out = f(t, carray(y, states), carray(p, width)), carray(slope, states)
        for i in range(states):
            out[i] = k[i]

    parts = segments(problem)
    jumps, grid = np.array([s.jump for s in parts]), np.concatenate([s.grid for s in parts])
    starts = np.cumsum([0, *(s.grid.size for s in parts)])
    first, rows = np.array([s.first for s in parts]), np.array([s.rows for s in parts])

    def solve(parameters: np.ndarray, initial: np.ndarray, rtol: float) -> np.ndarray:
        out = np.empty((len(parameters), problem.times.size, states))
        atol = problem.atol(rtol)
        run(rhs.address, parameters, initial, jumps, grid, starts, first, rows, rtol, atol, out)
        return out

    return solve


def by_patient(problem: Problem, course: Callable[..., np.ndarray]) -> Solver:
    """Return a solver of one patient after the other by `course`(rhs, y, grid, p, rtol, atol) -> states at the grid."""
    f, parts, states = compiled(problem), segments(problem), problem.initial.shape[1]

    @njit(**FLAGS)
    def rhs(t: Any, y: Any, p: Any) -> Any:
        k, out = f(t, y, p), np.empty(states)
        for i in range(states):
            out[i] = k[i]
        return out

    def solve(parameters: np.ndarray, initial: np.ndarray, rtol: float) -> np.ndarray:
        out = np.empty((len(parameters), problem.times.size, states))
        for values, p, y in zip(out, parameters, initial, strict=True):
            values[: parts[0].first] = y
            for s in parts:
                solution = course(rhs, y + s.jump, s.grid, p, rtol, problem.atol(rtol))
                values[s.first : s.first + s.rows], y = solution[1 : 1 + s.rows], solution[-1]
        return out

    return solve


def scipy(problem: Problem, method: str = "LSODA") -> Solver:
    """Return SciPy's solve_ivp with a right-hand side compiled by Numba."""

    def course(rhs: Any, y: np.ndarray, grid: np.ndarray, p: np.ndarray, rtol: float, atol: float) -> np.ndarray:
        done = solve_ivp(rhs, (grid[0], grid[-1]), y, method=method, t_eval=grid, rtol=rtol, atol=atol, args=(p,))
        return done.y.T if done.success else np.full((grid.size, y.size), np.nan)

    return by_patient(problem, course)


def scipy_odeint(problem: Problem) -> Solver:
    """Return SciPy's odeint, the same LSODA with the loop over steps in Fortran."""

    def course(rhs: Any, y: np.ndarray, grid: np.ndarray, p: np.ndarray, rtol: float, atol: float) -> np.ndarray:
        return odeint(rhs, y, grid, args=(p,), rtol=rtol, atol=atol, mxstep=MAX_STEPS, tfirst=True)

    return by_patient(problem, course)


def diffrax(problem: Problem) -> Solver:
    """Return diffrax's Tsit5 (Kvaerno5 if stiff) over all patients at once, compiled once for each length of grid."""
    import diffrax as package
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    f, parts = right_hand_side(problem.trace, "jax"), segments(problem)
    term = package.ODETerm(lambda t, y, p: jnp.stack(f(t, y, p)))
    method = package.Kvaerno5() if problem.stiff else package.Tsit5()

    def one(y: Any, p: Any, grid: Any, rtol: Any, atol: Any) -> Any:
        done = package.diffeqsolve(
            term, method, grid[0], grid[-1], None, y, p, saveat=package.SaveAt(ts=grid), max_steps=1_000_000,
            stepsize_controller=package.PIDController(rtol=rtol, atol=atol), throw=False,
        )  # fmt: skip
        return done.ys

    course = jax.jit(jax.vmap(one, in_axes=(0, 0, None, None, None)))

    def solve(parameters: np.ndarray, initial: np.ndarray, rtol: float) -> np.ndarray:
        p, y = jnp.asarray(parameters), jnp.asarray(initial)
        blocks = [jnp.repeat(y[:, None], parts[0].first, axis=1)]
        for s in parts:
            solution = course(y + s.jump, p, s.grid, rtol, problem.atol(rtol))
            blocks.append(solution[:, 1 : 1 + s.rows])
            y = solution[:, -1]
        return np.asarray(jnp.concatenate(blocks, axis=1))

    return solve


PEERS = {
    "numbalsoda": Peer(numbalsoda, "numbalsoda", 1000),
    "pydiffsol": Peer(pydiffsol, "pydiffsol", 64),
    "diffrax": Peer(diffrax, "diffrax", 64),
    "scipy_odeint": Peer(scipy_odeint, "scipy", 16),
    "scipy_lsoda": Peer(scipy, "scipy", 4),
}
