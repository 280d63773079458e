"""Every model and trial of the library, checked with no further work when one is added."""

import re
from pathlib import Path

import numpy as np
import pytest

from immunode import models
from immunode.engine import METHODS, methods
from immunode.evidence.library import load, trial_names
from immunode.model.declaration import Model
from immunode.regimen import Regimen, prescribe, replace
from immunode.simulation import days, run
from immunode.steady_state.rest import rest_point
from immunode.steady_state.start import initial_states
from immunode.units import unit
from immunode.virtual_trials.arm import Arm, planned
from immunode.virtual_trials.defaults import population
from immunode.virtual_trials.group_words import group_words
from immunode.virtual_trials.patient_words import read_patients
from immunode.virtual_trials.trial_run import run_trial
from immunode.virtual_trials.variables import figure_rows

SOURCE = re.compile(r"assumed|fitted|derived|a covariate|a convention|\d{4}|params\.m")


@pytest.fixture(params=models.NAMES)
def model(request) -> Model:
    return models.model(request.param)


def test_every_model_file_is_registered():
    files = {path.stem for path in Path(models.__file__).parent.glob("*.py")} - {"__init__"}
    assert files == set(models.NAMES)


def test_every_method_file_is_registered_and_one_file_is_one_method():
    files = {path.stem for path in Path(methods.__file__).parent.glob("*.py")} - {"__init__"}
    alone = {name: members[0].__name__.rpartition(".")[2] for name, members in METHODS.items() if len(members) == 1}
    assert alone == {name: name for name in files}
    assert {member.__name__.rpartition(".")[2] for members in METHODS.values() for member in members} == files


def test_names_units_meanings_and_sources(model):
    assert model.meaning
    assert model.reference
    for item in (*model.states, *model.parameters, *model.outputs, *model.inputs):
        unit(item.unit)
        assert item.meaning, item.name
    for parameter in model.parameters:
        assert SOURCE.search(parameter.source), f"{parameter.name} has no source"
        assert np.isfinite([parameter.low, parameter.high]).all(), f"{parameter.name} has no bounds"
        assert "recalled" not in parameter.source.lower() or "assumed" in parameter.source


def test_groups_covariates_and_spreads_have_meanings_sources_and_values_within_bounds(model):
    terms = model.patients
    bounds = {p.name: (p.low, p.high) for p in model.parameters}
    for item in (*terms.groups, *terms.covariates):
        assert item.meaning, item.name
        assert SOURCE.search(item.source), f"{item.name} has no source"
    assert not (terms.omega or terms.noise) or SOURCE.search(terms.source)
    for group in terms.groups:
        model.values(group.values)
        said = read_patients(group.name, model)
        assert said.groups == (group,)
        words = group_words(model, said.values, planned(model, Arm("a", 1, set=said.set)).regimen)
        assert any(text.startswith(f"{group.name}: ") for text in words), words
    assert all(sum(g.default for g in terms.groups if g.of == kind) == 1 for kind in {g.of for g in terms.groups})
    for covariate in terms.covariates:
        assert np.isfinite(bounds[covariate.parameter]).all()
    # few of those drawn are beyond the bounds of a parameter: more are warned of
    population(model).sample(2000, seed=1)


def untreated(model, last, **others):
    values = np.array([list((model.typical | others).values())])
    names = [s.name for s in model.states]
    times = days(0, last, last / 20)
    return run(model, values, [Regimen(())], np.zeros(1, dtype=int), times=times, observe=names, start=0.0).values[0]


def test_started_at_its_untreated_steady_state_a_model_stays_there(model):
    counters = [s.name for s in model.states if s.name.startswith("cumulative")]
    free = np.array([s.name not in (*counters, "art") for s in model.states])
    values = np.array(list(model.typical.values()))
    if not free.any():
        return
    point = rest_point(model, values, np.zeros(len(free)), initial_states(model, values[None, :])[0], free)
    assert not point.missing
    f = _slopes(model, values)
    for state, slope, keep in zip(model.states, f(point.states), free, strict=True):
        if keep:
            assert abs(slope) <= 1e-9 * max(state.scale, 1.0), state.name


def _slopes(model, values):
    import sympy

    trace = model.trace()
    f = sympy.lambdify((trace.time, trace.states, trace.parameters), trace.derivative, modules="math")
    return lambda y: f(0.0, y, values)


@pytest.mark.parametrize("name", ["hiv_art", "il2_cd4_hiv", "il2_autoinduction"])
def test_the_declared_start_is_at_rest_without_treatment(name):
    """But for a slow decline of the untreated, which is 0 here."""
    model = models.model(name)
    course = untreated(model, 1000, **({"decline": 0.0} if "decline" in model.typical else {}))
    for i, state in enumerate(model.states):
        if not state.name.startswith("cumulative"):
            assert course[:, i] == pytest.approx(course[0, i], rel=1e-5, abs=1e-5 * state.scale), state.name


def test_states_stay_above_zero_under_treatment_and_off_it(model):
    plan = prescribe("3 MIU SC QD days 1-5,8-12 every 28 days x3") if "sc" in model.routes else Regimen(())
    if any(s.name == "art" for s in model.states):
        plan = replace("art", 1, time=0.0) + plan + replace("art", 0, time=200.0)
    rng = np.random.default_rng(1)
    typical = np.array(list(model.typical.values()))
    values = typical * np.exp(0.3 * rng.standard_normal((50, len(typical))))
    bounds = {p.name: (p.low, p.high) for p in model.parameters}
    for j, name in enumerate(model.typical):
        values[:, j] = np.clip(values[:, j], *bounds.get(name, (-np.inf, np.inf)))
    names = [s.name for s in model.states]
    solution = run(model, values, [plan], np.zeros(50, dtype=int), times=days(0, 400, 2.0), observe=names, start=0.0)
    assert (solution.status == 0).all()
    for i, state in enumerate(model.states):
        assert solution.values[:, :, i].min() >= -1e-6 * state.scale, state.name


@pytest.fixture(params=trial_names())
def trial(request):
    return load(request.param)


def test_a_trial_has_a_reference_arms_that_parse_and_quartiles_in_order(trial):
    assert trial.name in trial_names()
    assert re.search(r"\d{4}|not in the text seen", trial.reference)
    assert trial.doi is None or re.fullmatch(r"10\.\d{4,}/\S+", trial.doi)
    declared = models.model(trial.model)
    for arm in trial.arms:
        if arm.regimen:
            for dose in prescribe(arm.regimen.partition(" then ")[0] if "while" in arm.regimen else arm.regimen):
                assert unit(dose.unit).dimensionality == unit(declared.target(dose.into).unit).dimensionality
        declared.values(arm.values)
        for change in arm.set:
            assert change.state in [s.name for s in declared.states]


def test_what_the_abstract_printed_moves_no_simulated_number():
    """Change every published figure that is predicted: no simulated number may follow it."""
    file = load("tincati_2008")
    other = {
        f"figures.{i}.published": 0.5
        for i, figure in enumerate(file.figures)
        if figure.kind not in ("given", "median") and not isinstance(figure.published, str)
    }
    assert len(other) == 12
    keep = ("simulated", "low", "high", "p_below_05", "p_direction")
    before, after = (
        [[row[key] for key in keep] for row in figure_rows(run_trial(trial, n=40, seed=1))]
        for trial in (file, load("tincati_2008", other))
    )
    assert before == after
