"""Pictures of what schedules bring and cost: benefit against burden, each a labelled point with its intervals."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.internal.arguments import choice, named, refuse, several, whole
from immunode.internal.dominance import undominated
from immunode.plot.arms import ArmStyle, styles
from immunode.plot.axes import GREY, SMALL, new_axes
from immunode.plot.words import safe, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EFFICIENT = "efficient: no other has more benefit without more burden"
_MOST = 28  # points with a style of their own
_WIDTH = 30  # letters of a line of a label
_SHORT = 24  # letters of a label that stands in full
_LETTER = (0.55, 1.35)  # width of a letter and height of a line, in parts of the size of the letters


def frontier(
    benefit: Any,
    burden: Any,
    labels: Sequence[str],
    *,
    benefit_interval: Any = None,
    burden_interval: Any = None,
    efficient: Any = None,
    benefit_label: str = "benefit",
    burden_label: str = "burden",
    better: str = "more",
    heading: str = "",
    first: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw benefit against burden, a labelled point for each schedule, and the efficient frontier through some of them.

    Efficient is what no other schedule surpasses in benefit without more burden; these are filled and joined, others
    hollow. Labels stand beside their points, where they hide neither points nor each other.

    Main arguments
        benefit: of each schedule, shape (n,); more is better, or less where `better` says so
        burden: of each schedule, shape (n,); less is better
        labels: what the schedules are called

    Other arguments
        benefit_interval: low and high of each benefit, shape (n, 2), default none
        burden_interval: low and high of each burden, shape (n, 2), default none
        efficient: which are efficient, n times True or False, default those that no other dominates
        benefit_label: of the vertical axis, with its unit, default "benefit"
        burden_label: of the horizontal axis, with its unit, default "burden"
        better: "more" or "less", which way is better of the benefit, default "more"
        heading: above the axes, default none
        first: how many styles other pictures have taken: points have those behind them, default 0
        ax: axes of matplotlib to draw on, default new ones

    Returns
        the axes

    Raises
        BadValue: for no points, more than 28, numbers that are not finite, lists of other lengths.

    Example
        >>> import immunode as im
        >>> ax = im.plot.frontier([50, 120, 110], [75, 225, 375], ["1.5 MIU", "4.5 MIU", "7.5 MIU"],
        ...     benefit_label="CD4 gain (cells/µL)", burden_label="IL-2 given (MIU)")
        >>> sorted(text.get_text() for text in ax.texts)
        ['1.5 MIU', '4.5 MIU', '7.5 MIU']
    """
    names = [safe(name) for name in several(labels, str, "plot.frontier: labels", "['1.5 MIU', '4.5 MIU']")]
    if not 0 < len(names) <= _MOST:
        raise BadValue(f"plot.frontier: {len(names)} labels: expected 1 to {_MOST} schedules")
    y, x = (_numbers(value, what, len(names)) for value, what in ((benefit, "benefit"), (burden, "burden")))
    spans = [
        _spans(benefit_interval, "benefit_interval", len(names)),
        _spans(burden_interval, "burden_interval", len(names)),
    ]
    sign = {"more": 1.0, "less": -1.0}[choice(better, "plot.frontier: better", ("more", "less"))]
    best = undominated(sign * y, x) if efficient is None else _flags(efficient, len(names))
    for text, what in ((benefit_label, "benefit_label"), (burden_label, "burden_label")):
        named(text, what, "'CD4 gain (cells/µL)'")
    if not isinstance(heading, str):
        refuse("heading", heading, "a text")
    first = whole(first, "plot.frontier: first", 0, _MOST)
    canvas = new_axes(ax, 7.0, 5.0)
    _draw_points(canvas, x, y, spans, best, styles(list(labels), first), better)
    canvas.set_xlabel(safe(burden_label))
    canvas.set_ylabel(safe(wrapped(benefit_label, 44)))
    short, tail = _shortened(names)
    _explain(canvas, [heading, f"each ... {tail}" if tail else ""])
    lines = _lines(canvas, x, y, spans, best)
    _write_labels(canvas, x, y, [wrapped(name, _WIDTH) for name in short], styles(list(labels), first), lines)
    return canvas


def _shortened(names: list[str]) -> tuple[list[str], str]:
    """Return labels without the words with which all but "no treatment" end, and these words."""
    words = [name.split() for name in names if name != "no treatment"]
    shared = 0
    while len(words) > 1 and shared < min(map(len, words)) - 1 and len({one[-1 - shared] for one in words}) == 1:
        shared += 1
    while words and shared and min(map(len, words)) - shared < 2:  # a number keeps its unit
        shared -= 1
    if shared < 2 or max(map(len, names)) <= _SHORT:
        return names, ""
    tail = " ".join(words[0][-shared:])
    return [name if name == "no treatment" else name.removesuffix(tail).strip() for name in names], tail


def _explain(ax: "Axes", headings: list[str]) -> None:
    """Write the headings and what the line means above the axes."""
    heading = "\n".join(wrapped(text, 80) for text in headings if text)
    handles = [line for line in ax.lines if line.get_gid() == "frontier"][:1]
    if handles:
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "alignment": "left", "frameon": False}
        ax.legend(handles=handles, title=safe(heading) or None, fontsize=SMALL, title_fontsize=SMALL, **place)
    elif heading:
        ax.set_title(safe(heading), fontsize=SMALL, loc="left")


def _array(values: Any, kinds: str = "biuf") -> np.ndarray:
    """Return an array of numbers; an empty one for what is none."""
    try:
        numbers = np.asarray(values)
        return numbers if numbers.dtype.kind in kinds else np.empty(0)
    except (TypeError, ValueError, OverflowError):
        return np.empty(0)


def _numbers(values: Any, what: str, count: int) -> np.ndarray:
    """Return so many finite numbers; raise BadValue, naming `what`, for others."""
    numbers = _array(values)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        refuse(f"plot.frontier: {what}", values, f"{count} finite numbers, one a label")
    return numbers.astype(float)


def _spans(interval: Any, what: str, count: int) -> np.ndarray | None:
    """Return low and high of each number, (n, 2)."""
    if interval is None:
        return None
    numbers = _array(interval)
    if numbers.shape != (count, 2) or not (numbers[:, 0] <= numbers[:, 1]).all() or np.isinf(numbers).any():
        refuse(f"plot.frontier: {what}", interval, f"{count} pairs (low, high), one a label")
    return numbers.astype(float)


def _flags(efficient: Any, count: int) -> np.ndarray:
    flags = _array(efficient, "b")
    if flags.shape != (count,):
        refuse("plot.frontier: efficient", efficient, f"{count} times True or False, one a label")
    return flags


def _draw_points(
    ax: "Axes",
    x: np.ndarray,
    y: np.ndarray,
    spans: list[np.ndarray | None],
    best: np.ndarray,
    looks: list[ArmStyle],
    better: str,
) -> None:
    """Draw points with their intervals, and the frontier as a line through the efficient ones."""
    order = np.flatnonzero(best)[np.argsort(x[best], kind="stable")]
    if order.size > 1:
        label = "efficient: no other is better for no more burden" if better == "less" else _EFFICIENT
        ax.plot(x[order], y[order], color=GREY, linewidth=1.2, zorder=1, gid="frontier", label=label)
    for i, look in enumerate(looks):
        for span, horizontal in ((spans[1], True), (spans[0], False)):
            if span is not None:
                ends, still = span[i], [y[i], y[i]] if horizontal else [x[i], x[i]]
                across = (ends, still) if horizontal else (still, ends)
                ax.plot(*across, color=look.colour, linewidth=1.2, alpha=0.6, zorder=2, gid=f"interval:{look.name}")
        face = look.colour if best[i] else "white"
        style: dict[str, Any] = {"color": look.colour, "markerfacecolor": face, "markeredgewidth": 1.5}
        ax.plot(x[i], y[i], look.marker, markersize=8, zorder=3, gid=f"point:{look.name}", **style)
    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.12, y=0.12)
    if ax.dataLim.x0 >= 0:
        ax.set_xlim(left=min(0.0, ax.get_xlim()[0]))


def _lines(
    ax: "Axes", x: np.ndarray, y: np.ndarray, spans: list[np.ndarray | None], best: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the lines that labels are not to cross, as ends in the units of the axes: the frontier, the intervals."""
    order = np.flatnonzero(best)[np.argsort(x[best], kind="stable")]
    ends = np.column_stack([x, y])
    lines = [(ends[one], ends[other]) for one, other in pairwise(order)]
    for i in range(len(x)):
        if spans[1] is not None:
            lines.append((np.array([spans[1][i, 0], y[i]]), np.array([spans[1][i, 1], y[i]])))
        if spans[0] is not None:
            lines.append((np.array([x[i], spans[0][i, 0]]), np.array([x[i], spans[0][i, 1]])))
    return lines


def _write_labels(
    ax: "Axes",
    x: np.ndarray,
    y: np.ndarray,
    texts: list[str],
    looks: list[ArmStyle],
    lines: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    """Write each label at the first place around its point where it hides nothing; of places that all hide some, the
    one that hides least."""
    if not any(texts):
        return
    figure: Any = ax.figure
    figure.draw_without_rendering()  # the layout decides where points are
    scale = 72.0 / figure.dpi
    points = ax.transData.transform(np.column_stack([x, y])) * scale
    edge = ax.get_window_extent()
    frame = np.array([edge.x0, edge.y0, edge.x1, edge.y1]) * scale
    taken = [np.concatenate([point - 6, point + 6]) for point in points]
    for ends in lines:
        start, stop = ax.transData.transform(np.stack(ends)) * scale
        steps = np.linspace(0.0, 1.0, 2 + int(np.hypot(*(stop - start)) / 5))
        taken += [np.concatenate([at - 2, at + 2]) for at in start + steps[:, None] * (stop - start)]
    for i in np.argsort(-points[:, 1], kind="stable"):
        lines = texts[i].split("\n")
        wide = SMALL * _LETTER[0] * max(map(len, lines)) + 2
        high = SMALL * _LETTER[1] * len(lines)
        ways = [_box(points[i], wide, high, away, side) for away in (9, 18, 30, 44) for side in range(8)]
        cost = [_hidden(box, taken, frame) + 0.01 * k for k, (box, _, _) in enumerate(ways)]
        box, offset, align = ways[int(np.argmin(cost))]
        taken.append(box)
        far = float(np.hypot(*offset)) > 16
        line = {"arrowstyle": "-", "color": looks[i].colour, "linewidth": 0.6, "alpha": 0.6, "shrinkA": 0, "shrinkB": 5}
        ax.annotate(
            texts[i], (x[i], y[i]), xytext=offset, textcoords="offset points", fontsize=SMALL, color=looks[i].colour,
            ha=align[0], va=align[1], zorder=4, arrowprops=line if far else None,
        )  # fmt: skip


def _box(
    point: np.ndarray, wide: float, high: float, away: float, side: int
) -> tuple[np.ndarray, tuple[float, float], tuple[str, str]]:
    """Return the box of a text on one of eight sides of a point, its offset, and how it is aligned there."""
    across, up = ((1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1), (0, 1), (0, -1))[side]
    diagonal = 0.7 if across and up else 1.0
    offset = (away * across * diagonal, away * up * diagonal)
    left = point[0] + offset[0] - wide * (1 - across) / 2
    low = point[1] + offset[1] - high * (1 - up) / 2
    align = ({1: "left", 0: "center", -1: "right"}[across], {1: "bottom", 0: "center", -1: "top"}[up])
    return np.array([left, low, left + wide, low + high]), offset, align


def _hidden(box: np.ndarray, taken: list[np.ndarray], frame: np.ndarray) -> float:
    """Return how much a box hides of others, and how much of it lies outside the axes, in square points."""
    inside = _common(box, frame)
    area = float((box[2] - box[0]) * (box[3] - box[1]))
    return sum(_common(box, other) for other in taken) + 2.0 * (area - inside)


def _common(one: np.ndarray, other: np.ndarray) -> float:
    """Return the area that two boxes share."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return float(max(wide, 0.0) * max(high, 0.0))
