"""The names of a trial's variables, read back as they were written."""

import numpy as np
import xarray

from immunode.virtual_trials import variables
from immunode.virtual_trials.trial_run import run_trial


def test_what_is_measured_and_the_tables_are_read_by_name():
    result = run_trial("tincati_2008", n=20, seed=1)
    names = variables.observables(result)
    assert "cd4" in names
    assert {variables.visit("cd4"), variables.patient("cd4"), variables.typical("cd4")} <= set(result)
    assert list(variables.columns(result, variables.DECISION))[:3] == ["patient", "day", "rule"]
    assert list(variables.columns(result, variables.PUBLISHED)) == ["arm", "observable", "day", "value"]
    assert result[variables.column(variables.DOSE, "day")].dims == ("arm", "dose")
    assert len(variables.figure_rows(result)) == result.sizes["figure"]


def test_a_result_without_figures_has_none():
    assert variables.figure_rows(xarray.Dataset()) == []


def test_a_column_is_numbers_with_nan_for_none_or_else_text():
    data = variables.table(variables.FIGURE, {"low": [1, None, 2.5], "inside": [True, None, "x"]})
    assert np.array_equal(data["figure_low"][1], [1, np.nan, 2.5], equal_nan=True)
    assert data["figure_inside"][1].tolist() == ["True", "", "x"]
