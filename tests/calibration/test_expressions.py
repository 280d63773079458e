"""What a derived parameter may be: arithmetic. Nothing reaches files, attributes, or memory without end."""

import time

import lmfit
import pytest

from immunode.calibration.expressions import FUNCTIONS, arithmetic
from immunode.calibration.free_parameters import parameters
from immunode.errors import BadValue, UnknownName
from tests.calibration.made_up import BOLUS

ATTACKS = [
    "open('/etc/passwd').read()",
    "open('/etc/passwd').read() and V",
    "V.__class__",
    "V.real",
    "().__class__.__bases__[0].__subclasses__()",
    "__import__('os').system('true')",
    "eval('1')",
    "exec('1')",
    "getattr(V, 'real')",
    "(lambda: 1)()",
    "[V for _ in (1, 2)][0]",
    "{1: V}[1]",
    "(V, V)",
    "f'{V}'",
    "'a' * 10 ** 10",
    "V if V else 1",
    "V and V",
    "V > 1",
    "V @ V",
    "V << 2",
    "V // 2",
    "(x := V)",
    "sum([V])",
    "sqrt",
    "nan",
    "open",
    "sqrt(*V)",
    "sqrt(**V)",
    "max(V, key=abs)",
    "exp.__globals__",
    "exp(V).__class__",
    "load('x')",
    "loadtxt('/etc/passwd')",
    "fromfile('/etc/passwd')",
    "__builtins__",
    "_V",
    "True",
    "None",
    "1j",
    "1e999",
    "b'x'",
    "...",
    "V; V",
    "V = 1",
    "import os",
    "V *",
    "",
    "\0",
    "(" * 500 + "V" + ")" * 500,
    "-" * 999 + "V",
    "V" + "+V" * 600,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_not_arithmetic_is_refused_by_name(attack):
    begun = time.process_time()
    with pytest.raises((BadValue, UnknownName), match="derived parameter 'CL'") as refused:
        parameters(BOLUS, ["V"], {"CL": attack})
    assert time.process_time() - begun < 1.0
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("wrong", [5, None, ["V"], b"V"])
def test_what_is_no_text_is_refused(wrong):
    with pytest.raises(BadValue, match="expected a text such as"):
        parameters(BOLUS, ["V"], {"CL": wrong})


@pytest.mark.parametrize("endless", ["9**9**9**9", "V / 0", "log(-V)", "exp(exp(exp(V)))", "0 ** -V"])
def test_what_has_no_finite_value_is_refused(endless):
    with pytest.raises(BadValue, match="derived parameter 'CL'"):
        parameters(BOLUS, ["V"], {"CL": endless})


@pytest.mark.parametrize(
    ("expression", "value"),
    [("2 * V", 10), ("-V ** 2 + 30 / (V - 2)", -15), ("sqrt(V) * sqrt(V)", 5), ("max(V, 7) + min(1, V, 2)", 8)],
)
def test_arithmetic_has_its_value(expression, value):
    assert parameters(BOLUS, ["V"], {"CL": expression})["CL"].value == pytest.approx(value)


def test_every_function_that_is_named_is_known_to_lmfit():
    for name in FUNCTIONS:
        made = lmfit.Parameters()
        made.add("x", value=4.0)
        made.add("y", expr=arithmetic("y", f"{name}(x, 5)" if name in ("max", "min") else f"{name}(x)", ["x"]))
        assert made["y"].value > 0
