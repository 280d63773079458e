"""Certified regressions of NIST (Statistical Reference Datasets, itl.nist.gov/div898/strd) from both starts.

The usual bar: 6 digits of the parameters, 4 of their standard errors. The residuals of Lanczos1 are rounding of its 14
digits (their sum of squares 1.4e-25), and so are its standard errors, in double precision: no digits are asked of them.
"""

import csv

import numpy as np
import pytest

from immunode.calibration.fit import calibrate
from tests.calibration.nist import FOLDER, digits, observations, read, regression

LIST = (FOLDER / "manifest.csv").read_text(encoding="ascii").splitlines() if FOLDER.exists() else []
NAMES = [row["file"].removesuffix(".dat") for row in csv.DictReader(LIST)]
EASY = ("Misra1d", "Rat43")  # all together are slow, each being a model to compile


def fitted(name, numbers, data, start):
    vary = {f"b{i}": {"value": value} for i, value in enumerate(numbers[:, start], start=1)}
    return calibrate(observations(name, data), regression(name, len(numbers)), vary, scale_covar=True)


def check(name, start):
    numbers, data = read(name)
    fit = fitted(name, numbers, data, start)
    assert digits([fit.params[n].value for n in fit.params], numbers[:, 2]) > 6
    if name != "Lanczos1":
        assert digits([fit.stderr[n] for n in fit.params], numbers[:, 3]) > 4


@pytest.mark.skipif(not NAMES, reason="the suite of NIST is not here")
@pytest.mark.parametrize("name", EASY)
def test_certified_values_from_the_near_start(name):
    check(name, 1)


@pytest.mark.slow
@pytest.mark.parametrize("start", [1, 0])
@pytest.mark.parametrize("name", NAMES)
def test_certified_values_from_both_starts(name, start):
    check(name, start)


BOX = np.array([[109, 1], [149, 2], [149, 3], [191, 5], [213, 7], [224, 10]], float)
MEYER_Y = [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872]
MEYER = np.column_stack([MEYER_Y, np.arange(50.0, 126, 5)])


@pytest.mark.parametrize(
    ("name", "data", "certified", "starts", "overflows"),
    [
        ("BoxBOD", BOX, [2.1380940889e2, 5.4723748542e-1], [[1, 1], [100, 0.75]], True),
        (
            "MGH10",
            MEYER,
            [5.6096364710e-3, 6.1813463463e3, 3.4522363462e2],
            [[2, 4e5, 25000], [0.02, 4000, 250]],
            False,
        ),
    ],
)
def test_an_output_that_overflows_on_the_way_ends_nothing(name, data, certified, starts, overflows):
    failed = []
    for start in starts:
        fit = fitted(name, np.array([start, certified], float).T, data, 0)
        assert digits([fit.params[n].value for n in fit.params], certified) > 6
        failed.append(fit.failed)
    assert (max(failed) > 0) == overflows
