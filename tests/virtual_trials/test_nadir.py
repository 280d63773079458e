"""A nadir is never above the count, and what is printed of both holds; what no pairing has is refused."""

import numpy as np
import pytest

from immunode.errors import BadValue
from immunode.evidence.baseline import Baseline
from immunode.virtual_trials.distribution import distribution
from immunode.virtual_trials.nadir import never_above

N = 40_000
RANKS = np.random.default_rng(3).random((2, N))


def nadir(**fields):
    return Baseline(observable="nadir", source="test", **fields)


def count(**fields):
    return Baseline(observable="cd4", source="test", **fields)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (nadir(range=[100, 200]), count(range=[200, 500])),
        (nadir(range=[100, 200]), count(range=[100, 200])),
        (nadir(median=120, quartiles=[60, 200]), count(median=350, quartiles=[220, 480])),
        (nadir(median=340, quartiles=[215, 470]), count(median=350, quartiles=[220, 480])),
        (nadir(mean=150, sd=60), count(mean=300, sd=100)),
        (nadir(values=[10, 100, 200]), count(values=[100, 200, 300])),
        (nadir(median=50, log_sd=0.8, below=200), count(median=61, log_sd=0.8, below=200)),
    ],
    ids=lambda said: said.numbers,
)
def test_each_keeps_its_own_distribution_and_the_nadir_is_never_above(low, high):
    drawn = never_above(low, high)(*RANKS)
    counts = distribution(high).quantile(RANKS[1])
    assert (drawn <= counts * (1 + 1e-12)).all()
    # whoever draws: the share below each printed quartile is that of the nadir's own distribution
    for share in (0.25, 0.5, 0.75):
        at = distribution(low).quantile(np.array([share]))[0]
        assert (drawn <= at * (1 + 1e-9)).mean() >= share - 4 * np.sqrt(0.25 / N) - 2 / 4000
        assert (drawn < at * (1 - 1e-9)).mean() <= share + 4 * np.sqrt(0.25 / N) + 2 / 4000


def test_where_every_count_is_above_every_nadir_the_two_are_independent():
    drawn = never_above(nadir(range=[100, 200]), count(range=[200, 500]))(*RANKS)
    # exact: each patient's own rank, to the 4000 cells
    assert drawn == pytest.approx(100 + 100 * RANKS[0], abs=1e-6)


def test_a_nadir_without_an_upper_cut_is_cut_where_nobodys_count_allows_more():
    drawn = never_above(nadir(median=50, log_sd=0.8), count(range=[60, 200]))(*RANKS)
    assert drawn.max() <= 200
    assert (drawn < 50).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(N) + 2 / 4000)


def test_a_range_is_cut_at_each_patients_count():
    drawn = never_above(nadir(range=[50, 150]), count(range=[10, 200]))(*RANKS)
    counts = distribution(count(range=[10, 200])).quantile(RANKS[1])
    low = counts < 50
    assert np.array_equal(drawn[low], counts[low])
    assert drawn[~low] == pytest.approx(50 + RANKS[0][~low] * (np.minimum(counts[~low], 150) - 50))


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (nadir(range=[500, 600]), count(range=[200, 400]), "nobody with cd4 200-400 can have nadir 500-600"),
        (nadir(median=300, log_sd=0.5), count(median=250, log_sd=0.1), "cannot hold beside cd4 median 250"),
        (nadir(range=[50, 150], median=100), count(range=[10, 200]), "of the patients have a cd4 below"),
    ],
)
def test_what_no_pairing_has_is_refused(low, high, message):
    with pytest.raises(BadValue, match=message):
        never_above(low, high)
