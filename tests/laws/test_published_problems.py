"""Published initial value problems: without scales as many digits as with sizes that can be known before.

Digits are -log10 of the error by the suite's own measure. `pytest -s -m slow` on this file prints docs/tolerances.md's
table. Sizes to declare are those of the start (of a state that starts at zero the least of the others), the largest
that each state reaches, which a first solution tells, and those of the end. The last are printed alone: smaller than
what was there before, they ask for a tighter tolerance, and no patient has them beforehand. Robertson's y1 ends at 2e-8
of its start: with any size of before, its absolute tolerance is much of what is left.
"""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

import immunode as im
from immunode.engine.methods import METHODS

SUITE = Path(__file__).parents[3] / "shared" / "data" / "suites" / "ivp" / "problems.json"
PROBLEMS = ("rober", "hires", "pleiades")
RTOLS = (1e-6, 1e-8)
pytestmark = [
    pytest.mark.slow,  # compiles
    pytest.mark.skipif(not SUITE.exists(), reason="the suite of initial value problems is not here"),
]


@lru_cache
def suite():
    return json.loads(SUITE.read_text(encoding="utf-8"))


def problem(name, scales):
    known = suite()[name]
    code = [compile(text, name, "eval") for text in known["rhs"]]

    def slopes(t, x, p):
        names = {n: getattr(x, n) for n in known["states"]} | {n: getattr(p, n) for n in known["parameters"]}
        return {n: p.rate * eval(c, {}, names) for n, c in zip(known["states"], code, strict=True)}

    states = zip(known["states"], known["y0"], scales, strict=True)
    return im.Model(
        name=name,
        states=[im.State(n, "1", initial=float(y), scale=scale) for n, y, scale in states],
        parameters=[
            im.Parameter("rate", 1.0, "1/day"),
            *(im.Parameter(*p, "1") for p in known["parameters"].items()),
        ],
        derivative=slopes,
    )


def solved(name, scales, times, **how):
    course = im.simulate(problem(name, scales), times=times, **how)
    return np.array([course[n].values for n in suite()[name]["states"]])


@lru_cache
def declared(name):
    """Return what could be declared: the scales of each state by where they are known from."""
    known = suite()[name]
    first = np.abs(known["y0"])
    times = np.append(0.0, np.geomspace(1e-14 * known["t_end"], known["t_end"], 400))
    largest = np.abs(solved(name, [None] * len(first), times)).max(axis=1)
    scales = {"start": np.where(first > 0, first, first[first > 0].min()), "largest": largest}
    return {k: v.tolist() for k, v in (scales | {"end": np.abs(known["y_ref"])}).items()}


def digits(name, scales, method, rtol):
    """Return the digits reached, the mean of five tolerances from half to twice `rtol`.

    The error at one time is a sum of many that partly cancel: of a single run it is a digit more or less by chance.
    """
    known = suite()[name]
    reference = np.array(known["y_ref"])[:, None]
    ends = [
        solved(name, scales, [known["t_end"]], method=method, rtol=rtol * k)[:, -1:]
        for k in 2.0 ** np.linspace(-1, 1, 5)
    ]
    errors = np.abs(np.hstack(ends) - reference) / np.maximum(np.abs(reference), known["error_floor"])
    return -np.log10(errors.max(axis=0)).mean()


@pytest.mark.parametrize("rtol", RTOLS)
@pytest.mark.parametrize(
    ("name", "method"), [(n, m) for n in PROBLEMS for m in METHODS if m != "tsit5" or n == "pleiades"]
)  # tsit5 would take hours for the stiff ones
def test_without_scales_a_problem_is_solved_to_as_many_digits_as_with_them(name, method, rtol):
    without = digits(name, [None] * len(suite()[name]["y0"]), method, rtol)
    with_them = {where: digits(name, scales, method, rtol) for where, scales in declared(name).items()}
    print(f"\n| {name} | {method} | {rtol:g} | {without:.1f} |", *(f"{d:.1f} |" for d in with_them.values()))
    # 0.3 digits, a factor of two: what is left of chance in the mean of five
    assert without >= with_them["start"] - 0.3
    assert without >= with_them["largest"] - 0.3
