"""What is no seed, number, table or list is refused by name and value, in one line."""

import numpy as np
import pytest

from immunode.errors import BadValue
from immunode.evidence.design import SetState
from immunode.internal.arguments import by_name, finite, flag, one, seed_number, several, short, thread_count
from immunode.internal.arguments import whole_number as whole

ODD = [None, True, "1", 1.0, np.float64(2), float("nan"), [1], {}, b"1", -1]


@pytest.mark.parametrize("value", [*ODD, 2**64])
def test_what_is_no_seed_is_refused(value):
    with pytest.raises(BadValue, match=r"^seed = .*: expected a whole number from 0 to 2"):
        seed_number(value)


def test_seeds_are_whole_numbers_of_any_kind():
    assert [seed_number(seed) for seed in (0, np.int64(3), 2**64 - 1)] == [0, 3, 2**64 - 1]


@pytest.mark.parametrize("value", [0, 1.5, "2", True, 10**9])
def test_what_is_no_number_of_threads_is_refused(value):
    with pytest.raises(BadValue, match=r"^threads = "):
        thread_count(value)


def test_no_number_of_threads_is_all_processors():
    assert thread_count(None) >= 1
    assert thread_count(2) == 2


@pytest.mark.parametrize("value", ["0.1", True, None, float("inf"), float("nan"), [1], np.array(1.0)])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(BadValue, match=r"^noise = .*: expected a finite number"):
        finite(value, "noise")


def test_numbers_of_numpy_are_numbers():
    assert [finite(value, "x") for value in (2, np.float32(0.5), np.int64(3))] == [2.0, 0.5, 3.0]


def test_a_list_holds_things_of_one_kind():
    change = SetState(state="art", value=1, day=0)
    assert several([change], SetState, "set") == (change,)
    for wrong in (change, None, "x", 3, {"a": change}, [3]):
        with pytest.raises(BadValue, match=r"^set.*list of SetState"):
            several(wrong, SetState, "set")


def test_a_table_a_flag_and_a_thing_are_what_they_are_said_to_be():
    assert by_name(None, "values", "{}") == {}
    with pytest.raises(BadValue, match=r"values = .1.: expected a table by name"):
        by_name([1], "values", "{'CL': 100}")
    with pytest.raises(BadValue, match=r"log = 'no': expected True or False"):
        flag("no", "log")
    with pytest.raises(BadValue, match=r"n = 3: expected a text"):
        one(3, str, "n", "a text")
    with pytest.raises(BadValue, match=r"n = 11: expected a whole number from 1 to 10; take fewer"):
        whole(11, "n", 1, 10, "take fewer")


def test_a_message_is_one_short_line():
    assert len(short("x\n" * 1000)) < 60
    assert "\n" not in short(np.zeros((20, 3)))
