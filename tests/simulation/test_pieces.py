"""Courses in pieces: without gaps, polynomials, and the same in any block, alone or beside others."""

import numpy as np
import pytest

import immunode as im
from immunode.functions import where
from immunode.simulation import pieces
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.pieces import Stretch
from tests.simulation.test_measuring import RATES, bolus

WEEK = [Stretch(0.0, 7.0, "central")]


def courses(rates=RATES, lags=0.0, stretches=WEEK):
    parameters = np.column_stack([rates, np.broadcast_to(lags, len(rates))])
    regimens = [im.prescribe("10 mg IV bolus days 1-5"), im.prescribe("10 mg IV over 12 h days 2-3")]
    which = np.arange(len(rates)) % 2
    ensemble = Ensemble(bolus(), parameters, regimens, which, np.zeros(len(rates)))
    made = list(pieces.in_pieces(ensemble, stretches, SolveOptions(), 1e-6))
    return {int(row): (block, i) for rows, block, _ in made for i, row in enumerate(rows)}


def of_patient(blocks, row, stretch=0):
    block, i = blocks[row]
    course = block[stretch].pieces
    ends = np.append(course.begins[1:], len(course.t))
    return course.t[course.begins[i] : ends[i]], course.y[course.begins[i] : ends[i]]


def same(one, other):
    return all(a.tolist() == b.tolist() for a, b in zip(one, other, strict=True))


def test_pieces_follow_each_other_without_gaps_and_are_cut_where_something_happens():
    blocks = courses(lags=np.array([0.0, 0.25, 0.1]))
    assert sorted(blocks) == [0, 1, 2]
    for row, cuts in ((0, [1, 2, 3, 4]), (1, [1.25, 1.75, 2.25, 2.75]), (2, [0.1, 1.1, 2.1, 3.1])):
        t, _ = of_patient(blocks, row)
        assert (t[0, 0], t[-1, -1]) == (0.0, 7.0)
        assert (np.diff(t, axis=1) > 0).all()
        assert t[1:, 0].tolist() == t[:-1, -1].tolist()
        for cut in cuts:
            assert np.abs(t[:, -1] - cut).min() < 1e-12


@pytest.mark.parametrize("lags", [0.0, np.linspace(0, 0.4, 7)])
@pytest.mark.parametrize("at_once", [1, 3000, 20_000])
def test_blocks_of_any_size_hold_the_same(lags, at_once, monkeypatch):
    rates = np.geomspace(0.1, 3000, 7)
    whole = courses(rates, lags)
    monkeypatch.setattr(pieces, "AT_ONCE", at_once)
    blocks = courses(rates, lags)
    for row in range(7):
        assert same(of_patient(whole, row), of_patient(blocks, row))


def test_a_patient_is_the_same_alone_and_beside_others_who_are_cut_more_often():
    rates = np.array([0.3, 5.0, 40.0, 900.0, 3000.0, 20_000.0])
    whole = courses(rates, stretches=[Stretch(0.0, 365.0, "central")])
    for row in range(0, 6, 2):  # of the first regimen
        alone = courses(rates[[row]], stretches=[Stretch(0.0, 365.0, "central")])
        assert same(of_patient(whole, row), of_patient(alone, 0))


def test_no_other_stretch_changes_a_bit():
    others = [Stretch(1.0, 3.3, "central"), *WEEK, Stretch(0.7, 20.0, "central"), Stretch(0.0, 7.5, "central")]
    one, some = courses(RATES * 100), courses(RATES * 100, stretches=others)
    for row in range(3):
        assert same(of_patient(one, row), of_patient(some, row, 1))


def test_a_piece_is_cut_until_it_is_a_polynomial():
    t, y = of_patient(courses(np.array([900.0, 1.0])), 0)
    assert len(t) > len(of_patient(courses(np.array([0.1, 1.0])), 0)[0])  # fast: cut again
    exact = 10 * np.exp(-900.0 * (t - np.floor(t[:, :1] + 1e-12)))
    inside = t < 5
    np.testing.assert_allclose(y[inside], exact[inside], atol=1e-4)


def test_a_piece_is_cut_into_as_many_as_its_last_terms_tell(monkeypatch):
    made, parts = [], pieces._parts
    monkeypatch.setattr(pieces, "_parts", lambda *said: made.append(parts(*said)) or made[-1])
    courses(np.array([3000.0, 900.0, 1.0]))
    assert set(np.concatenate(made)) == {1, 2, 4, 8}
    x = np.linspace(-1, 1, 5)[:, None] * np.ones(pieces.NODES)
    assert parts(x, np.full(5, 1e-6)).tolist() == [1] * 5  # constants
    jump = np.where(np.arange(pieces.NODES) < 4, 0.0, 1.0)[None]
    assert parts(jump, np.array([1e-6])).tolist() == [pieces.CUTS]


def test_times_that_many_patients_need_are_solved_for_in_all_of_them_and_change_no_bit(monkeypatch):
    rates = np.linspace(300, 900, 7)
    shared = courses(rates)
    monkeypatch.setattr(pieces, "_SHARED", 0)  # then each patient's times are its own
    alone = courses(rates)
    for row in range(7):
        assert same(of_patient(shared, row), of_patient(alone, row))


def test_a_course_is_unknown_that_would_take_too_many_pieces_and_one_that_jumps_is_not(monkeypatch):
    model = im.Model(
        "jumping",
        [im.State("x", "day", scale=1.0)],
        lambda t, x, p: {"x": p.one},
        [im.Parameter("one", 1.0, "1"), im.Parameter("at", 3.3, "day", low=0, high=100)],
        outputs=[im.Output("y", "day", lambda t, x, p: where(x.x > p.at, x.x, 0 * x.x))],
    )
    ensemble = Ensemble(model, np.array([[1.0, 3.3], [1.0, 200.0]]), [im.Regimen()], np.zeros(2, int), np.zeros(2))
    wanted = [Stretch(0.0, 100.0, "y")]
    ((_, (course,), _),) = pieces.in_pieces(ensemble, wanted, SolveOptions(), 1e-6)
    assert course.unknown.tolist() == [False, False]
    monkeypatch.setattr(pieces, "_MOST", 30)
    ((_, (course,), _),) = pieces.in_pieces(ensemble, wanted, SolveOptions(), 1e-6)
    assert course.unknown.tolist() == [True, False]  # the second does not jump, nor is it cut
