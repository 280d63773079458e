"""A dose holds what was given, and says what is wrong with it."""

import pytest

from immunode.errors import BadValue, UnitError
from immunode.regimen import Dose, Regimen, dose
from immunode.units import factor


def test_a_wrong_kind_of_unit_is_kept_as_given_for_the_state_to_refuse():
    (item,) = dose("3 mg", "sc")
    with pytest.raises(UnitError, match="'mg' cannot be converted to 'MIU'"):
        factor(item.unit, "MIU")


def test_a_moved_dose_is_the_dose_that_one_would_have_made_there():
    slow = Dose(3.0, "MIU", "iv", 1.0, rate=2.0, steady_state="replace", every=0.5)
    (later,) = Regimen((slow,)).shift("2 d")
    assert later == Dose(3.0, "MIU", "iv", 3.0, rate=2.0, steady_state="replace", every=0.5)
    assert slow.time == 1.0
    with pytest.raises(BadValue, match="time of a dose = inf"):
        Regimen((Dose(3.0, "MIU", "iv", 1e308),)).shift(1e308)
