"""Pictures of a prediction: intervals with what was printed, and what their width is due to."""

from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.internal.arguments import refuse
from immunode.plot.axes import COLOURS, GREY, SMALL, new_figure
from immunode.plot.words import wrapped

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARES = {"parameter": "parameters", "trial": "the trial's own effect", "patients": "virtual patients",
          "sampling": "sampling"}  # fmt: skip
_WIDE = 46  # letters of a label in a line


def prediction(table: "pandas.DataFrame") -> "Figure":
    """Draw predicted numbers with their 95 % intervals, what was printed, and the shares of the variance.

    Each row has a scale of its own, from the lower end of its interval to the upper one, so that one axis holds numbers
    of unlike units; the numbers themselves stand beside.

    Main arguments
        table: what im.predict_trial returns, or a DataFrame with its columns label, published, predicted, low, high,
            parameter, trial, patients and sampling; a row without a prediction is left out

    Returns
        the figure, which has two axes: intervals and shares

    Raises
        BadValue: for a missing column, a table without a prediction, or what is no table.

    Example
        >>> import immunode as im, pandas
        >>> row = {"label": "peak", "published": 30.0, "predicted": 33.0, "low": 25.0, "high": 44.0}
        >>> row |= {"parameter": 30.0, "trial": 50.0, "patients": 0.5, "sampling": 19.5}
        >>> [ax.get_xlabel() for ax in im.plot.prediction(pandas.DataFrame([row])).axes][1]
        'share of the variance (%)'
    """
    if not hasattr(table, "columns") and hasattr(getattr(table, "table", None), "columns"):
        table = table.table
    if not hasattr(table, "columns"):
        refuse("plot.prediction: table", table, "a DataFrame, such as Prediction.table")
    wanted = ("label", "published", "predicted", "low", "high", *SHARES)
    if missing := [column for column in wanted if column not in table]:
        raise BadValue(f"the table has no column '{missing[0]}': expected {', '.join(wanted)}")
    rows = table[table["predicted"].notna()]
    if rows.empty:
        raise BadValue("the table has no row with a prediction")
    figure, (left, right) = new_figure(2, 2, 6.0, max(2.6, 1.3 + 0.34 * len(rows)))
    _draw_intervals(left, rows)
    _draw_shares(right, rows)
    return figure


def _draw_intervals(ax: "Axes", rows: "pandas.DataFrame") -> None:
    """Draw a row for each number, its interval from 0 to 1, and write the numbers."""
    y = np.arange(len(rows))
    low, width = rows["low"].to_numpy(float), (rows["high"] - rows["low"]).to_numpy(float)
    width = np.where(width > 0, width, 1.0)
    middle = (rows["predicted"].to_numpy(float) - low) / width
    seen = np.array([value if isinstance(value, float | int) else np.nan for value in rows["published"]], dtype=float)
    printed = (seen - low) / width
    ax.axvspan(0, 1, color="0.94", zorder=0)
    ax.hlines(y, 0, 1, color=GREY, label="95 % interval")
    style: dict[str, Any] = {"linestyle": "none", "zorder": 3}
    ax.plot(middle, y, "|", color=COLOURS[0], markersize=10, markeredgewidth=2, label="predicted", **style)
    beyond = np.clip(printed, -1.5, 2.5)
    if np.isfinite(printed).any():
        ax.plot(beyond, y, "D", color=COLOURS[1], markersize=5, label="printed", **style)
    ax.set_xlim(-1.6, 2.6)
    ax.set_xticks([0, 1], ["lower end", "upper end"], fontsize=SMALL)
    ax.set_yticks(y, [wrapped(str(label), _WIDE) for label in rows["label"]], fontsize=SMALL)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    for i, (_, row) in enumerate(rows.iterrows()):
        ax.annotate(_numbers(row), (1, i), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=6.5)
    ax.set_xlabel("each number on the scale of its own interval (beyond 1.5 widths: at the edge)", fontsize=SMALL)
    ax.legend(fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)


def _numbers(row: Any) -> str:
    seen = row["published"]
    printed = f"; {seen:.3g}" if isinstance(seen, float | int) and np.isfinite(seen) else ""
    return f"{row['predicted']:.3g} ({row['low']:.3g} to {row['high']:.3g}){printed}"


def _draw_shares(ax: "Axes", rows: "pandas.DataFrame") -> None:
    y, left = np.arange(len(rows)), np.zeros(len(rows))
    for (column, words), colour in zip(SHARES.items(), (COLOURS[0], COLOURS[1], COLOURS[2], "0.8"), strict=True):
        width = rows[column].to_numpy(float)
        ax.barh(y, width, left=left, height=0.6, color=colour, label=words)
        left = left + width
    ax.set_xlim(0, 100)
    ax.set_yticks([])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel("share of the variance (%)", fontsize=SMALL)
    ax.legend(fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
