"""Times of a course where nobody says them: a drug of hours is seen, and nothing floods."""

import numpy as np
import pytest

import immunode as im
from immunode.regimen import Regimen, prescribe
from immunode.simulation import default_end, default_times

SENTENCES = ["3 MIU SC", "3 MIU SC QD days 1-5", "1.5 MIU SC BID days 1-5 every 56 days x6", "3 MIU IV over 5 h"]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_peak_of_a_drug_of_hours_is_in_the_default_times(sentence):
    coarse = im.simulate("il2_sc", sentence)["il2"]
    fine = im.simulate("il2_sc", sentence, times=im.days(0, default_end([prescribe(sentence)]), every="5 min"))["il2"]
    assert coarse.max() > fine.max() / 1.02  # what a table calls a peak between its rows is higher


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_default_times_hold_every_dose_and_end_four_weeks_after_the_last(sentence):
    regimen = prescribe(sentence)
    times = default_times([regimen])
    assert {dose.time for dose in regimen} <= set(times.tolist())
    assert np.all(np.diff(times) > 0)
    assert times[0] == 0
    assert times[-1] == np.ceil(regimen.end + 28)


def test_the_default_times_begin_with_what_is_given_before_day_0_and_hold_all_regimens():
    before, later = im.replace("art", 1, time=-14), prescribe("3 MIU SC days 3")
    times = default_times([before, later])
    assert times[0] == -14
    assert {-14 + 1 / 24, 2 + 1 / 24} <= set(times.tolist())
    assert times[-1] == 30
    course = im.simulate("il2_cd4_hiv", [before, later])
    assert course["cd4"].shape == (2, len(times))


@pytest.mark.parametrize("until", [0, 0.01, 0.5, 1, 7, 28, 365, 5000, 1e6])
def test_there_are_enough_times_and_not_too_many_whatever_the_end_is(until):
    times = default_times([prescribe("3 MIU SC")], until)
    assert (times[0], times[-1]) == (0, until)
    assert until == 0 or 15 <= len(times) <= 420


def test_of_very_many_doses_the_first_and_last_have_times_of_their_own():
    many = im.dose("3 MIU", "sc").repeat(every="8 h", times=20_000)
    assert len(default_times([many])) < 10_000
    assert default_times([Regimen()]).tolist() == list(range(29))
