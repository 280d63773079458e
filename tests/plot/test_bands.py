"""A second course on the same axes has its own colour and name, the same units, and room for its doses."""

import warnings

import pytest

import immunode as im
from immunode import plot
from immunode.errors import BadValue
from tests.plot.made_up import drawn

FINE = im.days(0, 7, every=1 / 24)
A, B = "3 MIU SC QD days 1-2", "6 MIU SC QD days 1-3"


def one(regimen=A, model="il2_sc", **more):
    return im.simulate(model, regimen, times=FINE, **more)


def courses(ax):
    """Return the courses of axes."""
    return [line for line in ax.lines if str(line.get_gid()).startswith("median:")]


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_overlays_take_the_next_colour_and_the_legend_grows():
    ax = plot.course(one(), "il2")
    assert plot.course(one(B), "il2", ax=ax) is ax
    first, second = courses(ax)
    assert [first.get_color(), second.get_color()] == list(plot.COLOURS[:2])
    assert first.get_linestyle() != second.get_linestyle()
    assert texts(ax) == [A, B]
    assert len(drawn(ax, "doses:2 doses")[0]) + len(drawn(ax, "doses:3 doses")[0]) == 5
    places = {
        line.get_gid(): line.get_transform().transform((0, 0))[1] for line in ax.lines if "doses" in line.get_gid()
    }
    assert len(set(places.values())) == 2  # a row each


def test_a_users_own_line_has_its_colour_too_and_its_place_in_the_legend():
    ax = plot.course(one(), "il2")
    ax.plot([0, 7], [5, 5], color=plot.COLOURS[1], label="observed")
    plot.course(one(B), "il2", ax=ax)
    assert courses(ax)[1].get_color() == plot.COLOURS[2]
    assert texts(ax) == [A, "observed", B]


def test_the_same_regimen_twice_is_told_apart_and_can_be_named():
    ax = plot.course(one(), "il2")
    plot.course(one(parameters={"CL": 100.0}), "il2", ax=ax)
    plot.course(one(parameters={"CL": 50.0}), "il2", ax=ax, label="CL 50 L/day")
    assert texts(ax) == [A, f"{A} (2)", "CL 50 L/day"]


def test_another_variable_of_the_same_unit_is_named_and_one_of_another_is_refused():
    course = im.simulate("il2_cd4_hiv", None, times=[0, 10, 20])
    ax = plot.course(course, "memory")
    plot.course(course, "naive", ax=ax)
    assert ax.get_ylabel().replace("\n", " ") == "Resting memory cells, Resting naive cells (cells/µL)"
    assert texts(ax) == ["no treatment", "Resting naive cells, no treatment"]
    with pytest.raises(BadValue, match=r"'virus' is in copies/mL, and the axes show cells/uL"):
        plot.course(course, "virus", ax=ax)


def test_units_that_convert_are_converted_on_the_axes():
    hours = im.Model("hourly", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y},
                     [im.Parameter("k", 0.1, "1/hour")], routes={"iv": "y"}, time="hour")  # fmt: skip
    days = im.Model("daily", [im.State("y", "g")], lambda t, x, p: {"y": -p.k * x.y},
                    [im.Parameter("k", 2.4, "1/day")], routes={"iv": "y"})  # fmt: skip
    times = im.days(0, 2, every=1 / 24)
    ax = plot.course(im.simulate(hours, im.dose("1 mg", "iv"), times=times), "y")
    plot.course(im.simulate(days, im.dose("1 mg", "iv"), times=times), "y", ax=ax)
    a, b = (line.get_ydata() for line in courses(ax))
    assert b[1:] == pytest.approx(a[1:], rel=1e-4)
    assert courses(ax)[1].get_xdata()[-1] == pytest.approx(48)


def test_survival_and_cycles_are_overlaid_too(result):
    ax = plot.event_free(result.isel(arm=[0]))
    plot.event_free(result.isel(arm=[1]), ax=ax)
    assert [line.get_color() for line in ax.lines if line.get_gid().startswith("event_free")] == list(plot.COLOURS[:2])
    assert ax.get_ylim()[0] == 35  # the lowest of both is what was printed
    ax = plot.cycle(one(), "il2")
    plot.cycle(one(B), "il2", ax=ax)
    assert [line.get_color() for line in courses(ax)] == list(plot.COLOURS[:2])


def test_a_course_and_outputs_say_what_lies_between_their_times():
    daily = im.simulate("il2_sc", A, times=im.days(0, 28))
    with pytest.warns(UserWarning, match=r"'il2' reaches at least 17\.\d IU/mL .*every=1/24"):
        plot.course(daily, "il2")
    with pytest.warns(UserWarning, match=r"and so do others: depot, central, il2"):
        plot.outputs(daily)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot.course(one(), "il2")


def test_a_drug_of_a_trial_is_said_to_be_drawn_over_a_cycle():
    result = im.run_trial("tincati_2008", n=4)
    with pytest.warns(UserWarning, match=r"use plot\.cycle\(result, 'il2'\)"):
        plot.course(result, "il2")


def test_twelve_arms_are_told_apart_and_fit_the_picture():
    doses = [
        f"{dose} MIU SC {often} days 1-5 every 56 days x6"
        for dose in (1.5, 3, 4.5, 6, 7.5, 9)
        for often in ("QD", "BID")
    ]
    ax = plot.course(im.simulate("il2_cd4_hiv", doses, times=im.days(0, 365)), "cd4")
    assert len({(line.get_color(), str(line._unscaled_dash_pattern)) for line in courses(ax)}) == 12
    figure = ax.figure
    figure.draw_without_rendering()
    box, inside = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert figure.bbox.contains(box.x0, box.y0)
    assert figure.bbox.contains(box.x1 - 1, box.y1 - 1)
    assert not box.overlaps(inside)
    assert inside.height > 0.35 * figure.bbox.height
    assert ax.xaxis.label.get_window_extent().y0 >= 0
