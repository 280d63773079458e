"""Rodas5P: stiff Rosenbrock method of order 5(4), one factorisation a step, no iteration.

Steinebach 2023, BIT Numer Math 63:27, doi:10.1007/s10543-023-00967-x. In the form without products by the Jacobian:
(1/(h gamma) - J) k_i = f(t + c_i h, u_i) + sum_j C_ij k_j / h + h d_i df/dt, u_i = y + sum_j A_ij k_j.
"""

from immunode.engine.control import LANES
from immunode.engine.elimination import eliminate
from immunode.engine.expressions import Equations, Scalar, squares, weighted
from immunode.engine.layout import Layout

ORDER, STIFF = 5, True
LEAVE = (4.0, 1e300, 3.0)  # leave after 3 steps in a row shorter than 4 in units of the fastest rate

_GAMMA = 0.21193756319429014
_A = (
    (),
    (3.0,),
    (2.849394379747939, 0.45842242204463923),
    (-6.954028509809101, 2.489845061869568, -10.358996098473584),
    (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
    (-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946),
)  # u_7 = u_6 + k_6 and u_8 = u_7 + k_7
_C = (
    (),
    (-14.155112264123755,),
    (-17.97296035885952, -2.859693295451294),
    (147.12150275711716, -1.41221402718213, 71.68940251302358),
    (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
    (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
    (30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783, -19.097331116725623,
     -28.087943162872662),
    (37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047, -40.06618937091002,
     -54.66780262877968, -9.48861652309627),
)  # fmt: skip
_NODE = (
    0.0,
    0.6358126895828704,
    0.4095798393397535,
    0.9769306725060716,
    0.4288403609558664,
    1.0,
    1.0,
    1.0,
)
_D = (
    0.21193756319429014,
    -0.42387512638858027,
    -0.3384627126235924,
    1.8046452872882734,
    2.325825639765069,
    0.0,
    0.0,
    0.0,
)
_DENSE = (
    (25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204, 0.524948541321073,
     1.1241088310450404, 0.4272876194431874, -0.17202221070155493),
    (-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796, 20.176138334709044,
     15.98066361424651, -6.789040303419874, -6.710236069923372),
    (11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643, -52.072871366152654,
     -59.78993625266729, -0.15582684282751913, 4.883087185713722),
)  # fmt: skip
_PIVOT = 1e-8  # a pivot this small beside 1/(h gamma) is no ground to stand on: the step is rejected


def stage_rows(states: int) -> int:
    """Return how many rows of the scratch the dense output needs."""
    return 3 * states


def emit_functions(equations: Equations) -> list[Scalar]:
    """Return the scalar functions of which `emit_step` makes a step; Numba types each once instead of once a state."""
    n, stages = len(equations.names), [f"k{j}" for j in range(1, 9)]
    solver = eliminate(n, equations.pattern)
    unknown = tuple(f"b_{i}" for i in range(n))
    functions = [
        Scalar(f"state{i + 1}", ("y", *stages[:i]), (f"return y + {weighted(_A[i], stages)}",)) for i in range(1, 6)
    ]
    functions += [
        Scalar(f"right{i + 1}", ("f", "q", *stages[:i]), (f"return f + q*({weighted(_C[i], stages)})",))
        for i in range(1, 8)
    ]
    functions += [
        Scalar(f"dense{i}", tuple(stages), (f"return {weighted(row, stages)}",)) for i, row in enumerate(_DENSE, 1)
    ]
    return [
        equations.slopes,
        equations.linear,
        *functions,
        Scalar("solve", (*solver.factors, *unknown), (*solver.solve(), f"return {', '.join(unknown)},")),
        Scalar("error", ("k", "y", "new", "atol", "rtol"), ("return k/(atol + rtol*max(abs(y), abs(new)))",)),
    ]


def emit_step(equations: Equations, rows: Layout) -> list[str]:
    """Return the lines of one step of one lane: new state, dense output, mean squared error, fastest rate.

    The new slope is the one at the start, which a step of size zero asks for; such a step leaves the state as it is.
    The rate is the largest on the diagonal of the Jacobian.
    """
    names, n = equations.names, rows.states
    solver = eliminate(n, equations.pattern)
    lines = [f"h = {rows.at(rows.size)}", "g = h if h > 0.0 else 1.0", "q = 1.0/g", f"d = q*{1 / _GAMMA!r}"]
    lines += [f"t = {rows.at(rows.time)}"] if equations.timed else []
    lines += [f"y_{x} = {rows.at(rows.state + i)}" for i, x in enumerate(names)]
    lines += [*equations.loads(rows), equations.call_linear("y", "s", "t")]
    lines += [f"w_{i}_{i} = d - j_{i}_{i}" if (i, i) in equations.pattern else f"w_{i}_{i} = d" for i in range(n)]
    lines += [f"w_{i}_{j} = -j_{i}_{j}" for i, j in equations.pattern if i != j]
    lines += solver.factor(equations.pattern)
    for stage in range(1, 9):
        lines += _stage(equations, stage, ", ".join(solver.factors))
    for i, x in enumerate(names):
        stages = ", ".join(f"k{j}_{x}" for j in range(1, 9))
        lines.append(f"z_{x} = x_{x} + k8_{x}")
        lines.append(f"{rows.at(rows.new + i)} = z_{x} if h > 0.0 else y_{x}")
        lines.append(f"{rows.at(rows.new_slope + i)} = s_{x}")
        lines += [f"{rows.at(rows.stage + (j - 1) * n + i)} = dense{j}({stages})" for j in (1, 2, 3)]
        lines.append(f"e_{x} = error(k8_{x}, y_{x}, z_{x}, {rows.at(rows.atol + i)}, rtol)")
    smallest, fastest = f"abs(v_{0})", "0.0"
    for i in range(1, n):
        smallest = f"max({smallest}, abs(v_{i}))"
    for i in range(n):
        fastest = f"max({fastest}, abs(j_{i}_{i}))" if (i, i) in equations.pattern else fastest
    lines.append(f"e = ({squares('e', names)})*{1 / n!r} + (1e30 if {smallest}*d > {1 / _PIVOT!r} else 0.0)")
    lines.append(f"s0 = {' + '.join(f's_{x}' for x in names)}")
    lines.append(f"{rows.at(rows.error)} = e if h > 0.0 else 0.0*s0")
    return [*lines, f"{rows.at(rows.rho)} = {fastest}"]


def _stage(equations: Equations, stage: int, factors: str) -> list[str]:
    names, lines = equations.names, []
    before = range(1, stage)
    for x in names:
        given = ", ".join([f"y_{x}", *(f"k{j}_{x}" for j in before)])
        text = f"y_{x}" if stage == 1 else f"state{stage}({given})" if stage < 7 else f"x_{x} + k{stage - 1}_{x}"
        lines.append(f"x_{x} = {text}")
    if stage > 1:
        lines.append(equations.call("x", "f", f"t + {_NODE[stage - 1]!r}*g"))
    for i, x in enumerate(names):
        slope = f"s_{x}" if stage == 1 else f"f_{x}"
        if i in equations.moving and _D[stage - 1]:
            slope += f" + {_D[stage - 1]!r}*g*f_{i}"
        given = ", ".join([slope, "q", *(f"k{j}_{x}" for j in before)])
        lines.append(f"b_{i} = {slope if stage == 1 else f'right{stage}({given})'}")
    found = ", ".join(f"k{stage}_{x}" for x in names)
    return [*lines, f"{found}, = solve({factors}, {', '.join(f'b_{i}' for i in range(len(names)))})"]


def emit_interpolate(rows: Layout) -> list[str]:
    """Return the lines that write the states of `lane` at `m` fractions `x` of its step, of order 4, into `y`."""
    n = rows.states
    old, new, *dense = (
        rows.at(row, "i", "offset") for row in (rows.state, rows.new, *(rows.stage + k * n for k in range(3)))
    )
    return [
        f"for j in range({n}):",
        f"    i = j*{LANES} + lane",
        f"    y0, y1, k1, k2, k3 = {old}, {new}, {', '.join(dense)}",
        "    for o in range(m):",
        "        z = x[o]",
        "        y[row + j, o] = (1.0 - z)*y0 + z*(y1 + (1.0 - z)*(k1 + z*(k2 + z*k3)))",
    ]
