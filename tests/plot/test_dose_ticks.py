"""There is a tick for every dose."""

import numpy as np

from immunode import plot
from tests.plot.made_up import EXTRA, PLANNED, drawn


def test_there_is_a_tick_for_every_dose_and_extra_ones_are_apart_and_labelled(result):
    ax = plot.course(result, "cd4")
    np.testing.assert_array_equal(drawn(ax, "doses:6 doses")[0], PLANNED)
    np.testing.assert_array_equal(drawn(ax, "doses:2 more, IL-2NR only")[0], EXTRA)
    assert {"6 doses", "2 more, IL-2NR only"} <= {text.get_text() for text in ax.texts}
    colours = {line.get_gid(): line.get_color() for line in ax.lines}
    assert colours["doses:6 doses"] == colours["median:IL-2+HAART"] != colours["doses:2 more, IL-2NR only"]
