"""A frontier joins the schedules that no other dominates; labels hide neither points nor each other."""

import numpy as np
import pytest
from matplotlib.text import Text

from immunode import plot
from immunode.errors import BadValue
from immunode.internal.dominance import undominated
from tests.plot.made_up import drawn, gids

NAMES = [
    f"{dose} MIU SC {often} days 1-5 every 56 days x6" for dose in (1.5, 3, 4.5, 6, 7.5, 9) for often in ("QD", "BID")
]


def many(seed):
    """Return benefit and burden of twelve schedules, two of them nearly the same."""
    rng = np.random.default_rng(seed)
    burden = np.sort(rng.uniform(50, 900, 12))
    burden[4] = burden[3] + 2
    return 300 * burden / (burden + 200) + rng.normal(0, 15, 12), burden


def test_efficient_is_what_no_other_dominates():
    benefit, burden = np.array([0, 50.0, 120, 110, 120]), np.array([0, 75.0, 225, 375, 300])
    assert undominated(benefit, burden).tolist() == [True, True, True, False, False]
    assert undominated(np.ones(2), np.ones(2)).tolist() == [True, True]  # twins dominate each other not


@pytest.mark.parametrize("seed", range(5))
def test_dominance_is_that_of_its_definition(seed):
    benefit, burden = np.random.default_rng(seed).integers(0, 6, (2, 30)).astype(float)
    for i, efficient in enumerate(undominated(benefit, burden)):
        beaten = any(
            b >= benefit[i] and c <= burden[i] and (b > benefit[i] or c < burden[i])
            for b, c in zip(benefit, burden, strict=True)
        )
        assert efficient == (not beaten)


def test_points_intervals_and_the_line_are_where_the_numbers_are():
    intervals = [[40, 60], [100, 130], [90, 125]]
    ax = plot.frontier([50, 120, 110], [75, 225, 375], ["a", "b", "c"], benefit_interval=intervals,
                       benefit_label="CD4 gain (cells/µL)", burden_label="IL-2 (MIU)")  # fmt: skip
    assert [v.tolist() for v in drawn(ax, "point:b")] == [[225.0], [120.0]]
    assert drawn(ax, "interval:c")[1].tolist() == [90.0, 125.0]
    assert drawn(ax, "frontier")[0].tolist() == [75.0, 225.0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("IL-2 (MIU)", "CD4 gain (cells/µL)")
    faces = {line.get_gid(): line.get_markerfacecolor() for line in ax.lines}
    assert (faces["point:c"] == "white", faces["point:b"] == "white") == (True, False)


def test_who_is_efficient_can_be_told():
    ax = plot.frontier([50, 120], [75, 225], ["a", "b"], efficient=[False, True])
    assert "frontier" not in gids(ax)


@pytest.mark.parametrize("seed", range(4))
def test_labels_of_twelve_schedules_hide_nothing(seed):
    benefit, burden = many(seed)
    ax = plot.frontier(benefit, burden, NAMES, benefit_interval=np.c_[benefit - 12, benefit + 12])
    figure = ax.figure
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in ax.texts]  # without the line to its point
    points = ax.transData.transform(np.column_stack([burden, benefit]))
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert not any(box.contains(*point) for point in points)
        assert figure.bbox.contains(box.x0, box.y0)
        assert figure.bbox.contains(box.x1, box.y1)


def test_words_that_all_labels_share_are_said_once():
    benefit, burden = many(1)
    ax = plot.frontier([*benefit, 0.0], [*burden, 0.0], [*NAMES, "no treatment"], heading="my patients")
    assert {text.get_text() for text in ax.texts} >= {"1.5 MIU SC QD", "no treatment"}
    assert ax.get_legend().get_title().get_text() == "my patients\neach ... days 1-5 every 56 days x6"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"labels": []}, "0 labels"),
        ({"benefit": [1.0]}, "2 finite numbers, one a label"),
        ({"burden": [1.0, np.nan]}, "2 finite numbers"),
        ({"benefit_interval": [[2, 1], [0, 1]]}, "pairs"),
        ({"efficient": [1, 0]}, "True or False"),
        ({"labels": "ab"}, "list of texts"),
    ],
)
def test_what_is_no_frontier_is_refused(changed, said):
    with pytest.raises(BadValue, match=said):
        plot.frontier(**{"benefit": [1.0, 2.0], "burden": [1.0, 2.0], "labels": ["a", "b"]} | changed)


def test_less_is_better_where_that_is_said():
    ax = plot.frontier([50, 30, 40], [75, 225, 375], ["a", "b", "c"], better="less")
    assert drawn(ax, "frontier")[1].tolist() == [50.0, 30.0]
    with pytest.raises(BadValue, match=r"plot\.frontier: better = 'up': expected more or less"):
        plot.frontier([50, 30], [75, 225], ["a", "b"], better="up")
