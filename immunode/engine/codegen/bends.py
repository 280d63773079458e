"""Write the end of a step that makes bends of the slopes known to the error of one that goes over them."""

from collections.abc import Sequence

from immunode.engine.codegen.expressions import Symbols
from immunode.engine.codegen.forcing import LANE
from immunode.engine.layout import Layout
from immunode.model.bends import Bend

_ALONG = 1e3  # of the error's square


def bent_lines(symbols: Symbols, rows: Layout, bends: Sequence[Bend], lanes: int, directions: bool) -> list[str]:
    """Return the function that raises the squared error of each lane's step to that of a bend inside.

    Where a slope bends inside a step it leaves its chord by as much as `kinked` says, and the step.s increment is
    wrong by less than that times its size. The slopes of sensitivities jump there: of that tsit5's
    estimate sees a thirtieth.
    """
    lines = [f"h = {rows.at(rows.size, LANE)}", *symbols.loads(rows, LANE)]
    states = sorted({i for bend in bends for i in bend.weight})
    for end, first, time in (("0", rows.state, ""), ("1", rows.new, " + h")):
        lines += [f"t = {rows.at(rows.time, LANE)}{time}"]
        lines += [f"y_{x} = {rows.at(first + i, LANE)}" for i, x in enumerate(symbols.names)]
        lines += [f"size{end}_{i} = abs(y_{symbols.names[i]})" for i in states]
        expressions = [e for bend in bends for e in (bend.margin, bend.gap, *bend.weight.values())]
        shared, texts = symbols.write(expressions)
        names = [
            f"{kind}{end}_{q}{which}"
            for q, bend in enumerate(bends)
            for kind, which in (("m", ""), ("g", ""), *(("k", f"_{i}") for i in bend.weight))
        ]
        lines += [*shared, *(f"{name} = {text}" for name, text in zip(names, texts, strict=True))]
    lines += [f"b_{q} = kinked(m0_{q}, m1_{q}, g0_{q}, g1_{q})" for q in range(len(bends))]
    lines.append("worst = 0.0")
    for i in states:
        terms = [f"b_{q}*max(abs(k0_{q}_{i}), abs(k1_{q}_{i}))" for q, bend in enumerate(bends) if i in bend.weight]
        tolerance = f"{rows.at(rows.atol + i, LANE)} + rtol*max(size0_{i}, size1_{i})"
        lines.append(f"worst = max(worst, h*({' + '.join(terms)})/({tolerance}))")
    error = rows.at(rows.error, LANE)
    if directions:
        crossed = " + ".join(f"b_{q}" for q in range(len(bends)))
        lines.append(f"{error} = {error}*({_ALONG!r} if {crossed} > 0.0 else 1.0)")
    lines += ["worst = worst*worst", f"{error} = max({error}, worst) if worst < 1e300 else {error}"]
    head = ["", "", "@njit(**PART)", "def bent(s, rtol):", f"    for {LANE} in range({lanes}):"]
    return [*head, *(f"        {line}" for line in lines)]
