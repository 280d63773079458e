"""A minimiser made again of plain data: the same patients, picked by the same numbers, to the last bit."""

import json

import numpy as np
import pytest

from immunode.calibration.population.recipe import KIND, minimiser_of, recipe
from immunode.calibration.population.search import search
from immunode.calibration.saving import plain, read
from tests.calibration.made_up import BOLUS
from tests.calibration.population.studies import by_rule, evidence, problem

CASES = {
    "one trial": ([evidence()], {}),
    "by a rule": ([by_rule()], {}),
    "effects of trials": ([evidence(name=name) for name in "ab"], {"trial_effects": {"CL": 0.2}}),
    "what follows from another": ([evidence()], {"derived": {"V": "CL / 2"}}),
}
VARY = {"CL": {"min": 1, "max": 100}, "omega_CL": {}}


@pytest.mark.parametrize("case", CASES)
def test_a_minimiser_is_made_again_of_json(case):
    sources, said = CASES[case]
    settled = search(problem(sources, VARY, patients=500, **said), lambda stage, objective: None)
    data = recipe(settled, sources, None, VARY, said.get("derived", {}))
    assert data["kind"] == KIND
    text = json.dumps(plain(data), allow_nan=False)
    params = settled.result.params.copy()
    again = minimiser_of(read(json.loads(text)), BOLUS, params, 1)
    assert again.scale_covar is settled.minimiser.scale_covar is False
    for omega in (params["omega_CL"].value, 0.5):
        params["omega_CL"].value = omega
        np.testing.assert_allclose(again.userfcn(params), settled.minimiser.userfcn(params), rtol=1e-9)
    population = again.userfcn.population
    assert population.omega == {"CL": 0.4, "V": 0.3}
    assert population.of is BOLUS


def test_a_recipe_says_who_was_drawn_and_where_they_were_picked():
    sources = [evidence()]
    settled = search(problem(sources, VARY, patients=500), lambda stage, objective: None)
    data = recipe(settled, sources, "bolus", VARY, {})
    assert data["model"] == "bolus"
    assert (data["seed"], data["patients"]) == (3, 500)
    assert data["anchor"] == settled.anchor.x.tolist()
    assert len(data["drawn_from"]) == len(settled.anchor.crowd.drawn_from)
    assert data["vary"] == VARY
