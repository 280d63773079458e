"""Schedules are read from sentences, regimens, lists and dicts of them."""

import pytest

import immunode as im
from immunode.errors import BadValue
from immunode.studies.schedules import read_schedules


def test_a_schedule_is_called_by_its_words_or_its_name():
    regimen = im.prescribe("3 MIU SC QD days 1-5")
    read = read_schedules(["3 MIU SC", regimen])
    assert [(one.name, one.words) for one in read] == [("3 MIU SC", "3 MIU SC"), (str(regimen), str(regimen))]
    assert [one.name for one in read_schedules({"low": "1 MIU SC", "high": "9 MIU SC"})] == ["low", "high"]
    assert [one.name for one in read_schedules("3 MIU SC")] == ["3 MIU SC"]


@pytest.mark.parametrize("said", [None, [], {}, 5, {"": "3 MIU SC"}, [None], {"no doses": "3 MIU SC"}, ["a"] * 51])
def test_what_is_no_schedule_is_refused(said):
    with pytest.raises(BadValue):
        read_schedules(said)
