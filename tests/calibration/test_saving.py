"""What a file of a fit is made of."""

import json
import math

import numpy as np

from immunode.calibration.saving import plain
from immunode.units import SaidDays


def test_a_file_holds_numbers_that_are_none_finite_by_name_and_days_as_they_were_said():
    data = plain({"a": np.array([1.0, math.inf]), "b": math.nan, "c": (np.int64(3), SaidDays(0.1)), "d": None})
    assert data == {"a": [1.0, {"number": "inf"}], "b": {"number": "nan"}, "c": [3, "0.1 d"], "d": None}
    assert json.loads(json.dumps(data, allow_nan=False)) == data
