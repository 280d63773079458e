"""Solve a problem with pydiffsol: equations in its own language, compiled by LLVM; its default method, BDF."""

from typing import Any

import numpy as np
import sympy as sp
from sympy.printing.str import StrPrinter

from benchmarks.problem import Problem, segments
from benchmarks.solvers import Solver


class _DiffSL(StrPrinter):
    """Write expressions in DiffSL: powers are a function, numbers have a point."""

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:  # noqa: N802
        base, power = expr.as_base_exp()
        return f"(1.0/({self._print(base)}))" if power == -1 else f"pow({self._print(base)}, {self._print(power)})"

    def _print_Integer(self, expr: Any) -> str:  # noqa: N802
        return f"{expr.p}.0"

    def _print_Rational(self, expr: Any) -> str:  # noqa: N802
        return f"({expr.p}.0/{expr.q}.0)"

    def _print_Float(self, expr: Any) -> str:  # noqa: N802
        return repr(float(expr))


def code(problem: Problem) -> str:
    """Return the problem in DiffSL; its inputs are the parameters p0, p1, ..., then the initial states s0, s1, ..."""
    states, parameters = problem.trace.states, problem.trace.parameters
    swap = {symbol: sp.Symbol(f"y{i}") for i, symbol in enumerate(states)}
    swap |= {symbol: sp.Symbol(f"p{i}") for i, symbol in enumerate(parameters)}
    inputs = [f"p{i} = 1.0" for i in range(len(parameters))] + [f"s{i} = 1.0" for i in range(len(states))]
    slopes = [_DiffSL().doprint(sp.sympify(slope).xreplace(swap)) for slope in problem.trace.derivative]
    rows = [inputs, [f"y{i} = s{i}" for i in range(len(states))], slopes]
    return "\n".join(f"{name} {{ {', '.join(row)} }}" for name, row in zip(("in_i", "u_i", "F_i"), rows, strict=True))


def pydiffsol(problem: Problem) -> Solver:
    """Return pydiffsol's BDF, restarted at each dose, one patient after the other."""
    import pydiffsol as package

    ode = package.Ode(code(problem), matrix_type=package.nalgebra_dense, scalar_type=package.f64)
    parts, states = segments(problem), problem.initial.shape[1]

    def solve(parameters: np.ndarray, initial: np.ndarray, rtol: float) -> np.ndarray:
        ode.rtol, ode.atol = rtol, problem.atol(rtol)
        out = np.full((len(parameters), problem.times.size, states), np.nan)
        for values, p, y in zip(out, parameters, initial, strict=True):
            values[: parts[0].first] = y
            for s in parts:
                try:
                    course = ode.solve_dense(np.concatenate([p, y + s.jump]), s.grid - s.begin).ys
                except Exception:  # it gives up with one that says so in words only: what follows stays nan
                    break
                values[s.first : s.first + s.rows], y = course[:, 1 : 1 + s.rows].T, course[:, -1]
        return out

    return solve
