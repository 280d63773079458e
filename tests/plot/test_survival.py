"""Event-free curves are steps at the events."""

import numpy as np
import pytest

import immunode as im
from immunode import plot
from immunode.errors import BadValue
from tests.plot.made_up import DAYS, drawn


def test_an_event_free_curve_is_one_minus_the_share_with_an_event(result):
    ax = plot.event_free(result)
    for i, arm in enumerate(("IL-2+HAART", "HAART")):
        x, y = drawn(ax, f"event_free:{arm}")
        for day in (0.0, 9.9, 10.0, 199.0, 200.0, 300.0, 350.0):
            seen = y[np.searchsorted(x, day, side="right") - 1]  # steps change after their x, as "post" draws them
            assert seen == 100 * (1 - np.mean(result.event_day.values[i] <= day))
    assert drawn(ax, "published:HAART")[1].tolist() == [40.0]
    assert ax.get_ylim()[0] < 40.0  # what was printed is on the picture too


def test_events_after_the_last_visit_are_not_drawn(result):
    assert drawn(plot.event_free(result), "event_free:HAART")[0].max() == DAYS[-1]


def test_a_trial_that_counts_no_events_has_no_curve_to_draw():
    made = im.Trial("plain", im.Population("il2_sc"), [0, 7], [im.Arm("a", 5, "1 MIU SC")])
    with pytest.raises(BadValue, match="nothing to draw: trial 'plain' counts no events; name the state"):
        plot.event_free(im.run_trial(made, n=2))
