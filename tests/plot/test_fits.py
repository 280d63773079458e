"""A fit is drawn in standard errors, its profile in chi-square."""

import pandas
import pytest
from numpy.testing import assert_allclose

from immunode import plot
from immunode.calibration.fit import calibrate
from immunode.errors import BadValue
from tests.calibration.noisy import LINE, on_a_line
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


def test_a_profile_is_drawn_with_its_levels_and_limits():
    fit = calibrate(on_a_line(), LINE, ["a", "b"])
    ax = plot.profile(fit, "b", points=5)
    _, change = drawn(ax, "profile")
    assert_allclose(change, [9, 2.25, 0, 2.25, 9], atol=1e-3)
    assert [text.get_text() for text in ax.texts] == ["68.27%", "95.45%", "99.73%"]
    with pytest.raises(BadValue, match=r"plot.profile: fit = 3"):
        plot.profile(3, "b")
