"""Equations as LaTeX and plain text, and the Jacobian, of a model with names of several words."""

import sympy

from immunode.functions import maximum
from immunode.model.declaration import Model, Parameter, State
from immunode.model.equations import jacobian, latex, plain

TRACE = Model(
    name="two",
    states=[State("sub_cutis", "MIU"), State("blood", "MIU")],
    parameters=[Parameter("ka", 2.0, "1/day"), Parameter("most", 3.0, "MIU/day")],
    derivative=lambda t, x, p: {"sub_cutis": -p.ka * x.sub_cutis, "blood": maximum(p.ka * x.sub_cutis, p.most)},
).trace()


def test_an_equation_in_latex_has_its_names_upright():
    assert latex(TRACE)[0] == r"\frac{d\,\mathrm{sub\_cutis}}{dt} = - \mathrm{ka} \cdot \mathrm{sub\_cutis}"


def test_plain_equations_stand_one_below_the_other():
    assert plain(TRACE) == ["d sub_cutis / dt = -ka*sub_cutis", "d blood     / dt = Max(most, ka*sub_cutis)"]


def test_the_jacobian_is_exact_and_a_choice_at_a_kink():
    ka, most = TRACE.parameters
    slopes = jacobian(TRACE)
    assert slopes[0, :] == sympy.Matrix([[-ka, 0]])
    for value, slope in ((1.0, 0.0), (2.0, 2.0)):
        assert float(slopes[1, 0].subs({ka: 2.0, most: 3.0, TRACE.states[0]: value})) == slope
