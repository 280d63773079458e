"""Where a state is set, a picture has a mark that says so, at its time, in the unit of the axis."""

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
