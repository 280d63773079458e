"""Courses in pieces: cut where something happens, in order, and the same in any block."""

import numpy as np
import pytest

import immunode as im
from immunode.simulation import pieces
from immunode.simulation.ensemble import Ensemble, SolveOptions
from tests.simulation.test_measuring import RATES, bolus


def courses(rates=RATES, lags=0.0, days=(0.0, 2.5, 7.0)):
    parameters = np.column_stack([rates, np.broadcast_to(lags, len(rates))])
    regimens = [im.prescribe("10 mg IV bolus days 1-5"), im.prescribe("10 mg IV over 12 h days 2-3")]
    which = np.arange(len(rates)) % 2
    ensemble = Ensemble(bolus(), parameters, regimens, which, np.zeros(len(rates)))
    made = list(pieces.in_pieces(ensemble, days, ["central"], SolveOptions(), 1e-6))
    return {int(row): (block, i) for rows, block in made for i, row in enumerate(rows)}


def of_patient(blocks, row):
    block, i = blocks[row]
    ends = np.append(block.begins[1:], len(block.t))
    return block.t[block.begins[i] : ends[i]], block.values[block.begins[i] : ends[i]]


def test_pieces_follow_each_other_and_begin_after_what_happens():
    blocks = courses(lags=np.array([0.0, 0.25, 0.1]))
    assert sorted(blocks) == [0, 1, 2]
    for row, cuts in ((0, [1, 2, 2.5, 3, 4]), (1, [1.25, 1.75, 2.25, 2.5, 2.75]), (2, [0.1, 1.1, 2.1, 2.5, 3.1])):
        t, _ = of_patient(blocks, row)
        assert t[-1, -1] == 7.0
        assert (np.diff(t, axis=1) > 0).all()
        assert (t[1:, 0] - t[:-1, -1] >= 0).all()
        assert (t[1:, 0] - t[:-1, -1] < 1e-8).all()
        for cut in cuts:
            assert np.abs(t[:, -1] - cut).min() < 1e-12


@pytest.mark.parametrize("lags", [0.0, np.linspace(0, 0.4, 7)])
def test_blocks_of_any_size_hold_the_same(lags, monkeypatch):
    rates = np.linspace(0.1, 30, 7)
    whole = courses(rates, lags)
    monkeypatch.setattr(pieces, "AT_ONCE", 1)  # then each patient is a block
    single = courses(rates, lags)
    for row in range(7):
        for one, other in zip(of_patient(whole, row), of_patient(single, row), strict=True):
            assert one.tolist() == other.tolist()


def test_a_piece_is_cut_until_it_is_a_polynomial():
    t, values = of_patient(courses(np.array([900.0, 1.0])), 0)
    assert len(t) > len(of_patient(courses(np.array([0.1, 1.0])), 0)[0])  # fast: cut again
    exact = 10 * np.exp(-900.0 * (t - np.floor(t[:, :1] + 1e-12)))
    inside = t < 5
    np.testing.assert_allclose(values[..., 0][inside], exact[inside], atol=1e-4)


def test_a_piece_is_cut_into_as_many_as_its_last_terms_tell(monkeypatch):
    made, parts = [], pieces._parts
    monkeypatch.setattr(pieces, "_parts", lambda *said: made.append(parts(*said)) or made[-1])
    courses(np.array([3000.0, 900.0, 1.0]))
    assert set(np.concatenate(made)) == {1, 2, 4, 8}
    x = np.linspace(-1, 1, 5)[:, None] * np.ones(pieces.NODES)
    assert parts(x[..., None], np.full((5, 1), 1e-6)).tolist() == [1] * 5  # constants
    jump = np.where(np.arange(pieces.NODES) < 4, 0.0, 1.0)[None, :, None]
    assert parts(jump, np.array([[1e-6]])).tolist() == [pieces.CUTS]


def test_times_that_many_patients_need_are_solved_for_in_all_of_them_and_change_no_bit(monkeypatch):
    rates = np.linspace(300, 900, 7)
    shared = courses(rates)
    monkeypatch.setattr(pieces, "_SHARED", 0)  # then each patient's times are its own
    alone = courses(rates)
    for row in range(7):
        for one, other in zip(of_patient(shared, row), of_patient(alone, row), strict=True):
            assert one.tolist() == other.tolist()
