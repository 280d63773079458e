"""Parts that fill each other's inputs, and what cannot be joined."""

import pytest

from immunode.errors import ModelError, UnknownName
from immunode.functions import hill
from immunode.model.composition import compose
from immunode.model.declaration import Input, Model, Output, Parameter, State
from tests.support.expressions import at


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
