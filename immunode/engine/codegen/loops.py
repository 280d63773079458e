"""Emit a step as loops over rows instead of straight lines, which take too long to compile where there are many.

J, P and the factors of a stiff method are computed once a stage and serve all directions. Only the equations and their
derivatives are straight lines; all linear algebra is `engine.sparse`, with index arrays for the pattern.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from immunode.engine.codegen.partials import Partials
from immunode.engine.codegen.snippets import TINY, Scalar, worst
from immunode.engine.codegen.switches import margins
from immunode.engine.control import LANES
from immunode.engine.layout import Layout


@dataclass(frozen=True)
class Looped:
    """Hold the equations of a step in loops, the names of its rows, and how to write access to them."""

    equations: Partials
    block_rows: Mapping[str, int]  # rows in each block, after the loop's own, by name

    @property
    def directions(self) -> bool:
        """Return whether there can be directions."""
        return self.equations.directions

    @cached_property
    def shared(self) -> dict[str, int]:
        """Return the number of rows of each kind that all directions share."""
        n, e = len(self.equations.names), self.equations
        sizes = {"size": n, "jacobian": len(e.jacobian), "by_parameter": len(e.by_parameter)}
        if e.stiff:
            sizes |= {
                "tried": n,
                "inverse": n,
                "start": n,
                "moving": n,
                "factors": len(e.solver.factors),
                "work": n + 2,
            }
        return sizes | {"lower_by_state": len(e.lower_by_state), "lower_by_parameter": len(e.lower_by_parameter)}

    @cached_property
    def rows(self) -> Layout:
        """Return the layout."""
        s, stages = self.equations.symbols, sum(self.block_rows.values())
        sizes = len(s.hoisted), len(s.switches), len(margins(s)), len(s.trace.infused)
        return Layout(len(s.names), *sizes, stages, sum(self.shared.values()), looped=True)

    def row(self, name: str) -> int:
        """Return the first row of `name`, in the block of the states or among the shared."""
        if name in self.shared:
            before = list(self.shared)[: list(self.shared).index(name)]
            return self.rows.common + sum(self.shared[k] for k in before)
        if name in self.block_rows:
            before = list(self.block_rows)[: list(self.block_rows).index(name)]
            return self.rows.stage + sum(self.block_rows[k] for k in before)
        return int(getattr(self.rows, name))

    def flat(self, name: str) -> str:
        """Return the text of element `i` of all lanes of the rows `name`, in the block at hand or shared."""
        return f"{'own' if self.directions and name not in self.shared else 's'}[{self.row(name) * LANES} + i]"

    def lane(self, name: str, index: int, block: str = "s") -> str:
        """Return the text of row `index` of `name` in lane `l`: shared, of the states, or of the block `own`."""
        return self.rows.at(self.row(name) + index, block=block)

    def over(self, *lines: str, first: int = 0) -> list[str]:
        """Return the loop over blocks from `first` on, states and lanes whose body is `lines`."""
        return self.blocks(*self.once(*lines), first=first)

    def once(self, *lines: str) -> list[str]:
        """Return the loop over states and lanes of shared rows whose body is `lines`."""
        return [f"for i in range({self.rows.states * LANES}):", *(f"    {line}" for line in lines)]

    def blocks(self, *lines: str, first: int = 0) -> list[str]:
        """Return the loop over blocks from `first` on whose body is `lines`."""
        if not self.directions:
            return [] if first else list(lines)
        return [
            f"for b in range({first}, blocks):",
            f"    own = s[b*{self.rows.stride * LANES}:]",
            *(f"    {x}" for x in lines),
        ]

    def spread(self, name: str, text: str) -> list[str]:
        """Return the loop that writes a number of each lane to all rows of `name`."""
        target = f"s[({self.row(name)} + i)*{LANES} + l]"
        return [f"for l in range({LANES}):", f"    v = {text}", f"    for i in range({self.rows.states}):",
                f"        {target} = v"]  # fmt: skip

    def mean_error(self, squares: str, sizes: str) -> list[str]:
        """Return the lines that make the lane's error that of the worst block, as `snippets.mean_error` makes it.

        The rows `sizes` hold the squared errors, and `squares` the squares of these.
        """

        def made(block: str) -> str:
            return f"{self.lane(squares, 0, block)}/({self.lane(sizes, 0, block)} + {TINY!r})"

        def each(block: str, lines: Sequence[str]) -> list[str]:
            totals = [self.total(name, block) for name in (squares, sizes)]
            return [*totals, f"for l in range({LANES}):", *(f"    {line}" for line in lines)]

        states = each("s", [f"{self.rows.at(self.rows.error)} = {made('s')}"])
        return states + self.blocks(*each("own", worst(self.rows, made("own"))), first=1)

    def total(self, name: str, block: str = "s") -> str:
        """Return the line that makes the first of a block's rows `name` the sum of all."""
        return f"total({block}, {self.row(name)}, {self.rows.states})"

    @cached_property
    def tables(self) -> dict[str, list[int]]:
        """Return the index arrays of the module, by name."""
        e, n = self.equations, self.rows.states
        tables = {"INFUSED": list(e.symbols.trace.infused)}
        patterns = {"JACOBIAN": e.jacobian, "BY_PARAMETER": e.by_parameter}
        patterns |= {"LOWER_BY_STATE": e.lower_by_state, "LOWER_BY_PARAMETER": e.lower_by_parameter}
        for name, entries in patterns.items():
            tables[f"{name}_FIRST"] = [sum(i < row for i, _ in entries) for row in range(n + 1)]
            tables[f"{name}_COLUMN"] = [j for _, j in entries]
        tables["DIAGONAL"] = [k for k, (i, j) in enumerate(e.jacobian) if i == j]
        if e.stiff:
            tables |= {name.upper(): table for name, table in e.solver.tables(list(e.jacobian)).items()}
        return tables

    def header(self) -> list[str]:
        """Return the lines of the module that import what a step calls, and hold the index arrays."""
        used = "factor, largest, product, scatter_add, solve, total"
        lines = ["from numpy import array, int64", f"from immunode.engine.sparse import {used}  # noqa: F401", ""]
        return lines + [f"{name} = array({table}, int64)" for name, table in self.tables.items()]

    def factor(self) -> str:
        """Return the line that factors W = inverse - J."""
        places = ", ".join(str(self.row(name)) for name in ("jacobian", "inverse", "factors", "work"))
        return f"factor(s, {places}, ORDER, POSITION, FIRST, UPPER, COLUMN, SOURCE)"

    def solve(self, block: str) -> str:
        """Return the line that solves W x = `now` in a block."""
        return f"solve(s, {self.row('factors')}, {block}, {self.row('now')}, ORDER, FIRST, UPPER, COLUMN)"

    def _product(self, matrix: str, vector: str) -> list[str]:
        if not getattr(self.equations, matrix):
            return []
        pattern = f"{matrix.upper()}_FIRST, {matrix.upper()}_COLUMN"
        return [f"product(own, {self.row('now')}, s, {self.row(matrix)}, own, {self.row(vector)}, {pattern})"]

    def tangent(self) -> list[str]:
        """Return the lines that make `now` = J S + P dc + dr of one direction."""
        infused = f"scatter_add(own, {self.row('now')}, own, {self.rows.rate}, INFUSED)"
        return [
            *self.once(f"{self.flat('now')} = 0.0"),
            *self._product("jacobian", "at"),
            *self._product("by_parameter", "parameter"),
            *([infused] if self.rows.rates else []),
        ]

    def add_lower(self) -> list[str]:
        """Return the lines that add the lower block's part to `now` of one direction."""
        return self._product("lower_by_state", "state") + self._product("lower_by_parameter", "parameter")

    def functions(self) -> list[Scalar]:
        """Return the functions that a step calls, each a loop over lanes."""
        stiff, directions = self.equations.stiff, self.equations.directions
        functions = [] if directions else [_function("slopes", ("s", "node"), self._slopes())]
        if stiff or directions:
            functions.append(_function("linear", ("s", "node"), self._linear()))
        if stiff and directions:
            functions.append(_function("lower", ("s", "node"), self._lower()))
        return functions

    def _loads(self) -> list[str]:
        rows, symbols = self.rows, self.equations.symbols
        lines = [f"t = {rows.at(rows.time)} + node*{rows.at(rows.size)}"] if symbols.timed else []
        return lines + [f"y_{x} = {self.lane('at', i)}" for i, x in enumerate(symbols.names)] + symbols.loads(rows)

    def _slopes(self) -> list[str]:
        symbols = self.equations.symbols
        body, results = symbols.write(symbols.slopes)
        targets = [self.lane("now", i) for i in range(self.rows.states)]
        return self._loads() + body + _assign(targets, symbols.infuse(results))

    def _linear(self) -> list[str]:
        """Return the slopes with all their derivatives."""
        e, symbols = self.equations, self.equations.symbols
        groups = (e.jacobian.values(), e.by_parameter.values(), e.moving.values())
        body, results = symbols.write([*symbols.slopes, *(x for group in groups for x in group)])
        targets = [self.lane("now", i) for i in range(self.rows.states)]
        targets += [self.lane("jacobian", i) for i in range(len(e.jacobian))]
        targets += [self.lane("by_parameter", i) for i in range(len(e.by_parameter))]
        targets += [self.lane("moving", i) for i in e.moving]
        return self._loads() + body + _assign(targets, symbols.infuse(results))

    def _lower(self) -> list[str]:
        e, rows = self.equations, self.rows
        lines = [f"t = {rows.at(rows.time)}", f"w = node*{self.lane('size', 0)}"]
        lines += [f"y_{x} = {self.lane('state', i)}" for i, x in enumerate(e.names)] + e.symbols.loads(rows)
        lines += [f"k_{i} = {self.lane('now', i)}" for i in range(rows.states)]
        body, results = e.symbols.write([*e.lower_by_state.values(), *e.lower_by_parameter.values()], e.lower_text)
        targets = [self.lane("lower_by_state", i) for i in range(len(e.lower_by_state))]
        targets += [self.lane("lower_by_parameter", i) for i in range(len(e.lower_by_parameter))]
        return lines + body + _assign(targets, results)


def _function(name: str, arguments: tuple[str, ...], lines: Sequence[str]) -> Scalar:
    return Scalar(name, arguments, (f"for l in range({LANES}):", *(f"    {line}" for line in lines)), inline=False)


def _assign(targets: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return the lines that compute all texts and then store them, so that no store stands between two loads."""
    return [f"o{i} = {text}" for i, text in enumerate(texts)] + [f"{target} = o{i}" for i, target in enumerate(targets)]
