"""Axes say their units, and pictures leave matplotlib as they found it."""

import gc
import subprocess
import sys
import weakref

import matplotlib

from immunode import plot
from tests.plot.made_up import drawn


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


def test_given_axes_are_used_and_can_be_drawn_on_again(result):
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert plot.course(result.isel(arm=[1]), "cd4", ax=ax) is ax
    plot.course(result, "cd4", ax=ax)
    assert ax.get_ylim()[1] > result.cd4.values[:, :, 2].max()


def test_no_style_is_changed_and_no_figure_is_kept(result, simulated):
    before = dict(matplotlib.rcParams)
    made = [plot.trial(result), plot.course(simulated, "cd4").figure, plot.cycle(result).figure]
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
