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
# The paper's dense output is the one quartic that has the values and slopes at both ends of the step and these
# coefficients of theta^4 (the leading ones of its b_i): one row a state to keep instead of five stages.
_QUARTIC = (
    -1.0530884977290216,
    0.1017,
    2.490627285651252793,
    -16.54810288924490272,
    47.37952196281928122,
    -34.87065786149660974,
    2.5,
)


def stage_rows(states: int) -> int:
    """Return how many rows of the scratch the dense output needs beyond the values and slopes at both ends."""
    return states


def emit_step(rhs: "Rhs", rows: "Layout") -> list[str]:
    """Return the lines of one step of one lane: new state, its slope, what the dense output needs, and the mean squared error.

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
    lines.append("# new state and slope, dense output, error in units of the tolerance")
    for i, x in enumerate(names):
        lines.append(f"{rows.at(rows.new + i)} = z7_{x}")
        lines.append(f"{rows.at(rows.new_slope + i)} = k7_{x}")
        lines.append(f"{rows.at(rows.stage + i)} = {_combine(_QUARTIC, x)}")
        lines.append(
            f"e_{x} = h*({_combine(_ERROR, x)})/({rows.at(rows.atol + i)} + rtol*max(abs(y_{x}), abs(z7_{x})))"
        )
    return [*lines, f"{rows.at(rows.error)} = ({' + '.join(f'e_{x}*e_{x}' for x in names)})*{1 / n!r}"]


def emit_interpolate(rhs: "Rhs", rows: "Layout") -> list[str]:
    """Return the lines that write the state of `lane` at the fraction `x` of its step, of order 4, into `y`."""
    lines = [
        f"h = {rows.at(rows.size, 'lane')}",
        "a = x*x*(3.0 - 2.0*x)",
        "b = h*x*(1.0 - x)*(1.0 - x)",
        "c = h*x*x*(1.0 - x)",
        "d = c*(1.0 - x)",
    ]
    for i in range(rows.states):
        old, slope, new, new_slope, quartic = (
            rows.at(row + i, "lane") for row in (rows.state, rows.slope, rows.new, rows.new_slope, rows.stage)
        )
        lines.append(f"y[{i}] = {old} + a*({new} - {old}) + b*{slope} - c*{new_slope} + d*{quartic}")
    return lines


def _combine(weights: tuple[float, ...], name: str) -> str:
    return " + ".join(f"{w!r}*k{j}_{name}" for j, w in enumerate(weights, start=1)).replace("+ -", "- ")
