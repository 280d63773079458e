"""Whatever is given to a public function: a result, or one of immunode's errors in a few lines that say what it was."""

import inspect
import warnings
from functools import lru_cache
from operator import attrgetter

import pandas as pd
import pytest

import immunode as im
from immunode.errors import ImmunodeError
from tests.support.odd_values import ODD

MODEL = im.Model(
    "m", [im.State("y", "mg")], lambda t, x, p: {"y": -p.CL * x.y},
    [im.Parameter("CL", 1.0, "1/day", low=0.1, high=10)], routes={"iv": "y"},
)  # fmt: skip
DOSE = im.dose("1 mg", "iv")
TABLE = pd.DataFrame({"ID": [1, 1], "TIME": [0, 1.0], "AMT": [1, 0], "EVID": [1, 0]})
ROW = {"arm": "a", "observable": "y", "day": 1.0, "value": 0.3, "sigma": 0.1}
EVIDENCE = im.Evidence(name="e", arms={"a": "1 mg IV"}, rows=[ROW])
TRIAL = im.Trial("t", im.Population(MODEL), [0, 1], [im.Arm("a", 2)])


@lru_cache
def course():
    return im.simulate(MODEL, DOSE, times=im.days(0, 20))


@lru_cache
def trial_run():
    return im.run_trial("tincati_2008", n=4)


# a call of each that is right, of which one argument after the other becomes odd
CALLS = {
    "simulate": {"model": MODEL, "regimen": DOSE, "times": [1.0]},
    "dose": {"amount": "1 mg", "into": "iv"},
    "replace": {"state": "y", "value": "1 mg", "time": 1.0},
    "multiply": {"state": "y", "by": 2.0, "time": 1.0},
    "reset": {"time": 1.0},
    "prescribe": {"text": "1 mg IV"},
    "days": {"first": 0, "last": 2},
    "Dose": {"amount": 1.0, "unit": "mg", "into": "iv", "time": 0.0},
    "Regimen": {"doses": ()},
    "State": {"name": "y", "unit": "mg"},
    "Parameter": {"name": "CL", "value": 1.0, "unit": "1/day"},
    "Input": {"name": "q", "unit": "mg"},
    "Output": {"name": "o", "unit": "mg", "value": lambda t, x, p: x.y},
    "Trigger": {"when": lambda t, x, p: x.y < 0.5, "then": {"y": 1.0}},
    "Model": {
        "name": "m", "states": [im.State("y", "mg")], "derivative": lambda t, x, p: {"y": -p.CL * x.y},
        "parameters": [im.Parameter("CL", 1.0, "1/day")],
    },
    "compose": {"name": "c", "parts": [MODEL]},
    "Evidence": {"name": "e", "arms": {"a": "1 mg IV"}, "rows": [ROW]},
    "When": {"signal": "y", "days": [1], "above": 1.0},
    "SetState": {"state": "y", "value": 1, "day": 0},
    "Population": {"model": MODEL, "omega": {"CL": 0.3}},
    "Arm": {"name": "a", "n": 2},
    "Trial": {"name": "t", "population": im.Population(MODEL), "visits": [0, 1], "arms": [im.Arm("a", 2)]},
    "calibrate": {"evidence": EVIDENCE, "model": MODEL, "vary": ["CL"]},
    "read_events": {"source": TABLE, "model": MODEL},
    "event_table": {"regimen": DOSE, "model": MODEL, "times": [1.0]},
    "nca": {"concentrations": [4.0, 2.0, 1.0, 0.5], "times": [0.0, 1.0, 2.0, 3.0]},
    "Action": {"label": "again", "regimen": "1 mg IV"},
    "Rule": {
        "name": "r", "day": 1, "when": im.When(signal="y", days=[1], above=1.0), "then": im.Action(label="a"),
        "otherwise": im.Action(label="b"),
    },
    "Baseline": {"observable": "y", "median": 1.0, "log_sd": 0.1, "solve": "CL", "source": "assumed"},
    "Subgroup": {"name": "s", "share": 0.5, "scale": {"CL": 2.0}, "source": "assumed"},
    "Figure": {"label": "level", "kind": "median", "published": 0.4, "groups": ("a",), "observable": "y", "day": 1},
    "PrintedNumber": ROW,
    "Assumption": {"name": "CL", "assumed": "1/day", "alternatives": [{"label": "twice", "changes": {"start": 1}}]},
    "Alternative": {"label": "twice", "changes": {"start": 1}},
    "run_trial": {"trial": TRIAL, "n": 2},
    "Endpoint": {"signal": "y"},
    "Adherence": {"missed": 0.1, "source": "assumed"},
    "Dropout": {"share": 0.2, "by": 2, "source": "assumed"},
    "RuleAction": {"add": "1 mg IV"},
    "RecurringRule": {"name": "r", "when": "y < 1", "then": {"add": "1 mg IV"}},
    "PatientGroup": {"name": "ill", "of": "health", "meaning": "is ill"},
    "Covariate": {"name": "clearance", "parameter": "CL", "meaning": "clearance"},
    "PatientTerms": {},
    "plot.course": {"result": course, "name": "y"},
    "plot.cycle": {"result": course, "name": "y"},
    "plot.outputs": {"result": course},
    "plot.event_free": {"result": trial_run},
    "plot.trial": {"result": trial_run},
    "plot.panel_names": {"result": trial_run},
    "plot.frontier": {"benefit": [1.0, 2.0], "burden": [1.0, 3.0], "labels": ["", ""]},
    "plot.fit": {"table": pd.DataFrame({"label": ["a"], "observed": [1.0], "predicted": [1.1], "sigma": [0.1]})},
}  # fmt: skip


def right(name):
    """Return the arguments of a right call; results are made here, not by every process that collects tests."""
    return {key: value() if value is course or value is trial_run else value for key, value in CALLS[name].items()}


def called(name):
    """Return a public function or class by its dotted name."""
    return attrgetter(name)(im)


ARGUMENTS = [(name, argument) for name in CALLS for argument in inspect.signature(called(name)).parameters]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an odd text may be the path of a file that is written


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning is an answer
        yield


@pytest.mark.parametrize("name", CALLS)
def test_the_call_that_is_changed_is_right(name):
    assert answer(called(name), right(name)) is None


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_an_odd_argument_is_used_or_refused_in_words(name, argument):
    for value in [[v] for v in ODD] if argument == "parts" else ODD:
        if argument == "progress" and callable(value):  # a function of the caller's raises what it likes
            continue
        refusal = answer(called(name), right(name) | {argument: value})
        assert refusal is None or 10 < len(refusal) < 1500, (name, argument, repr(value)[:80])


NUMBERS = [value for value in ODD if isinstance(value, float | int)]
ROWS = {
    "value": ROW,
    "ratio": ROW | {"versus": "b", "compare": "ratio", "versus_value": 0.5},
    "area": ROW | {"measure": "auc", "scale": "log"},
}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("field", ["day", "from_day", "value", "versus_value", "sigma"])
def test_an_odd_number_in_a_row_is_fitted_or_refused_in_words(kind, field):
    def fitted(number):
        rows = [im.PrintedNumber(**ROWS[kind] | {field: number})]
        evidence = im.Evidence(name="e", arms={"a": "1 mg IV", "b": "2 mg IV"}, rows=rows)
        return im.calibrate(evidence, MODEL, ["CL"], max_nfev=20)  # a number is taken or not at the first

    for number in NUMBERS:
        refusal = answer(fitted, {"number": number})
        assert refusal is None or 10 < len(refusal) < 1500, (kind, field, number)


def answer(function, call):
    """Return the refusal of a call in words, None where there is a result; nothing else may come."""
    parts = [call.pop("name"), *call.pop("parts")] if "parts" in call else []  # which have no name in a call
    try:
        function(*parts, **call)
    except ImmunodeError as refusal:
        return str(refusal)
    return None
