"""The exact derivatives of the slopes, of which stiff steps and sensitivities are made, and calls of them as functions.

A direction S of a sensitivity moves by the tangent of the equations: dS/dt = J S + P dc + dr, where J and P are the
derivatives of the slopes by states and hoisted parameters, dc and dr the change of hoisted parameters and infusion
rates along the direction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy

from immunode.engine.codegen.elimination import Elimination, Entry, eliminate
from immunode.engine.codegen.expressions import Symbols
from immunode.engine.codegen.snippets import Scalar
from immunode.engine.layout import Layout

_STAGES = 8  # of a step, more or less


@dataclass(frozen=True)
class Partials:
    """Hold the equations; `stiff` and `directions` say which derivatives are wanted, the others are empty."""

    symbols: Symbols
    stiff: bool
    directions: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Return the states as identifiers."""
        return self.symbols.names

    @cached_property
    def jacobian(self) -> dict[Entry, Any]:
        """Return the derivatives of the slopes by states."""
        wanted = self.directions or self.stiff
        return self.symbols.entries(self.symbols.slopes, self.symbols.trace.states) if wanted else {}

    @cached_property
    def by_parameter(self) -> dict[Entry, Any]:
        """Return the derivatives of the slopes by hoisted parameters."""
        return self.symbols.entries(self.symbols.slopes, self.symbols.parameters) if self.directions else {}

    @cached_property
    def moving(self) -> dict[int, Any]:
        """Return the derivatives of the slopes by time."""
        by_time = self.symbols.entries(self.symbols.slopes, [self.symbols.trace.time]) if self.stiff else {}
        return {i: e for (i, _), e in by_time.items()}

    @cached_property
    def _lower(self) -> tuple[dict[Entry, Any], dict[Entry, Any], dict[sympy.Symbol, str]]:
        n = len(self.names)
        k, weight = [sympy.Symbol(f"stage{i}", real=True) for i in range(n)], sympy.Symbol("weight", real=True)
        text = {symbol: f"k_{i}" for i, symbol in enumerate(k)} | {weight: "w"}
        if not (self.stiff and self.directions):
            return {}, {}, text
        rows = [sum((e * k[j] for (i, j), e in self.jacobian.items() if i == row), sympy.S.Zero) for row in range(n)]
        rows = [row + weight * self.moving.get(i, 0) for i, row in enumerate(rows)]
        by_state = self.symbols.entries(rows, self.symbols.trace.states)
        return by_state, self.symbols.entries(rows, self.symbols.parameters), text

    @property
    def lower_by_state(self) -> dict[Entry, Any]:
        """Return the derivatives of J k_i + w_i df/dt by states: the exact lower block of a stiff step's tangent."""
        return self._lower[0]

    @property
    def lower_by_parameter(self) -> dict[Entry, Any]:
        """Return the derivatives of J k_i + w_i df/dt by hoisted parameters."""
        return self._lower[1]

    @property
    def lower_text(self) -> Mapping[sympy.Symbol, str]:
        """Return how k_i and w of the lower block are written."""
        return self._lower[2]

    @cached_property
    def solver(self) -> Elimination:
        """Return the elimination of a stiff step's matrix."""
        return eliminate(len(self.names), self.jacobian)

    def larger(self, size: int) -> bool:
        """Return whether a step of straight lines has more operations: slopes, derivatives, factors, solves.

        To count those of slopes they are written, which takes long where the others are too many anyway.
        """
        each, once = len(self.names), 0
        if self.directions:
            each += sum(map(len, (self.jacobian, self.by_parameter, self.lower_by_state, self.lower_by_parameter)))
        if self.stiff:
            each, once = each + len(self.solver.entries), self.solver.operations + len(self.jacobian)
        if _STAGES * each + once > size:
            return True
        lines, results = self.symbols.write(self.symbols.slopes)
        each += sum(text.count(sign) for text in (*lines, *results) for sign in "+-*/(")
        return _STAGES * each + once > size

    def _arguments(self) -> tuple[str, ...]:
        head = ["t"] if self.symbols.timed else []
        return (*head, *(f"y_{name}" for name in self.names), *self.symbols.constants)

    def slopes_function(self) -> Scalar:
        """Return the function `slopes`."""
        lines, results = self.symbols.write(self.symbols.slopes)
        return _function("slopes", self._arguments(), lines, self.symbols.infuse(results))

    def linear_function(self) -> Scalar:
        """Return the function `linear`: slopes and all their derivatives."""
        groups = (self.jacobian.values(), self.by_parameter.values(), self.moving.values())
        wanted = [*self.symbols.slopes, *(e for group in groups for e in group)]
        lines, results = self.symbols.write(wanted)
        return _function("linear", self._arguments(), lines, self.symbols.infuse(results))

    def lower_function(self) -> Scalar:
        """Return the function `lower`: the entries of the lower block, by states and then by hoisted parameters."""
        arguments = (*self._arguments(), *self.lower_text.values())
        wanted = [*self.lower_by_state.values(), *self.lower_by_parameter.values()]
        return _function("lower", arguments, *self.symbols.write(wanted, self.lower_text))

    def given(self, state: str, time: str) -> str:
        """Return the arguments of `slopes`, `linear` and `lower` for the states `state`_i at the time `time`."""
        head = [time] if self.symbols.timed else []
        return ", ".join([*head, *(f"{state}_{n}" for n in self.names), *self.symbols.constants])

    def call(self, state: str, slope: str, time: str) -> str:
        """Return the line that assigns `slope`_i from `state`_i at the time that the text `time` gives."""
        return f"{', '.join(f'{slope}_{n}' for n in self.names)}, = slopes({self.given(state, time)})"

    def call_linear(self, state: str, slope: str, time: str) -> str:
        """Return the line that assigns `slope`_i, j_row_column, g_row_parameter, and m_i for `moving` slopes."""
        names = [f"{slope}_{n}" for n in self.names] + [f"j_{i}_{j}" for i, j in self.jacobian]
        names += [f"g_{i}_{j}" for i, j in self.by_parameter] + [f"m_{i}" for i in self.moving]
        return f"{', '.join(names)}, = linear({self.given(state, time)})"

    @property
    def along(self) -> list[str]:
        """Return the names of the change of hoisted parameters along a direction."""
        return [f"c_{j}" for j in range(len(self.symbols.hoisted))]

    def changes(self, rows: Layout) -> list[str]:
        """Return the lines that load the change of states, hoisted parameters and infusion rates along a direction."""
        lines = [f"y_{x} = {rows.at(rows.state + i, block='own')}" for i, x in enumerate(self.names)]
        used = sorted({j for _, j in (*self.by_parameter, *self.lower_by_parameter)})
        lines += [f"c_{j} = {rows.at(rows.parameter + j, block='own')}" for j in used]
        rates = range(len(self.symbols.trace.infused))
        return lines + [f"r_{i} = {rows.at(rows.rate + i, block='own')}" for i in rates]

    def infusion(self, row: int) -> list[str]:
        """Return the text of the change of the infusion into the state `row`, if it can take one."""
        infused = self.symbols.trace.infused
        return [f"r_{infused.index(row)}"] if row in infused else []


def _function(name: str, arguments: tuple[str, ...], lines: list[str], results: list[str]) -> Scalar:
    # Numba cannot read a return of more than thirty expressions, but of names
    ends = [f"o{i} = {text}" for i, text in enumerate(results)]
    return Scalar(name, arguments, (*lines, *ends, f"return {', '.join(f'o{i}' for i in range(len(results)))},"))
