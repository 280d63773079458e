"""Which rows of a long course a screen shows."""

import numpy as np
import pytest

from immunode.report.screen_rows import MOST_ROWS, screen_rows, shown_of


@pytest.mark.parametrize("count", [1, 2, 40, 41, 100, 1001, 100_000])
@pytest.mark.parametrize("span", [0.1, 28, 5000])
@pytest.mark.parametrize("dosed", [None, 0.0])
def test_at_most_forty_rows_are_shown_with_the_first_last_highest_and_lowest(count, span, dosed):
    days = np.linspace(0, span, count)
    columns = [np.sin(7 * days), np.exp(-days), np.stack([days * 0, (days - span / 3) ** 2])]
    shown = screen_rows(days, columns, dosed=dosed)
    assert shown == sorted(set(shown))
    assert min(count, 15) <= len(shown) <= MOST_ROWS
    assert {0, count - 1, int(columns[0].argmax()), int(columns[0].argmin())} <= set(shown)
    assert count > 40 or shown == list(range(count))


def test_the_hours_after_the_first_dose_are_shown_where_the_grid_has_them():
    days = np.unique([*np.arange(100.0), *(7 + np.arange(25) / 24)])
    shown = days[screen_rows(days, [days], dosed=7.0)]
    assert set(np.round((shown[(shown > 7) & (shown <= 8)] - 7) * 24).astype(int)) == {1, 2, 4, 8, 12, 24}


def test_values_that_are_no_numbers_have_no_extremes():
    days = np.arange(100.0)
    assert len(screen_rows(days, [np.full(100, np.nan)])) <= MOST_ROWS


def test_what_is_left_out_is_said():
    assert shown_of([0, 1], 2, "times") is None
    assert shown_of([0, 1], 5, "times") == "2 of 5 times; all with --all, --json or --out"
