"""What schedules are compared by where nobody says: benefit in what patients have, burden in what they are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from immunode.errors import unknown
from immunode.evidence.endpoint import Endpoint
from immunode.internal.arguments import by_name
from immunode.measures.statistics import statistic
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation import run
from immunode.simulation.doses_within import dosed_states
from immunode.simulation.measuring import Asked

Kind = Literal["benefit", "burden", "other"]
Better = Literal["more", "less", ""]


@dataclass(frozen=True)
class ComparedBy:
    """Hold an endpoint, whether it is a benefit or a burden, and which way is better ("": nobody says)."""

    endpoint: Endpoint
    kind: Kind
    better: Better


def compared_by(
    model: Model,
    regimens: Sequence[Regimen],
    levels: Mapping[str, float | str] | None = None,
    start: float = 0.0,
    further: Sequence[Endpoint] = (),
) -> list[ComparedBy]:
    """Return all that schedules are compared by: `further` endpoints of which it is said what is better, then those of
    the model, and then other `further` ones. One that says what is better of a benefit of the model stands for it.

    `levels` are other levels than the model declares, of these counts and drugs; burden counts from the day `start`.
    Raise UnknownName for what is none of them.
    """
    first = [ComparedBy(one, "benefit", one.better) for one in further if one.better]
    said = {_bare(one.endpoint) for one in first}
    usual = [one for one in default_endpoints(model, regimens, levels, start) if _bare(one.endpoint) not in said]
    return [*first, *usual, *(ComparedBy(one, "other", "") for one in further if not one.better)]


def _bare(endpoint: Endpoint) -> Endpoint:
    """Return what an endpoint is, whatever it is called."""
    return endpoint.model_copy(update={"label": "", "better": None})


def default_endpoints(
    model: Model, regimens: Sequence[Regimen], levels: Mapping[str, float | str] | None = None, start: float = 0.0
) -> list[ComparedBy]:
    """Return what schedules of a model are compared by where nobody says: of its counts the gain and who is above a
    level, events; of its drugs peak, area and time above a level; doses and amounts."""
    chosen = {**model.patients.levels, **by_name(levels, "levels", "{'cd4': 500}")}
    counts, drugs = signals(model)
    for name in levels or {}:
        if name not in (*counts, *drugs):
            raise unknown("count or drug", str(name), [*counts, *drugs], f"levels: {model.name}")
    by = [one for name in counts for one in _of_count(name, chosen.get(name), model)]
    if model.patients.events:
        by.append(ComparedBy(Endpoint(measure="event", statistic="percent", label="events"), "benefit", "less"))
    burden = [one for name in drugs for one in _of_drug(name, chosen.get(name), start)]
    dosed = dosed_states(model, regimens)
    for state, unit in dosed.items():
        of = f" {state}" if len(dosed) > 1 else ""
        burden.append(Endpoint(signal=state, measure="doses", from_day=start, statistic="mean", label=f"doses{of}"))
        burden.append(Endpoint(signal=state, measure="given", from_day=start, statistic="mean", label=f"{unit}{of}"))
    return [*by, *(ComparedBy(one, "burden", "less") for one in burden)]


def _of_count(name: str, level: float | str | None, model: Model) -> list[ComparedBy]:
    """Return the gain of a count, and who is above its level."""
    better = model.patients.better.get(name, "more")
    by = [Endpoint(signal=name, measure="change", label=f"{name} gain")]
    if level is not None:
        label = f"{name} > {_said(level)}"
        by.append(Endpoint(signal=name, statistic="percent_above", limit=level, label=label))
    return [ComparedBy(one, "benefit", better) for one in by]


def _of_drug(name: str, level: float | str | None, start: float) -> list[Endpoint]:
    """Return peak and area of a drug, and how long it is above its level."""
    by = [
        Endpoint(signal=name, measure="cmax", from_day=start, label=f"{name} peak"),
        Endpoint(signal=name, measure="auc", from_day=start, label=f"{name} AUC"),
    ]
    if level is not None:
        label = f"days {name} > {_said(level)}"
        by.append(Endpoint(signal=name, measure="time_above", from_day=start, level=level, label=label))
    return by


def _said(level: Any) -> str:
    return f"{level:g}" if isinstance(level, int | float) else str(level)


def signals(model: Model) -> tuple[list[str], list[str]]:
    """Return the outputs that count as benefit: those that the model's patients are described by, of which it declares
    a level, else all of these, else all that are not zero untreated; and those that are zero untreated: drugs."""
    names = list(model.shown)
    typical = np.array([list(model.typical.values())])
    alone = np.zeros(1, dtype=np.int64)
    start = run(model, typical, [Regimen()], alone, times=np.zeros(1), observe=names, start=0.0).values[0, 0]
    observed = [c.observable for c in model.patients.covariates if c.observable]
    described = [name for name in observed if name in model.patients.levels] or observed
    drugs = [name for name, value in zip(names, start, strict=True) if value == 0]
    counts = [name for name in names if name in described] or [name for name in names if name not in drugs]
    return counts, drugs


def unit_of(one: Asked) -> str:
    """Return the unit of an endpoint over a group of patients."""
    measured = "percent" if one.endpoint.measure == "percent_change" else one.unit
    return statistic(one.endpoint.statistic).unit.format(measure=measured)
