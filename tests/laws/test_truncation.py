"""What comes later changes no earlier bit: a regimen that is cut short gives what the whole one gave up to there.

Also between the last step before a dose and the dose, where a step that the dose ends is another than one that it does
not. At the time of the dose the state itself is returned, at the end of a step to there: that may differ by its error.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import immunode as im
from immunode.engine import METHODS
from immunode.functions import cos, mod, sqrt, where

CUT, END = 5.3, 9.0
PARAMETERS = [
    im.Parameter("k", 1.1, "1/day"), im.Parameter("slow", 0.3, "1/day"), im.Parameter("most", 3.0, "mg"),
    im.Parameter("day", 1.0, "day"), im.Parameter("one", 1.0, "mg"),
]  # fmt: skip
STATES = [im.State(name, "mg", initial=0.2) for name in ("gut", "blood")]


def plain(t, x, p):
    return {"gut": -p.k * x.gut, "blood": p.k * x.gut - p.slow * x.blood}


def switching(t, x, p):
    faster = where(x.blood > p.most / 3, 0.5, 1.0) * where(mod(t, p.day) < p.day / 3, 1.5, 1.0)
    return {"gut": -p.k * x.gut, "blood": p.k * x.gut - faster * p.slow * x.blood}


def moved(t, x, p):
    return {"gut": -p.k * x.gut * (1 + cos(2 * t / p.day) ** 8), "blood": p.k * x.gut - p.slow * x.blood}


RESCUE = im.Trigger(
    lambda t, x, p: x.blood < p.one / 2, lambda t, x, p: {"gut": x.gut + p.one}, delay=lambda t, x, p: p.day / 7
)
MODELS = {
    name: im.Model(f"cut {name}", STATES, slopes, PARAMETERS, routes={"oral": "gut", "iv": "blood"}, triggers=triggers)
    for name, slopes, triggers in (
        ("plain", plain, ()), ("switching", switching, ()), ("triggers", plain, (RESCUE,)), ("inputs", moved, ())
    )
}  # fmt: skip


def solved(name, regimen, times, **more):
    return im.simulate(MODELS[name], regimen, times=times, rtol=1e-5, **more)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODELS)
@given(
    doses=st.lists(st.tuples(st.floats(0.0, CUT - 0.1), st.floats(0.1, 9.0)), min_size=1, max_size=3),
    more=st.lists(st.tuples(st.floats(CUT, END), st.floats(0.1, 9.0)), min_size=1, max_size=3),
    every=st.floats(0.01, 0.5),
    infused=st.booleans(),
)
@settings(max_examples=12)
def test_no_later_dose_changes_an_earlier_bit(name, method, doses, more, every, infused):
    def given_at(records):
        how = {"duration": "6 h"} if infused else {}
        one, *others = (im.dose(f"{size} mg", "oral", times=[time], **how) for time, size in records)
        return sum(others, one)

    times = np.arange(0.0, END, every)
    short, whole = (solved(name, given_at(records), times, method=method) for records in (doses, doses + more))
    early = times < CUT
    for state in ("gut", "blood"):
        assert_array_equal(np.ravel(whole[state])[early], np.ravel(short[state])[early])


@pytest.mark.parametrize("name", ["switching", "triggers"])
def test_nor_a_bit_of_a_derivative(name):
    times = np.arange(0.0, END, 0.07)
    first, later = im.dose("4 mg", "oral", times=[0.3, 2.1]), im.dose("9 mg", "iv", times=[CUT])
    short, whole = (solved(name, r, times, sensitivities=["k", "slow"]) for r in (first, first + later))
    early = times < CUT
    for one in ("gut_sensitivity", "blood_sensitivity"):
        assert short[one].dims == ("time", "by")
        assert_array_equal(whole[one].values[early], short[one].values[early])


@pytest.mark.parametrize("method", METHODS)
def test_slopes_that_have_no_value_behind_a_stop_end_nothing_before_it(method):
    # the clock is set back when it comes to where the square root ends: the step that looks past that finds nan
    model = im.Model(
        "ends",
        [im.State("clock", "day"), im.State("made", "mg")],
        lambda t, x, p: {"clock": 1.0, "made": p.rate * sqrt((p.day - x.clock) / p.day)},
        [im.Parameter("day", 1.0, "day"), im.Parameter("rate", 3.0, "mg/day")],
        routes={},
    )
    back = sum((im.replace("clock", "0 day", time=day) for day in (2, 3, 4)), im.replace("clock", "0 day", time=1))
    made = im.simulate(model, back, times=[0.5, 1.0, 3.5, 4.5], method=method)["made"].values
    once = 2.0 * (1 - 0.5**1.5)  # of 2 mg a day
    np.testing.assert_allclose(
        made, [once, 2.0, 6.0 + once, 8.0 + once], rtol=1e-4
    )  # the root's end is no smooth place
