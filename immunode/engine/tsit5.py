"""Tsit5: explicit Runge-Kutta 5(4) with the first stage of a step equal to the last of the one before.

Tsitouras 2011, Comput Math Appl 62:770, doi:10.1016/j.camwa.2011.06.002. A method is one file like this one: `ORDER`,
`stage_rows`, `emit_step`, `emit_interpolate`, and one line in codegen.METHODS.
"""

from collections.abc import Iterable, Sequence
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
# The paper's dense output is the one quartic with the values and slopes at both ends of the step and these coefficients
# of theta^4 (the leading ones of its b_i): one row a state to keep, not five stages. Taken out of it is what those ends
# tell: _SHARE of the increment, which removes the fifth stage.
_QUARTIC = (
    -1.0530884977290216,
    0.1017,
    2.490627285651252793,
    -16.54810288924490272,
    47.37952196281928122,
    -34.87065786149660974,
    2.5,
)
_SHARE = _QUARTIC[4] / _A[5][4]
_INNER = tuple(q - _SHARE * a for q, a in zip(_QUARTIC[:6], _A[5], strict=True))


def stage_rows(states: int) -> int:
    """Return how many rows of the scratch the dense output needs beyond the values and slopes at both ends."""
    return states


def emit_functions() -> list[tuple[str, str, str]]:
    """Return name, arguments and value of the scalar functions of which `emit_step` makes a step.

    Numba types each once instead of once a state, which halves the time to compile; LLVM then inlines them.
    """
    slopes = [f"k{j}" for j in range(1, 8)]
    functions = [
        (f"state{stage}", ", ".join(["y", "h", *slopes[: stage - 1]]), f"y + h*({_sum(row, slopes)})")
        for stage, row in enumerate(_A, start=2)
    ]
    inner = [2, 3, 4, 6]
    functions.append(
        ("quartic", ", ".join(f"k{j}" for j in inner), _sum([_INNER[j - 1] for j in inner], [f"k{j}" for j in inner]))
    )
    error = f"h*({_sum(_ERROR, slopes)})/(atol + rtol*max(abs(y), abs(new)))"
    return [*functions, ("error", ", ".join(["y", "new", "h", "atol", "rtol", *slopes]), error)]


def emit_step(rhs: "Rhs", rows: "Layout") -> list[str]:
    """Return the lines of one step of one lane: new state, its slope, the dense output, and the mean squared error.

    A step of size zero leaves the slope at the present state in the new slope, as long as the old one is finite.
    """
    names, n = rhs.names, rows.states
    lines = [f"h = {rows.at(rows.size)}"] + ([f"t = {rows.at(rows.time)}"] if rhs.timed else [])
    lines += [f"y_{x} = {rows.at(rows.state + i)}" for i, x in enumerate(names)]
    lines += [f"k1_{x} = {rows.at(rows.slope + i)}" for i, x in enumerate(names)]
    lines += rhs.loads
    for stage, node in enumerate(_C, start=2):
        for x in names:
            lines.append(f"z_{x} = state{stage}({', '.join([f'y_{x}', 'h', *_slopes(x, range(1, stage))])})")
        lines.append(rhs.call("z", f"k{stage}", f"t + {node!r}*h"))
    for i, x in enumerate(names):
        lines.append(f"{rows.at(rows.new + i)} = z_{x}")
        lines.append(f"{rows.at(rows.new_slope + i)} = k7_{x}")
        lines.append(f"{rows.at(rows.stage + i)} = quartic({', '.join(_slopes(x, (2, 3, 4, 6)))})")
        atol, slopes = rows.at(rows.atol + i), ", ".join(_slopes(x, range(1, 8)))
        lines.append(f"e_{x} = error(y_{x}, z_{x}, h, {atol}, rtol, {slopes})")
    return [*lines, f"{rows.at(rows.error)} = ({' + '.join(f'e_{x}*e_{x}' for x in names)})*{1 / n!r}"]


def emit_interpolate(rows: "Layout") -> list[str]:
    """Return the lines that write the state of `lane` at the fraction `x` of its step, of order 4, into `y`."""
    old, slope, new, new_slope, quartic = (
        rows.at(row, "i") for row in (rows.state, rows.slope, rows.new, rows.new_slope, rows.stage)
    )
    return [
        f"h = {rows.at(rows.size, 'lane')}",
        "q = x*x*(1.0 - x)*(1.0 - x)",
        f"a = x*x*(3.0 - 2.0*x) - {-_SHARE!r}*q",
        f"b = h*(x*(1.0 - x)*(1.0 - x) - {-_INNER[0]!r}*q)",
        f"c = h*({_QUARTIC[6]!r}*q - x*x*(1.0 - x))",
        "d = h*q",
        f"for j in range({rows.states}):",
        f"    i = j*{rows.lanes} + lane",
        f"    y[j] = {old} + a*({new} - {old}) + b*{slope} + c*{new_slope} + d*{quartic}",
    ]


def _slopes(name: str, stages: Iterable[int]) -> list[str]:
    return [f"k{j}_{name}" for j in stages]


def _sum(weights: Sequence[float], terms: Sequence[str]) -> str:
    return " + ".join(f"{w!r}*{x}" for w, x in zip(weights, terms, strict=False)).replace("+ -", "- ")
