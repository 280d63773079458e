"""Equations as LaTeX and plain text, and the Jacobian, of a model with names of several words."""

import pytest
import sympy

from immunode.functions import maximum
from immunode.model.declaration import Model, Parameter, State
from immunode.model.equations import jacobian, latex, plain, readable, readable_parts
from immunode.models import NAMES, model

TRACE = Model(
    name="two",
    states=[State("sub_cutis", "MIU"), State("blood", "MIU")],
    parameters=[Parameter("ka", 2.0, "1/day"), Parameter("most", 3.0, "MIU/day")],
    derivative=lambda t, x, p: {"sub_cutis": -p.ka * x.sub_cutis, "blood": maximum(p.ka * x.sub_cutis, p.most)},
).trace()


def test_an_equation_in_latex_has_its_names_upright():
    assert latex(TRACE, [])[0] == r"\frac{d\,\mathrm{sub\_cutis}}{dt} = - \mathrm{ka} \cdot \mathrm{sub\_cutis}"


def test_latex_names_what_the_model_names_as_the_text_does():
    model_, outputs = model("cd4_turnover").trace(), [o.name for o in model("cd4_turnover").outputs]
    lines = latex(model_, outputs)
    assert len(lines) == len(readable(model_, outputs))
    assert r"\mathrm{memory} \cdot \left(\mathrm{drive} + \mathrm{loss} + \mathrm{trapping}\right)" in "".join(lines)


def test_plain_equations_stand_one_below_the_other():
    assert plain(TRACE) == ["d sub_cutis / dt = -ka*sub_cutis", "d blood     / dt = Max(most, ka*sub_cutis)"]


def test_the_jacobian_is_exact_and_a_choice_at_a_kink():
    ka, most = TRACE.parameters
    slopes = jacobian(TRACE)
    assert slopes[0, :] == sympy.Matrix([[-ka, 0]])
    for value, slope in ((1.0, 0.0), (2.0, 2.0)):
        assert float(slopes[1, 0].subs({ka: 2.0, most: 3.0, TRACE.states[0]: value})) == slope


@pytest.mark.parametrize("name", NAMES)
def test_readable_equations_are_the_same_model_in_other_words(name):
    declared = model(name)
    traced, outputs = declared.trace(), [output.name for output in declared.outputs]
    named, slopes = readable_parts(traced, outputs)
    values = {symbol: sympy.Float(0.1 + 0.37 * i % 1) for i, symbol in enumerate((*traced.states, *traced.parameters))}
    values[traced.time] = sympy.Float(0.3)
    for symbol, value in named.items():
        values[symbol] = value.subs(values)  # of what stands before it
    for readable_slope, slope in zip(slopes, traced.derivative, strict=True):
        expected = complex(sympy.sympify(slope).subs(values))
        assert complex(readable_slope.subs(values)) == pytest.approx(expected, rel=1e-12)
    for output, value in zip(outputs, traced.observed, strict=True):
        (symbol,) = [each for each in named if each.name == output]
        assert complex(values[symbol]) == pytest.approx(complex(value.subs(values)), rel=1e-12)


def test_readable_equations_name_outputs_and_write_no_factor_of_one():
    text = "\n".join(readable(model("il2_cd4_hiv").trace(), [o.name for o in model("il2_cd4_hiv").outputs]))
    assert "cd4 = cycling + expanded + memory + naive" in text
    assert "1.0*" not in text.replace("1000.0*", "")
    memory = "d memory            / dt = kr*trapped - memory*(drive + loss + trapping) + supply*(1 - naive_fraction)"
    assert memory in text  # to be read aloud: flows by their names
