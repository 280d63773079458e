"""The promise of docs/tolerances.md is what the fuzz and the benchmark measure by, and what the solver is told."""

from pathlib import Path

import numpy as np

import immunode as im
from benchmarks.promise import NEAR_ZERO, PROMISED, tolerance
from immunode.simulation.ensemble_run import tolerances

PAGE = " ".join((Path(__file__).parents[2] / "docs" / "tolerances.md").read_text(encoding="utf-8").split())


def test_the_page_promises_what_results_are_measured_by():
    assert f"within **{PROMISED} tolerances, {PROMISED} rtol (|y| + scale / {NEAR_ZERO})**" in PAGE
    np.testing.assert_allclose(tolerance([-3.0, 0.0], [0.0, 5.0 * NEAR_ZERO], 1e-3), [3e-3, 5e-3], rtol=1e-15)


def test_a_model_is_solved_with_the_tolerance_that_is_promised():
    states = [im.State("a", "mg", scale=4.0), im.State("b", "mg", scale=0.5)]
    model = im.Model(
        "two", states, lambda t, x, p: {"a": -p.k * x.a, "b": -p.k * x.b}, [im.Parameter("k", 1.0, "1/day")]
    )
    np.testing.assert_allclose(tolerances(model, 1e-6), tolerance(0.0, [4.0, 0.5], 1e-6), rtol=1e-15)
