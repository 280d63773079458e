"""Pictures show the numbers of the result, in their units, and leave matplotlib as they found it."""

import gc
import subprocess
import sys
import weakref

import matplotlib
import numpy as np
import pandas
import pytest
import xarray

from immunode import plot
from immunode.errors import BadValue, UnknownName
from immunode.virtual_trials.trial_run import run_trial

DAYS = np.arange(0.0, 351.0, 7.0)
VISITS = np.array([0.0, 28.0, 168.0, 350.0])
PLANNED = np.array([0.0, 1, 2, 28, 29, 30])
EXTRA = np.array([168.0, 169])


@pytest.fixture
def result():
    """Return a trial of two arms as run_trial would give it, with numbers that are known."""
    median = np.stack([100 + 0.5 * DAYS, 100 + 0.2 * DAYS])
    cd4 = np.stack([median, median - 20, median + 30, median + 1], axis=-1)
    rna = np.stack([1e5 * np.exp(-0.05 * DAYS)[:, None] * [1, 0.5, 2, 1]] * 2)
    at_visits = np.searchsorted(DAYS, VISITS)
    dose_day = np.full((2, 8), np.nan)
    dose_day[0] = [*PLANNED, *EXTRA]
    dose_label = np.full((2, 8), "", dtype="U8")
    dose_label[0, 6:] = "IL-2NR"
    event_day = np.array([[np.inf, 200.0, np.inf, np.inf], [10.0, 300.0, 400.0, np.inf]])
    return xarray.Dataset(
        {
            "cd4": (("arm", "day", "statistic"), cd4, {"units": "cells/uL"}),
            "cd4_visit": (("arm", "visit", "statistic"), cd4[:, at_visits] - 3),
            "rna": (("arm", "day", "statistic"), rna, {"units": "copies/mL"}),
            "il2_typical": (("arm", "cycle_day"), [[0.0, 9.0, 1.0], [np.nan] * 3], {"units": "IU/mL"}),
            "event_day": (("arm", "patient"), event_day, {"units": "day"}),
            "dose_day": (("arm", "dose"), dose_day),
            "dose_label": (("arm", "dose"), dose_label),
            "published_arm": ("published", ["HAART", "HAART"]),
            "published_observable": ("published", ["cd4", "event_free"]),
            "published_day": ("published", [28.0, 350.0]),
            "published_value": ("published", [111.0, 0.4]),
        },
        coords={
            "arm": ["IL-2+HAART", "HAART"],
            "day": DAYS,
            "visit": VISITS,
            "statistic": ["median", "q1", "q3", "mean"],
            "cycle_day": [0.0, 0.2, 14.0],
        },
        attrs={"trial": "made up", "n": 4},
    )


@pytest.fixture
def simulated():
    """Return what simulate would give for one patient: a bolus on day 1."""
    time = np.linspace(0, 30, 301)
    il2 = np.where(time > 1, 5 * np.exp(-(time - 1)), 0.0)
    return xarray.Dataset(
        {"il2": ("time", il2, {"units": "IU/mL"}), "cd4": ("time", 50 + time, {"units": "cells/uL"})},
        coords={"time": ("time", time, {"units": "day"})},
    )


def drawn(ax, gid):
    """Return the x and y of the one line with this gid."""
    (line,) = (line for line in ax.lines if line.get_gid() == gid)
    return np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)


def gids(ax):
    return [line.get_gid() for line in ax.lines]


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
    np.testing.assert_array_equal(drawn(plot.course(turned), "median:HAART")[1], result.cd4.values[1, :, 0])


def test_a_course_shows_visits_as_measured_and_printed_medians(result):
    ax = plot.course(result, "cd4")
    x, y = drawn(ax, "visits:HAART")
    np.testing.assert_array_equal(x, VISITS)
    np.testing.assert_array_equal(y, result.cd4_visit.values[1, :, 0])
    assert [v.tolist() for v in drawn(ax, "published:HAART")] == [[28.0], [111.0]]
    assert "published:IL-2+HAART" not in gids(ax)


def test_there_is_a_tick_for_every_dose_and_extra_ones_are_apart_and_labelled(result):
    ax = plot.course(result, "cd4")
    np.testing.assert_array_equal(drawn(ax, "doses:6 doses")[0], PLANNED)
    np.testing.assert_array_equal(drawn(ax, "doses:2 more, IL-2NR only")[0], EXTRA)
    assert {"6 doses", "2 more, IL-2NR only"} <= {text.get_text() for text in ax.texts}
    colours = {line.get_gid(): line.get_color() for line in ax.lines}
    assert colours["doses:6 doses"] == colours["median:IL-2+HAART"] != colours["doses:2 more, IL-2NR only"]


def test_every_axis_says_its_unit(result, simulated):
    assert plot.course(result, "cd4").get_ylabel() == "CD4 cells (cells/µL)"
    assert plot.course(result, "cd4").get_xlabel() == "time (months)"
    assert plot.course(simulated, "cd4").get_xlabel() == "time (days)"
    assert plot.course(result, "rna").get_ylabel() == "HIV-RNA (copies/mL, log scale)"
    assert plot.cycle(result).get_ylabel() == "IL-2 in serum (IU/mL)"
    assert plot.cycle(result).get_xlabel() == "time since first dose (days)"
    assert plot.event_free(result).get_ylabel() == "patients without an event (%)"


def test_months_are_ticked_where_their_visits_are(result):
    ax = plot.course(result, "cd4")
    ticks = {tick: ax.xaxis.get_major_formatter()(tick) for tick in ax.xaxis.get_major_locator().tick_values(0, 350)}
    assert ticks[6 * 30.4375] == "6"


def test_viral_load_is_on_a_log_axis_with_the_limit_of_the_assay(result):
    ax = plot.course(result, "rna")
    assert ax.get_yscale() == "log"
    assert set(drawn(ax, "assay limit")[1]) == {50.0}
    assert ax.get_ylim()[0] < 50 < 1e5 < ax.get_ylim()[1]


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


def test_a_cycle_leaves_out_arms_without_doses(result):
    ax = plot.cycle(result)
    np.testing.assert_array_equal(drawn(ax, "typical:IL-2+HAART")[1], [0.0, 9.0, 1.0])
    assert "typical:HAART" not in gids(ax)
    # the second cycle is beyond two weeks
    np.testing.assert_array_equal(drawn(ax, "doses:3 doses")[0], [0.0, 1.0, 2.0])


def test_a_cycle_of_a_simulation_starts_at_its_first_rise_and_lasts_two_weeks(simulated):
    x, y = drawn(plot.cycle(simulated), "median:il2")
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
    labels = [ax.get_ylabel() for ax in plot.outputs(simulated).axes]
    assert labels == ["IL-2 in serum (IU/mL)", "CD4 cells (cells/µL)"]
    with pytest.raises(BadValue, match="simulate"):
        plot.outputs(result)


def test_a_trial_has_four_panels_in_which_an_arm_keeps_its_colour(result):
    figure = plot.trial(result)
    assert [ax.get_ylabel().split(" (")[0] for ax in figure.axes] == [
        "CD4 cells",
        "HIV-RNA",
        "IL-2 in serum",
        "patients without an event",
    ]
    for arm in ("IL-2+HAART", "HAART"):
        wanted = {f"{kind}:{arm}" for kind in ("median", "typical", "event_free", "visits", "published")}
        assert len({line.get_color() for ax in figure.axes for line in ax.lines if line.get_gid() in wanted}) == 1
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
    assert [ax.get_ylabel() for ax in plot.trial(plain).axes] == ["cells (cells/µL)"]


def test_a_fit_is_drawn_in_standard_errors():
    table = pandas.DataFrame(
        {"label": ["a", "b"], "observed": [10.0, 300.0], "predicted": [12.0, 270.0], "sigma": [4.0, 10.0]}
    ).assign(use=["fit", "check"])
    ax = plot.fit(table)
    assert [v.tolist() for v in drawn(ax, "predicted")] == [[0.5], [0.0]]
    assert [v.tolist() for v in drawn(ax, "predicted, not in the fit")] == [[-3.0], [1.0]]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
    assert "standard errors" in ax.get_xlabel()
    assert drawn(plot.fit(table.assign(residual=[1.0, 2.0])), "predicted")[0].tolist() == [1.0]
    with pytest.raises(BadValue, match="sigma"):
        plot.fit(table.drop(columns="sigma"))


def test_names_that_are_not_there_are_told(result, simulated):
    with pytest.raises(UnknownName, match="did you mean 'cd4'"):
        plot.course(result, "cd_4")
    with pytest.raises(UnknownName, match="il2"):
        plot.course(simulated, "il")
    with pytest.raises(UnknownName, match="event_day"):
        plot.event_free(result.drop_vars("event_day"))
    with pytest.raises(BadValue, match="never rises"):
        plot.cycle(simulated * 0)


def test_given_axes_are_used_and_can_be_drawn_on_again(result):
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert plot.course(result.isel(arm=[1]), "cd4", ax=ax) is ax
    plot.course(result, "cd4", ax=ax)
    assert ax.get_ylim()[1] > result.cd4.values[:, :, 2].max()


def test_no_style_is_changed_and_no_figure_is_kept(result, simulated):
    before = dict(matplotlib.rcParams)
    made = [plot.trial(result), plot.course(simulated).figure, plot.cycle(result).figure]
    held = [weakref.ref(figure) for figure in made]
    del made
    gc.collect()
    assert dict(matplotlib.rcParams) == before
    assert [ref() for ref in held] == [None, None, None]


def test_pictures_are_drawn_without_pyplot_and_importing_plot_loads_no_matplotlib():
    code = (
        "import sys, pandas; from immunode import plot; assert 'matplotlib' not in sys.modules;"
        "plot.fit(pandas.DataFrame({'label': ['a'], 'observed': [1.0], 'predicted': [1.0], 'sigma': [1.0]}));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_run_trial_returns_is_drawn_with_its_doses_and_printed_medians():
    result = run_trial("tincati_2008", n=20, seed=1)
    figure = plot.trial(result)
    first = figure.axes[0]
    assert len(drawn(first, "doses:30 doses")[0]) == 30
    assert [v.tolist() for v in drawn(first, "published:IL-2+HAART")] == [[0.0], [61.0]]
    assert len(figure.axes) >= 3  # among 20 patients there may be no event
    assert drawn(figure.axes[2], "typical:IL-2+HAART")[1].max() > 1.0  # IU/mL
