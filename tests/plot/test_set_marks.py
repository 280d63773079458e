"""Where a state is set, a picture has a mark that says so, at its time, in the unit of the axis."""

from itertools import combinations

import pytest
import xarray

import immunode as im

STOPPED = im.prescribe("4.5 MIU SC BID days 1-5 every 8 weeks x3") + im.replace("art", 0, time="6 mo")


def marks(ax):
    """Return the text and time of each mark on axes."""
    lines = [one for one in ax.lines if str(one.get_gid()).startswith("set:")]
    return [(one.get_gid().removeprefix("set:"), one.get_xdata()[0]) for one in lines]


def texts(ax):
    return [one.get_text() for one in ax.texts]


def test_a_state_that_is_set_is_marked_with_its_value_and_once(tmp_path):
    result = im.simulate("il2_cd4_hiv", STOPPED, times=im.days(0, 365, every=1), outputs=["cd4", "rna"])
    ax = im.plot.course(result, "cd4")
    assert marks(ax) == [("art = 0", 183)]
    assert texts(ax).count("art = 0") == 1
    im.plot.course(result, "cd4", ax=ax)
    assert marks(ax) == [("art = 0", 183)]
    assert all(marks(panel) == [("art = 0", 183)] for panel in im.plot.outputs(result).axes)
    result.to_netcdf(tmp_path / "course.nc", engine="scipy")
    again = xarray.load_dataset(tmp_path / "course.nc", engine="scipy")
    assert marks(im.plot.course(again, "cd4")) == [("art = 0", 183)]


def test_marks_are_those_of_all_regimens_within_the_times():
    on = im.replace("art", 1, time=10) + im.replace("art", 0, time=20) + im.replace("virus", "50 copies/mL", time=50)
    result = im.simulate("il2_cd4_hiv", [on, None, on], times=im.days(0, 40), outputs="cd4")
    assert marks(im.plot.course(result, "cd4")) == [("art = 1", 10), ("art = 0", 20)]
    assert not marks(im.plot.course(im.simulate("il2_sc", "3 MIU SC", outputs="il2"), "il2"))
    twice = im.simulate("il2_cd4_hiv", im.replace("art", 1, time=10).repeat(every=9, times=3), outputs="cd4")
    ax = im.plot.course(twice, "cd4")
    assert [when for _, when in marks(ax)] == [10, 19, 28]
    assert texts(ax).count("art = 1") == 1


@pytest.mark.parametrize("suppressed", [0, 1])
def test_no_course_no_limit_of_an_assay_and_no_other_text_crosses_what_a_mark_says(suppressed):
    plan = (
        im.prescribe("4.5 MIU SC BID x 5 days")
        + im.replace("art", 1, time=0)
        + im.replace("virus", "9 copies/mL", time=3)
    )
    asked = {"times": im.days(0, 60), "outputs": ["cd4", "rna", "il2"], "parameters": {"suppressed": suppressed}}
    figure = im.plot.outputs(im.simulate("il2_cd4_hiv", plan, **asked))
    figure.draw_without_rendering()
    for ax in figure.axes:
        boxes = [text.get_window_extent() for text in ax.texts]
        said = {text.get_text(): box for text, box in zip(ax.texts, boxes, strict=True)}
        assert {"art = 1", "virus = 9 copies/mL"} <= set(said)
        drawn = [ax.transData.transform(line.get_xydata())[:, 1].max() for line in ax.lines
                 if not str(line.get_gid()).startswith(("set:", "doses:", "assay"))]  # fmt: skip
        limit = [ax.transData.transform((0, 50.0))[1]] * ("50 copies/mL" in said)
        for words in ("art = 1", "virus = 9 copies/mL"):
            assert said[words].y0 > max(*drawn, *limit, 0)
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_a_second_course_on_the_same_axes_stays_below_the_marks():
    plan = im.prescribe("3 MIU SC") + im.replace("art", 0, time=1)
    ax = None
    for name in ("low", "high"):
        values = {"suppressed": name == "low", "cd4_start": {"low": 100, "high": 900}[name]}
        values["suppressed"] = float(values["suppressed"])
        course = im.simulate("il2_cd4_hiv", plan, times=im.days(0, 20), outputs="rna", parameters=values)
        ax = im.plot.course(course, "rna", ax=ax, label=name)
    ax.figure.draw_without_rendering()
    (box,) = [text.get_window_extent() for text in ax.texts if text.get_text() == "art = 0"]
    tops = [
        ax.transData.transform(line.get_xydata())[:, 1].max()
        for line in ax.lines
        if str(line.get_gid()).startswith("median:")
    ]
    assert len(tops) == 2
    assert box.y0 > max(tops)
