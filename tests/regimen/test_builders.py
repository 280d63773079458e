"""What `dose`, `replace`, `multiply` and `reset` make of amounts, days and body sizes, and which slips they refuse."""

import math
from datetime import timedelta

import numpy as np
import pytest

from immunode.errors import BadValue, UnitError
from immunode.regimen import MOST_DOSES, Dose, Regimen, dose, multiply, replace
from immunode.units import factor, registry

CYCLE = dose("3 MIU", "sc", days=[*range(1, 6), *range(8, 13)])


def times(regimen):
    return [item.time for item in regimen]


def test_day_one_is_time_zero_and_the_default():
    assert dose("3 MIU", "sc").doses == (Dose(3.0, "MIU", "sc", 0.0),)


@pytest.mark.parametrize("per_day", [1, 2, 3, 4])
def test_doses_of_a_day_are_evenly_spaced_from_its_start(per_day):
    assert times(dose("1 MIU", "sc", days=[2], per_day=per_day)) == [1 + k / per_day for k in range(per_day)]


def test_times_may_be_text_or_days_and_a_duration_makes_infusions():
    regimen = dose("1 MIU", "iv", times=["36 h", 2], duration="2 h")
    assert times(regimen) == [1.5, 2.0]
    assert [item.duration for item in regimen] == [2 / 24, 2 / 24]
    assert regimen.end == 2 + 2 / 24


@pytest.mark.parametrize(
    ("amount", "body", "expected"),
    [("3 MIU/m2", "1.85 m2", 5.55), ("3 MIU / m²", "185 dm^2", 5.55), ("0.1 MIU/kg", "70 kg", 7)],
)
def test_a_body_size_resolves_the_amount(amount, body, expected):
    (item,) = dose(amount, "sc", body=body)
    assert item.unit == "MIU"
    assert math.isclose(item.amount, expected, rel_tol=1e-14)  # one multiplication: rounding only


def test_pint_quantities_are_amounts_and_body_sizes():
    unit = registry()
    (item,) = dose(3 * unit.MIU / unit.m**2, "sc", body=1.85 * unit.m**2)
    assert math.isclose(item.amount * factor(item.unit, "IU"), 5.55e6, rel_tol=1e-14)
    (item,) = dose(2.0 * unit.Unit("mg/kg"), "sc", body=70 * unit.kg)
    assert (item.amount, factor(item.unit, "mg")) == (140.0, 1.0)


def test_numpy_days_and_amounts_are_accepted():
    assert times(dose("1 MIU", "sc", days=np.arange(1, 4))) == [0, 1, 2]
    assert Dose(np.float64(2.0), "MIU", "sc", 0.0) == Dose(2.0, "MIU", "sc", 0.0)


def test_days_before_day_one_are_negative_and_there_is_no_day_zero():
    assert times(replace("art", 1, day=-14)) == [-14.0]
    assert str(replace("art", 1, day=-14)) == "art set to 1 on day -14"
    with pytest.raises(BadValue, match="day 1 is time 0"):
        replace("art", 1, day=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dose("-3 MIU", "sc"), "negative"),
        (lambda: dose("nan MIU", "sc"), "not a finite number"),
        (lambda: dose(math.nan, "sc"), "finite number"),
        (lambda: dose("three MIU", "sc"), "^amount: 'three MIU' is not a number"),
        (lambda: dose(np.ma.masked, "sc"), "^amount: masked is not a number"),
        (lambda: dose(np.array([3.0]), "sc"), r"^amount: array\(\[3.\]\) is not a number"),
        (lambda: replace("art", [1], day=1), r"^value: \[1\] is not a number"),
        (lambda: dose("3 MIU", ""), "route"),
        (lambda: dose("3 MIU", "sc", days=[0]), "day 1 is the first"),
        (lambda: dose("3 MIU", "sc", days=[1.5]), "whole number"),
        (lambda: dose("3 MIU", "sc", days=[]), "at least one"),
        (lambda: dose("3 MIU", "sc", days=3), r"days=\[1, 2, 3\]"),
        (lambda: dose("3 MIU", "sc", days="1-5"), r"days=\[1, 2, 3\]"),
        (lambda: dose("3 MIU", "sc", days=[3, 1, 3]), "day 3 is listed twice"),
        (lambda: dose("3 MIU", "sc", days=[1], times=[1]), "not both"),
        (lambda: dose("3 MIU", "sc", per_day=0), "per_day = 0"),
        (lambda: dose("3 MIU", "sc", per_day=MOST_DOSES + 1), "more than the 100000"),
        (lambda: dose("3 MIU", "iv", duration="0 h"), "longer than zero"),
        (lambda: dose("3 MIU", "sc", times=[math.inf]), "finite number"),
        (lambda: dose("3 MIU/m2", "sc"), "add body='1.85 m2'"),
        (lambda: dose("3 MIU", "sc", body="70 kg"), "not per m2 or per kg"),
        (lambda: dose("3 MIU/m2", "sc", body="-1 m2"), "more than zero m2"),
        (lambda: CYCLE.repeat(every="28 d", times=0), "times = 0"),
        (lambda: CYCLE.repeat(every="28 d", times=True), "times = True"),
        (lambda: CYCLE.repeat(every="28 d", times=2.5), "times = 2.5"),
        (lambda: CYCLE.repeat(every="0 d", times=3), "every = '0 d'"),
        (lambda: CYCLE.repeat(every=-28, times=3), "every = -28"),
        (lambda: CYCLE.repeat(every=1, times=10**9), "more than the 100000"),
        (lambda: replace("virus", "50 copies/mL"), "say when"),
        (lambda: replace("virus", "50 copies/mL", day=math.nan), "whole number"),
        (lambda: multiply("virus", -1, day=1), "negative"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, action="stop"), "'add', 'replace', 'multiply', 'reset'"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, duration=-1.0), "duration of a dose = -1"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, action="reset"), "a reset is of the whole patient"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, duration=1.0, rate=1.0), "give one"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, steady_state="replace"), "every='12 h'"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, every=1.0), "use repeat"),
        (lambda: Dose(0.0, "MIU", "iv", 0.0, rate=1.0), "gives nothing"),
        (lambda: Dose(1.0, "1", "virus", 0.0, duration=1.0, action="multiply"), "happens at once"),
        (lambda: Regimen(("3 MIU SC",)), "doses of a regimen: '3 MIU SC' is no Dose"),
    ],
)
def test_slips_are_refused_with_the_cure(make, message):
    with pytest.raises(BadValue, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: dose("3 bananas", "sc"),
        lambda: dose("3 MIU/m2", "sc", body="70 kg"),
        lambda: CYCLE.repeat(every="28 mg", times=2),
        lambda: dose("3 MIU", "iv", duration="2 L"),
    ],
)
def test_wrong_units_are_refused(make):
    with pytest.raises(UnitError):
        make()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: dose("3 MIU", "iv", times=["noon"]), "times = 'noon': expected days, or a time such as '12 h'"),
        (lambda: dose("3 MIU", "iv", duration=timedelta(hours=2)), "duration = datetime.*such as '12 h'"),
        (lambda: dose("3 MIU", "iv", rate="modeled"), "rate = 'modeled': expected a quantity in MIU/day"),
        (lambda: dose("3 MIU", "iv", rate="1 mg/h"), "rate = '1 mg/h': expected a quantity in MIU/day"),
        (lambda: dose("3 MIU/kg", "iv", body="70 m2"), "body = '70 m2': expected a quantity in kg"),
        (lambda: replace("y", "3 MIU", time="noon"), "time = 'noon': expected days"),
        (lambda: multiply("y", "2 mg", day=1), "by = '2 mg': expected a number"),
        (lambda: CYCLE.shift("later"), "by = 'later': expected days"),
        (lambda: CYCLE.at(None), "time = None: expected days"),
        (lambda: CYCLE + "3 MIU SC", r"a regimen \+ what = '3 MIU SC': expected a Regimen"),
    ],
)
def test_what_is_no_time_or_quantity_is_refused_by_the_name_of_its_argument(call, says):
    with pytest.raises((BadValue, UnitError), match=f"^{says}"):
        call()
