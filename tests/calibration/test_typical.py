"""Least squares on the typical patient refuses, by row, what only a population has."""

import re

import pytest

from immunode.calibration.fit import calibrate
from immunode.errors import BadValue
from tests.calibration.made_up import BOLUS, evidence, row


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"statistic": "q1"}, "statistic = 'q1' is of patients who differ"),
        ({"value": ">5"}, "value = '>5' is beyond a limit"),
        ({"sigma": None}, "'sigma' is left out"),
        ({"observable": "", "measure": "event", "statistic": "percent"}, "statistic = 'percent' is of patients"),
        ({"observable": "", "measure": "doses"}, "'doses' is nothing that a fit predicts of a course"),
    ],
)
def test_a_row_that_only_a_population_has_is_refused_with_the_cure(changes, says):
    with pytest.raises(BadValue, match=re.escape(f"row 2: {says}") + ".*(fit a population|say use = 'check')"):
        calibrate(evidence([row(), row(day=2, **changes)]), BOLUS, vary=["CL"])


def test_a_check_that_only_a_population_has_is_left_out_of_the_table():
    rows = [row(), row(day=2), row(statistic="q3", value=9, use="check", sigma=None)]
    with pytest.warns(UserWarning, match=r"row 3: checks of what the typical patient has not.* are left out"):
        assert len(calibrate(evidence(rows), BOLUS, vary=["CL"]).table) == 2
