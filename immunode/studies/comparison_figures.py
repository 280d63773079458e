"""Single numbers of a comparison: an endpoint of schedules or labels pooled, less or over that of others."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue, ImmunodeError
from immunode.evidence.printed import Figure
from immunode.internal.arguments import several
from immunode.simulation.measuring import Asked, MeasuredEach, over_members, over_sides
from immunode.studies.endpoints import unit_of
from immunode.studies.precision import middle, over_other, resampled
from immunode.virtual_trials.arm import Arm, final_labels
from immunode.virtual_trials.checks import check_groups
from immunode.virtual_trials.variables import FIGURE, table

if TYPE_CHECKING:
    import xarray

_USELESS = ("published", "short", "note")


def checked_figures(figures: Any, arms: Sequence[Arm]) -> tuple[Figure, ...]:
    """Return the figures of a comparison; raise BadValue for another kind and for groups that cannot be pooled,
    UnknownName for a group that is no schedule and no label."""
    labels = {arm.name: final_labels(arm) for arm in arms}
    listed = several(figures, Figure, "figures", "[Figure(label=..., kind='endpoint', ...)]")
    for figure in listed:
        where = f"figure '{figure.label}'"
        if figure.kind != "endpoint":
            raise BadValue(f"{where} is of the kind '{figure.kind}'; a comparison has figures of the kind 'endpoint'")
        for name in _USELESS:
            if getattr(figure, name) != "":
                raise BadValue(f"{where} has no use for '{name}': nothing is published of a comparison; leave it out")
        try:
            check_groups(figure, where, arms, labels)
        except ImmunodeError as error:
            raise type(error)(str(error).replace("no arm or label", "no schedule or label")) from error
    names = [figure.label for figure in listed]
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadValue(f"two figures are called '{twice[0]}'; give each a label of its own")
    return listed


def figure_columns(
    figures: Sequence[Figure], wanted: Sequence[Asked], measured: Sequence[MeasuredEach], base: "xarray.Dataset"
) -> dict[str, Any]:
    """Return the variables of figures, whose endpoints are the last of those that were measured."""
    columns: dict[str, list[Any]] = {}
    picks = resampled(base.sizes["patient"], int(base.attrs["seed"]))
    for i, figure in enumerate(figures, start=len(wanted) - len(figures)):
        one = wanted[i]
        row: dict[str, Any] = {
            "label": figure.label,
            "words": one.endpoint.words,
            "unit": "1" if figure.compare == "ratio" else unit_of(one),
            "groups": " + ".join(figure.groups),
            "versus": " + ".join(figure.versus),
            "compare": figure.compare if figure.versus else "",
        }
        row |= dict(zip(("estimate", "low", "high"), _number(i, figure, one, measured, base, picks), strict=True))
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return table(FIGURE, columns)


def _number(
    i: int, figure: Figure, one: Asked, measured: Sequence[MeasuredEach], base: "xarray.Dataset", picks: np.ndarray
) -> tuple[float, float, float]:
    """Return a figure and its 95 % interval, of patients resampled under all schedules alike."""
    sides = [_pooled(i, side, measured, base, picks) for side in (figure.groups, figure.versus) if side]
    if figure.compare == "ratio" and figure.versus:
        return over_other(*(over_members(one, *side) for side in sides))
    each = over_sides(one, figure.compare, *sides) if figure.versus else over_members(one, *sides[0])
    return float(each[0]), *middle(each[1:])


def _pooled(
    i: int, side: Sequence[str], measured: Sequence[MeasuredEach], base: "xarray.Dataset", picks: np.ndarray
) -> list[np.ndarray]:
    """Return what an endpoint measures, and on both days, in groups pooled, in each row of patients; nan is nobody."""
    arms, labels = [str(name) for name in base.arm.values], base.label.values
    parts = []
    for group in side:
        a = arms.index(group) if group in arms else next((a for a in range(len(arms)) if group in labels[a]), 0)
        member = np.ones(labels.shape[1], dtype=bool) if group in arms else labels[a] == group
        each = (part[i] for part in (measured[a].values, measured[a].start, measured[a].end))
        parts.append([np.where(member, values, np.nan)[picks] for values in each])
    return [np.concatenate(part, axis=1) for part in zip(*parts, strict=True)]
