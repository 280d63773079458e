"""A fit is drawn in standard errors."""

import pandas
import pytest

from immunode import plot
from immunode.errors import BadValue
from tests.plot.made_up import drawn


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
