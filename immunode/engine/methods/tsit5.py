"""Tsit5: explicit Runge-Kutta 5(4) with the first stage of a step equal to the last of the one before.

Tsitouras 2011, Comput Math Appl 62:770, doi:10.1016/j.camwa.2011.06.002. A method is one file like this one, and one
line in methods.METHODS: `ORDER`, `STIFF` (whether it wants the Jacobian), `LEAVE` (when another does better); for
straight lines `stage_rows`, `shared_rows`, `emit_functions`, `emit_step`, `emit_direction`; for loops `own_rows`,
`emit_looped`; `emit_interpolate` for both.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from immunode.engine.codegen.snippets import TINY, Scalar, mean_error, mean_square, nothing, products, weighted, worst
from immunode.engine.constants import LANES
from immunode.engine.layout import Layout

if TYPE_CHECKING:
    from immunode.engine.codegen.loops import Looped
    from immunode.engine.codegen.partials import Partials

ORDER, STIFF = 5, False
# leave after 15 steps in a row longer than 2.7 in units of the fastest rate: its limit is 3.3, what it holds back is
# 2.8 to 3.1
LEAVE = (0.0, 2.7, 15.0)

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
    """Return how many rows of a block the dense output needs beyond the values and slopes at both ends."""
    return states


def shared_rows(equations: "Partials") -> int:
    """Return how many rows of derivatives the states' step leaves to the directions: stages 2 to 7."""
    return 6 * (len(equations.jacobian) + len(equations.by_parameter))


def emit_functions(equations: "Partials") -> list[Scalar]:
    """Return the scalar functions of which `emit_step` makes a step.

    Numba types each once instead of once a state, which halves the time to compile; LLVM then inlines them.
    """
    slopes = [f"k{j}" for j in range(1, 8)]
    functions = [
        Scalar(
            f"state{stage}", ("y", "h", *slopes[: stage - 1]), (f"return y + h*({weighted(row, slopes)})",), common=True
        )
        for stage, row in enumerate(_A, start=2)
    ]
    inner = [2, 3, 4, 6]
    quartic = weighted([_INNER[j - 1] for j in inner], [f"k{j}" for j in inner])
    scale = "return 1.0/(atol + rtol*max(abs(y), abs(new)))"
    return [
        equations.linear_function() if equations.directions else equations.slopes_function(),
        *functions,
        Scalar("quartic", tuple(f"k{j}" for j in inner), (f"return {quartic}",), common=True),
        Scalar("scale", ("y", "new", "atol", "rtol"), (scale,), common=True),
        Scalar("error", ("w", "h", *slopes), (f"e = w*h*({weighted(_ERROR, slopes)})", "return e*e"), common=True),
    ]


def emit_step(equations: "Partials", rows: Layout) -> list[str]:
    """Return the lines of one step of one lane: new state, its slope, dense output, squared error, fastest rate.

    A step of size zero leaves the slope at the present state in the new slope, as long as the old one is finite. The
    rate is |f(z7) - f(z6)| / |z7 - z6| of the last two stages, which share their time (Hairer, Wanner, Solving Ordinary
    Differential Equations II, IV.2).
    """
    names, call = equations.names, equations.call_linear if equations.directions else equations.call
    lines = [f"h = {rows.at(rows.size)}"] + ([f"t = {rows.at(rows.time)}"] if equations.symbols.timed else [])
    lines += [f"y_{x} = {rows.at(rows.state + i)}" for i, x in enumerate(names)]
    lines += equations.symbols.loads(rows) + [f"k1_{x} = {rows.at(rows.slope + i)}" for i, x in enumerate(names)]
    for stage, node in enumerate(_C, start=2):
        lines += [*_move(names, stage), call("z" if stage == 7 else "x", f"k{stage}", f"t + {node!r}*h")]
        kept = [f"j_{i}_{j}" for i, j in equations.jacobian] + [f"g_{i}_{j}" for i, j in equations.by_parameter]
        lines += [f"{rows.at(_kept(equations, rows, stage) + i)} = {name}" for i, name in enumerate(kept)]
    lines += _finish(equations, rows, "s")
    for x in names:
        lines += [f"f_{x} = w_{x}*(k7_{x} - k6_{x})", f"d_{x} = w_{x}*(z_{x} - x_{x})"]
    lines.append(f"{rows.at(rows.error)} = {mean_error(names)} + {nothing('z', names)}")
    return [*lines, f"{rows.at(rows.rho)} = sqrt({mean_square('f', names)}/({mean_square('d', names)} + {TINY!r}))"]


def emit_direction(equations: "Partials", rows: Layout) -> list[str]:
    """Return the lines of the same step of one lane in the direction whose rows are `own`."""
    names, count = equations.names, len(equations.jacobian)
    lines = [f"h = {rows.at(rows.size)}", *equations.changes(rows)]
    lines += [f"k1_{x} = {rows.at(rows.slope + i, block='own')}" for i, x in enumerate(names)]
    for stage in range(2, 8):
        lines += _move(names, stage)
        first, z = _kept(equations, rows, stage), "z" if stage == 7 else "x"
        states = [f"{z}_{x}" for x in names]
        for i, x in enumerate(names):
            terms = products(equations.jacobian, i, rows, first, states)
            terms += products(equations.by_parameter, i, rows, first + count, equations.along)
            lines.append(f"k{stage}_{x} = {' + '.join([*terms, *equations.infusion(i)]) or '0.0'}")
    return [
        *lines,
        *_finish(equations, rows, "own"),
        *worst(rows, f"{mean_error(names)} + {nothing('z', names)}"),
    ]


def _kept(equations: "Partials", rows: Layout, stage: int) -> int:
    return rows.common + (stage - 2) * (len(equations.jacobian) + len(equations.by_parameter))


def _move(names: Sequence[str], stage: int) -> list[str]:
    """Return the lines of the state at a stage; the last one is the new state, z."""
    z = "z" if stage == 7 else "x"
    return [f"{z}_{x} = state{stage}({', '.join([f'y_{x}', 'h', *_slopes(x, range(1, stage))])})" for x in names]


def _finish(equations: "Partials", rows: Layout, block: str) -> list[str]:
    """Return the lines that store what a step leaves, and make its squared errors in units of the tolerance."""
    lines = []
    for i, x in enumerate(equations.names):
        lines.append(f"{rows.at(rows.new + i, block=block)} = z_{x}")
        lines.append(f"{rows.at(rows.new_slope + i, block=block)} = k7_{x}")
        lines.append(f"{rows.at(rows.stage + i, block=block)} = quartic({', '.join(_slopes(x, (2, 3, 4, 6)))})")
        lines.append(f"w_{x} = scale(y_{x}, z_{x}, {rows.at(rows.atol + i, block=block)}, rtol)")
        lines.append(f"e_{x} = error(w_{x}, h, {', '.join(_slopes(x, range(1, 8)))})")
    return lines


def own_rows(states: int) -> dict[str, int]:
    """Return the rows that `emit_looped` needs in each block, by name; the dense output's first."""
    names = ("quartic", "at", "now", "before", *(f"k{j}" for j in range(2, 7)))
    return dict.fromkeys(names, states)


def emit_looped(step: "Looped") -> list[str]:
    """Return the lines of one step of all lanes, in loops; what it leaves is what `emit_step` leaves."""
    flat, rows = step.flat, step.rows
    slopes = ["slope", *(f"k{j}" for j in range(2, 7)), "new_slope"]
    size, stages = flat("size"), [flat(name) for name in slopes]
    lines = step.spread("size", rows.at(rows.size))
    for stage, node in enumerate(_C, start=2):
        moved = f"{flat('at')} = {flat('state')} + {size}*({weighted(_A[stage - 2], stages)})"
        lines += step.over(*([f"{flat('before')} = {flat('at')}"] if stage == 7 else []), moved)
        wanted = "linear" if step.directions else "slopes"
        lines += [f"{wanted}(s, {node!r})", *step.blocks(*step.tangent(), first=1)]
        lines += step.over(f"{stages[stage - 1]} = {flat('now')}")
    inner = [2, 3, 4, 6]
    lines += step.over(
        f"{flat('new')} = {flat('at')}",
        f"{flat('quartic')} = {weighted([_INNER[j - 1] for j in inner], [stages[j - 1] for j in inner])}",
        f"w = 1.0/({flat('atol')} + rtol*max(abs({flat('state')}), abs({flat('at')})))",
        f"e = w*{size}*({weighted(_ERROR, stages)}) + 0.0*{flat('at')}",
        "e = e*e",
        f"f = w*({stages[6]} - {stages[5]})",
        f"d = w*({flat('at')} - {flat('before')})",
        f"{flat('now')} = e",
        f"{flat('k4')} = e*e",
        f"{flat('k2')} = f*f",
        f"{flat('k3')} = d*d",
    )
    rate = f"{rows.at(rows.rho)} = sqrt({step.lane('k2', 0)}/({step.lane('k3', 0)} + {TINY!r}))"
    lines += [*step.mean_error("k4", "now"), step.total("k2"), step.total("k3")]
    return [*lines, f"for l in range({LANES}):", f"    {rate}"]


def emit_interpolate(rows: Layout) -> list[str]:
    """Return the lines that write the states of `lane` at `m` fractions `x` of its step, of order 4, into `y`."""
    old, slope, new, new_slope, quartic = (
        rows.at(row, "i", offset="offset") for row in (rows.state, rows.slope, rows.new, rows.new_slope, rows.stage)
    )
    return [
        f"h = {rows.at(rows.size, 'lane')}",
        f"for j in range({rows.states}):",
        f"    i = j*{LANES} + lane",
        f"    y0, dy, f0, f1, k = {old}, {new} - {old}, h*{slope}, h*{new_slope}, h*{quartic}",
        "    for o in range(m):",
        "        z = x[o]",
        "        q = z*z*(1.0 - z)*(1.0 - z)",
        f"        a = z*z*(3.0 - 2.0*z) - {-_SHARE!r}*q",
        f"        b = z*(1.0 - z)*(1.0 - z) - {-_INNER[0]!r}*q",
        f"        c = {_QUARTIC[6]!r}*q - z*z*(1.0 - z)",
        "        y[row + j, o] = y0 + a*dy + b*f0 + c*f1 + q*k",
    ]


def _slopes(name: str, stages: Iterable[int]) -> list[str]:
    return [f"k{j}_{name}" for j in stages]
