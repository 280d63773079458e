"""A fit of a population that was stopped keeps the starts that are finished, and goes on from them to the same bits."""

import dataclasses
import json

import pytest

from immunode.calibration.fit import calibrate
from immunode.calibration.population.fit import population_problem
from immunode.calibration.population.search import search
from immunode.calibration.population_starts import settled_starts
from immunode.errors import BadValue, Interrupted
from immunode.virtual_trials.population import Population
from tests.calibration.population.studies import AREA, evidence
from tests.calibration.population.test_fit import POPULATION

ROWS = [{**AREA, "statistic": "geometric mean (cv%)", "value": "125 (50)"}, {**AREA, "statistic": "max", "value": 400}]
VARY = ["CL", "omega_CL"]


def fitted(**options):
    return calibrate(evidence(ROWS), POPULATION, VARY, **{"seed": 3, "patients": 1000, "starts": 2} | options)


def stop_in(start):
    """Return what presses Ctrl-C when so many starts are finished and the next is on its way."""

    def told(done, total):
        if done == start:
            raise KeyboardInterrupt

    return told


def test_a_fit_that_was_stopped_ends_as_one_that_was_not(tmp_path):
    kept, whole = tmp_path / "starts.json", fitted()
    with pytest.raises(Interrupted) as stopped:
        fitted(resume=kept, progress=stop_in(1))
    assert (stopped.value.done, stopped.value.total) == (1, 2)
    first = stopped.value.found
    assert first.starts == whole.starts[:1]
    assert set(first.intervals.index) == set(VARY)
    again = fitted(resume=kept)
    assert again.starts == whole.starts
    assert again.intervals.equals(whole.intervals)
    assert again.table.equals(whole.table)
    assert {n: p.value for n, p in again.params.items()} == {n: p.value for n, p in whole.params.items()}


def test_a_start_with_effects_of_trials_is_made_again_to_the_same_bits(tmp_path):
    trials = [evidence(ROWS, name=name) for name in "ab"]
    problem = population_problem(trials, POPULATION, VARY, trial_effects=["CL"], patients=500, seed=3)
    before = settled_starts(tmp_path / "starts.json", trials, POPULATION, None)
    settled = search(problem, lambda stage, value: None)
    before.put(1, settled)
    again = settled_starts(tmp_path / "starts.json", trials, POPULATION, None).get(1, problem)
    assert again.deviance == settled.deviance
    for x in (settled.near.at.centre, settled.near.at.centre + 0.1):
        assert again.near.best().x.tolist() == settled.near.best().x.tolist()
        assert again.anchor.deviance(x) == settled.anchor.deviance(x)
    assert again.minimiser.userfcn(again.result.params) == settled.minimiser.userfcn(settled.result.params)
    assert before.get(2, problem) is None


def test_before_a_start_is_finished_nothing_is_kept():
    with pytest.raises(KeyboardInterrupt) as stopped:
        fitted(progress=stop_in(0))
    assert not isinstance(stopped.value, Interrupted)


def test_the_file_of_another_fit_is_refused(tmp_path):
    kept = tmp_path / "starts.json"
    fitted(resume=kept, starts=1)
    for changes in ({"seed": 4}, {"patients": 1200}, {"trial_effects": ["CL"]}):
        with pytest.raises(BadValue, match="is of another fit"):
            fitted(resume=kept, starts=1, **changes)


def test_a_start_of_which_a_part_is_gone_is_refused_by_name(tmp_path):
    path = tmp_path / "starts.json"
    fitted(resume=path, starts=1)
    data = json.loads(path.read_text(encoding="utf-8"))
    del data["starts"]["1"]["drawn_from"]
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BadValue, match=r"resume: start 1 in .*starts\.json has no 'drawn_from'; delete the file"):
        fitted(resume=path, starts=1)


def test_starts_of_a_model_that_has_changed_since_are_refused(tmp_path):
    """The model has the same name, as a file that was edited has: its defaults and equations are part of the fit."""
    path, model = tmp_path / "starts.json", POPULATION.of
    settled_starts(path, [evidence(ROWS)], POPULATION, "a.py").put(
        1, search(problem_of(POPULATION), lambda *told: None)
    )
    slower = [dataclasses.replace(one, value=one.value / 2) for one in model.parameters]
    other = Population(dataclasses.replace(model, parameters=slower), omega=POPULATION.omega)
    with pytest.raises(BadValue, match="is of another fit"):
        settled_starts(path, [evidence(ROWS)], other, "a.py")


def problem_of(population):
    return population_problem(evidence(ROWS), population, VARY, patients=500, seed=3)
