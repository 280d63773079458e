"""A trial in one picture: an arm keeps its colour in every panel, and no text hides another."""

import pytest

import immunode as im
from immunode import plot
from immunode.errors import BadValue
from immunode.virtual_trials.trial_run import run_trial
from tests.plot.made_up import drawn


def test_a_trial_has_four_panels_in_which_an_arm_keeps_its_colour(result):
    figure = plot.trial(result)
    assert [ax.get_ylabel().split(" (")[0] for ax in figure.axes] == [
        "CD4 cells",
        "HIV-RNA",
        "IL-2 in serum",
        "patients without an event",
    ]
    for arm in ("IL-2+HAART", "HAART"):
        gids = {f"{kind}:{arm}" for kind in ("median", "typical", "event_free", "visits", "published")}
        assert len({line.get_color() for ax in figure.axes for line in ax.lines if line.get_gid() in gids}) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["IL-2+HAART", "HAART"]


def ticks_in_view(axis):
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def test_texts_of_a_trial_do_not_overlap(result):
    figure = plot.trial(result)
    figure.draw_without_rendering()
    texts = [figure._suptitle, *figure.legends[0].get_texts()]
    for ax in figure.axes:
        texts += [*ax.texts, ax._left_title, ax.xaxis.label, ax.yaxis.label]
        texts += ticks_in_view(ax.xaxis) + ticks_in_view(ax.yaxis)
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    assert [(a, b) for i, (a, one) in enumerate(boxes) for b, two in boxes[:i] if one.overlaps(two)] == []
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for _, box in boxes)


def test_a_trial_without_il2_and_events_has_a_panel_for_its_output(result):
    plain = result.drop_vars(["rna", "il2_typical", "event_day"]).rename(cd4="cells", cd4_visit="cells_visit")
    assert [ax.get_ylabel() for ax in plot.trial(plain).axes] == ["CD4 cells (cells/µL)"]


def test_what_run_trial_returns_is_drawn_with_its_doses_and_printed_medians():
    result = run_trial("tincati_2008", n=20, seed=1)
    figure = plot.trial(result)
    first = figure.axes[0]
    assert len(drawn(first, "doses:30 doses")[0]) == 30
    assert [v.tolist() for v in drawn(first, "published:IL-2+HAART")] == [[0.0], [61.0]]
    assert len(figure.axes) >= 3  # among 20 patients there may be no event
    assert drawn(figure.axes[2], "typical:IL-2+HAART")[1].max() > 1.0  # IU/mL


def test_what_is_no_trial_is_refused(simulated):
    with pytest.raises(BadValue, match="run_trial"):
        plot.trial(simulated)


def test_a_trial_of_ones_own_shows_counts_over_time_and_the_drug_over_a_cycle_wherever_the_counts_begin():
    arms = [im.Arm("a", 20, "3 MIU SC BID days 1-5", patients="cd4 100-200, suppressed"), im.Arm("none", 20)]
    made = im.Trial("own", im.Population("il2_cd4_hiv"), "every 4 weeks to 12 wk", arms, start=-14)
    result = im.run_trial(made, n=20)
    assert plot.panel_names(result) == ["cd4", "il2 cycle"]
    nameless = im.Trial("own", im.Population("il2_cd4_hiv"), [0, 28], [im.Arm("a", 20, "3 MIU SC BID days 1-5")])
    names = plot.panel_names(im.run_trial(nameless, n=20))
    assert (names[0], names[-1]) == ("cd4", "il2 cycle")
    assert "infection_rate" not in " ".join(names)
