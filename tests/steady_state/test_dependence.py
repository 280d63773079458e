"""What slopes depend on: time, which states settle or never change, whether they are linear."""

import numpy as np
import pytest

from immunode import models
from immunode.model.declaration import Model, Parameter, State
from immunode.model.trace import lazy_trace
from immunode.steady_state.dependence import depends_on_time, is_linear, settling, unchanging


def trace(slope):
    states = [State("drug", "1"), State("exposure", "1*day"), State("switch", "1")]
    return lazy_trace(Model("tested", states, slope, parameters=[Parameter("k", 1.0, "1/day")]))


def cleared(t, x, p):
    return {"drug": -p.k * x.drug, "exposure": x.drug, "switch": 0}


def switched(t, x, p):
    return {"drug": -p.k * x.drug * x.switch, "exposure": x.drug, "switch": 0}


def timed(t, x, p):
    return {"drug": -p.k * x.drug * (1 + p.k * t), "exposure": x.drug, "switch": 0}


@pytest.mark.parametrize(
    ("slope", "linear", "on_time"), [(cleared, True, False), (switched, False, False), (timed, True, True)]
)
def test_a_counter_and_a_switch_do_not_settle(slope, linear, on_time):
    tested = trace(slope)
    assert settling(tested).tolist() == [True, False, False]
    assert unchanging(tested).tolist() == [False, False, True]
    assert (is_linear(tested), depends_on_time(tested)) == (linear, on_time)


def test_what_all_who_ask_share_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        settling(trace(cleared))[0] = False


@pytest.mark.parametrize("name", ["il2_sc", "il2_cd4_hiv", "il2_receptors"])
def test_what_is_remembered_of_a_library_model_is_what_its_equations_say(name):
    later, whole = lazy_trace(models.model(name)), models.model(name).trace()
    for fact in (settling, unchanging, is_linear, depends_on_time):
        assert np.array_equal(fact(later), fact(whole))
