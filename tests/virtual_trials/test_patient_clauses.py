"""Clauses of patients in words: where they end, what they are about, the day and the numbers that they say."""

import pytest

from immunode.errors import UnknownName
from immunode.models import model
from immunode.virtual_trials.patient_clauses import clauses, group_of, named, numbers_of

IL2 = model("il2_cd4_hiv")


def test_brackets_and_numbers_hold_a_clause_together():
    text = "cd4 median 350 (220, 480), suppressed and nadir between 50 and 100; CL = 100"
    assert clauses(text, IL2) == ["cd4 median 350 (220, 480)", "suppressed", "nadir between 50 and 100", "CL = 100"]


def test_a_group_is_named_with_its_day_and_in_any_case():
    group, day = group_of("ON  ART from day -14", IL2)
    assert (group.name, day) == ("on HAART", -14)
    assert group_of("cd4 200-500", IL2) == (None, None)


def test_the_longest_name_is_meant_and_a_cut_goes_on_about_the_last():
    assert named("cd4_start 200", IL2, "") == ("cd4_start", "200")
    assert named("CD4 count 200", IL2, "") == ("cd4", "200")
    assert named("below 500", IL2, "cd4") == ("cd4", "below 500")
    with pytest.raises(UnknownName, match="'below 500' says no group"):
        named("below 500", IL2, "")


def test_a_unit_after_the_last_number_holds_for_all():
    assert numbers_of("0.2 to 0.5 cells/nL", "cd4", IL2, "")["range"] == pytest.approx((200, 500))
    assert numbers_of("median 350 cells/uL (0.22-0.48 cells/nL)", "cd4", IL2, "")["quartiles"] == pytest.approx(
        (220, 480)
    )
