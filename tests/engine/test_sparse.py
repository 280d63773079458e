"""Factors and solutions of sparse matrices in every lane: NumPy's dense ones, to a few units of rounding."""

import numpy as np
from numba import njit
from numpy.testing import assert_allclose

from immunode.engine import sparse
from immunode.engine.codegen.elimination import eliminate
from immunode.engine.constants import LANES


@njit
def solved(s, jacobian, inverse, factors, work, b, order, position, first, upper, column, source):
    sparse.factor(s, jacobian, inverse, factors, work, order, position, first, upper, column, source)
    sparse.solve(s, factors, s, b, order, first, upper, column)
    sparse.largest(s, work, factors, order)


def test_factors_solve_as_numpy_does_in_every_lane():
    rng = np.random.default_rng(3)
    for n, density in ((1, 1.0), (7, 0.3), (40, 0.05), (12, 1.0)):
        entries = sorted(map(tuple, np.argwhere(rng.random((n, n)) < density).tolist()))
        values, right, d = rng.normal(size=(len(entries), LANES)), rng.normal(size=(n, LANES)), 3.0 * n
        elimination = eliminate(n, entries)
        tables = {name: np.array(table, np.int64) for name, table in elimination.tables(entries).items()}
        kept = len(elimination.factors)
        sizes = np.cumsum([0, len(entries), 1, kept, n + 2])
        scratch = np.concatenate([values, np.full((1, LANES), d), np.full((kept + n + 2, LANES), np.nan), right])
        s = scratch.ravel()
        solved(s, *sizes, **tables)
        rows = s.reshape(-1, LANES)
        for lane in range(LANES):
            matrix = d * np.eye(n)
            for (i, j), value in zip(entries, values[:, lane], strict=True):
                matrix[i, j] -= value
            # diagonally dominant: the condition is near one
            assert_allclose(rows[-n:, lane], np.linalg.solve(matrix, right[:, lane]), rtol=1e-12, atol=1e-14)
            pivots = rows[sizes[2] : sizes[2] + n, lane]
            assert rows[sizes[3], lane] == np.abs(pivots).max()
