"""Values that nobody means and somebody gives: wrong kinds, wrong shapes, numbers at the edges, texts of all sorts."""

import datetime
import decimal
import fractions
import math
import pathlib
import re
import uuid
from collections import Counter, deque

import numpy as np
import pandas as pd
import sympy
import xarray as xr

ODD = [
    None, True, False, Ellipsis, NotImplemented,
    0, 1, -1, 2**31, 2**63, 2**64, -(2**70), 10**30, 10**400,
    0.0, -0.0, 0.5, -1.5, 1e-320, 1e300, -1e300, math.nan, math.inf, -math.inf,
    1j, decimal.Decimal("NaN"), decimal.Decimal("1.5"), fractions.Fraction(1, 3),
    "", " ", "x", "3", "3 MIU", "3 mg", "1 d", "nan", "1e999", "-5 d", "\0", "\n", "a\nb", "[bold]", "=1+1", "é中🙂",
    "../..", "x" * 10_000, "il2_sc", "cd4", "{}", "%s",
    b"", b"3 MIU", bytearray(b"x"), memoryview(b"x"),
    (), [], {}, set(), frozenset({1}), [[]], [None], ["x"], [1, "x"], [math.nan], [[1, 2], [3]], (1, 2), [1, 2, 3],
    {"x": 1}, {1: 2}, {None: None}, {"CL": None}, {"CL": [1, 2]}, {"CL": math.nan}, {"a": {"b": 1}}, {"x", "y"},
    Counter("ab"), deque([1]),
    range(0), range(3), slice(1), iter([1]), (i for i in range(2)), zip([1], [2]),
    np.float64(1.5), np.float32(np.nan), np.int64(3), np.bool_(True), np.str_("x"), np.datetime64("2026-01-01"),
    np.timedelta64(1, "h"), np.array(3), np.array([]), np.array([1.0, np.nan]), np.zeros((2, 2)), np.zeros((0, 3)),
    np.array(["a"]), np.array([None]), np.array([1j]), np.ma.masked, np.ma.array([1, 2], mask=[0, 1]),
    np.array([(1, 2)], dtype="i4,f8"),
    pd.NA, pd.NaT, pd.Series([1.0, 2.0]), pd.Series(dtype=float), pd.Series({"a": 1}), pd.DataFrame(),
    pd.DataFrame({"ID": [1]}),
    pd.Timestamp("2026-01-01"), xr.DataArray([1.0]), xr.Dataset(),
    datetime.datetime(2026, 1, 1), datetime.date(2026, 1, 1), datetime.timedelta(days=1), pathlib.Path("nowhere"),
    uuid.UUID(int=0), re.compile("x"), sympy.Symbol("x"), sympy.Integer(1), sympy.oo,
    object(), object, int, len, print, lambda: 1, lambda x: x, lambda t, x, p: {}, lambda *a, **k: None,
    Exception("x"), type, math,
]  # fmt: skip
