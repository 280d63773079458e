"""Evidence made ready: numbers that the model cannot give are refused."""

import numpy as np
import pytest

import immunode as im
from immunode.calibration.predict import predict
from immunode.calibration.problem import fit_problem
from immunode.errors import BadValue, UnitError, UnknownName
from tests.calibration.made_up import BOLUS, evidence, row


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"observable": "levl"}, UnknownName, "did you mean 'level'"),
        ({"unit": "copies/mL"}, UnitError, "copies"),
        ({"day": -1}, BadValue, "row 1: day = -1 lies before the start of the trial, day 0"),
    ],
)
def test_numbers_that_the_model_cannot_give_are_refused(changes, error, match):
    with pytest.raises(error, match=match):
        fit_problem([evidence([row(**changes)])], BOLUS)


def test_a_spread_of_an_unknown_parameter_is_refused():
    with pytest.raises(UnknownName, match="did you mean 'CL'"):
        fit_problem([evidence([row()])], BOLUS, spread={"Cl": 0.3})


def test_a_spread_that_leaves_a_parameters_bounds_is_refused():
    mean = evidence([row(observable="y", unit="MIU", statistic="mean", value=0.05)])
    with pytest.raises(BadValue, match=r"e: a: the spread of 'F' makes .* patients at 1.67, outside 0 to 1"):
        im.calibrate(mean, SHARE, ["k"], spread={"F": 0.5})
    with pytest.raises(BadValue, match=r"patients at 1.06, outside 0 to 1"):
        im.calibrate(mean, SHARE, ["k"], spread={"F": 0.05}, values={"F": 0.99})
    assert im.calibrate(mean, SHARE, ["k"], spread={"F": 0.5}, values={"F": 0.2}).params["k"].value > 0
    median = evidence([row(observable="y", unit="MIU", value=0.05)])
    assert im.calibrate(median, SHARE, ["k"], spread={"F": 0.5}).params["k"].value > 0


def test_an_open_input_may_have_a_spread():
    model = im.Model("fed", [im.State("y", "MIU")], lambda t, x, p: {"y": -p.k * p.food * x.y}, SHARE.parameters[:1],
                     inputs=[im.Input("food", "1", default=1.0)], routes={"iv": "y"})  # fmt: skip
    mean = evidence([row(observable="y", unit="MIU", statistic="mean", value=0.3)])
    assert im.calibrate(mean, model, ["k"], spread={"food": 0.3}).params["k"].value > 0


def test_a_baseline_that_a_fit_would_pass_over_is_refused():
    baseline = im.Baseline(observable="y", median=1.0, log_sd=0.3, solve="k", source="a test")
    arm = {"name": "a", "regimen": "1 MIU IV", "baseline": baseline}
    rows = [row(arm="a", observable="y", unit="MIU")]
    with pytest.raises(BadValue, match=r"arm 'a': a baseline is drawn in a trial, .* values = \{k = ...\}"):
        fit_problem([im.Evidence(name="e", arms=[arm], rows=rows)], SHARE)
    assert fit_problem([im.Evidence(name="e", arms=[arm | {"values": {"k": 2.0}}], rows=rows)], SHARE).data


SHARE = im.Model(
    "share", [im.State("y", "MIU", bioavailability="F")], lambda t, x, p: {"y": -p.k * x.y},
    [im.Parameter("k", 1.0, "1/day"), im.Parameter("F", 0.4, "1", low=0, high=1)], routes={"iv": "y"},
)  # fmt: skip
HOURLY = im.Model(
    "theo", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y},
    [im.Parameter("k", 0.1, "1/hour", low=0.01, high=1)], routes={"iv": "y"}, time="hour",
)  # fmt: skip


def hourly_rows(*days, **more):
    rows = [{"arm": "a", "observable": "y", "day": day, "value": 5.0, "sigma": 1.0} | more for day in days]
    return im.Evidence(name="e", arms={"a": "10 mg IV"}, rows=rows)


def test_a_day_with_a_unit_is_that_time_in_a_model_of_hours():
    problem = fit_problem([hourly_rows("1 h", "24 h", "1 d", "0.5 d")], HOURLY)
    assert predict(problem, [{"k": 0.1}])[0] == pytest.approx(10 * np.exp([-0.1, -2.4, -2.4, -1.2]), rel=1e-6)
    half_life = hourly_rows("24 h", from_day="1 h", measure="half_life")
    assert predict(fit_problem([half_life], HOURLY), [{"k": 0.1}]).item() == pytest.approx(np.log(2) / 2.4, rel=1e-6)
    assert im.calibrate(hourly_rows("1 h", value=10 * np.exp(-0.2)), HOURLY, ["k"]).params["k"].value == pytest.approx(
        0.2, rel=1e-5
    )


@pytest.mark.parametrize("row", [{"day": 1.0}, {"day": "1"}, {"day": "2 h", "from_day": 0.05, "measure": "auc"}])
def test_a_day_without_a_unit_is_refused_in_a_model_of_hours(row):
    with pytest.raises(BadValue, match=r"e, row 1: .*day = .*: a number alone is days, and theo counts hours; write"):
        fit_problem([hourly_rows(row.pop("day"), **row)], HOURLY)


@pytest.mark.parametrize("start", ["-24 h", "-1 d"])
def test_a_start_and_a_state_that_is_set_are_timed_with_a_unit_in_a_model_of_hours(start):
    row = {"arm": "a", "observable": "y", "day": "2 h", "value": 5.0, "sigma": 1.0}

    def timed(start, day):
        arm = {"name": "a", "set": [{"state": "y", "value": 3, "day": day}]}
        return fit_problem([im.Evidence(name="e", start=start, arms=[arm], rows=[row])], HOURLY)

    assert predict(timed(start, "1 h"), [{"k": 0.1}]).item() == pytest.approx(3 * np.exp(-0.1), rel=1e-6)
    with pytest.raises(BadValue, match=r"e, start = -24: a number alone is days, and theo .*; write '-24 hour'"):
        timed(-24, "1 h")
    with pytest.raises(BadValue, match="e, arm 'a', set 'y': day = 1: a number alone is days, and theo counts hours"):
        timed(start, 1)


@pytest.mark.parametrize("unit", ["mgg", "IU"])
def test_a_unit_that_does_not_fit_is_told_with_its_row(unit):
    with pytest.raises(UnitError, match=f"^e: a, median value of y.*: unit = '{unit}', in the model it is in mg: '"):
        fit_problem([hourly_rows("1 h", unit=unit)], HOURLY)


def test_shares_of_an_arm_that_a_fit_of_the_typical_patient_would_pass_over_are_refused():
    arm = {"name": "a", "regimen": "1 MIU IV", "shares": {"slow": 0.9}}
    with pytest.raises(BadValue, match=r"e, arm 'a': its 'shares' are drawn in a trial, .* typical patient; leave it"):
        fit_problem([im.Evidence(name="e", arms=[arm], rows=[row(arm="a", observable="y", unit="MIU")])], SHARE)
