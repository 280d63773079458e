"""Emit a step as loops over rows instead of straight lines, which take too long to compile where states are many.

J, P and the factors of a stiff method are computed once a stage and serve all directions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from immunode.engine.codegen.elimination import Entry
from immunode.engine.codegen.partials import Partials
from immunode.engine.codegen.snippets import Scalar, products, worst
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
            sizes |= {"tried": n, "inverse": n, "start": n, "moving": n, "factors": len(e.solver.factors)}
        return sizes | {"lower_by_state": len(e.lower_by_state), "lower_by_parameter": len(e.lower_by_parameter)}

    @cached_property
    def rows(self) -> Layout:
        """Return the layout."""
        s, stages = self.equations.symbols, sum(self.block_rows.values())
        return Layout(
            len(s.names),
            len(s.hoisted),
            len(s.switches),
            len(margins(s)),
            len(s.trace.infused),
            stages,
            sum(self.shared.values()),
        )

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

    def norm(self) -> list[str]:
        """Return the lines that make the mean of `now`, the squared errors, the lane's error: the worst block's."""
        n = self.rows.states
        weighted, other = (
            f"({' + '.join(self.lane('now', i, block) for i in range(n))})*{1 / n!r}" for block in ("s", "own")
        )
        lines = [f"for l in range({LANES}):", f"    {self.rows.at(self.rows.error)} = {weighted}"]
        return lines + self.blocks(f"for l in range({LANES}):", *(f"    {x}" for x in worst(self.rows, other)), first=1)

    def functions(self) -> list[Scalar]:
        """Return the functions that a step calls, each a loop over lanes."""
        stiff, directions = self.equations.stiff, self.equations.directions
        functions = [] if directions else [_function("slopes", ("s", "node"), self._slopes())]
        if stiff or directions:
            functions.append(_function("linear", ("s", "node"), self._linear()))
        if directions:
            functions.append(_function("tangent", ("s", "own"), self._tangent()))
        if stiff:
            functions += [_function("factor", ("s",), self._factor()), _function("solve", ("s", "own"), self._solve())]
        if stiff and directions:
            functions.append(_function("lower", ("s", "node"), self._lower()))
            functions.append(_function("add_lower", ("s", "own"), self._add_lower()))
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

    def _product(self, row: int, entries: Iterable[Entry], name: str, vector: str) -> list[str]:
        values = [self.lane(vector, j, "own") for j in range(max(self.rows.states, self.rows.hoisted))]
        return products(entries, row, self.rows, self.row(name), values)

    def _tangent(self) -> list[str]:
        """Return `now` = J S + P dc + dr of one direction."""
        e, results = self.equations, []
        infused = e.symbols.trace.infused
        for row in range(self.rows.states):
            terms = self._product(row, e.jacobian, "jacobian", "at")
            terms += self._product(row, e.by_parameter, "by_parameter", "parameter")
            terms += [self.lane("rate", infused.index(row), "own")] if row in infused else []
            results.append(" + ".join(terms) or "0.0")
        return _assign([self.lane("now", i, "own") for i in range(self.rows.states)], results)

    def _add_lower(self) -> list[str]:
        """Return the addition of the lower block's part to `now` of one direction."""
        e, results = self.equations, []
        for row in range(self.rows.states):
            terms = [self.lane("now", row, "own"), *self._product(row, e.lower_by_state, "lower_by_state", "state")]
            terms += self._product(row, e.lower_by_parameter, "lower_by_parameter", "parameter")
            results.append(" + ".join(terms))
        return _assign([self.lane("now", i, "own") for i in range(self.rows.states)], results)

    def _factor(self) -> list[str]:
        e, lines = self.equations, [f"d = {self.lane('inverse', 0)}"]
        places = {at: k for k, at in enumerate(e.jacobian)}
        for i in range(self.rows.states):
            lines.append(f"w_{i}_{i} = d" + (f" - {self.lane('jacobian', places[i, i])}" if (i, i) in places else ""))
        lines += [f"w_{i}_{j} = -{self.lane('jacobian', k)}" for (i, j), k in places.items() if i != j]
        lines += e.solver.factor(e.jacobian)
        return lines + _assign([self.lane("factors", i) for i in range(len(e.solver.factors))], e.solver.factors)

    def _solve(self) -> list[str]:
        solver = self.equations.solver
        lines = [f"{name} = {self.lane('factors', i)}" for i, name in enumerate(solver.factors)]
        lines += [f"b_{i} = {self.lane('now', i, 'own')}" for i in range(self.rows.states)] + solver.solve()
        return lines + [f"{self.lane('now', i, 'own')} = b_{i}" for i in range(self.rows.states)]

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
