"""Where courses are cut: at what happens, once where it is of one time, and between it into pieces that grow."""

import numpy as np
import pytest

from immunode.simulation.cuts import EVEN, behind, first_pieces, split
from immunode.simulation.ties import rounding


def test_pieces_go_from_behind_what_happens_to_what_happens_next():
    happening = np.array([0.0, 1.0, 2.5])
    pieces = first_pieces(happening, 0.0, 4.0, EVEN)
    assert (pieces[0, 0], pieces[-1, 1]) == (behind(np.array(0.0)), 4.0)
    assert (pieces[:, 1] > pieces[:, 0]).all()
    gaps = pieces[1:, 0] - pieces[:-1, 1]
    cut = gaps > 0
    assert pieces[:-1, 1][cut].tolist() == [1.0, 2.5]
    assert pieces[1:, 0][cut].tolist() == behind(np.array([1.0, 2.5])).tolist()


@pytest.mark.parametrize("share", [-1.0, -0.4, -1e-4, 0.0, 1e-4, 0.4, 1.0])
@pytest.mark.parametrize("day", [0.0, 5 / 24, 351 / 24, 3000.0])
def test_what_happens_within_a_rounding_of_an_end_happens_at_it(share, day):
    at = np.array([day + 0.999 * share * rounding(np.array(day))])
    begins = first_pieces(at, day, day + 3, EVEN)
    assert begins[0, 0] >= max(day, behind(at)[0])
    assert begins[0, 0] - day <= 4 * rounding(np.array(day))
    ends = first_pieces(at, day - 3, day, EVEN)
    assert ends[-1, 1] == min(day, at[0])
    for pieces in (begins, ends):
        assert (pieces[:, 1] > pieces[:, 0]).all()
        assert len(pieces) == len(first_pieces(np.zeros(0), 0.0, 3.0, EVEN))


def test_what_happens_close_together_makes_no_piece_of_no_length():
    for apart in (0.0, 1e-13, 1e-12, 3e-12, 1e-11, 1e-10, 1e-9):
        for ends in ((0.0, 2.0), (1.0, 2.0), (0.0, 1.0), (1.0, 1.0 + 1e-12)):
            pieces = first_pieces(1.0 + apart * np.arange(4), *ends, EVEN)
            assert (pieces[:, 1] > pieces[:, 0]).all()
            assert (pieces[1:, 0] >= pieces[:-1, 1]).all()


def test_a_piece_is_split_into_parts_that_follow_each_other():
    pieces = split(np.array([[0.0, 1.0], [2.0, 2.5]]), np.array([3, 1]))
    assert (pieces[1:3, 0] == pieces[:2, 1]).all()
    assert pieces[[0, 2, 3], [0, 1, 1]].tolist() == [0.0, 1.0, 2.5]
