"""Who is efficient, against a comparison of all pairs."""

import numpy as np

from immunode.internal.dominance import undominated


def test_twins_are_both_efficient_and_whoever_has_no_number_is_not():
    assert undominated(np.array([1.0, 1.0]), np.array([2.0, 2.0])).tolist() == [True, True]
    assert undominated(np.array([1.0, np.nan, 0.5]), np.array([2.0, 1.0, 3.0])).tolist() == [True, False, False]


def test_no_other_point_beats_an_efficient_one():
    generator = np.random.default_rng(3)
    benefit, first, second = generator.integers(0, 6, size=(3, 60)).astype(float)
    for i, efficient in enumerate(undominated(benefit, first, second)):
        beaten = any(
            benefit[j] >= benefit[i]
            and first[j] <= first[i]
            and second[j] <= second[i]
            and (benefit[j], -first[j], -second[j]) != (benefit[i], -first[i], -second[i])
            for j in range(60)
        )
        assert efficient != beaten
