"""A trial: population, visits, arms with their plans, rules and printed figures, all checked when it is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from immunode.errors import unknown
from immunode.evidence.printed import Assumption, Figure
from immunode.virtual_trials.arm import Arm, Plan, planned
from immunode.virtual_trials.checks import check_arm, check_clock, check_figures, check_names, check_visits
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

    def __post_init__(self) -> None:
        model = self.population.of
        states, known = [s.name for s in model.states], model.observables
        if self.events is not None and self.events not in states:
            raise unknown("state", self.events, states, f"events of trial '{self.name}': {model.name}")
        for name in self.noise:
            if name not in known:
                raise unknown("output", name, known, f"noise of trial '{self.name}': {model.name}")
        check_clock(self.name, model)
        check_visits(self.start, self.visits)
        check_names(self.arms)
        plans = {arm.name: planned(model, arm) for arm in self.arms}
        observables, counted_from = tuple(o.name for o in model.outputs) or tuple(known), max(0.0, self.start)
        for arm in self.arms:
            check_arm(arm, plans[arm.name], self.population, observables, self.start, self.visits)
        check_figures(self.figures, self.arms, observables, self.visits, counted_from if self.events else None)
        object.__setattr__(self, "plans", plans)
        object.__setattr__(self, "observables", observables)
        object.__setattr__(self, "counted_from", counted_from)
