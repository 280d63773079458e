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


def test_times_and_rates_of_a_dose_may_say_their_unit():
    said = Dose(3, "MIU", "iv", time="36 h", duration="2 h")
    assert (said.time, said.duration, said.bare) == (1.5, 2 / 24, False)
    assert Dose(3, "MIU", "iv", time="6 mo", rate="1 MIU/h") == Dose(3, "MIU", "iv", time=183, rate=24)
    assert Dose(3, "MIU", "iv", time="1 d", steady_state="replace", every="12 h").every == 0.5
    assert Dose(3, "MIU", "iv", time=1, duration="2 h").bare
    for wrong in ({"time": "soon"}, {"time": "12"}, {"time": 0, "rate": "1 mg/h"}, {"time": 0, "duration": "-2 h"}):
        with pytest.raises((BadValue, UnitError), match=f"{list(wrong)[-1]} of a dose = "):
            Dose(3, "MIU", "iv", **wrong)
