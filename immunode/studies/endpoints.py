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


@dataclass(frozen=True)
class ComparedBy:
    """Hold an endpoint, and whether it is a benefit or a burden."""

    endpoint: Endpoint
    kind: Kind


def default_endpoints(
    model: Model, regimens: Sequence[Regimen], levels: Mapping[str, float | str] | None = None, start: float = 0.0
) -> list[ComparedBy]:
    """Return what schedules of a model are compared by: of its counts the gain and who is above a level, events; of
    its drugs peak, area and time above a level; doses and amounts.

    `levels` are other levels than the model declares, of these counts and drugs; burden counts from the day `start`.
    Raise UnknownName for what is none of them.
    """
    chosen = {**model.patients.levels, **by_name(levels, "levels", "{'cd4': 500}")}
    counts, drugs = signals(model)
    for name in levels or {}:
        if name not in (*counts, *drugs):
            raise unknown("count or drug", str(name), [*counts, *drugs], f"levels: {model.name}")
    benefit: list[Endpoint] = []
    for name in counts:
        benefit.append(Endpoint(signal=name, measure="change", label=f"{name} gain"))
        if name in chosen:
            level = _said(chosen[name])
            benefit.append(
                Endpoint(signal=name, statistic="percent_above", limit=chosen[name], label=f"{name} > {level}")
            )
    if model.patients.events:
        benefit.append(Endpoint(measure="event", statistic="percent", label="events"))
    burden: list[Endpoint] = []
    for name in drugs:
        burden.append(Endpoint(signal=name, measure="cmax", from_day=start, label=f"{name} peak"))
        burden.append(Endpoint(signal=name, measure="auc", from_day=start, label=f"{name} AUC"))
        if name in chosen:
            level = _said(chosen[name])
            burden.append(
                Endpoint(
                    signal=name,
                    measure="time_above",
                    from_day=start,
                    level=chosen[name],
                    label=f"days {name} > {level}",
                )
            )
    dosed = dosed_states(model, regimens)
    for state, unit in dosed.items():
        of = f" {state}" if len(dosed) > 1 else ""
        burden.append(Endpoint(signal=state, measure="doses", from_day=start, statistic="mean", label=f"doses{of}"))
        burden.append(Endpoint(signal=state, measure="given", from_day=start, statistic="mean", label=f"{unit}{of}"))
    return [*(ComparedBy(one, "benefit") for one in benefit), *(ComparedBy(one, "burden") for one in burden)]


def _said(level: Any) -> str:
    return f"{level:g}" if isinstance(level, int | float) else str(level)


def signals(model: Model) -> tuple[list[str], list[str]]:
    """Return the outputs that count as benefit: those that the model's patients are described by, of which it declares
    a level, else all of these, else all that are not zero untreated; and those that are zero untreated: drugs."""
    names = [output.name for output in model.outputs] or [state.name for state in model.states]
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
