"""The extremes of a course are those of the closed form, whatever the times, the clock and the number of regimens."""

import numpy as np

from immunode import simulation
from immunode.regimen import prescribe
from tests.virtual_trials.linear import DECAY, K


def test_extremes_are_those_of_the_closed_form_of_each_regimen():
    regimens = [prescribe("50 mg IV day 8"), prescribe("50 mg IV over 2 d day 8"), prescribe("5 mg IV day 8")]
    made = simulation.extremes(DECAY, regimens, 0.0, 28.0, ["y", "x"])
    at_dose = 100 * np.exp(-K * 7)
    infused = at_dose * np.exp(-K * 2) + 25 / K * (1 - np.exp(-K * 2))
    np.testing.assert_allclose(made.highest[0], [at_dose + 50, infused, 100], rtol=1e-5)  # 10 x rtol
    np.testing.assert_allclose(made.highest_at[0], [7, 9, 0], atol=1e-6)
    ends = [(at_dose + 50) * np.exp(-K * 21), infused * np.exp(-K * 19), (at_dose + 5) * np.exp(-K * 21)]
    np.testing.assert_allclose(made.lowest[0], ends, rtol=1e-5)
    np.testing.assert_allclose(made.lowest_at[0], 28, atol=1e-6)
    np.testing.assert_array_equal(made.highest[0], made.highest[1])
    half = simulation.extremes(DECAY, regimens[:1], 0.0, 6.0, ["y"], parameters={"x0": "10 mg"})
    np.testing.assert_allclose((half.highest[0, 0], half.lowest[0, 0]), (10, 10 * np.exp(-K * 6)), rtol=1e-5)
