"""The ONE simulator of an arm, leg by leg from decision to decision: virtual patients, typical patients and fits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from immunode.engine import Solution
from immunode.internal.progress import Progress
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation import run
from immunode.virtual_trials.arm import PlannedRule
from immunode.virtual_trials.protocol import Assay, Decision, decide, looked_at, noise_factors

EXACT = Assay()


@dataclass(frozen=True, eq=False)
class Hazard:
    """Hold the state that accumulates hazard, the day from which it counts, and what each patient can bear (n,)."""

    state: str
    counted_from: float
    risk: np.ndarray


@dataclass(frozen=True, eq=False)
class Followed:
    """Hold courses `values` (n, days, observables), the engine's Solution at their end, the decisions, by day, and what
    was given in the end: `which` (n,) of `plans`."""

    values: np.ndarray
    final: Solution
    decisions: tuple[Decision, ...]
    plans: Sequence[Regimen]
    which: np.ndarray


def follow(
    model: Model,
    parameters: np.ndarray,
    plans: Sequence[Regimen],
    which: np.ndarray,
    *,
    days: np.ndarray,
    observe: Sequence[str],
    start: float,
    stops: Sequence[float] = (),
    rules: Sequence[PlannedRule] = (),
    hazard: Hazard | None = None,
    assay: Assay = EXACT,
    rtol: float = 1e-6,
    threads: int = 1,
    progress: Progress | None = None,
) -> Followed:
    """Follow n patients of an arm on `days`, leg by leg, from one decision day to the next.

    `parameters` (n, parameters) are in the order of `model.typical`; `which` (n,) picks each patient's of `plans`. A
    rule sees, through `assay`, the values before the doses of its day, and adds a regimen from then on. `stops` end a
    leg, too: the solver pauses there, and its next steps are others. After the last, patients are followed up to the
    last of the days.
    """
    values, clock = np.full((len(parameters), len(days), len(observe)), np.nan), model.per_day
    threshold = None if hazard is None else _first_threshold(hazard, start)
    state: Solution | None = None
    decisions: list[Decision] = []
    begin = start
    for end in _ends(stops, rules, start, float(days[-1])):
        inside = (days <= (np.inf if end is None else end)) & ((days > begin) | (state is None))
        state = run(
            model, parameters, plans, which, times=days[inside] * clock, observe=observe, start=begin * clock,
            end=None if end is None else end * clock, watch=None if hazard is None else hazard.state,
            threshold=threshold, resume=state, rtol=rtol, threads=threads, progress=progress,
        )  # fmt: skip
        values[:, inside] = state.values
        if hazard is not None and end == hazard.counted_from:
            threshold = hazard.risk + state.state[:, [s.name for s in model.states].index(hazard.state)]
        for planned in rules:
            if planned.rule.day == end:
                decisions.append(_decided(planned, values, days, observe, assay))
                plans, which = _added(decisions[-1], plans, which)
        begin = begin if end is None else end
    assert state is not None
    return Followed(values, state, tuple(decisions), plans, which)


def _ends(stops: Sequence[float], rules: Sequence[PlannedRule], start: float, last: float) -> list[float | None]:
    """Return where the legs end; None, where there are days after all stops, is the last of them."""
    ends = sorted({*stops, *(planned.rule.day for planned in rules)} - {start})
    return [*ends] if ends and ends[-1] >= last else [*ends, None]


def _first_threshold(hazard: Hazard, start: float) -> np.ndarray:
    return np.full(len(hazard.risk), np.inf) if hazard.counted_from > start else hazard.risk


def _decided(
    planned: PlannedRule, values: np.ndarray, days: np.ndarray, observe: Sequence[str], assay: Assay
) -> Decision:
    signal, seen = planned.rule.when.signal, looked_at(planned.rule)
    true = values[:, np.searchsorted(days, seen), list(observe).index(signal)]
    return decide(planned, true * noise_factors(assay, len(true), signal, seen))


def _added(decision: Decision, plans: Sequence[Regimen], which: np.ndarray) -> tuple[list[Regimen], np.ndarray]:
    """Return the plans with what the decision adds, and who follows which."""
    plans, which = list(plans), which.copy()
    for extra, chosen in ((decision.planned.then, decision.met), (decision.planned.otherwise, ~decision.met)):
        if extra is None or not chosen.any():
            continue
        for old in np.unique(which[chosen]):
            plans.append(plans[old] + extra)
            which[chosen & (which == old)] = len(plans) - 1
    return plans, which
