"""The picture of a comparison: a course of each schedule, and a point of each with its own colour."""

import pytest
from matplotlib.colors import same_color

import immunode as im
from immunode.errors import BadValue, UnknownName


def test_courses_and_points_of_a_schedule_have_one_colour():
    doses = {"low": "1.5 MIU SC BID days 1-5", "high": "4.5 MIU SC BID days 1-5"}
    result = im.compare("il2_cd4_hiv", doses, patients="cd4 300, suppressed", until=56, n=20)
    course, cycle, frontier = im.plot.comparison(result).axes
    assert {line.get_label() for line in cycle.lines} >= set(doses)
    lines = {line.get_label(): line.get_color() for line in course.lines}
    assert set(doses) | {"no doses"} <= set(lines)
    labels = {text.get_text(): text.get_color() for text in frontier.texts}
    for name in doses:
        assert same_color(labels[name], lines[name])


def test_what_has_no_benefit_or_no_doses_is_drawn_as_far_as_it_goes():
    (cycle,) = im.plot.comparison(im.compare("il2_sc", ["3 MIU SC"], until=7, n=3)).axes
    assert max(line.get_ydata().max() for line in cycle.lines) > 10  # IU/mL: the peak is seen
    with pytest.raises(BadValue, match="expected the Dataset that compare"):
        im.plot.comparison(im.simulate("il2_sc", "3 MIU SC", times=[0, 1]))


def test_a_panel_of_a_comparison_stands_alone_and_an_unknown_one_is_refused_with_those_there_are():
    result = im.compare("il2_cd4_hiv", ["1.5 MIU SC", "4.5 MIU SC"], patients="cd4 300, suppressed", until=28, n=5)
    names = im.plot.panel_names(result)
    assert names == ["cd4", "il2 cycle", "frontier"]
    together = im.plot.comparison(result).axes
    for name, of_all in zip(names, together, strict=True):
        (ax,) = im.plot.comparison(result, name).axes
        assert (ax.get_xlabel(), ax.get_ylabel()) == (of_all.get_xlabel(), of_all.get_ylabel())
        assert len(ax.lines) == len(of_all.lines)
        assert ax.get_legend() is not None
    with pytest.raises(UnknownName, match="il2 cycle"):
        im.plot.comparison(result, ["il2"])
    assert im.plot.panel_names(im.compare("il2_sc", ["3 MIU SC"], until=7, n=3)) == ["il2 cycle"]


def test_the_first_cycle_ends_with_the_last_day():
    result = im.compare("il2_cd4_hiv", ["1.5 MIU SC BID x 5 days", "4.5 MIU SC days 3-5"], until=4, n=3)
    (cycle,) = im.plot.comparison(result, "il2 cycle").axes
    ends = {line.get_xdata()[-1] for line in cycle.lines if str(line.get_gid()).startswith("typical:")}
    assert ends == {4.0, 2.0}  # days after the first dose, which is on day 0 and on day 2
    long = im.compare("il2_cd4_hiv", ["1.5 MIU SC BID x 5 days"], until=28, n=3)
    (cycle,) = im.plot.comparison(long, "il2 cycle").axes
    assert cycle.lines[0].get_xdata()[-1] == 14
