"""Which rows of a long course a screen shows: evenly spread ones, hours after the first dose, highest and lowest."""

from collections.abc import Sequence

import numpy as np

from immunode.simulation import STEPS

MOST_ROWS = 40
_EVEN = 26  # evenly spread rows of those
_AFTER_DOSE = np.array([1, 2, 4, 8, 12, 24]) / 24  # days


def screen_rows(
    days: np.ndarray, columns: Sequence[np.ndarray], *, dosed: float | None = None, most: int = MOST_ROWS
) -> list[int]:
    """Return which of the rows at `days`, at most `most`, are shown of `columns` (values at these times, one or several
    a column), where the first dose is `dosed`. Of rows that all fit none is left out."""
    if len(days) <= most:
        return list(range(len(days)))
    wanted = [0, len(days) - 1]
    wanted += [int(place) for column in columns for place in _extremes(column)][: max(2, most // 3)]
    if dosed is not None:
        offsets = np.searchsorted(days, dosed + _AFTER_DOSE - 1e-9)
        wanted += [int(i) for i, after in zip(offsets, _AFTER_DOSE) if i < len(days) and days[i] - dosed < after + 1e-6]
    chosen = list(dict.fromkeys(wanted))[: most // 2]
    return sorted({*chosen, *_even(days, min(_EVEN, most - len(chosen)))})


def shown_of(shown: Sequence[int], count: int, what: str) -> str | None:
    """Return what is said of the rows that are left out; None where none is."""
    return None if len(shown) == count else f"{len(shown)} of {count} {what}; all with --all, --json or --out"


def _extremes(column: np.ndarray) -> tuple[int, ...]:
    """Return the rows of the highest and the lowest value."""
    if not np.isfinite(column).all():
        return ()
    return tuple(int(np.unravel_index(at, column.shape)[-1]) for at in (column.argmax(), column.argmin()))


def _even(days: np.ndarray, most: int) -> list[int]:
    """Return at most `most` rows that lie at round distances of time."""
    span = float(days[-1] - days[0])
    steps = STEPS[span / STEPS <= most - 1]
    step = steps[0] if len(steps) else span / (most - 1)
    at = np.searchsorted(days, days[0] + step * np.arange(int(span / step + 1e-9) + 1) - 1e-9)
    return [int(row) for row in np.unique(np.minimum(at, len(days) - 1))]
