"""Which assumptions move which number of a trial by how much: the readings put in order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from immunode.report.cells import digits, with_limit
from immunode.studies.readings_run import ReadingRun


@dataclass(frozen=True)
class Move:
    """Hold what a reading does to a number: `size` is its move in half widths of the number's 95 % interval (of a
    test, in halves of the trials)."""

    assumption: str
    reading: str
    number: str
    before: float
    after: float
    size: float
    words: str


@dataclass(frozen=True)
class _Number:
    value: float
    half: float
    said: str


def moves(readings: Sequence[ReadingRun]) -> list[Move]:
    """Return the largest move of each assumption, the biggest first; the first of the readings is as assumed."""
    if not readings:
        return []
    before = _numbers(readings[0])
    largest: dict[str, Move] = {}
    for run in readings[1:]:
        move = _largest(run, before)
        if move is not None and (run.assumption not in largest or move.size > largest[run.assumption].size):
            largest[run.assumption] = move
    return sorted(largest.values(), key=lambda move: -move.size)


def _largest(run: ReadingRun, before: Mapping[str, _Number]) -> Move | None:
    after = _numbers(run)
    every = [
        Move(run.assumption, run.reading, name, was.value, after[name].value, _size(was, after[name]), "")
        for name, was in before.items()
        if name in after
    ]
    every = [move for move in every if move.size > 0]
    if not every:
        return None
    best = max(every, key=lambda move: move.size)
    words = f"{best.number} {before[best.number].said} -> {after[best.number].said}"
    return Move(best.assumption, best.reading, best.number, best.before, best.after, best.size, words)


def _size(was: _Number, now: _Number) -> float:
    return abs(now.value - was.value) / was.half if was.half > 0 else 0.0


def _numbers(run: ReadingRun) -> dict[str, _Number]:
    return dict([*_of_figures(run.figures), *_of_endpoints(run)])


def _of_figures(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, _Number]]:
    for row in rows:
        if row["test"] is not None and row["p_below_05"] is not None:
            share = float(row["p_below_05"])
            yield f"{row['short']} p < 0.05 in", _Number(share, 0.5, f"{100 * share:.0f} %")
        elif isinstance(row["simulated"], float) and row["low"] is not None and row["high"] is not None:
            yield row["short"], _Number(row["simulated"], (row["high"] - row["low"]) / 2, digits(row["simulated"]))


def _of_endpoints(run: ReadingRun) -> Iterator[tuple[str, _Number]]:
    for row in run.endpoints:
        if row.estimate is None or row.low is None or row.high is None:
            continue
        yield (
            f"{row.endpoint} {row.arm}",
            _Number(row.estimate, (row.high - row.low) / 2, with_limit(row.estimate, row.unit)),
        )
        if row.difference is not None and row.difference_low is not None and row.difference_high is not None:
            half = (row.difference_high - row.difference_low) / 2
            yield f"{row.endpoint} vs {row.versus}", _Number(row.difference, half, digits(row.difference))
