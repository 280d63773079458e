"""What a model declaration must refuse, convert and compose."""

import copy
import pickle

import numpy as np
import pytest

import immunode as im
from immunode import models
from immunode.errors import BadValue, ModelError, UnitError, UnknownName
from immunode.functions import exp, maximum
from immunode.model.declaration import Model, Output, Parameter, State
from tests.support.expressions import at


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


def test_a_model_shows_itself_in_a_notebook_with_its_names_as_words():
    html = one_compartment()._repr_html_()
    assert r"\frac{d\,\mathrm{central}}{dt}" in html
    assert "L/day" in html


def test_what_a_model_says_of_its_names_is_made_once_and_cannot_be_changed():
    model = models.model("il2_sc")
    for name in ("observables", "typical", "parameter_units"):
        assert getattr(model, name) is getattr(model, name)
        with pytest.raises(TypeError, match="does not support item assignment"):
            getattr(model, name)["CL"] = 1.0
    changed = model.values({"CL": 150.0})
    assert changed["CL"] == 150.0
    assert model.typical["CL"] != 150.0


def emptied(t, x, p):
    return {"central": -p.k * x.central}


def test_a_model_of_named_functions_is_copied_and_pickled_also_after_use():
    model = Model("copied", [State("central", "mg")], emptied, parameters=[Parameter("k", 0.2, "1/day")])
    im.simulate(model, im.dose("1 mg", "central"), times=[0.0, 1.0])
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert dict(copied.typical) == {"k": 0.2}
        assert copied.trace().derivative == model.trace().derivative


@pytest.mark.parametrize("name", ["status", "status_time", "time", "patient", "record", "id", "row", "side", "by"])
@pytest.mark.parametrize("kind", ["state", "output"])
def test_a_name_that_every_result_has_is_refused(name, kind):
    state = name if kind == "state" else "y"
    outputs = [im.Output(name, "mg", lambda t, x, p: 2 * x.y)] if kind == "output" else []
    with pytest.raises(ModelError, match=f"'{name}' is a variable of every result"):
        im.Model("m", [im.State(state, "mg")], lambda t, x, p: {state: -x.y}, outputs=outputs)


def test_the_name_of_a_sensitivity_is_refused_beside_what_it_is_of():
    with pytest.raises(ModelError, match="'y_sensitivity' is a variable"):
        im.Model("m", [im.State("y", "mg"), im.State("y_sensitivity", "mg")], lambda t, x, p: {})


@pytest.mark.parametrize("name", ["lambda", "if", "None", "_values", "__class__", "t", "2x", "a b", "a-b", ""])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ModelError, match="cannot be a name"):
        im.Model("m", [im.State("y", "mg")], lambda t, x, p: {"y": 0.0}, [im.Parameter(name, 1.0, "1")])


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"scale": 0}, "scale of state y = 0.0: expected a size above 0 in mg"),
        ({"scale": -1}, "scale of state y = -1.0: expected a size above 0 in mg"),
        ({"high": "1"}, "high of state y = '1': expected a number, in mg, without the unit"),
        ({"high": np.nan}, "high of state y = nan: expected a number"),
    ],
)
def test_a_scale_and_a_bound_of_a_state_are_numbers_that_can_be(more, says):
    with pytest.raises(BadValue, match=f"^{says}"):
        State("y", "mg", **more)


@pytest.mark.parametrize(("name", "read"), [("k_\u00b5", r"'k_\\u03bc'"), ("\ufb01x", "'fix'")])
def test_a_name_that_python_reads_as_another_is_refused(name, read):
    """The micro sign of a keyboard is no Greek mu, and looks the same."""
    with pytest.raises(ModelError, match=f"'{name}' cannot be a name: Python reads it as {read} in an equation"):
        Model("m", [State("y", "mg")], lambda t, x, p: {"y": -x.y}, [Parameter(name, 1.0, "1/day")], time="1")


@pytest.mark.parametrize(
    ("routes", "error", "words"),
    [
        ({"iv": "a", "IV": "b"}, ModelError, "^m: routes 'iv' and 'IV' differ only in case; rename one of them$"),
        ({"": "a"}, BadValue, "^name of a route of m = '': expected a text in one line"),
        ({" iv": "a"}, BadValue, "^name of a route of m = ' iv': expected a text in one line"),
    ],
)
def test_a_route_without_a_name_or_with_that_of_another_in_another_case_is_refused(routes, error, words):
    """A sentence reads IV as iv."""
    with pytest.raises(error, match=words):
        Model(
            "m", [State("a", "mg"), State("b", "mg")], lambda t, x, p: {"a": -x.a, "b": -x.b}, time="1", routes=routes
        )


@pytest.mark.parametrize("name", ["", "  ", "m ", "m\nn"])
def test_a_model_has_a_name_in_one_line(name):
    with pytest.raises(
        BadValue, match=r"^name of a model = .*: expected a text in one line, without blanks at its ends"
    ):
        Model(name, [State("y", "mg")], lambda t, x, p: {"y": -x.y}, time="1")
