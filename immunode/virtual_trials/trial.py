"""A trial: population, visits, arms with their plans, rules and printed figures, all checked when it is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any

from immunode.evidence.printed import Assumption, Figure
from immunode.internal.arguments import by_name, finite, one, several
from immunode.virtual_trials.arm import Arm, Plan, planned
from immunode.virtual_trials.checks import (
    check_arm,
    check_clock,
    check_figures,
    check_measured,
    check_names,
    check_visits,
    days_in_order,
)
from immunode.virtual_trials.population import Population


@dataclass(frozen=True, eq=False)
class Trial:
    """Describe a trial.

    Population, visits (days), arms, the noise of counts, the state that accumulates hazard, printed figures. Made of
    these: `plans`, what each arm gives, by its name; `observables`, what is measured, the outputs of the model or its
    states where it has none; `counted_from`, the day from which events count, day 0, or the start when that is later.
    Whatever the simulation would trip over is refused at once: raise BadValue, UnitError or UnknownName, naming the
    arm, rule or figure.
    """

    name: str
    population: Population
    visits: Sequence[float]
    arms: Sequence[Arm]
    start: float = 0.0
    noise: Mapping[str, float] = field(default_factory=dict)
    events: str | None = None
    figures: Sequence[Figure] = ()
    assumptions: Sequence[Assumption] = ()
    plans: Mapping[str, Plan] = field(init=False, repr=False)
    observables: tuple[str, ...] = field(init=False, repr=False)
    counted_from: float = field(init=False, repr=False)

    def __repr__(self) -> str:
        """Return the model, arms and visits, in one line."""
        arms = ", ".join(f"'{arm.name}' ({arm.n})" for arm in self.arms)
        line = f"<Trial {self.name} of {self.population.of.name}: arms {arms}; {len(self.visits)} visits>"
        return shorten(line, 200, placeholder=" ...>")

    def __post_init__(self) -> None:
        for part, value in _read(self).items():
            object.__setattr__(self, part, value)
        model = self.population.of
        check_measured(self.name, model, self.noise, self.events)
        check_clock(self.name, model)
        check_visits(self.start, self.visits)
        check_names(self.arms)
        plans = {arm.name: planned(model, arm) for arm in self.arms}
        observables, counted_from = (
            tuple(o.name for o in model.outputs) or tuple(model.observables),
            max(0.0, self.start),
        )
        for arm in self.arms:
            check_arm(arm, plans[arm.name], self.population, observables, self.start, self.visits)
        check_figures(self.figures, self.arms, observables, self.visits, counted_from if self.events else None)
        object.__setattr__(self, "plans", plans)
        object.__setattr__(self, "observables", observables)
        object.__setattr__(self, "counted_from", counted_from)


def _read(trial: Trial) -> dict[str, Any]:
    """Return the fields of a trial in the kinds that it counts on; raise BadValue for what is of another kind."""
    one(trial.population, Population, "population", "a Population, such as im.Population('il2_cd4_hiv', omega={...})")
    return {
        "name": one(trial.name, str, "name of a trial", "a text, such as 'dose finding'"),
        "visits": days_in_order(trial.visits),
        "start": finite(trial.start, "start", "the first simulated day, a finite number"),
        "arms": several(trial.arms, Arm, "arms"),
        "noise": by_name(trial.noise, "noise", "{'cd4': 0.18}, the CV of a count"),
        "figures": several(trial.figures, Figure, "figures"),
        "assumptions": several(trial.assumptions, Assumption, "assumptions"),
    }
