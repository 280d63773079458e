"""A picture of a prediction: intervals with what was printed, and stacked shares; a wrong table is refused."""

import numpy as np
import pandas as pd
import pytest

from immunode import plot
from immunode.errors import BadValue

SHARES = {"parameter": 10.0, "trial": 60.0, "patients": 0.1, "sampling": 29.9}
ROWS = [
    {"label": "peak", "published": 15.0, "predicted": 12.0, "low": 10.0, "high": 20.0} | SHARES,
    {"label": "words", "published": "fast", "predicted": 2.0, "low": 1.0, "high": 3.0} | SHARES,
    {"label": "none", "published": 1.0} | dict.fromkeys(("predicted", "low", "high", *SHARES)),
]


def test_a_row_is_drawn_on_the_scale_of_its_interval():
    left, right = plot.prediction(pd.DataFrame(ROWS)).axes
    drawn = {line.get_label(): line.get_xdata() for line in left.lines}
    assert drawn["predicted"] == pytest.approx([0.2, 0.5])
    assert drawn["printed"][0] == 0.5
    assert np.isnan(drawn["printed"][1])
    assert [label.get_text() for label in left.get_yticklabels()] == ["peak", "words"]
    assert sum(bar.get_width() for bar in right.patches[::2]) == pytest.approx(100)


def test_a_table_that_is_none_is_refused():
    with pytest.raises(BadValue, match="no column 'published'"):
        plot.prediction(pd.DataFrame({"label": ["a"]}))
    with pytest.raises(BadValue, match="no row with a prediction"):
        plot.prediction(pd.DataFrame(ROWS[2:]))
    with pytest.raises(BadValue, match=r"plot\.prediction: table"):
        plot.prediction(3)
