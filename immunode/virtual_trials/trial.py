"""A trial: population, visits, arms with their plans, rules and printed figures, all checked when it is made."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from textwrap import shorten
from typing import Any

from immunode.errors import BadValue, ImmunodeError
from immunode.evidence.printed import Assumption, Figure
from immunode.evidence.visit_words import visit_days
from immunode.internal.arguments import by_name, finite, flag, named, one, only_fields, several, short
from immunode.model.clock import check_said
from immunode.units import said_days
from immunode.virtual_trials.arm import Arm, Plan, planned, recurring
from immunode.virtual_trials.checks import (
    check_arm,
    check_figures,
    check_measured,
    check_names,
    check_visits,
    late_doses,
)
from immunode.virtual_trials.patient_words import with_patients
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.rule_checks import check_recurring, check_seen
from immunode.virtual_trials.rule_clock import clinic_days, rule_days
from immunode.virtual_trials.times_said import check_arms, check_parts
from immunode.virtual_trials.unseen import unseen_drugs

_WINDOW = "a time of 0 or more, a number of days or '36 h'"
_MISSED = "a share, at least 0 and below 1"


@only_fields()
@dataclass(frozen=True, eq=False)
class Trial:
    """Describe a trial: its patients, visits and arms, how counts are read, and what was printed of it.

    Made of these: `plans`, what each arm gives, by its name; `observables`, what is measured, the outputs of the model
    or its states where it has none; `counted_from`, the day from which events count, day 0, or the start when that is
    later; `clinic`, the days on which an arm's patients are seen, by its name: the visits, and the days of its
    recurring rules. It warns of a rule that looks at a drug only where nothing is left of it.

    Main arguments
        name: what the trial is called
        population: an im.Population
        visits: days on which patients are measured, rising: numbers [day] or texts ("12 wk"), or all of them in a text,
            "every 4 weeks to 12 mo", from day 0 on; months are whole days
        arms: im.Arm, one at least
        start: the first simulated day, before or on the first visit, a number or "-2 wk", default 0 [day]

    Other arguments
        noise: CV of the noise of a count by observable, such as {"cd4": 0.18} for 18 %, at most 5, default none [1]
        events: name of the state that accumulates hazard, default none: nobody has events
        figures: im.Figure, printed numbers that are predicted, default none
        assumptions: im.Assumption, what the paper leaves open, default none
        same_patients: whether patient i is the same person in every arm: what is drawn of him, his baseline, the risk
            that he bears and the noise of his counts; arms then differ by what is given alone, default False: each arm
            has patients of its own
        visit_window: how far from its planned day a visit after day 0 may be, either way, a number or "36 h", default 0
            [day]
        missed_visits: share of the visits after day 0 that are missed, at least 0 and below 1, default 0 [1]

    Raises
        BadValue: for whatever the simulation would trip over, at once and naming the arm, rule or figure; for a time
            that is a number alone, if the model counts another than days ("6 h" and "6 d" are taken).
        UnitError: for a dose, value or setting in a unit that does not fit.
        UnknownName: for a name that the model or the trial does not have.

    Example
        >>> import immunode as im
        >>> population = im.Population("il2_cd4_hiv", omega={"recruitment": 0.9, "supply": 0.6})
        >>> therapy = [im.SetState(state="art", value=1, day=-14)]
        >>> arms = [im.Arm("IL-2", 20, "3 MIU SC BID days 1-5", set=therapy), im.Arm("control", 20, set=therapy)]
        >>> im.Trial("one cycle", population, visits=[0, 28, 56], arms=arms, start=-14, noise={"cd4": 0.18})
        <Trial one cycle of il2_cd4_hiv: arms 'IL-2' (20), 'control' (20); 3 visits>
    """

    name: str
    population: Population
    visits: Sequence[Any]
    arms: Sequence[Arm]
    start: Any = 0.0
    noise: Mapping[str, float] = field(default_factory=dict)
    events: str | None = None
    figures: Sequence[Figure] = ()
    assumptions: Sequence[Assumption] = ()
    same_patients: bool = False
    visit_window: Any = 0.0
    missed_visits: float = 0.0
    clinic: Mapping[str, tuple[float, ...]] = field(init=False, repr=False)
    plans: Mapping[str, Plan] = field(init=False, repr=False)
    observables: tuple[str, ...] = field(init=False, repr=False)
    counted_from: float = field(init=False, repr=False)

    def __repr__(self) -> str:
        """Return the model, arms and visits, in one line."""
        arms = ", ".join(f"'{arm.name}' ({arm.n})" for arm in self.arms)
        line = f"<Trial {self.name} of {self.population.of.name}: arms {arms}; {len(self.visits)} visits>"
        return shorten(line, 200, placeholder=" ...>")

    def drawn_as(self, arm: Arm) -> str:
        """Return by which name an arm's patients are drawn: its own, or "" where all arms have the same ones."""
        return "" if self.same_patients else arm.name

    def __post_init__(self) -> None:
        for part, value in _read(self).items():
            object.__setattr__(self, part, value)
        model = self.population.of
        for what, day in [("start", self.start), *(("a day of visits", day) for day in self.visits)]:
            check_said(day, model, what)
        check_said(self.visit_window, model, "visit_window")
        check_arms(self.arms, model)
        check_parts(((f"figure '{figure.label}'", figure) for figure in self.figures), model)
        check_measured(self.name, model, self.noise, self.events)
        check_visits(self.start, self.visits)
        check_names(self.arms)
        object.__setattr__(self, "arms", tuple(with_patients(arm, model, self.start) for arm in self.arms))
        clinic = {arm.name: clinic_days(recurring(arm), self.visits, self.start) for arm in self.arms}
        plans = {arm.name: self._on_days(planned(model, arm), clinic[arm.name]) for arm in self.arms}
        observables, counted_from = model.shown, max(0.0, self.start)
        for arm in self.arms:
            check_arm(arm, plans[arm.name], self.population, observables, self.start, self.visits)
            check_recurring(arm, plans[arm.name], clinic[arm.name], self.start, self.visit_window)
            check_seen(arm, clinic[arm.name], counted_from, self.visit_window)
            unseen = unseen_drugs(arm, plans[arm.name], self.population, self.start)
            for line in [*unseen, *late_doses(arm, plans[arm.name], self.visits[-1])]:
                warnings.warn(line, stacklevel=3)
        check_figures(
            self.figures, self.arms, plans, model, observables, self.visits, counted_from if self.events else None
        )
        object.__setattr__(self, "plans", plans)
        object.__setattr__(self, "clinic", clinic)
        object.__setattr__(self, "observables", observables)
        object.__setattr__(self, "counted_from", counted_from)

    def _on_days(self, plan: Plan, clinic: Sequence[float]) -> Plan:
        """Return the plan of an arm, seen on `clinic` days, whose recurring rules know theirs."""
        rules = (replace(one, days=rule_days(one.rule, clinic, self.start)) for one in plan.recurring)
        return replace(plan, recurring=tuple(rules))


def _read(trial: Trial) -> dict[str, Any]:
    """Return the fields of a trial in the kinds that it counts on; raise BadValue for what is of another kind."""
    one(trial.population, Population, "population", "a Population, such as im.Population('il2_cd4_hiv', omega={...})")
    return {
        "name": named(trial.name, "a trial", "'dose finding'"),
        "visits": visit_days(trial.visits),
        "start": _time(trial.start, "start", "the first simulated day, a number or '-2 wk'"),
        "arms": several(trial.arms, Arm, "arms"),
        "noise": by_name(trial.noise, "noise", "{'cd4': 0.18}, the CV of a count"),
        "figures": several(trial.figures, Figure, "figures"),
        "assumptions": several(trial.assumptions, Assumption, "assumptions"),
        "same_patients": flag(trial.same_patients, "same_patients"),
        "visit_window": _within(_time(trial.visit_window, "visit_window", _WINDOW), "visit_window", _WINDOW, math.inf),
        "missed_visits": _within(finite(trial.missed_visits, "missed_visits", _MISSED), "missed_visits", _MISSED, 1.0),
    }


def _time(value: Any, what: str, expected: str) -> float:
    """Return a time in days, which remembers whether a unit was said."""
    try:
        return said_days(value)
    except ImmunodeError as error:
        raise BadValue(f"{what} = {short(value)}: expected {expected} ({error})") from error


def _within(number: float, what: str, expected: str, below: float) -> float:
    if not 0 <= number < below:
        raise BadValue(f"{what} = {number:g}: expected {expected}")
    return number
