"""What CMT stands for: a number or a name, a route or a state."""

import pytest

import immunode as im
from immunode.errors import ModelError, UnknownName
from immunode.nonmem import check, read
from immunode.regimen import dose
from tests.support.event_tables import ORAL, frame


@pytest.mark.parametrize(
    ("cmt", "into"),
    [("1", "oral"), ("", "oral"), ("0", "oral"), ("depot", "depot"), ("oral", "oral"), ("2", "central"),
     ("civ", "civ"), ("3", "effect"), ("3.0", "effect")],
)  # fmt: skip
def test_a_compartment_is_a_number_or_a_name_and_the_first_by_default(cmt, into):
    (regimen,) = read(frame(f"ID,TIME,AMT,CMT\n1,0,100,{cmt}"), ORAL).regimens
    assert [(item.time, item.amount, item.into) for item in regimen] == [(0, 100, into)]


def test_a_route_is_no_other_state():
    with pytest.raises(ModelError, match="crossed: route 'a' leads to b and is the name of another state; rename one"):
        im.Model(
            "crossed",
            states=[im.State("a", "mg"), im.State("b", "mg")],
            parameters=[im.Parameter("k", 1.0, "1/day")],
            derivative=lambda t, x, p: {"a": -p.k * x.a, "b": -p.k * x.b},
            routes={"a": "b"},
        )


@pytest.mark.parametrize("word", ["IV", "Iv", "iv"])
def test_a_route_is_found_in_any_case(word):
    events = read(frame(f"ID,TIME,AMT,CMT\n1,0,3,{word}\n1,1,0,0"), ORAL)
    assert events.regimens[0] == dose("3 mg", "iv")
    assert ORAL.target(word).name == "central"


def test_an_unknown_place_of_a_dose_is_told_with_all_that_are_known():
    known = "the routes are oral, iv, civ; the states are depot, central, effect"
    with pytest.raises(UnknownName, match=f"oral has no route or state 'skin'; {known}"):
        ORAL.target("skin")
    (finding,) = check(frame("ID,TIME,AMT,CMT\n1,0,3,skin"), ORAL)
    assert finding.cure == known
