"""Lines of what does not fit, and the cells of a prediction."""

from immunode.report.figures import figures_table, misfits, notes, readings_table
from immunode.studies.readings_run import ReadingRun

EMPTY = dict.fromkeys(
    ("simulated", "low", "high", "inside", "test", "p_below_05", "p_at_most_published", "p_direction", "note"), None
)
INSIDE = EMPTY | {"label": "CD4", "published": 61.0, "simulated": 60.0, "low": 50.0, "high": 70.0, "inside": True}
INSIDE |= {"kind": "median", "short": "CD4", "note": "as read"}
OUTSIDE = INSIDE | {"published": 90.0, "inside": False, "note": None}
TEST = EMPTY | {"label": "p", "published": 0.001, "test": "Wilcoxon signed-rank", "kind": "test", "short": "p"}
TEST |= {"p_below_05": 0.5, "p_at_most_published": 0.012, "p_direction": 0.9}
UNKNOWN = EMPTY | {"label": "x", "published": "rose", "kind": "not_modelled", "short": ""}


def test_what_does_not_fit_is_told_in_a_line():
    assert misfits([INSIDE, OUTSIDE, TEST, UNKNOWN]) == [
        "does not fit - CD4: 90 is outside 50 to 70",
        "hardly ever - p: p <= 0.001 in 1.2 % of trials",
    ]
    assert notes([INSIDE, OUTSIDE, INSIDE | {"kind": "given"}]) == ["CD4: as read"]


def test_each_kind_of_figure_has_its_cells():
    table = figures_table([INSIDE, OUTSIDE, TEST, UNKNOWN], "a trial")
    cells = [list(column.cells) for column in table.columns]
    assert cells[2] == ["60", "60", "P(p<0.05) 0.50", "not modelled"]
    assert cells[3] == ["50 to 70", "50 to 70", "P(p<=0.001) 0.01; as stated in 90 %", ""]
    assert cells[4] == ["yes", "NO", "Wilcoxon signed-rank", ""]


def test_readings_are_rows_of_the_figures_with_a_short_name():
    runs = [ReadingRun("as assumed", "", 20, [INSIDE, TEST]), ReadingRun("noise", "none", 20, [OUTSIDE, TEST])]
    table = readings_table(runs)
    assert [column.header for column in table.columns] == ["assumption", "reading", "1", "2"]
    assert table.caption == "1: CD4; 2: p; a p-value shows as P(p<0.05)"
    assert [list(column.cells) for column in table.columns][2:] == [["60", "60"], ["0.5", "0.5"]]


def test_figures_of_a_planned_trial_have_no_column_of_published_ones():
    planned = [row | {"published": None, "inside": None, "p_at_most_published": None} for row in (INSIDE, TEST)]
    table = figures_table(planned, "a trial")
    assert [column.header for column in table.columns] == ["figure", "simulated", "95 % interval", "test"]
    assert list(table.columns[2].cells) == ["50 to 70", "a rise in 90 %"]
