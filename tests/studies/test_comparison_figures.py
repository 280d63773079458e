"""Single numbers of a comparison: schedules and labels pooled, less or over others, against closed forms."""

import numpy as np
from numpy.testing import assert_allclose

from immunode.studies.comparison import compare
from tests.support.compared import DOSES, MORE, effect, figure


def test_figures_are_of_schedules_and_labels_pooled_less_or_over_others():
    said = {"low": DOSES[0], "high": DOSES[1], "by count": MORE}
    auc = {"signal": "level", "measure": "auc", "statistic": "mean"}
    figures = [
        figure("pooled", groups=["low", "high"]),
        figure("to the rest", groups=["needed more"], versus=["enough", "low"]),
        figure("over", groups=["high"], versus=["low"], compare="ratio", endpoint=auc),
        figure("both over", groups=["low", "high"], versus=["low"], compare="ratio", endpoint=auc),
        figure("none", groups=["high"], versus=["no doses"], compare="ratio", endpoint=auc),
    ]
    result = compare(effect(), said, until=30, n=50, visits=[0, 7], figures=figures)
    gain, label = result.each.sel(endpoint="count gain").values, result.label.values[3]
    more, enough = gain[3][label == "needed more"], gain[3][label == "enough"]
    expected = [
        np.median(np.concatenate([gain[1], gain[2]])),
        np.median(more) - np.median(np.concatenate([enough, gain[1]])),
        2.0,  # a linear model
        1.5,
        np.nan,
    ]
    assert_allclose(result.figure_estimate, expected, rtol=1e-6)
    assert (result.figure_low <= result.figure_estimate).values.tolist() == [True] * 4 + [False]
    assert (result.figure_high[:2] > result.figure_estimate[:2]).all()
    assert_allclose([result.figure_low[3], result.figure_high[3]], 1.5, rtol=1e-6)  # of the same patients
    assert result.figure_unit.values.tolist() == ["cells/uL", "cells/uL", "1", "1", "1"]
    assert result.figure_groups.values.tolist()[0] == "low + high"
    alone = compare(effect(), said, until=30, n=50, visits=[0, 7])
    assert alone.each.identical(result.each)
