"""Emit a step as loops over rows instead of straight lines, which take too long to compile where there are many.

J, P and the factors of a stiff method are computed once a stage and serve all directions. Only the equations and their
derivatives are straight lines; all linear algebra is `engine.sparse`, with index arrays for the pattern.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from immunode.engine.codegen.blocks import Blocks, cut
from immunode.engine.codegen.elimination import Entry
from immunode.engine.codegen.partials import Partials
from immunode.engine.codegen.rare import called
from immunode.engine.codegen.snippets import TINY, worst
from immunode.engine.codegen.switches import margins
from immunode.engine.constants import LANES
from immunode.engine.layout import Layout

Write = Callable[[Sequence[Any]], tuple[list[str], list[str]]]  # of expressions: lines of what they share, and texts


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
        sizes |= {"lower_by_state": len(e.lower_by_state), "lower_by_parameter": len(e.lower_by_parameter)}
        return sizes | {"kept": max(len(blocks.kept) for blocks in self.written.values())}

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
        lines = ["from numpy import array, int64", f"from immunode.engine.sparse import {used}  # noqa: F401"]
        lines += ["from immunode.engine.straight import straight", ""]
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

    @cached_property
    def written(self) -> dict[str, Blocks]:
        """Return the functions that a step calls, in blocks; their results are called after their rows.

        Slopes alone are made as those beside derivatives, so that both are the same to the last bit.
        """
        e, write = self.equations, partial(self.equations.symbols.write, many=True)
        slopes = [(i, f"now_{i}", expr) for i, expr in enumerate(e.symbols.slopes)]
        if not (e.stiff or e.directions):
            return {"slopes": _cut(slopes, write, self.infusions)}
        moving = [(i, f"moving_{i}", expr) for i, expr in e.moving.items()]
        linear = [*slopes, *_entries("jacobian", e.jacobian), *_entries("by_parameter", e.by_parameter), *moving]
        written = {"linear": _cut(linear, write, self.infusions)}
        if not e.directions:
            return written | {"slopes": written["linear"].only([name for _, name, _ in slopes])}
        lower = [*_entries("lower_by_state", e.lower_by_state), *_entries("lower_by_parameter", e.lower_by_parameter)]
        return written | ({"lower": _cut(lower, partial(write, more=e.lower_text), {})} if e.stiff else {})

    @cached_property
    def infusions(self) -> dict[str, str]:
        """Return what is added to results."""
        return {f"now_{i}": text for i, text in self.equations.symbols.infusions.items()}

    def functions(self) -> list[str]:
        """Return the lines that define the functions that a step calls, all lanes at once."""
        rows, symbols = self.rows, self.equations.symbols
        lines = []
        for name, blocks in self.written.items():
            states, node = ("state", "") if name == "lower" else ("at", f" + node*s[{rows.size}]")
            places = {f"y_{x}": self.row(states) + i for i, x in enumerate(symbols.names)} | symbols.held(rows)
            places |= {f"k_{i}": self.row("now") + i for i in range(rows.states)}
            loads = {name: f"s[{row}]" for name, row in places.items()}
            loads |= {"t": f"s[{rows.time}]{node}", "w": f"node*s[{self.row('size')}]"}
            targets = {result: self.target(result) for result in blocks.results}
            texts = blocks.write(loads, targets, self.row("kept"))
            functions = ", ".join(f'"{f}": {f}' for f in called("\n".join(line for text in texts for line in text)))
            lines += ["", f"{name} = straight(", f'    "{name}",', "    ("]
            lines += [line for text in texts for line in ('        """', *text, '        """,')]
            lines += ["    ),", f"    {{{functions}}},", ")"]
        return lines

    def target(self, result: str) -> int:
        """Return the row of a result that is called after it."""
        name, _, index = result.rpartition("_")
        return self.row(name) + int(index)


def _entries(name: str, entries: Mapping[Entry, Any]) -> list[tuple[int, str, Any]]:
    return [(i, f"{name}_{k}", expr) for k, ((i, _), expr) in enumerate(entries.items())]


def _cut(results: Sequence[tuple[int, str, Any]], write: Write, added: Mapping[str, str]) -> Blocks:
    """Return the blocks of results, by row of the matrix: those of one row share most."""
    results = sorted(results, key=lambda result: result[0])
    lines, texts = write([expr for _, _, expr in results])
    shared = dict(line.split(" = ", 1) for line in lines)
    return cut(shared, {name: text + added.get(name, "") for (_, name, _), text in zip(results, texts, strict=True)})
