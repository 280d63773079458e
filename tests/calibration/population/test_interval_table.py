"""The table of estimates: on the scales that people read, less their bias, with open ends and edges said."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from immunode.calibration.population.interval_table import _lower, _read, _unbiased, interval_table
from immunode.calibration.population.intervals import refits
from immunode.calibration.population.refits import refit
from immunode.calibration.population.search import search
from immunode.calibration.population.simulated_sets import simulated_sets
from tests.calibration.population.studies import evidence, problem


@functools.cache
def near(effects=False):
    said = {"trial_effects": ["CL"]} if effects else {}
    trials = [evidence(name=name) for name in ("ab" if effects else "a")]
    return search(problem(trials, patients=1000, **said), lambda stage, objective: None).near


@functools.cache
def table(effects=False):
    return interval_table(near(effects), 40)


def test_estimates_are_natural_and_less_the_bias_of_their_refits():
    """Of CL and its SD, both above zero, a factor: what refits are on average of what they were drawn with."""
    one, frame = near(), table().frame
    here = one.anchor
    natural = here.problem.natural
    refitted = natural(refits(one.on_surfaces, simulated_sets(here, 40, here.x), here.x).free.x)
    np.testing.assert_allclose(frame.raw, natural(one.best().x[0]))
    np.testing.assert_allclose(frame.estimate, frame.raw * natural(here.x) / refitted.mean(axis=0))
    np.testing.assert_allclose(frame.stderr, refitted.std(axis=0, ddof=1))
    assert list(frame.index) == ["CL", "omega_CL"]


def test_intervals_lie_within_the_bounds_of_their_parameters_around_the_raw_estimate():
    for effects in (False, True):
        frame = table(effects).frame
        low, high = near(effects).anchor.problem.natural(np.array(near(effects).anchor.problem.bounds))
        for kind in ("", "raw_"):
            ends = frame[f"{kind}low"], frame[f"{kind}high"]
            assert (low <= ends[0]).all()
            assert (ends[1] <= high).all()
            assert (ends[0] < frame.raw).all()
            assert (frame.raw < ends[1]).all()


def test_draws_are_as_many_as_refits():
    assert len(table().draws) == 40
    assert {*table().draws} == {"CL", "omega_CL"}
    assert table().tau_draws.shape == (40, 0)


def test_effects_have_their_taus_and_estimates_by_other_priors():
    """Where shifts are taken as smaller, trials pull the estimate less far apart: all lie within the raw interval."""
    one = table(effects=True)
    assert list(one.tau.index) == ["CL"]
    assert list(one.tau_draws) == ["CL"]
    for scale in ("0.15", "0.6"):
        other = one.frame[f"raw_tau_{scale}"]
        assert ((one.frame.raw_low < other) & (other < one.frame.raw_high)).all()


def test_an_end_that_is_open_is_zero_or_infinite():
    one = near().anchor.problem
    x = one.start
    assert _read(one, x, 0, -np.inf) == 0  # of a logarithm
    assert _read(one, x, 0, np.inf) == np.inf
    assert _read(one, x, 1, one.inner(np.array([2.0, 0.7]))[1]) == pytest.approx(0.7)
    assert _read(one, x, 0, np.log(7.0)) == pytest.approx(7)


def test_the_bias_of_what_is_above_zero_is_a_factor_and_of_others_a_difference():
    refitted = np.array([1.0, 1.4])
    assert _unbiased("omega_CL", 0.6, refitted, 1.0) == pytest.approx(0.5)
    assert _unbiased("log_CL", 0.6, refitted, 1.0) == pytest.approx(0.5)
    assert _unbiased("correlation_CL_V", 0.6, refitted, 1.0) == pytest.approx(0.4)


def test_a_profile_that_falls_below_the_minimum_is_said():
    """Held for the minimum is a place two and a half standard errors away along CL: -2 log L is 6.25 lower."""
    one = near().on_surfaces
    x = one.best.x + 2.5 * one.at.sizes[0] * np.eye(2)[:1]
    away = replace(one, best=refit(one.surfaces, one.seen, one.at, one.effects, start=x, held=0, value=x[0, 0]))
    (said,) = _lower(near().anchor.problem, away)
    fallen = float(away.best.deviance[0] - one.best.deviance[0])
    assert said.startswith(f"-2 log L is {fallen:.1f} lower than here at ")
    assert not _lower(near().anchor.problem, one)
