"""Traces: made when they are looked at, once, with or without more infusions."""

from immunode import models
from immunode.model.declaration import Model, Parameter, State
from immunode.model.trace import infusing, lazy_trace


def counting(calls):
    def derivative(t, x, p):
        calls.append(1)
        return {"depot": -p.k * x.depot, "central": p.k * x.depot - p.k * x.central}

    states = [State("depot", "mg"), State("central", "mg")]
    return Model("counted", states, derivative, parameters=[Parameter("k", 1.0, "1/day")], routes={"sc": "depot"})


def test_a_model_is_traced_when_an_expression_is_looked_at_and_once():
    calls = []
    model = counting(calls)
    declared = len(calls)  # its units are checked as it is made
    later = lazy_trace(model)
    assert later.sizes == (2, 1, 0)
    assert len(later.states) == 2
    assert len(calls) == declared
    assert [str(state) for state in later.states] == ["depot", "central"]
    assert later.whole is model.trace()
    assert len(calls) == declared + 1


def test_a_state_without_a_route_receives_infusions_where_they_are_asked_for():
    later = lazy_trace(counting([]))
    assert later.infused == (0,)
    assert infusing(later, (0,)) is later
    assert infusing(later, (1,)).infused == (0, 1)
    assert infusing(later, (1,)).sizes == later.sizes


def test_the_librarys_traces_have_a_key_and_a_users_none():
    assert lazy_trace(models.model("il2_sc")).key.startswith("immunode.models.il2_sc")
    assert lazy_trace(counting([])).key == ""
