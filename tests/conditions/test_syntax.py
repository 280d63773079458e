"""A condition turned round holds where it did not, of what was measured."""

import pytest

from immunode.conditions import read
from immunode.conditions.syntax import comparisons


@pytest.mark.parametrize(
    "text", ["cd4 < 3", "cd4 >= 2 x nadir + 5", "a < 1 and (b > 2 or c <= 3)", "always", "cd4 < 3 for 2 visits"]
)
def test_a_condition_turned_twice_is_itself(text):
    assert read(text).turned().turned() == read(text)


def test_comparisons_are_in_their_order():
    condition = read("a < 1 and (b > 2 or c <= 3)")
    assert [one.quantity.signal for one in comparisons(condition)] == ["a", "b", "c"]
    assert str(condition.turned()) == "a >= 1 or b <= 2 and c > 3"
