"""Comparisons: each row is what `simulate` gives, patients are the same under each schedule, and who is efficient."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.errors import BadValue, UnitError, UnknownName
from immunode.models import model
from immunode.studies.comparison import compare
from immunode.studies.comparison_dataset import NUMBERS

P = im.Parameter
DOSES = ["10 mg IV bolus days 1-5", "20 mg IV bolus days 1-5", "20 mg IV bolus day 1"]


def effect(**terms):
    """Return a drug with first-order loss that makes cells: all in closed form."""
    return im.Model(
        "effect",
        [im.State("drug", "mg", scale=1e-2), im.State("cells", "cells/uL", initial="base", scale=1.0)],
        lambda t, x, p: {"drug": -p.k * x.drug, "cells": p.gain * x.drug},
        [
            P("k", 2.0, "1/day", low=0.1, high=10),
            P("gain", 3.0, "cells/uL/mg/day", low=0, high=10),
            P("base", 100.0, "cells/uL", low=1, high=1e4),
        ],
        routes={"iv": "drug"},
        outputs=[
            im.Output("level", "mg", lambda t, x, p: x.drug),
            im.Output("count", "cells/uL", lambda t, x, p: x.cells),
        ],
        patients=im.PatientTerms(
            covariates=[im.Covariate("count", "base", "cells", observable="count", log_sd=0.3)],
            levels={"level": 5.0, "count": 150.0},
            **({"omega": {"k": 0.3, "gain": 0.4, "base": 0.2}} | terms),
        ),
    )


def row(result, endpoint, name="estimate"):
    return result[name].sel(endpoint=endpoint).values


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


def test_differences_are_paired_and_have_the_interval_of_the_sample():
    result = compare(effect(), DOSES, until=30, n=400, seed=2)
    each = result.each.sel(endpoint="count gain").values
    difference = [row(result, "count gain", f"difference{part}")[2] for part in ("", "_low", "_high")]
    assert difference[0] == pytest.approx(np.median(each[2] - each[0]), rel=1e-12)
    assert difference[1] < difference[0] < difference[2]
    counted = result.each.sel(endpoint="count > 150").values > 150
    paired = 100 * (counted[2].astype(float) - counted[0])
    assert row(result, "count > 150", "difference")[2] == pytest.approx(paired.mean(), rel=1e-12)
    half = 1.96 * paired.std(ddof=1) / 20  # of 400 patients: the one that is added moves it by 1/200
    assert row(result, "count > 150", "difference_high")[2] == pytest.approx(paired.mean() + half, rel=0.01)


def test_ratios_are_of_the_same_patients_and_none_where_0_makes_none():
    double = {"low": DOSES[0], "high": DOSES[1]}
    result = compare(effect(), double, until=30, n=60, versus="low")
    for name in ("count gain", "level AUC", "level peak"):  # a linear model: twice the dose has twice of these in each
        assert_allclose([row(result, name, f"ratio{part}")[2] for part in ("", "_low", "_high")], 2, rtol=1e-6)
    assert row(result, "mg", "ratio")[2] == pytest.approx(2, rel=1e-12)
    assert row(result, "count gain", "ratio").tolist()[1] == 1
    assert np.isnan(row(result, "count gain", "ratio")[0])  # without doses nothing is gained
    shares = row(result, "count > 150")
    assert row(result, "count > 150", "ratio")[2] == pytest.approx(shares[2] / shares[1], rel=1e-12)
    assert (
        row(result, "count > 150", "ratio_low")[2] < shares[2] / shares[1] < row(result, "count > 150", "ratio_high")[2]
    )
    assert np.isnan(row(compare(effect(), double, until=30, n=5), "level AUC", "ratio")[1:]).all()


MORE = {
    "regimen": "5 mg IV bolus",
    "label": "enough",
    "rules": [
        im.RecurringRule(
            name="more", when="count < 110", days=[7], then=im.RuleAction(add="10 mg IV bolus", label="needed more")
        )
    ],
}


def test_endpoints_of_those_who_bear_a_label_are_beside_the_same_patients_under_the_reference():
    result = compare(effect(), {"low": DOSES[2], "by count": MORE}, until=30, n=80, versus="low", visits=[0, 7])
    assert result.labelled_arm.values.tolist() == ["by count"] * 2
    assert result.labelled_label.values.tolist() == ["enough", "needed more"]
    at_7 = result.count_patient.sel(arm="by count", visit=7).values
    gain = result.each.sel(endpoint="count gain").values
    for i, member in enumerate([at_7 >= 110, at_7 < 110]):
        assert 0 < member.sum() < 80
        assert result.labelled_percent.values[i] == pytest.approx(100 * member.mean(), rel=1e-12)
        assert result.labelled_cycles.values[i] == 1 + i
        numbers = {name: result[f"labelled_{name}"].sel(endpoint="count gain").values[i] for name in NUMBERS}
        assert numbers["estimate"] == pytest.approx(np.median(gain[2][member]), rel=1e-12)
        assert numbers["difference"] == pytest.approx(np.median(gain[2][member] - gain[1][member]), rel=1e-12)
        assert numbers["ratio"] == pytest.approx(0.25 + 0.5 * i, rel=1e-5)  # 5 mg, or 15, over 20
    assert not [name for name in compare(effect(), DOSES, until=7, n=3) if str(name).startswith("labelled")]


def test_schedules_beside_do_not_move_a_schedule_and_the_patients_are_the_same():
    both, alone = compare(effect(), DOSES, until=30, n=20), compare(effect(), DOSES[1], until=30, n=20)
    assert both.each.values[[0, 2]].tolist() == alone.each.values.tolist()
    more = compare(effect(), DOSES[1], until=30, n=30)
    assert more.each.values[..., :20].tolist() == alone.each.values.tolist()


def test_efficient_is_whom_no_other_beats_in_gain_for_no_more():
    late = {"early": DOSES[2], "late": "22 mg IV bolus day 30", "more": DOSES[1]}
    # in the last day 22 mg make 0.86 of what they make in all: less than 20 mg at once, for more
    assert compare(effect(omega={}), late, until=30, n=2).efficient.values.tolist() == [False, True, False, True]


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


def test_months_are_whole_days_as_in_trials():
    assert compare(effect(), DOSES[:1], until="12 mo", n=2).visit.values[-1] == 365
    assert compare(effect(), DOSES[:1], until="60 h", n=2).visit.values.tolist() == [0, 2.5]


def test_rules_see_patients_at_the_visits_that_are_said():
    rule = {"again": "10 mg IV bolus every 7 days while count < 1000, at most 9"}
    result = compare(effect(), rule, visits="every 2 weeks to 8 wk", n=2)
    assert result.visit.values.tolist() == [0, 14, 28, 42, 56]
    later = compare(effect(), rule, visits=[14, 28], until=60, n=2)
    assert later.visit.values.tolist() == [0, 14, 28, 60]


def test_patients_in_words_have_their_baseline_under_each_schedule():
    result = compare("il2_cd4_hiv", ["4.5 MIU SC BID days 1-5"], patients="cd4 200-500, suppressed", until=28, n=40)
    start = result.cd4_patient  # with the noise of the count, as their baseline is
    assert ((start[:, :, 0] >= 200) & (start[:, :, 0] <= 500)).all()
    assert_allclose(start[0, :, 0], start[1, :, 0], rtol=1e-12)
    assert "cd4 200-500" in result.attrs["patients"]
    assert "suppressed" in result.attrs["patients"]
    assert "untreated" in compare("il2_cd4_hiv", ["3 MIU SC"], until=7, n=3).attrs["patients"]


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
        [P("k", 0.3, "1/hour", low=0.01, high=10), P("V", 30.0, "L", low=1, high=100)],
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
