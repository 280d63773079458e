"""Steady states within an ensemble: who has none is told beside the events, and no argument is written to."""

import dataclasses

import numpy as np
from numpy.testing import assert_array_equal

import immunode as im
from immunode.errors import Status
from immunode.functions import hill
from immunode.model.declaration import Model, Parameter, State
from immunode.simulation.engine_input import engine_input
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.ties import PRE
from immunode.simulation.times import OutputTimes

SATURABLE = Model(
    name="saturable",
    states=[State("central", "mg"), State("switch", "1")],
    parameters=[Parameter("Vmax", 4.0, "mg/day"), Parameter("Km", 1.0, "mg")],
    routes={"iv": "central"},
    derivative=lambda t, x, p: {"central": -p.Vmax * hill(x.central, p.Km), "switch": 0 * p.Vmax / p.Km},
)
PLAN = im.dose("2 mg", "iv", times=[1], steady_state="replace", every="1 d")


def made(limits):
    """Return the ensemble of patients with these limits of clearance, and what the engine is given."""
    n = len(limits)
    ensemble = Ensemble(SATURABLE, np.array([[v, 1.0] for v in limits]), [PLAN], np.zeros(n, int), np.zeros(n))
    return ensemble, engine_input(ensemble, OutputTimes(np.array([1.0, 2.0]), np.full(2, PRE)), SolveOptions())


def test_patients_without_a_steady_state_are_returned_with_the_reason():
    _, made_input = made([4.0, 1.0, 5.0])
    assert list(made_input.failures) == [1]
    assert "there is none where more is given than can be cleared" in made_input.failures[1]
    assert made_input.events.segment.size == 3  # the others go on
    assert not made([4.0, 5.0])[1].failures


def test_what_an_ensemble_holds_is_not_written_to():
    ensemble, _ = made([4.0, 1.0])
    before = {f.name: np.array(getattr(ensemble, f.name)) for f in dataclasses.fields(ensemble) if f.name != "model"}
    engine_input(ensemble, OutputTimes(np.array([1.0]), np.array([PRE])), SolveOptions())
    for name in ("parameters", "which", "start"):
        assert_array_equal(getattr(ensemble, name), before[name])


def test_a_simulation_goes_on_for_the_others_and_says_who_has_none():
    course = im.simulate(SATURABLE, PLAN, times=[1, 2], parameters={"Vmax": [4.0, 1.0]}, throw=False)
    assert list(course.status) == [Status.ok, Status.no_steady_state]
    assert np.isfinite(course.central[0]).all()
    assert np.isnan(course.central[1]).all()
