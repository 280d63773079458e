"""The profiles of all parameters of a fit, one small picture beside the other."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from immunode.plot.axes import COLOURS, GREY, SMALL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 4
LEVEL = 3.84  # of chi-square with one degree of freedom: 95 %


def profiles(tables: Mapping[str, Mapping[str, Sequence[float]]]) -> "Figure":
    """Return a figure of the rise of -2 log L (`rise`) over the `value` of every parameter, by its name."""
    from matplotlib.figure import Figure

    rows = -(-len(tables) // COLUMNS)
    figure = Figure(figsize=(2.6 * COLUMNS, 2.0 * rows), layout="constrained")
    each = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for ax, (name, table) in zip(each, tables.items(), strict=False):
        ax.plot(table["value"], table["rise"], color=COLOURS[0], linewidth=1.5)
        ax.axhline(LEVEL, color=GREY, linewidth=0.8, linestyle=":")
        if np.min(table["value"]) > 0 and np.max(table["value"]) > 5 * np.min(table["value"]):
            ax.set_xscale("log")
            ends = np.log(table["value"][0]), np.log(table["value"][-1])
            ticks = np.exp(np.linspace(*ends, 5)[1::2][:2])
            ax.set_xticks(ticks, [f"{tick:.1g}" for tick in ticks])
            ax.minorticks_off()
        else:
            ax.locator_params(axis="x", nbins=4)
        ax.set_ylim(-0.3, 12)
        ax.set_title(name, fontsize=SMALL)
        ax.tick_params(labelsize=SMALL)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in each[len(tables) :]:
        ax.set_axis_off()
    figure.supylabel("rise of -2 log L (dotted: 95 %)", fontsize=SMALL)
    return figure
