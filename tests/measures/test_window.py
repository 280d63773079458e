"""Windows: where a course is looked at."""

import numpy as np

from immunode.measures import window
from immunode.measures.polynomials import NODES


def test_a_window_starts_after_a_dose_on_its_first_day_and_ends_before_one_on_its_last():
    t = window.days(1.0, 3.0, [1.0, 2.0, 3.0])
    assert (t[0], t[-1]) == (window.after(1.0), 3.0)
    assert t.size % NODES == 0
    assert {2.0, window.after(2.0)} <= set(t)
    assert window.days(1.5, 1.8, [1.0, 2.0])[0] == 1.5


def test_thousands_of_doses_need_no_more_than_a_few_each():
    doses = list(np.arange(0, 1000, 0.5))
    assert window.days(0.0, 1000.0, doses).size <= 40 * NODES * len(doses) // 10
