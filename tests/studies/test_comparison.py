"""Comparisons: each row is what `simulate` gives, patients are the same under each schedule, and who is efficient."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.errors import BadValue, ImmunodeError, UnitError, UnknownName
from immunode.models import model
from immunode.report.comparisons import ComparisonReport
from immunode.studies.comparison import compare
from tests.support.compared import DOSES, MORE, effect, figure, row


def test_a_row_is_what_simulate_gives_bit_for_bit():
    alike = effect(omega={})
    result = compare(alike, DOSES, until=30, n=3)
    for i, sentence in enumerate(DOSES, start=1):
        course = im.simulate(alike, sentence, times=[0, 30])
        assert row(result, "count gain")[i] == float(course["count"][1] - course["count"][0])
        assert set(result.each.values[i, 0]) == {row(result, "count gain")[i]}


def test_every_patient_is_measured_as_formulas_say():
    result = compare(effect(), DOSES, until=30, n=40, seed=5)
    gain, area, peak, above = (
        result.each.sel(endpoint=name).values for name in ("count gain", "level AUC", "level peak", "days level > 5")
    )
    # cells gain `gain` times the area under the drug; the draws of k are told by the area of the last schedule
    assert_allclose(gain[1] / area[1], gain[2] / area[2], rtol=1e-6)
    k = _rates(area[3] / 20)
    assert_allclose(area[1], sum(10 / k * -np.expm1(-k * (30 - day)) for day in range(5)), rtol=1e-6)
    assert_allclose(peak[2], 20 * np.expm1(-5 * k) / np.expm1(-k), rtol=1e-6)
    assert_allclose(above[3], math.log(4) / k, rtol=1e-6)
    assert row(result, "mg").tolist() == [0, 50, 100, 20]
    assert row(result, "doses").tolist() == [0, 5, 5, 1]


def _rates(areas):
    """Return the rates of which (1 - exp(-30 k)) / k are the areas."""
    k = 1 / areas
    for _ in range(50):
        k = -np.expm1(-30 * k) / areas
    return k


def test_schedules_beside_do_not_move_a_schedule_and_the_patients_are_the_same():
    both, alone = compare(effect(), DOSES, until=30, n=20), compare(effect(), DOSES[1], until=30, n=20)
    assert both.each.values[[0, 2]].tolist() == alone.each.values.tolist()
    more = compare(effect(), DOSES[1], until=30, n=30)
    assert more.each.values[..., :20].tolist() == alone.each.values.tolist()


def test_the_reference_may_be_one_of_the_schedules():
    result = compare(effect(), {"low": DOSES[0], "high": DOSES[1]}, until=30, n=50, versus="low")
    each = result.each.sel(endpoint="count gain").values
    assert row(result, "count gain", "difference")[2] == pytest.approx(np.median(each[2] - each[1]), rel=1e-12)
    assert row(result, "count gain", "difference")[1] == 0


def test_further_endpoints_stand_beside_the_usual_ones():
    slope = im.Endpoint(signal="count", measure="slope", day=5, statistic="mean", label="rise")
    ratio = im.Endpoint(signal="count", measure="percent_change", statistic="of_medians")
    result = compare(
        effect(), DOSES[:1], until="4 wk", n=30, endpoints=[slope, ratio], levels={"count": "120 cells/uL"}
    )
    assert result.endpoint.values.tolist()[:2] == ["count gain", "count > 120 cells/uL"]
    assert result.endpoint_kind.values.tolist()[-2:] == ["other", "other"]
    counts = result["count"].sel(arm=DOSES[0], statistic="median")
    expected = 100 * (counts.sel(day=28) / counts.sel(day=0) - 1)
    assert row(result, ratio.words)[1] == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"schedules": None}, BadValue, "schedules are missing"),
        ({"schedules": []}, BadValue, "0 schedules"),
        ({"schedules": [DOSES[0], DOSES[0]]}, BadValue, "two schedules are '10 mg IV bolus days 1-5'"),
        ({"schedules": {"a": 5}}, BadValue, "schedule 'a'.*expected a sentence, a Regimen, or a table"),
        ({"schedules": ["10 mg SC"]}, UnknownName, "no route or state 'sc'"),
        ({"schedules": ["10 cells IV"]}, UnitError, "cannot be converted"),
        ({"until": "12 parsecs"}, BadValue, "until = '12 parsecs'"),
        ({"until": 0}, BadValue, "until = 0: expected a time above 0"),
        ({"until": "12 kg"}, BadValue, "until = '12 kg'"),
        ({"versus": "b"}, UnknownName, "no schedule 'b'"),
        ({"patients": "cd4 200-500"}, UnknownName, "cd4 200-500"),
        ({"levels": {"cd4": 3}}, UnknownName, "'cd4'"),
        ({"levels": {"count": "3 mg"}}, UnitError, "cannot be converted"),
        ({"parameters": {"CL": 3}}, UnknownName, "CL"),
        ({"parameters": {"base": 3}, "patients": "count 90-200"}, BadValue, "'base' is said by the patients"),
        ({"endpoints": [im.Endpoint(signal="count", day=90)]}, BadValue, "what is simulated ends on day 30"),
        ({"n": 0}, BadValue, "n = 0"),
        ({"figures": [figure(groups=["a"])]}, UnknownName, "figure 'f' has no schedule or label 'a'"),
        ({"figures": [figure(groups=[DOSES[0], DOSES[0]])]}, BadValue, "figure 'f' pools '10 mg.*' with itself"),
        ({"figures": [figure(groups=[DOSES[0]]), figure(groups=[DOSES[1]])]}, BadValue, "two figures are called 'f'"),
        ({"figures": [figure(groups=[DOSES[0]], published=3)]}, BadValue, "no use for 'published'"),
        ({"figures": [figure(groups=[DOSES[0]], endpoint={"signal": "x"})]}, UnknownName, "'x'"),
        (
            {"figures": [im.Figure(label="f", kind="median", groups=["a"], observable="count")]},
            BadValue,
            "of the kind 'median'; a comparison has figures of the kind 'endpoint'",
        ),
        ({"visits": [0, 60]}, BadValue, "visits go on to day 60.*until = 30 ends on day 30"),
        ({"visits": "often"}, BadValue, "often"),
        ({"schedules": [MORE]}, BadValue, "a schedule with rules has no name"),
        ({"schedules": {"a": {}}}, BadValue, "schedule 'a' gives nothing"),
        ({"schedules": {"a": {"regime": "3 mg IV"}}}, BadValue, "schedule 'a': regime = '3 mg IV'.*'regimen'"),
        ({"schedules": {"a": MORE | {"regimen": 5}}}, BadValue, "schedule 'a': regimen = 5: expected a text"),
        ({"seed": -1}, BadValue, "seed"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name_before_anything_is_simulated(arguments, error, said, monkeypatch):
    monkeypatch.setattr("immunode.studies.comparison.run_arm", None)  # whoever simulates fails otherwise
    with pytest.raises(error, match=said):
        compare(effect(), **({"schedules": DOSES, "until": 30, "n": 5} | arguments))


def test_a_model_without_terms_of_patients_is_compared_by_its_outputs():
    bare = replace(effect(), patients=im.PatientTerms())
    result = compare(bare, DOSES[:1], until=30, n=4)
    assert result.endpoint.values.tolist() == ["count gain", "level peak", "level AUC", "doses", "mg"]
    assert "no spread" in result.attrs["spread"]
    assert model("il2_cd4_hiv").patients.events == "cumulative_hazard"


def test_doses_that_are_missed_are_no_burden_and_no_benefit():
    half = im.Adherence(missed=0.5, source="assumed")
    result, whole = (compare(effect(), DOSES[:1], until=30, n=200, adherence=taking) for taking in (half, None))
    taken = result.each.sel(endpoint="doses").values[1]
    assert taken.mean() == pytest.approx(2.5, abs=0.3)  # of 5 in 200 patients: four SD of the mean
    gains = [one.each.sel(endpoint="count gain").values[1] for one in (result, whole)]
    assert_allclose(gains[0][taken == 5], gains[1][taken == 5], rtol=1e-12)
    assert_allclose(gains[0][taken == 0], 0, atol=1e-9)


def test_a_drug_of_hours_is_compared_in_its_own_time():
    hourly = im.Model(
        "hourly",
        [im.State("central", "mg", scale=1e-2)],
        lambda t, x, p: {"central": -p.k * x.central},
        [im.Parameter("k", 0.3, "1/hour", low=0.01, high=10), im.Parameter("V", 30.0, "L", low=1, high=100)],
        routes={"iv": "central"},
        outputs=[im.Output("conc", "mg/L", lambda t, x, p: x.central / p.V)],
        time="hour",
    )
    result = compare(hourly, ["300 mg IV bolus", "300 mg IV over 2 h"], until="24 h", n=2, levels={"conc": 2})
    short = 300 / (2 * 0.3 * 30) * -np.expm1(-0.6)
    assert_allclose(row(result, "conc peak"), [0, 10, short], rtol=1e-6)
    assert_allclose(row(result, "conc AUC")[1], 10 / 0.3 * -np.expm1(-7.2) / 24, rtol=1e-6)  # mg/L day
    assert_allclose(row(result, "days conc > 2")[1], math.log(5) / 0.3 / 24, rtol=1e-6)


def test_the_reference_is_named_or_numbered_as_tables_have_it():
    first, second = (compare(effect(), DOSES, until=30, n=20, versus=versus) for versus in (DOSES[1], "2"))
    assert first.identical(second)
    assert (row(first, "count > 150", "difference_low")[2], row(first, "count > 150", "difference_high")[2]) == (0, 0)


def test_whoever_leaves_is_followed_without_doses_and_may_have_events():
    model, leave = effect(), im.Dropout(share=0.8, by=20, source="assumed")
    hazard = replace(
        model,
        states=(*model.states, im.State("risk", "1", scale=0.1)),
        derivative=lambda t, x, p: {"drug": -p.k * x.drug, "cells": p.gain * x.drug, "risk": 0.005 * p.k},
        patients=replace(model.patients, events="risk"),
    )
    left, stayed = (compare(hazard, DOSES[:1], until=60, n=200, dropout=one) for one in (leave, None))
    assert row(left, "events").tolist() == row(stayed, "events").tolist()
    assert row(left, "doses")[1] < 5
    assert "80 % of patients have left by day 20" in left.attrs["patients"]


def test_doses_before_day_0_are_a_burden_too():
    early = im.dose("10 mg", "iv", times=[-5, 0])
    with pytest.raises(BadValue, match="day -5"):
        compare(effect(), [early], until=30, n=2)  # nobody says that patients are there before day 0
    terms = im.PatientTerms(groups=[im.PatientGroup("switched", "therapy", "w", set={"cells": 200.0})])
    on = effect(groups=terms.groups)
    result = compare(on, [early], patients="switched from day -7", until=30, n=2)
    assert row(result, "mg").tolist() == [0, 20]


def test_a_file_is_changed_option_by_option(tmp_path):
    path = tmp_path / "v.toml"
    text = 'model = "il2_sc"\nn = 20\nseed = 5\nuntil = "2 mo"\npatients = "CL = 100 L/day"\nparameters = {V = 20}\n'
    path.write_text(text + "levels = { il2 = 5 }\n[schedules]\na = '3 MIU SC'\n", encoding="utf-8")
    same = compare(str(path), n=1000 // 50, seed=5, until="2 mo")
    assert same.identical(compare(str(path)))
    changed = compare(str(path), n=3, seed=1, until="12 mo", parameters={"ka": 5})
    assert (changed.attrs["n"], changed.attrs["seed"], changed.visit.values[-1]) == (3, 1, 365)
    assert "V = 20 L" in changed.attrs["patients"]
    assert "ka = 5 1/day" in changed.attrs["patients"]
    assert "days il2 > 5" in changed.endpoint.values.tolist()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("statistic", ["median", "mean", "sd", "p5", "of_medians", "of_means"])
def test_of_a_signal_that_begins_at_0_there_is_no_percent_change_and_it_is_said(statistic):
    endpoint = im.Endpoint(signal="il2", measure="percent_change", statistic=statistic, label="rise of il2")
    result = compare("il2_sc", ["3 MIU SC days 1-5"], until=3, n=9, endpoints=[endpoint])
    assert np.isnan(result.each.sel(endpoint="rise of il2")).all()
    assert np.isnan(result.estimate.sel(endpoint="rise of il2")).all()
    said = "9 of 9 patients have none (there is no percentage of 0) and are left out: rise of il2"
    assert said in [str(part) for part in ComparisonReport(result).table()]


@pytest.mark.parametrize("argument", ["progress", "patients", "until", "versus", "visits", "schedules"])
def test_what_is_none_of_its_kind_is_refused_by_name(argument):
    odd = [np.array([1.0, np.nan]), np.zeros((2, 2)), float("inf"), 1e30, {"a": 1}, 3.5j]
    odd = [3, True, *odd] if argument == "progress" else odd
    for value in odd:
        with pytest.raises(ImmunodeError, match="schedule" if argument in ("versus", "schedules") else argument[:5]):
            compare(**{"model": effect(), "schedules": DOSES, "until": 3, "n": 2, argument: value})


def test_parts_of_a_comparison_may_be_their_fields_as_in_a_file():
    fields = {"signal": "cd4", "measure": "cmin"}
    figure = {"label": "ratio", "kind": "endpoint", "groups": ["1.5 MIU SC"], "versus": ["no doses"]}
    figure |= {"compare": "ratio", "endpoint": {"signal": "cd4"}}
    missed, leaving = {"missed": 0.5, "source": "assumed"}, {"share": 0.5, "by": 7, "source": "assumed"}
    asked = {"patients": "cd4 300, suppressed", "until": 7, "n": 5}
    said = {"endpoints": [fields], "figures": [figure], "adherence": missed, "dropout": leaving}
    made = {"endpoints": [im.Endpoint(**fields)], "figures": [im.Figure(**figure)]}
    made |= {"adherence": im.Adherence(**missed), "dropout": im.Dropout(**leaving)}
    one, other = (im.compare("il2_cd4_hiv", ["1.5 MIU SC"], **asked, **parts) for parts in (said, made))
    assert one.equals(other)
    for parts in ({"endpoints": [{"signl": "cd4"}]}, {"figures": [{"labl": "a"}]}, {"dropout": {"shar": 1}}):
        with pytest.raises(BadValue, match="there is no such field"):
            im.compare("il2_cd4_hiv", ["1.5 MIU SC"], **asked, **parts)
    with pytest.raises(BadValue, match=r"endpoints = .*expected a list of Endpoint"):
        im.compare("il2_cd4_hiv", ["1.5 MIU SC"], **asked, endpoints=fields)
