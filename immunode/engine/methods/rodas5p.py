"""Rodas5P: stiff Rosenbrock method of order 5(4), one factorisation a step, no iteration.

Steinebach 2023, BIT Numer Math 63:27, doi:10.1007/s10543-023-00967-x. In the form without products by the Jacobian:
(1/(h gamma) - J) k_i = f(t + c_i h, u_i) + sum_j C_ij k_j / h + h d_i df/dt, u_i = y + sum_j A_ij k_j.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from immunode.engine.codegen.elimination import Entry
from immunode.engine.codegen.snippets import Scalar, mean_error, nested, nothing, products, weighted, worst
from immunode.engine.constants import LANES
from immunode.engine.layout import Layout

if TYPE_CHECKING:
    from immunode.engine.codegen.loops import Looped
    from immunode.engine.codegen.partials import Partials

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
    """Return how many rows of a block the dense output needs."""
    return 3 * states


def _kinds(equations: "Partials") -> dict[str, tuple[Entry, ...]]:
    """Return the entries that each stage leaves to the directions: of J, of P and the lower block's, of the latter."""
    mixed = tuple(dict.fromkeys([*equations.by_parameter, *equations.lower_by_parameter]))
    return {"j": tuple(equations.jacobian), "g": mixed, "l": tuple(equations.lower_by_state)}


def shared_rows(equations: "Partials") -> int:
    """Return how many rows the states' step leaves to the directions: derivatives of each stage, then the factors."""
    if not equations.directions:
        return 0
    return 8 * sum(len(entries) for entries in _kinds(equations).values()) + len(equations.solver.factors)


def _kept(equations: "Partials", rows: Layout, stage: int, kind: str) -> int:
    """Return the first row of what `stage` (1 to 8, 9 for the factors) left of a kind."""
    sizes = {name: len(entries) for name, entries in _kinds(equations).items()}
    before = sum(sizes[name] for name in list(sizes)[: list(sizes).index(kind)])
    return rows.common + (stage - 1) * sum(sizes.values()) + before


def emit_functions(equations: "Partials") -> list[Scalar]:
    """Return the scalar functions of which `emit_step` makes a step; Numba types each once instead of once a state."""
    n, stages = len(equations.names), [f"k{j}" for j in range(1, 9)]
    solver = equations.solver
    unknown = tuple(f"b_{i}" for i in range(n))
    functions = [
        Scalar(f"state{i + 1}", ("y", *stages[:i]), (f"return y + {weighted(_A[i], stages)}",), common=True)
        for i in range(1, 6)
    ]
    functions += [
        Scalar(f"right{i + 1}", ("f", "q", *stages[:i]), (f"return f + q*({weighted(_C[i], stages)})",), common=True)
        for i in range(1, 8)
    ]
    functions += [
        Scalar(f"dense{i}", tuple(stages), (f"return {weighted(row, stages)}",), common=True)
        for i, row in enumerate(_DENSE, 1)
    ]
    return [
        equations.linear_function(),
        *([] if equations.directions else [equations.slopes_function()]),
        *([equations.lower_function()] if equations.lower_by_state or equations.lower_by_parameter else []),
        *functions,
        Scalar("solve", (*solver.factors, *unknown), (*solver.solve(), f"return {', '.join(unknown)},")),
        # 0*new: beside a state that is infinite any error is none
        Scalar(
            "error",
            ("k", "y", "new", "atol", "rtol"),
            ("e = k/(atol + rtol*max(abs(y), abs(new))) + 0.0*new", "return e*e"),
            common=True,
        ),
    ]


def emit_step(equations: "Partials", rows: Layout) -> list[str]:
    """Return the lines of one step of one lane: new state, dense output, squared error, fastest rate.

    The new slope is the one at the start, which a step of size zero asks for; such a step leaves the state as it is.
    The rate is the largest on the diagonal of the Jacobian.
    """
    names, n, entries = equations.names, rows.states, equations.jacobian
    solver = equations.solver
    lines = _sizes(rows) + ([f"t = {rows.at(rows.time)}"] if equations.symbols.timed else [])
    lines += [f"y_{x} = {rows.at(rows.state + i)}" for i, x in enumerate(names)]
    lines += [*equations.symbols.loads(rows), equations.call_linear("y", "f", "t")]
    lines += [f"m{i} = m_{i}" for i in equations.moving] + [f"s_{x} = f_{x}" for x in names]
    lines += [f"w_{i}_{i} = d - j_{i}_{i}" if (i, i) in entries else f"w_{i}_{i} = d" for i in range(n)]
    lines += [f"w_{i}_{j} = -j_{i}_{j}" for i, j in entries if i != j] + solver.factor(entries)
    largest = [f"abs(j_{i}_{i})" for i in range(n) if (i, i) in entries] or ["0.0"]
    lines.append(f"{rows.at(rows.rho)} = {nested('max', largest)}")
    for stage in range(1, 9):
        lines += _stage(equations, rows, stage)
    lines += _finish(equations, rows, "s")
    refuse = f"1e30 if {nested('max', [f'abs(v_{i})' for i in range(n)])}*d > {1 / _PIVOT!r} else 0.0"
    lines.append(f"e = {mean_error(names)} + ({refuse})")
    lines.append(f"{rows.at(rows.error)} = e if h > 0.0 else {nothing('s', names)}")
    if equations.directions:
        first = _kept(equations, rows, 9, "j")
        lines += [f"{rows.at(first + i)} = {name}" for i, name in enumerate(solver.factors)]
    return lines


def emit_direction(equations: "Partials", rows: Layout) -> list[str]:
    """Return the lines of the same step of one lane in the direction whose rows are `own`.

    A direction S solves (1/(h gamma) - J) k = J_i S_i + P_i dc + dr + [terms as the states'] + L k_states with the
    states' factors, where the exact lower block L is the derivative of J along the direction.
    """
    names, first = equations.names, _kept(equations, rows, 9, "j")
    lines = _sizes(rows) + equations.changes(rows)
    lines += [f"{name} = {rows.at(first + i)}" for i, name in enumerate(equations.solver.factors)]
    for stage in range(1, 9):
        lines += _move(names, stage)
        states, start = [f"x_{x}" for x in names], [f"y_{x}" for x in names]
        vectors = {"j": states, "g": equations.along, "l": start}
        for i, x in enumerate(names):
            terms = []
            for kind, entries in _kinds(equations).items():
                terms += products(entries, i, rows, _kept(equations, rows, stage, kind), vectors[kind])
            lines.append(f"f_{x} = {' + '.join([*terms, *equations.infusion(i)]) or '0.0'}")
        lines += [f"s_{x} = f_{x}" for x in names] if stage == 1 else []
        lines += _solved(equations, stage, {})
    lines += _finish(equations, rows, "own")
    return [*lines, *worst(rows, f"{mean_error(names)} if h > 0.0 else {nothing('s', names)}")]


def _sizes(rows: Layout) -> list[str]:
    return [f"h = {rows.at(rows.size)}", "g = h if h > 0.0 else 1.0", "q = 1.0/g", f"d = q*{1 / _GAMMA!r}"]


def _move(names: Sequence[str], stage: int) -> list[str]:
    """Return the lines of the state at a stage."""
    if stage == 1:
        return [f"x_{x} = y_{x}" for x in names]
    if stage >= 7:
        return [f"x_{x} = x_{x} + k{stage - 1}_{x}" for x in names]
    return [f"x_{x} = state{stage}({', '.join([f'y_{x}', *(f'k{j}_{x}' for j in range(1, stage))])})" for x in names]


def _stage(equations: "Partials", rows: Layout, stage: int) -> list[str]:
    lines = _move(equations.names, stage)
    if stage > 1:
        call = equations.call_linear if equations.directions else equations.call
        lines.append(call("x", "f", f"t + {_NODE[stage - 1]!r}*g"))
    weights = {i: f"{_D[stage - 1]!r}*g*m{i}" for i in equations.moving if _D[stage - 1]}
    lines += _solved(equations, stage, weights)
    if not equations.directions:
        return lines
    kinds = _kinds(equations)
    lower = [f"l_{i}_{j}" for i, j in kinds["l"]] + [f"n_{i}_{j}" for i, j in equations.lower_by_parameter]
    if lower:
        stages = [f"k{stage}_{x}" for x in equations.names] + [f"{_D[stage - 1]!r}*g"]
        lines.append(f"{', '.join(lower)}, = lower({equations.given('y', 't')}, {', '.join(stages)})")
    kept = [(kind, f"{kind}_{i}_{j}") for kind in ("j", "l") for i, j in kinds[kind]]
    for i, j in kinds["g"]:
        parts = [f"g_{i}_{j}"] if (i, j) in equations.by_parameter else []
        parts += [f"n_{i}_{j}"] if (i, j) in equations.lower_by_parameter else []
        kept.append(("g", " + ".join(parts)))
    for kind in kinds:
        texts = [text for name, text in kept if name == kind]
        lines += [f"{rows.at(_kept(equations, rows, stage, kind) + i)} = {text}" for i, text in enumerate(texts)]
    return lines


def _solved(equations: "Partials", stage: int, weights: Mapping[int, str]) -> list[str]:
    """Return the lines that solve for k of a stage from its slope f, with what time itself adds to some."""
    names, lines = equations.names, []
    for i, x in enumerate(names):
        slope = f"f_{x} + {weights[i]}" if i in weights else f"f_{x}"
        stages = ", ".join([slope, "q", *(f"k{j}_{x}" for j in range(1, stage))])
        lines.append(f"b_{i} = {slope if stage == 1 else f'right{stage}({stages})'}")
    solved, unknown = ", ".join(f"k{stage}_{x}" for x in names), ", ".join(f"b_{i}" for i in range(len(names)))
    return [*lines, f"{solved}, = solve({', '.join(equations.solver.factors)}, {unknown})"]


def _finish(equations: "Partials", rows: Layout, block: str) -> list[str]:
    """Return the lines that store what a step leaves, and make its squared errors in units of the tolerance."""
    lines, n = [], rows.states
    for i, x in enumerate(equations.names):
        stages = ", ".join(f"k{j}_{x}" for j in range(1, 9))
        lines.append(f"z_{x} = x_{x} + k8_{x}")
        lines.append(f"{rows.at(rows.new + i, block=block)} = z_{x} if h > 0.0 else y_{x}")
        lines.append(f"{rows.at(rows.new_slope + i, block=block)} = s_{x}")
        lines += [f"{rows.at(rows.stage + (j - 1) * n + i, block=block)} = dense{j}({stages})" for j in (1, 2, 3)]
        lines.append(f"e_{x} = error(k8_{x}, y_{x}, z_{x}, {rows.at(rows.atol + i, block=block)}, rtol)")
    return lines


def own_rows(states: int) -> dict[str, int]:
    """Return the rows that `emit_looped` needs in each block, by name; the dense output's first."""
    names = ("dense1", "dense2", "dense3", "at", "now", *(f"k{j}" for j in range(1, 9)))
    return dict.fromkeys(names, states)


def emit_looped(step: "Looped") -> list[str]:
    """Return the lines of one step of all lanes, in loops; what it leaves is what `emit_step` leaves.

    A direction S solves (1/(h gamma) - J) k = J_i S_i + P_i dc + dr + [terms as the states'] + L k_states, where the
    exact lower block L is the derivative of J along the direction.
    """
    flat, rows = step.flat, step.rows
    size, inverse, stages = flat("size"), flat("inverse"), [flat(f"k{j}") for j in range(1, 9)]
    h = rows.at(rows.size)
    lines = step.spread("tried", h) + step.over(f"{flat('at')} = {flat('state')}")
    guarded = f"{flat('tried')} if {flat('tried')} > 0.0 else 1.0"
    lines += step.once(f"v = {guarded}", f"{size} = v", f"{inverse} = {1 / _GAMMA!r}/v")
    fastest = f"largest(s, {rows.rho}, {step.row('jacobian')}, DIAGONAL)"
    lines += ["linear(s, 0.0)", fastest, step.factor()]
    lines += step.blocks(*step.tangent(), first=1) + step.over(f"{flat('new_slope')} = {flat('now')}")
    lines += step.once(f"{flat('start')} = {flat('moving')}") if step.equations.moving else []
    for stage in range(1, 9):
        lines += _looped_stage(step, stage, stages)
    taken = f"({flat('at')} + {stages[7]})"
    lines += step.over(
        f"z, y, h = {taken}, {flat('state')}, {flat('tried')}",
        f"{flat('new')} = z if h > 0.0 else y",
        *(f"{flat(f'dense{j}')} = {weighted(row, stages)}" for j, row in enumerate(_DENSE, 1)),
        f"e = {stages[7]}/({flat('atol')} + rtol*max(abs(y), abs(z))) + 0.0*z",
        f"e = e*e if h > 0.0 else 0.0*{flat('new_slope')}",
        f"{flat('now')} = e",
        f"{flat('k1')} = e*e",
    )
    error = rows.at(rows.error)
    lines.append(f"largest(s, {step.row('work')}, {step.row('factors')}, ORDER)")
    refuse = f"1e30 if ({step.lane('work', 0)}*{step.lane('inverse', 0)} > {1 / _PIVOT!r}) & ({h} > 0.0) else 0.0"
    lines += step.mean_error("k1", "now")
    return [*lines, f"for l in range({LANES}):", f"    {error} = {error} + ({refuse})"]


def _looped_stage(step: "Looped", stage: int, stages: list[str]) -> list[str]:
    flat, lines, d = step.flat, [], _D[stage - 1]
    if 1 < stage < 7:
        lines += step.over(f"{flat('at')} = {flat('state')} + {weighted(_A[stage - 1], stages)}")
    elif stage >= 7:
        lines += step.over(f"{flat('at')} = {flat('at')} + {stages[stage - 2]}")
    if stage > 1:
        wanted = "linear" if step.directions else "slopes"
        lines += [f"{wanted}(s, {_NODE[stage - 1]!r})", *step.blocks(*step.tangent(), first=1)]
    known = f"{flat('now')} + {flat('inverse')}*{_GAMMA!r}*({weighted(_C[stage - 1], stages)})" if stage > 1 else ""
    lines += step.over(f"{flat('now')} = {known}") if known else []
    if step.equations.moving and d:
        lines += step.once(f"s[{step.row('now') * LANES} + i] += {d!r}*{flat('size')}*{flat('start')}")
    lines += [step.solve("s")]
    if step.equations.directions:
        lines += [f"lower(s, {d!r})", *step.blocks(*step.add_lower(), step.solve("own"), first=1)]
    return lines + step.over(f"{stages[stage - 1]} = {flat('now')}")


def emit_interpolate(rows: Layout) -> list[str]:
    """Return the lines that write the states of `lane` at `m` fractions `x` of its step, of order 4, into `y`."""
    n = rows.states
    old, new, *dense = (
        rows.at(row, "i", offset="offset") for row in (rows.state, rows.new, *(rows.stage + k * n for k in range(3)))
    )
    return [
        f"for j in range({n}):",
        f"    i = j*{LANES} + lane",
        f"    y0, y1, k1, k2, k3 = {old}, {new}, {', '.join(dense)}",
        "    for o in range(m):",
        "        z = x[o]",
        "        y[row + j, o] = (1.0 - z)*y0 + z*(y1 + (1.0 - z)*(k1 + z*(k2 + z*k3)))",
    ]
