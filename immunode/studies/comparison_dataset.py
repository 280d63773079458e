"""The labelled dataset of a comparison: every endpoint of every schedule, of all patients and of those of a label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.evidence.printed import Figure
from immunode.internal.dominance import undominated
from immunode.measures.statistics import quantile
from immunode.simulation.measuring import Asked, MeasuredEach, over_members
from immunode.studies.comparison_figures import figure_columns
from immunode.studies.endpoints import ComparedBy, unit_of
from immunode.studies.precision import difference, interval, is_share, ratio
from immunode.studies.schedules import NOTHING, Schedule
from immunode.studies.who import Who
from immunode.virtual_trials.trial import Trial

if TYPE_CHECKING:
    import xarray

NUMBERS = (
    "estimate", "low", "high", "patient_q1", "patient_q3",
    "difference", "difference_low", "difference_high", "ratio", "ratio_low", "ratio_high",
)  # fmt: skip
LABELLED = "labelled"  # dimension of those who bear a label, and what its variables begin with


@dataclass(frozen=True, eq=False)
class Compared:
    """Hold a trial of the schedules, these, its patients, the endpoints, and figures."""

    trial: Trial
    schedules: Sequence[Schedule]
    people: Who
    by: Sequence[ComparedBy]
    figures: Sequence[Figure] = ()


def compared_dataset(
    base: "xarray.Dataset", made: Compared, wanted: Sequence[Asked], measured: Sequence[MeasuredEach], versus: int
) -> "xarray.Dataset":
    """Return the Dataset of the trial with the endpoints, their differences and ratios, and who is efficient; `wanted`
    are the endpoints, then those of figures."""
    figures = figure_columns(made.figures, wanted, measured, base)
    wanted = wanted[: len(made.by)]
    seed, everyone = int(base.attrs["seed"]), np.ones(base.sizes["patient"], dtype=bool)
    other = measured[versus]
    table = _stacked([_numbers(wanted, each, other, everyone, seed) for each in measured])
    data: dict[str, Any] = {name: (("arm", "endpoint"), values) for name, values in table.items()}
    data["each"] = (("arm", "endpoint", "patient"), np.stack([each.values[: len(made.by)] for each in measured]))
    data["efficient"] = ("arm", _efficient(table["estimate"], made.by))
    data["endpoint_words"] = ("endpoint", [one.endpoint.model_copy(update={"label": ""}).words for one in made.by])
    data["endpoint_each"] = ("endpoint", [one.endpoint.of_each for one in made.by])
    data["endpoint_unit"] = ("endpoint", [unit_of(one) for one in wanted])
    data["endpoint_kind"] = ("endpoint", [one.kind for one in made.by])
    data["endpoint_better"] = ("endpoint", [one.better for one in made.by])
    data["schedule"] = ("arm", [NOTHING, *(one.words for one in made.schedules)])
    data |= _labelled(base, wanted, measured, other, seed) | figures
    model = made.trial.population.of
    first = made.trial.arms[0]
    taking = [f"{part.words} ({part.source})" for part in (first.adherence, first.dropout) if part is not None]
    long, short = (
        "; ".join([made.people.words(model, first.values, short=brief), *_said_values(made, first.values), *taking])
        for brief in (False, True)
    )
    attrs = {
        "versus": made.trial.arms[versus].name,
        "patients": long,
        "patients_in_short": short,
        "spread": made.people.spread,
    }
    return base.assign(data).assign_coords(endpoint=[one.endpoint.words for one in made.by]).assign_attrs(attrs)


def _labelled(
    base: "xarray.Dataset", wanted: Sequence[Asked], measured: Sequence[MeasuredEach], other: MeasuredEach, seed: int
) -> dict[str, Any]:
    """Return the endpoints of those who bear a label, a row a schedule and label, beside the same patients under the
    schedule that all are compared with; nothing where rules call nobody anything."""
    labels, ok = base.label.values, base.status.values == 0
    rows = [(a, label) for a in range(len(labels)) for label in sorted(set(labels[a][ok[a]].tolist())) if label]
    if not rows:
        return {}
    members = [labels[a] == label for a, label in rows]
    table = _stacked([_numbers(wanted, measured[a], other, m, seed) for (a, _), m in zip(rows, members, strict=True)])
    of_rows = {
        "arm": [str(base.arm.values[a]) for a, _ in rows],
        "label": [label for _, label in rows],
        "percent": [100 * m.sum() / ok[a].sum() for (a, _), m in zip(rows, members, strict=True)],
        "cycles": [base.given_cycles.values[a][m].mean() for (a, _), m in zip(rows, members, strict=True)],
    }
    data: dict[str, Any] = {f"{LABELLED}_{name}": (LABELLED, values) for name, values in of_rows.items()}
    return data | {f"{LABELLED}_{name}": ((LABELLED, "endpoint"), values) for name, values in table.items()}


def _stacked(rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.stack([row[name] for row in rows]) for name in NUMBERS}


def _numbers(
    wanted: Sequence[Asked], each: MeasuredEach, other: MeasuredEach, member: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Return the numbers of all endpoints over members of a schedule, compared with the same under another."""
    rows = []
    for i, one in enumerate(wanted):
        values, start, end = (part[i][member] for part in (each.values, each.start, each.end))
        row = [float(over_members(one, values, start, end)), *interval(one, values, start, end, seed=seed)]
        row += _quartiles(one, values)
        if each is other:
            rows.append([*row, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
            continue
        ends = start, end, other.start[i][member], other.end[i][member]
        row += difference(one, values, other.values[i][member], ends, seed)
        rows.append([*row, *ratio(one, values, other.values[i][member], ends, seed)])
    return dict(zip(NUMBERS, np.array(rows).T, strict=True))


def _said_values(made: Compared, values: Mapping[str, Any]) -> list[str]:
    """Return the parameters that were said one by one, in words."""
    model = made.trial.population.of
    of_groups = {name for group in model.patients.groups for name in group.values}
    read, units = model.values(values), model.parameter_units
    return [f"{name} = {read[name]:g} {units[name]}".removesuffix(" 1") for name in values if name not in of_groups]


def _quartiles(one: Asked, values: np.ndarray) -> tuple[float, float]:
    """Return the quartiles of the patients, in the unit of the estimate; none of what is counted in percent."""
    if is_share(one):
        return np.nan, np.nan
    return float(quantile(values, 0.25)), float(quantile(values, 0.75))


def _efficient(estimates: np.ndarray, by: Sequence[ComparedBy]) -> np.ndarray:
    """Return which schedules no other beats: at least the first benefit for at most the amount given; none where there
    is no such pair."""
    benefit = next((i for i, one in enumerate(by) if one.kind == "benefit"), None)
    amounts = [i for i, one in enumerate(by) if one.kind == "burden" and one.endpoint.measure == "given"]
    if benefit is None or not amounts:
        return np.zeros(len(estimates), dtype=bool)
    gain = -estimates[1:, benefit] if by[benefit].better == "less" else estimates[1:, benefit]
    some = undominated(gain, *(estimates[1:, i] for i in amounts))
    return np.append(False, some)  # the first is without doses
