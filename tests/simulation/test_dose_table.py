"""Doses in the units of a model."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import immunode as im
from immunode.models import model
from immunode.simulation.dose_table import AT_RATE, BOLUS, OVER, dose_table

MODEL = model("il2_sc")


def test_amounts_are_in_the_unit_of_their_state_and_times_in_that_of_the_model():
    plan = im.dose("3000000 IU", "iv", times=["36 h"]) + im.dose("6 MIU", "iv", times=[2], duration="6 h")
    doses = dose_table(MODEL, [plan])
    assert_allclose(doses.amount, [3.0, 6.0])
    assert_allclose(doses.time, [1.5, 2.0])
    assert_array_equal(doses.mode, [BOLUS, OVER])
    assert_allclose(doses.size[1], 0.25)


def test_only_a_dose_at_a_rate_has_a_rate_of_its_own():
    plan = im.dose("3 MIU", "iv", rate="1 MIU/day") + im.dose("3 MIU", "iv", duration="1 d")
    doses = dose_table(MODEL, [plan])
    assert doses.mode[0] == AT_RATE
    assert_array_equal(doses.rated, [True, False])


def test_picked_doses_stand_one_regimen_after_the_other():
    plans = [im.dose("1 MIU", "iv", times=[0, 1]), im.Regimen(()), im.dose("2 MIU", "iv", times=[5])]
    doses, who = dose_table(MODEL, plans).picked(np.array([2, 1, 0, 2]))
    assert_array_equal(who, [0, 2, 2, 3])
    assert_allclose(doses.time, [5, 0, 1, 5])
    assert_array_equal(doses.first, [0, 1, 1, 3, 4])


def test_a_unit_that_does_not_fit_is_refused_by_name():
    with pytest.raises(im.errors.UnitError, match="a dose in mg into"):
        dose_table(MODEL, [im.dose("3 mg", "iv")])


def test_a_state_is_not_set_above_what_it_can_be():
    import immunode as im
    from immunode.errors import BadValue

    with pytest.raises(BadValue, match=r"state 'art' of il2_cd4_hiv is set to 2, above 1: expected 0 to 1"):
        im.simulate("il2_cd4_hiv", im.replace("art", 2, time=0), times=[1])


def test_nothing_is_added_to_a_state_that_has_a_highest_value():
    """Two doses of therapy would be twice a full one, of which infections are negative."""
    import immunode as im
    from immunode.errors import BadValue

    with pytest.raises(BadValue, match=r"a dose of 1 into state 'art' of il2_cd4_hiv .* set it: im.replace\('art', 1"):
        im.simulate("il2_cd4_hiv", im.dose("1", "art"), times=[1], parameters={"suppressed": 1})
