"""Tsit5: explicit Runge-Kutta 5(4) with the first stage of a step equal to the last of the one before.

Tsitouras 2011, Comput Math Appl 62:770, doi:10.1016/j.camwa.2011.06.002. A method is one file like this one: `ORDER`,
`stage_rows`, `emit_step`, `emit_interpolate`, and one line in codegen.METHODS.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from immunode.engine.codegen import Layout, Rhs

ORDER = 5

_C = (0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0)
_A = (
    (0.161,),
    (-0.008480655492356989, 0.335480655492357),
    (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
    (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
    (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
    (0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774),
)
_ERROR = (
    -0.001780011052225777,
    -0.0008164344596567469,
    0.007880878010261995,
    -0.1447110071732629,
    0.5823571654525552,
    -0.45808210592918697,
    1 / 66,
)
# b_i(theta) of the paper; x is theta
_DENSE = (
    "-1.0530884977290216*x*(x - 1.3299890189751412)*(x*x - 1.4364028541716351*x + 0.7139816917074209)",
    "0.1017*x*x*(x*x - 2.1966568338249754*x + 1.2949852507374631)",
    "2.490627285651252793*x*x*(x*x - 2.38535645472061657*x + 1.57803468208092486)",
    "-16.54810288924490272*(x - 1.21712927295533244)*(x - 0.61620406037800089)*x*x",
    "47.37952196281928122*(x - 1.203071208372362603)*(x - 0.658047292653547382)*x*x",
    "-34.87065786149660974*(x - 1.2)*(x - 0.666666666666666667)*x*x",
    "2.5*(x - 1.0)*(x - 0.6)*x*x",
)


def stage_rows(states: int) -> int:
    """Return how many rows of the scratch the stages need beyond the first and the last slope."""
    return 5 * states


def emit_step(rhs: "Rhs", rows: "Layout") -> list[str]:
    """Return the lines of one step of one lane: new state, its slope, the stages, and the mean squared error.

    A step of size zero leaves the slope at the present state in the new slope, as long as the old one is finite.
    """
    names, n = rhs.names, rows.states
    lines = [f"h = {rows.at(rows.size)}"] + ([f"t = {rows.at(rows.time)}"] if rhs.time is not None else [])
    lines += [f"y_{x} = {rows.at(rows.state + i)}" for i, x in enumerate(names)]
    lines += [f"k1_{x} = {rows.at(rows.slope + i)}" for i, x in enumerate(names)]
    lines += rhs.loads
    for stage, (node, row) in enumerate(zip(_C, _A, strict=True), start=2):
        lines.append(f"# stage {stage}")
        lines += [f"z{stage}_{x} = y_{x} + h*({_combine(row, x)})" for x in names]
        if rhs.time is not None:
            lines.append(f"t{stage} = t + {node!r}*h" if node != 1.0 else f"t{stage} = t + h")
        lines += rhs.lines(f"z{stage}", f"k{stage}", f"t{stage}")
        at = rows.new_slope if stage == 7 else rows.stage + (stage - 2) * n
        lines += [f"{rows.at(at + i)} = k{stage}_{x}" for i, x in enumerate(names)]
    lines.append("# error, in units of the tolerance")
    for i, x in enumerate(names):
        lines.append(f"e_{x} = h*({_combine(_ERROR, x)})/({rows.at(rows.atol + i)} + rtol*max(abs(y_{x}), abs(z7_{x})))")
        lines.append(f"{rows.at(rows.new + i)} = z7_{x}")
    return [*lines, f"{rows.at(rows.error)} = ({' + '.join(f'e_{x}*e_{x}' for x in names)})*{1 / n!r}"]


def emit_interpolate(rhs: "Rhs", rows: "Layout") -> list[str]:
    """Return the lines that write the state of `lane` at the fraction `x` of its step, of order 4, into `y`."""
    n = rows.states
    first = [rows.slope] + [rows.stage + j * n for j in range(5)] + [rows.new_slope]
    lines = [f"h = {rows.at(rows.size, 'lane')}"] + [f"b{j} = h*({b})" for j, b in enumerate(_DENSE, start=1)]
    for i in range(n):
        terms = " + ".join(f"b{j}*{rows.at(row + i, 'lane')}" for j, row in enumerate(first, start=1))
        lines.append(f"y[{i}] = {rows.at(rows.state + i, 'lane')} + {terms}")
    return lines


def _combine(weights: tuple[float, ...], name: str) -> str:
    return " + ".join(f"{w!r}*k{j}_{name}" for j, w in enumerate(weights, start=1)).replace("+ -", "- ")
