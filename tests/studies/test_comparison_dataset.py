"""The numbers of a comparison: paired differences and ratios, those of labels, and who is efficient."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.studies.comparison import compare
from immunode.studies.comparison_dataset import NUMBERS
from tests.support.compared import DOSES, MORE, effect, row


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


def test_efficient_is_whom_no_other_beats_in_gain_for_no_more():
    late = {"early": DOSES[2], "late": "22 mg IV bolus day 30", "more": DOSES[1]}
    # in the last day 22 mg make 0.86 of what they make in all: less than 20 mg at once, for more
    assert compare(effect(omega={}), late, until=30, n=2).efficient.values.tolist() == [False, True, False, True]


def test_where_less_is_better_efficient_is_whom_no_other_beats_in_less():
    doses = {"little": DOSES[2], "much": DOSES[1], "other": "25 mg IV bolus day 29"}
    gain = im.Endpoint(signal="count", measure="change", better="less")
    result = compare(effect(omega={}), doses, until=30, n=2, endpoints=[gain])
    # 25 mg on the day before the last make 0.86 of what they make in all: more than 20 mg, for more; 100 mg most
    assert result.efficient.values.tolist() == [False, True, False, False]
    assert result.endpoint_better.values.tolist()[:2] == ["less", "more"]
    more = compare(effect(omega={}), doses, until=30, n=2)
    assert more.efficient.values.tolist() == [False, True, True, True]
    declared = compare(effect(omega={}, better={"count": "less"}), doses, until=30, n=2)
    assert declared.efficient.identical(result.efficient)
