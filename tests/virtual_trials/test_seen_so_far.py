"""What was measured at visits so far: the last few or those since a day, and nothing of visits that were missed."""

import numpy as np
import pytest

from immunode.conditions.syntax import Bound, Quantity
from immunode.virtual_trials.seen_so_far import ALL, is_of_visits, nothing_seen, place, since_day

NAN = np.nan
VISITS = [(0.0, [1.0, 5.0, NAN]), (7.0, [3.0, NAN, 4.0]), (14.0, [8.0, 6.0, 2.0])]  # planned day, values
LATE = np.array([0.0, 0.5, 1.0])  # how late each patient comes


def seen(quantity, visits=VISITS, baseline_day=0.0):
    """Return what is seen of three patients after visits."""
    (one,) = nothing_seen([quantity], 3, baseline_day).values()
    for planned, values in visits:
        one = one.after(planned, np.array(values), planned + LATE)
    return one


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (Quantity("visit mean", "y", 2), [5.5, 5.5, 3.0]),
        (Quantity("visit mean", "y", 3), [4.0, NAN, NAN]),
        (Quantity("visit mean", "y", since="baseline"), [4.0, 5.5, 3.0]),
        (Quantity("visit mean", "y", since="day 7"), [5.5, 6.0, 3.0]),
        (Quantity("cmax", "y", since="day 7"), [8.0, 6.0, 4.0]),
        (Quantity("auc", "y", 2), [7 * 5.5, 14 * 5.5, 7 * 3.0]),
        (Quantity("auc", "y", since="day 7"), [7 * 5.5, NAN, 7 * 3.0]),  # of one value there is no area
        (Quantity("slope", "y", 2), [5 / 7, 1 / 14, -2 / 7]),
        (Quantity("change", "y", since="day 7"), [5.0, NAN, -2.0]),
        (Quantity("percent change", "y", 2), [500 / 3, 20.0, -50.0]),
        (Quantity("tmin", "y", since="baseline"), [0.0, 0.0, 7.0]),
    ],
)
def test_a_measure_is_of_what_was_measured(quantity, expected):
    assert seen(quantity).measure(quantity, None) == pytest.approx(expected, nan_ok=True, rel=1e-12)


def test_a_level_is_each_patients_own():
    quantity = Quantity("time above", "y", since="baseline", level=Bound(1.0))
    level = np.array([3.0, 5.5, 9.0])
    assert seen(quantity).measure(quantity, level) == pytest.approx([7.0, 7.0, 0.0], rel=1e-12)


def test_only_as_many_values_are_kept_as_are_looked_at():
    assert seen(Quantity("auc", "y", 2)).values.shape == (3, 2)
    assert seen(Quantity("auc", "y", since="baseline")).values.shape == (3, 3)
    (key,) = nothing_seen([Quantity("auc", "y", 2), Quantity("slope", "y", 4)], 3, 0.0).items()
    assert key[0] == ("y", ALL)
    assert key[1].values.shape == (3, 4)


def test_a_percentage_of_nothing_is_none():
    quantity = Quantity("percent change", "y", 2)
    zero = [(0.0, [0.0, 0.0, 1.0]), (7.0, [0.0, 2.0, 2.0])]
    result = seen(quantity, zero).measure(quantity, None)
    assert np.isnan(result[0])
    assert result[2] == 100


def test_a_change_since_baseline_and_a_value_need_no_more_than_these():
    assert not is_of_visits(Quantity("value", "y"))
    assert not is_of_visits(Quantity("change", "y", since="baseline"))
    assert not is_of_visits(Quantity("doses"))
    assert is_of_visits(Quantity("change", "y", since="day 7"))
    assert nothing_seen([Quantity("value", "y"), Quantity("doses")], 3, 0.0) == {}


def test_days_of_references():
    assert since_day("", 5.0) == ALL
    assert since_day("baseline", 5.0) == 5.0
    assert since_day("day -14", 5.0) == -14
    assert place(Quantity("auc", "y", since="baseline"), 5.0) == ("y", 5.0)
