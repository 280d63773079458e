"""What a model declaration must refuse, convert and compose."""

import numpy as np
import pytest
import sympy

from immunode.errors import BadValue, ModelError, UnitError, UnknownName
from immunode.functions import exp, hill, maximum, where
from immunode.model.composition import compose
from immunode.model.declaration import Input, Model, Output, Parameter, State


def at(expression, **values):
    """Return the number that `expression` has with its symbols, by name, at `values`."""
    return float(expression.subs({symbol: values[symbol.name] for symbol in expression.free_symbols}))


def one_compartment(**changes):
    """Return IL-2 after a bolus, in the units that match; `changes` replace fields."""
    fields = {
        "name": "bolus",
        "states": [State("central", "MIU")],
        "parameters": [Parameter("CL", 170.0, "L/day", low=1, high=1000), Parameter("V", 14.0, "L", low=1)],
        "outputs": [Output("il2", "IU/mL", lambda t, x, p: x.central / p.V)],
        "routes": {"iv": "central"},
        "derivative": lambda t, x, p: {"central": -p.CL * x.central / p.V},
    }
    return Model(**(fields | changes))


def test_an_output_is_converted_to_its_declared_unit():
    model = one_compartment()
    traced = model.trace()
    assert at(traced.observed[0], central=14.0, V=14.0) == pytest.approx(1000.0, rel=1e-14)  # 1 MIU/L is 1000 IU/mL


def test_a_slip_between_miu_per_litre_and_iu_per_ml_is_refused_with_the_factor():
    with pytest.raises(UnitError, match="factor of 1000"):
        one_compartment(
            parameters=[Parameter("CL", 1, "L/day"), Parameter("V", 1, "L"), Parameter("Km", 1, "IU/mL")],
            derivative=lambda t, x, p: {"central": -p.CL * (x.central / p.V) * p.Km / (p.Km + x.central / p.V)},
        )


def test_an_equation_of_the_wrong_unit_is_refused():
    with pytest.raises(UnitError, match="d central/dt must be in"):
        one_compartment(derivative=lambda t, x, p: {"central": -p.CL * x.central})


def test_a_python_if_on_a_state_is_refused_with_the_cure():
    with pytest.raises(UnitError, match="where"):
        one_compartment(derivative=lambda t, x, p: {"central": -p.CL * x.central / p.V if x.central > 0 else 0 * p.CL})


def test_numpys_functions_in_a_model_are_refused_with_the_cure():
    with pytest.raises(ModelError, match="not NumPy's"):
        one_compartment(derivative=lambda t, x, p: {"central": -p.CL / p.V * x.central * np.exp(x.central / x.central)})


def test_exp_of_a_quantity_with_a_unit_is_refused():
    with pytest.raises(UnitError, match="argument of exp"):
        one_compartment(derivative=lambda t, x, p: {"central": -p.CL / p.V * x.central * exp(x.central)})


def test_a_number_cannot_be_added_to_a_quantity_but_zero_can():
    with pytest.raises(UnitError):
        one_compartment(derivative=lambda t, x, p: {"central": -p.CL / p.V * (x.central + 1)})
    one_compartment(derivative=lambda t, x, p: {"central": -p.CL / p.V * maximum(x.central, 0)})


def test_a_clash_of_names_is_refused():
    with pytest.raises(ModelError, match="central more than once"):
        one_compartment(parameters=[Parameter("central", 1, "L")])


def test_values_convert_units_and_name_the_nearest_parameter():
    model = one_compartment()
    assert model.values({"CL": "10 L/hour"})["CL"] == pytest.approx(240.0, rel=1e-14)
    with pytest.raises(UnknownName, match="did you mean 'CL'"):
        model.values({"Cl": 3})
    with pytest.raises(BadValue, match="outside 1 to 1000"):
        model.values({"CL": 5000})
    with pytest.raises(BadValue, match="not a finite number"):
        model.values({"CL": float("nan")})
    with pytest.raises(UnitError, match="'CL' of bolus is in L/day"):
        model.values({"CL": "3 mg"})


@pytest.mark.parametrize("x", [-1e-8, 0.0, 1.0, 5.0])
@pytest.mark.parametrize("power", [1, 2, 0.7])
def test_hill_is_the_same_on_numbers_and_symbols_and_safe_below_zero(x, power):
    symbol = sympy.Symbol("x", real=True)
    number = hill(x, 5.0, power)
    assert 0.0 <= number <= 1.0
    assert float(hill(symbol, 5.0, power).subs(symbol, x)) == pytest.approx(number, rel=1e-14)
    if x == 5.0:
        assert number == pytest.approx(0.5)


def test_a_model_shows_itself_in_a_notebook_with_its_names_as_words():
    html = one_compartment()._repr_html_()
    assert r"\frac{d\,\mathrm{central}}{dt}" in html
    assert "L/day" in html


def test_where_is_traced_as_a_piecewise():
    symbol = sympy.Symbol("x", real=True)
    assert where(symbol > 1, symbol, 0).subs(symbol, 2) == 2
    assert where(symbol > 1, symbol, 0).subs(symbol, 0) == 0


def clearance_part(**changes):
    fields = {
        "name": "cleared",
        "states": [State("central", "MIU")],
        "parameters": [Parameter("V", 10.0, "L")],
        "inputs": [Input("clearance", "L/day", default=5.0)],
        "derivative": lambda t, x, p: {"central": -p.clearance * x.central / p.V},
        "outputs": [Output("il2", "IU/mL", lambda t, x, p: x.central / p.V)],
    }
    return Model(**(fields | changes))


RECEPTORS = Model(
    name="receptors",
    states=[State("receptor", "1", initial=1.0)],
    parameters=[Parameter("kr", 0.1, "1/day"), Parameter("base", 5.0, "L/day"), Parameter("half", 3.0, "IU/mL")],
    inputs=[Input("il2", "IU/mL")],
    outputs=[Output("clearance", "L/day", lambda t, x, p: p.base * x.receptor)],
    derivative=lambda t, x, p: {"receptor": p.kr * (hill(p.il2, p.half) - x.receptor)},
)


def test_parts_fill_each_others_inputs_with_the_unit_factor():
    both = compose("both", clearance_part(), RECEPTORS)
    slopes = dict(zip([str(s) for s in both.trace().states], both.trace().derivative, strict=True))
    values = {"central": 0.03, "V": 10.0, "receptor": 2.0, "kr": 0.1, "base": 5.0, "half": 3.0}
    assert at(slopes["central"], **values) == pytest.approx(-5 * 2 * 0.03 / 10)
    assert at(slopes["receptor"], **values) == pytest.approx(0.1 * (3.0 / 6.0 - 2.0))  # 0.003 MIU/L = 3 IU/mL
    assert both.inputs == ()


def test_an_input_that_nothing_fills_is_an_error_unless_it_has_a_default():
    assert compose("alone", clearance_part()).typical["clearance"] == 5.0
    with pytest.raises(ModelError, match=r"'il2'.*filled by nothing"):
        compose("alone", RECEPTORS).values()


def test_connect_takes_an_expression_and_refuses_unknown_inputs_and_circles():
    doubled = compose(
        "doubled", clearance_part(), RECEPTORS, connect={"clearance": lambda t, x, p: 2 * p.base * x.receptor}
    )
    slope = at(doubled.trace().derivative[0], central=1.0, V=10.0, base=5.0, receptor=3.0)
    assert slope == pytest.approx(-2 * 5 * 3 / 10)
    with pytest.raises(UnknownName, match="did you mean 'clearance'"):
        compose("wrong", clearance_part(), connect={"clearence": "V"})
    looped = Model(
        name="loop",
        states=[State("a", "1")],
        inputs=[Input("u", "1")],
        outputs=[Output("w", "1", lambda t, x, p: p.u)],
        parameters=[Parameter("k", 1.0, "1/day")],
        derivative=lambda t, x, p: {"a": p.k * p.u},
    )
    with pytest.raises(ModelError, match="circle"):
        compose("circle", looped, connect={"u": "w"})


def test_an_initial_value_by_name_finds_an_input_that_another_part_fills():
    part = Model(
        name="part",
        states=[State("cells", "MIU", initial="at_start")],
        inputs=[Input("at_start", "MIU")],
        parameters=[Parameter("k", 1.0, "1/day")],
        derivative=lambda t, x, p: {"cells": -p.k * x.cells},
    )
    other = clearance_part(parameters=[Parameter("V", 10.0, "L"), Parameter("given", 4.0, "MIU")])
    both = compose("both", part, other, connect={"at_start": "given"})
    assert at(both.trace().initial[0], given=4.0) == 4.0


def test_composing_two_parts_with_one_name_is_refused():
    with pytest.raises(ModelError, match="more than once"):
        compose("twice", clearance_part(), clearance_part(name="again"))
