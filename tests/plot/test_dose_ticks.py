"""There is a tick for every dose."""

import numpy as np

import immunode as im
from immunode import plot
from tests.plot.made_up import EXTRA, PLANNED, drawn
from tests.virtual_trials.linear import trial


def test_there_is_a_tick_for_every_dose_and_extra_ones_are_apart_and_labelled(result):
    ax = plot.course(result, "cd4")
    np.testing.assert_array_equal(drawn(ax, "doses:6 doses")[0], PLANNED)
    np.testing.assert_array_equal(drawn(ax, "doses:2 more, IL-2NR only")[0], EXTRA)
    assert {"6 doses", "2 more, IL-2NR only"} <= {text.get_text() for text in ax.texts}
    colours = {line.get_gid(): line.get_color() for line in ax.lines}
    assert colours["doses:6 doses"] == colours["median:IL-2+HAART"] != colours["doses:2 more, IL-2NR only"]


def test_what_a_rule_adds_again_and_again_is_counted_per_patient_and_called_by_its_words():
    line = "20 mg IV bolus days 1-2 every 7 days while y < 60, at most 4"
    result = im.run_trial(trial(arms=[im.Arm("a", 5, line)], omega={"k": 0.9}), n=30, seed=1)
    added = int(result.given_doses.max()) - 2
    assert added == 6  # at most 3 more of 2 doses each, on more days than these, as patients begin at other times
    text = "up to 6 more of a patient, by rule 'every 7 days while y < 60'"
    ax = plot.course(result, "y")
    assert len(drawn(ax, f"doses:{text}")[0]) > 6
    assert text in " ".join(one.get_text() for one in ax.texts)
    ax.figure.draw_without_rendering()
    assert all(note.get_window_extent().x1 <= ax.figure.bbox.x1 for note in ax.texts)


def test_rows_of_twelve_regimens_take_less_room_than_their_courses():
    regimens = [f"{dose} MIU SC BID x 5 days" for dose in range(1, 13)]
    figure = im.plot.outputs(im.simulate("il2_cd4_hiv", regimens, times=im.days(0, 28), outputs=["cd4", "rna", "il2"]))
    figure.draw_without_rendering()
    for ax in figure.axes:
        rows = [line for line in ax.get_children() if str(line.get_gid()).startswith("doses:")]
        assert len(rows) == 12
        below = ax.spines["bottom"].get_position()[1]
        assert below * figure.dpi / 72 < 0.5 * ax.get_window_extent().height
