"""Pictures of a fit: predicted beside observed numbers, and the profile along a parameter."""

from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.internal.arguments import refuse
from immunode.plot.axes import COLOURS, GREY, SMALL, new_axes

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


def fit(table: "pandas.DataFrame", ax: "Axes | None" = None) -> "Axes":
    """Draw predicted against observed numbers, in standard errors.

    So one axis holds numbers of unlike units; the numbers themselves stand at the right.

    Main arguments
        table: what im.calibrate returns, or a DataFrame with the columns label, observed, predicted and sigma. A column
            `residual` is taken as given (it may be of logarithms), rows whose `use` is not "fit" are hollow

    Other arguments
        ax: axes of matplotlib to draw on, default new ones

    Returns
        the axes

    Raises
        BadValue: for a missing column, an empty table, or what is no table.

    Example
        >>> import immunode as im, pandas
        >>> table = pandas.DataFrame({"label": ["peak"], "observed": [30.0], "predicted": [33.0], "sigma": [5.0]})
        >>> im.plot.fit(table).get_xlabel()
        'predicted - observed (standard errors of the observed)'
    """
    if not hasattr(table, "columns") and hasattr(getattr(table, "table", None), "columns"):
        table = table.table
    if not hasattr(table, "columns"):
        refuse("plot.fit: table", table, "a DataFrame, such as Fit.table")
    missing = [column for column in ("label", "observed", "predicted", "sigma") if column not in table]
    if missing or table.empty:
        lacks = f"column '{missing[0]}'" if missing else "rows"
        raise BadValue(f"the table has no {lacks}: expected label, observed, predicted, sigma, as in Fit.table")
    ax = new_axes(ax, width=11.0, height=max(2.4, 1.3 + 0.26 * len(table)))
    handles = _draw_residuals(ax, table)
    _write_numbers(ax, table)
    ax.set_xlabel("predicted - observed (standard errors of the observed)")
    ax.legend(handles=handles, fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return ax


def profile(fit: Any, name: str, ax: "Axes | None" = None, *, points: int = 21) -> "Axes":
    """Draw the profile of chi-square along one parameter, its change from the minimum, with the levels of intervals.

    Main arguments
        fit: a fit, such as im.calibrate returns
        name: of a parameter that it varied

    Other arguments
        ax: axes of matplotlib to draw on, default new ones
        points: how many values the profile has, default 21

    Returns
        the axes; lines across are levels, and upright ones the limits where the profile meets them

    Raises
        BadValue: for what is no fit, and what its method `profile` raises.

    Example
        >>> import immunode as im
        >>> decay = im.Model("decay", [im.State("y", "mg", scale=1)], lambda t, x, p: {"y": -p.k * x.y},
        ...     [im.Parameter("k", 1.0, "1/day")], routes={"iv": "y"})
        >>> printed = {"arm": "a", "observable": "y", "sigma": 0.02}
        >>> rows = [{**printed, "day": 1, "value": 0.6}, {**printed, "day": 2, "value": 0.38}]
        >>> fit = im.calibrate(im.Evidence(name="assay", arms={"a": "1 mg IV"}, rows=rows), decay, ["k"])
        >>> im.plot.profile(fit, "k").get_ylabel()
        'chi-square above its minimum'
    """
    if not callable(getattr(fit, "profile", None)):
        refuse("plot.profile: fit", fit, "a fit, such as im.calibrate returns")
    table = fit.profile(name, points=points)
    ax = new_axes(ax)
    ax.plot(table[name], table["change"], "-", color=COLOURS[0], gid="profile")
    ax.plot([table.attrs["estimate"]], [0.0], "o", color=COLOURS[0], gid="estimate")
    top = 1.15 * max(level["change"] for level in table.attrs["limits"].values())
    for words, level in table.attrs["limits"].items():
        ax.axhline(level["change"], color=GREY, linewidth=0.8, linestyle=":")
        ax.annotate(
            words, (0.5, level["change"]), xycoords=("axes fraction", "data"), ha="center", va="bottom", fontsize=SMALL
        )
        met = [end for end in (level["low"], level["high"]) if np.isfinite(end)]
        ax.vlines(met, 0, level["change"], color=GREY, linewidth=0.8)
    ax.set_ylim(-0.02 * top, top)
    ax.set_xlabel(name)
    ax.set_ylabel("chi-square above its minimum")
    return ax


def _draw_residuals(ax: "Axes", table: "pandas.DataFrame") -> list[Any]:
    """Draw a row for each number, zero being the observed one, and return the handles of the legend."""
    y = np.arange(len(table))
    residual = table["residual"] if "residual" in table else (table["predicted"] - table["observed"]) / table["sigma"]
    away = residual.to_numpy(dtype=float)
    fitted = (table["use"] == "fit").to_numpy() if "use" in table else np.ones(len(table), dtype=bool)
    ax.axvspan(-2, 2, color="0.94", zorder=0)
    observed = ax.errorbar(0 * y, y, xerr=1.0, fmt="|", color=GREY, capsize=2.5, label="observed, ± 1 standard error")
    handles: list[Any] = [observed]
    for chosen, face, label in ((fitted, COLOURS[1], "predicted"), (~fitted, "white", "predicted, not in the fit")):
        if chosen.any():
            style: dict[str, Any] = {"color": COLOURS[1], "markerfacecolor": face, "linestyle": "none", "markersize": 6}
            handles += ax.plot(away[chosen], y[chosen], "D", label=label, gid=label, zorder=3, **style)
    ax.set_xlim(-1.08 * max(3.0, np.abs(away).max()), 1.08 * max(3.0, np.abs(away).max()))
    return handles


def _write_numbers(ax: "Axes", table: "pandas.DataFrame") -> None:
    """Write the label of each row at the left and its numbers at the right."""
    y = np.arange(len(table))
    ax.set_yticks(y, table["label"], fontsize=SMALL)
    ax.set_ylim(len(table) - 0.4, -0.6)
    numbers = zip(table["observed"], table["sigma"], table["predicted"], strict=True)
    right = ax.secondary_yaxis("right")
    right.set_yticks(y, [f"{seen:.3g} ± {sigma:.2g}; {told:.3g}" for seen, sigma, told in numbers], fontsize=SMALL)
    right.set_ylabel("observed ± standard error; predicted (unit of the row)", fontsize=SMALL)
