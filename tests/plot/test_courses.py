"""A course shows the numbers of the result, its visits and what was printed, in their units."""

import warnings

import numpy as np
import pytest
import xarray

import immunode as im
from immunode import plot
from immunode.errors import BadValue, UnknownName
from tests.plot.made_up import DAYS, VISITS, drawn, gids


def test_a_course_draws_the_median_of_each_arm_and_its_quartiles(result):
    ax = plot.course(result, "cd4")
    for i, arm in enumerate(("IL-2+HAART", "HAART")):
        x, y = drawn(ax, f"median:{arm}")
        np.testing.assert_array_equal(x, DAYS)
        np.testing.assert_array_equal(y, result.cd4.values[i, :, 0])
        low, high = np.sort(np.unique(ax.collections[i].get_paths()[0].vertices[:, 1]))[[0, -1]]
        assert (low, high) == (80.0, result.cd4.values[i, -1, 2])


def test_statistics_and_arms_are_found_by_name_in_any_order(result):
    turned = result.transpose(..., "arm").isel(statistic=[2, 3, 0, 1])
    np.testing.assert_array_equal(drawn(plot.course(turned, "cd4"), "median:HAART")[1], result.cd4.values[1, :, 0])


def test_a_course_shows_visits_as_measured_and_printed_medians(result):
    ax = plot.course(result, "cd4")
    x, y = drawn(ax, "visits:HAART")
    np.testing.assert_array_equal(x, VISITS)
    np.testing.assert_array_equal(y, result.cd4_visit.values[1, :, 0])
    assert [v.tolist() for v in drawn(ax, "published:HAART")] == [[28.0], [111.0]]
    assert "published:IL-2+HAART" not in gids(ax)


def test_a_cycle_leaves_out_arms_without_doses(result):
    ax = plot.cycle(result)
    np.testing.assert_array_equal(drawn(ax, "typical:IL-2+HAART")[1], [0.0, 9.0, 1.0])
    assert "typical:HAART" not in gids(ax)
    # the second cycle is beyond two weeks
    np.testing.assert_array_equal(drawn(ax, "doses:3 doses")[0], [0.0, 1.0, 2.0])


def test_a_cycle_of_a_simulation_starts_at_its_first_rise_and_lasts_two_weeks(simulated):
    x, y = drawn(plot.cycle(simulated, "il2"), "median:il2")
    assert (x[0], y[0]) == (0.0, 0.0)
    assert x[-1] == pytest.approx(14.0, abs=0.1)  # the grid is a tenth of a day
    assert y.max() == simulated.il2.values.max()


def test_patients_of_a_simulation_are_drawn_as_their_median_and_quartiles(simulated):
    many = xarray.concat([simulated * k for k in (1, 2, 3, 4, 10)], dim="patient", combine_attrs="override")
    many["cd4"].attrs = simulated.cd4.attrs
    ax = plot.course(many, "cd4")
    np.testing.assert_array_equal(drawn(ax, "median:cd4")[1], 3 * simulated.cd4.values)
    edges = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (edges.min(), edges.max()) == (2 * 50.0, 4 * 80.0)


def test_outputs_has_a_panel_for_each_variable(simulated, result):
    labels = [ax.get_ylabel().replace("\n", " ") for ax in plot.outputs(simulated).axes]
    assert labels == ["IL-2 in serum (IU/mL)", "CD4 cells (cells/µL)"]
    with pytest.raises(BadValue, match="simulate"):
        plot.outputs(result)


def test_names_that_are_not_there_are_told(result, simulated):
    with pytest.raises(UnknownName, match="did you mean 'cd4'"):
        plot.course(result, "cd_4")
    with pytest.raises(UnknownName, match="il2"):
        plot.course(simulated, "il")
    with pytest.raises(UnknownName, match="event_day"):
        plot.event_free(result.drop_vars("event_day"))
    with pytest.raises(BadValue, match="never rises"):
        plot.cycle(simulated * 0, "il2")


def test_a_name_may_be_left_out_where_there_is_only_one_variable(result, simulated):
    assert plot.course(simulated[["cd4"]]).get_ylabel() == "CD4 cells (cells/µL)"
    assert plot.course(result.drop_vars("rna")).get_ylabel() == "CD4 cells (cells/µL)"
    assert plot.cycle(simulated[["il2"]]).get_ylabel() == "IL-2 in serum (IU/mL)"
    with pytest.raises(BadValue, match="2 variables to draw; name one of cd4, rna"):
        plot.course(result)
    with pytest.raises(BadValue, match="name one of il2, cd4"):
        plot.cycle(simulated)
    with pytest.raises(BadValue, match="nothing to draw"):
        plot.cycle(result.drop_vars("il2_typical"))


def test_a_cycle_of_few_times_says_that_it_misses_peaks():
    therapy = "3 MIU SC QD days 1-5"
    with pytest.warns(UserWarning, match=r"'il2' reaches at least 17\.7 IU/mL .*1 day apart.*every=1/24"):
        im.plot.cycle(im.simulate("il2_sc", therapy, times=im.days(0, 28)), "il2")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        im.plot.cycle(im.simulate("il2_sc", therapy, times=im.days(0, 28, every=0.25)), "il2")


def test_a_cycle_is_two_weeks_also_in_a_model_of_hours():
    model = im.Model("hourly", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y},
                     [im.Parameter("k", 0.1, "1/hour")], routes={"iv": "y"}, time="hour")  # fmt: skip
    course = im.simulate(model, im.dose("1 mg", "iv", times=["0 h"]), times=im.days(0, 28, every=0.25), at_dose="post")
    shifted = course.assign(y=course.y.copy(data=np.r_[0.0, course.y.values[:-1]]))
    days = im.plot.cycle(shifted, "y").lines[0].get_xdata()
    assert (days[0], days[-1]) == (0, 14)


@pytest.mark.parametrize("times", [[0, 20, 40], [0, 28.5, 60]])
def test_a_cycle_of_a_single_time_is_drawn_and_said(times):
    course = im.simulate("il2_sc", "3 MIU SC QD days 1-33", times=times)
    with pytest.warns(UserWarning, match=r"'il2' reaches at least 17\.\d IU/mL"):
        assert im.plot.cycle(course, "il2").lines


def test_a_course_without_a_time_is_refused():
    course = im.simulate("il2_sc", "3 MIU SC", times=[0, 1]).isel(time=[])
    for draw in (lambda: im.plot.course(course, "il2"), lambda: im.plot.outputs(course)):
        with pytest.raises(BadValue, match="nothing to draw: the result has no value over 'time'"):
            draw()
