"""Times that no half-life fits are said by `check`: hours read as days."""

import math

import numpy as np
import pandas as pd
import pytest

import immunode as im
from immunode import nonmem
from immunode.nonmem.plausible import half_life

CENTRAL = im.Model(
    "pk", [im.State("depot", "mg"), im.State("central", "mg"), im.State("effect", "1", initial=1.0)],
    lambda t, x, p: {
        "depot": -p.ka * x.depot, "central": p.ka * x.depot - p.k * x.central, "effect": -p.slow * (x.effect - 1),
    },
    [im.Parameter("ka", 20.0, "1/day"), im.Parameter("k", 4.0, "1/day"), im.Parameter("slow", 0.01, "1/day")],
)  # fmt: skip
HALF = math.log(2) / 4  # days: the slower of absorption and elimination


def found(times, model="il2_sc", cmt="central", **more):
    n = len(times)
    rows = {"ID": [1] * n, "TIME": times, "AMT": [3, *[0] * (n - 1)], "EVID": [1, *[0] * (n - 1)],
            "CMT": [1, *[cmt] * (n - 1)]} | more  # fmt: skip
    return [str(finding) for finding in nonmem.check(pd.DataFrame(rows), model)]


def test_the_half_life_is_that_of_the_slowest_step_of_the_dose():
    half, states = half_life(CENTRAL, {0}, 100.0)
    assert states == {0, 1}
    np.testing.assert_allclose(half, HALF, rtol=1e-6)  # differences of a linear model


def test_hours_that_are_read_as_days_are_said():
    (finding,) = found([0, 2, 4, 12, 24])
    assert "TIME: samples lie 8 days after the last dose, but half of a dose into il2_sc is gone in 0.12 d" in finding
    assert "--time-unit h, read_events(..., time_unit='h')" in finding
    (finding,) = found([0, 2, 4, 12, 24], "il2_cd4_hiv")
    assert "il2_cd4_hiv" in finding


@pytest.mark.parametrize("times", [[0, 0.1, 0.2, 0.5, 1.0], [0, 1, 1.01], [0]])
def test_a_plausible_table_is_not_said(times):
    assert found(times) == []


def test_samples_of_what_is_slow_may_be_late():
    assert found([0, 28, 56, 84], "il2_cd4_hiv", cmt="memory") == []


def test_doses_far_apart_and_a_table_that_is_over_at_once_are_said():
    doses = dict(AMT=[3, 3, 3], EVID=[1, 1, 1], CMT=[1, 1, 1])
    (finding,) = found([0, 12, 24], **doses)
    assert "doses lie 12 days apart" in finding
    (finding,) = found([0, 0.0001, 0.0002])
    assert "a patient's records span 0.0002 days" in finding


def test_a_unit_that_is_said_mends_it():
    data = pd.DataFrame(
        {"ID": 1, "TIME": [0, 2, 4, 12], "AMT": [3, 0, 0, 0], "EVID": [1, 0, 0, 0], "CMT": [1, 2, 2, 2]}
    )
    assert nonmem.check(data, "il2_sc")
    assert nonmem.check(data, "il2_sc", time_unit="h") == []


def test_a_state_is_not_set_above_what_it_can_be():
    data = pd.DataFrame({"ID": 1, "TIME": [0, 1], "AMT": [2, 0], "EVID": ["replace", 0], "CMT": ["art", 1]})
    (error,) = (str(finding) for finding in nonmem.check(data, "il2_cd4_hiv") if finding.error)
    assert "row 0, AMT = 2: is more than the state can be; art is at most 1, in 1" in error


def test_samples_during_an_infusion_and_of_nothing_named_are_not_said():
    assert found([0, 5, 9], AMT=[30, 0, 0], RATE=[3, 0, 0], CMT=["civ", 1, 1]) == []
    assert found([0, 28, 56], "il2_cd4_hiv", cmt=".") == []


def test_doses_far_apart_with_samples_beside_them_are_not_said():
    rows = dict(AMT=[3, 0, 3, 0], EVID=[1, 0, 1, 0], CMT=["sc", "central"] * 2)
    assert found([0, 0.2, 28, 28.2], **rows) == []


def one_state(slope, parameters, initial=0.0):
    return im.Model("one", [im.State("c", "mg", initial=initial)], lambda t, x, p: {"c": slope(x.c, p)}, parameters)


def test_a_saturated_loss_and_what_the_body_makes_are_not_said():
    loss = [im.Parameter("V", 100.0, "mg/day"), im.Parameter("K", 1.0, "mg")]
    half, _ = half_life(one_state(lambda c, p: -p.V * c / (p.K + c), loss), {0}, 1000.0)
    np.testing.assert_allclose(half, math.log(2) * 1001 / 100, rtol=1e-9)  # of the mean slope of the whole dose
    made = [im.Parameter("kin", 1000.0, "mg/day"), im.Parameter("k", 10.0, "1/day")]
    assert math.isnan(half_life(one_state(lambda c, p: p.kin - p.k * c, made, 100.0), {0}, 1.0)[0])


def test_the_largest_amounts_that_there_are_have_a_median():
    frame = pd.DataFrame({"ID": [1, 1], "TIME": [0.0, 0.0], "AMT": [1.7e308, 1.7e308]})
    assert not any(finding.error for finding in nonmem.check(frame, "il2_sc"))


def test_an_infusion_that_lasts_beyond_all_numbers_is_no_error():
    rows = {
        "ID": [1, 1],
        "TIME": [0, 1],
        "AMT": [1.5e308, 0],
        "RATE": [0.5, 0],
        "EVID": [1, 0],
        "CMT": ["iv", "central"],
    }
    with np.errstate(all="raise"):
        assert nonmem.check(pd.DataFrame(rows), "il2_sc") is not None
