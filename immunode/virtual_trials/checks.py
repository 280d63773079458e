"""Checks of a trial when it is made: visits, arms, rules and figures, each refused by name with the cure."""

from collections.abc import Mapping, Sequence
from typing import Any

from immunode.errors import BadValue, ImmunodeError, unknown
from immunode.evidence.design import Rule
from immunode.evidence.printed import NEEDS, Figure, Needs
from immunode.internal.arguments import finite, one
from immunode.model.declaration import Model
from immunode.virtual_trials.arm import Arm, Plan, final_labels, one_time, recurring
from immunode.virtual_trials.baseline import check_baselines
from immunode.virtual_trials.endpoints import ready
from immunode.virtual_trials.population import Population, with_shares
from immunode.virtual_trials.protocol import looked_at

MOST_NOISE = 5.0  # a CV; more is a percentage


def check_visits(start: float, visits: Sequence[float]) -> None:
    """Raise BadValue when a visit lies before the start."""
    if visits[0] < start:
        raise BadValue(f"visits = {list(visits)}: none may lie before the first simulated day, start = {start:g}")


def check_measured(trial: str, model: Model, noise: Mapping[str, Any], events: str | None) -> None:
    """Check the noise of counts and the state of hazard: raise UnknownName for names, BadValue for a noise that is no
    CV."""
    states, known = [state.name for state in model.states], list(model.observables)
    if events is not None and one(events, str, "events", "the name of the state of a hazard") not in states:
        raise unknown("state", events, states, f"events of trial '{trial}': {model.name}")
    for name, value in noise.items():
        if name not in known:
            raise unknown("output", str(name), known, f"noise of trial '{trial}': {model.name}")
        what, expected = f"noise of '{name}'", "a CV of 0 or more, such as 0.18 for 18 %"
        if not 0 <= finite(value, what, expected) <= MOST_NOISE:
            raise BadValue(f"{what} = {value:g}: expected {expected}, at most {MOST_NOISE:g}")


def check_names(arms: Sequence[Arm]) -> None:
    """Raise BadValue unless there are arms, no two of one name."""
    names = [arm.name for arm in arms]
    if not names:
        raise BadValue("arms = []: expected at least one arm")
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadValue(f"two arms are called '{twice[0]}'; give each a name of its own")


def check_arm(
    arm: Arm, plan: Plan, population: Population, observables: Sequence[str], start: float, visits: Sequence[float]
) -> None:
    """Check an arm: its shares of subgroups, parameter values, first dose, baseline and rules."""
    model = population.of
    with_shares(population, arm.shares, f"arm '{arm.name}'")
    model.values({**population.typical, **arm.values})
    doses = plan.regimen.doses  # in order of time
    if doses and doses[0].time < start:
        raise BadValue(
            f"arm '{arm.name}': day {doses[0].time:g} of its plan lies before the first simulated day, {start:g}; "
            "begin earlier with 'start'"
        )
    if late := [change for change in arm.set if change.day > visits[-1]]:
        raise BadValue(
            f"arm '{arm.name}', set '{late[0].state}': day {late[0].day:g} comes after the last visit, "
            f"{visits[-1]:g}; set it earlier, or leave it out"
        )
    times = [dose.time for dose in doses if dose.action == "add"]
    if times and not arm.rules and not plan.recurring and times[0] > visits[-1]:
        raise BadValue(
            f"arm '{arm.name}': its first dose, on day {times[0]:g}, comes after the last visit, {visits[-1]:g}; "
            "give it earlier, or look longer"
        )
    check_baselines(arm.baselines, model, start, f"arm '{arm.name}'")
    for rule in one_time(arm):
        _check_rule(rule, f"rule '{rule.name}' of arm '{arm.name}'", observables, start, visits)


def late_doses(arm: Arm, plan: Plan, last: float) -> list[str]:
    """Return a line for an arm some of whose planned doses come after the last visit, and so are not given."""
    times = [dose.time for dose in plan.regimen.doses if dose.action == "add"]
    late = sum(time > last for time in times)
    if not late:
        return []
    return [f"arm '{arm.name}': {late} of its {len(times)} planned doses come after the last visit, day {last:g}"]


def _check_rule(rule: Rule, where: str, observables: Sequence[str], start: float, visits: Sequence[float]) -> None:
    if rule.when.signal not in observables:
        raise unknown("output", rule.when.signal, observables, where)
    if rule.day not in visits or rule.day <= start:
        raise BadValue(f"{where}: day {rule.day:g} is no visit after the start; {_days(visits)}")
    for day in looked_at(rule):
        if day != start and day not in visits:
            raise BadValue(
                f"{where} looks at day {day:g}, which is no visit; {_days(visits)}, the start is day {start:g}"
            )
        if day > rule.day:
            raise BadValue(f"{where} decides on day {rule.day:g} and looks at day {day:g}, which comes later")


def check_figures(
    figures: Sequence[Figure],
    arms: Sequence[Arm],
    plans: Mapping[str, Plan],
    model: Model,
    observables: Sequence[str],
    visits: Sequence[float],
    counted_from: float | None,
) -> None:
    """Check printed figures: groups, observable, days; events count from the day `counted_from`, None without any."""
    labels = {arm.name: final_labels(arm) for arm in arms}
    for figure in figures:
        where = f"figure '{figure.label}'"
        if figure.kind == "given":
            for group in figure.groups:
                if group not in labels:
                    raise unknown("arm", group, labels, where)
            _check_given(figure, where, next(arm for arm in arms if arm.name in (figure.groups or labels)))
        elif figure.endpoint is not None:
            check_groups(figure, where, arms, labels)
            for arm in arms:
                try:
                    ready(
                        figure.endpoint, model, plans[arm.name], visits,
                        events=counted_from is not None, observables=observables,
                    )  # fmt: skip
                except ImmunodeError as error:
                    raise type(error)(f"{where}: {error}") from error
        elif figure.kind != "not_modelled":
            kind = str(figure.test) if figure.kind == "test" else figure.kind
            if len(figure.groups) > NEEDS[kind].groups:
                raise BadValue(f"{where}: '{kind}' is of {NEEDS[kind].groups} group(s), not {len(figure.groups)}")
            if len(set(figure.groups)) < len(figure.groups):
                raise BadValue(f"{where} compares '{figure.groups[0]}' with itself; name two groups")
            for group in figure.groups:
                _check_group(group, where, arms, labels, NEEDS[kind])
            _check_reading(figure, kind, where, observables, visits)
            if NEEDS[kind].events:
                _check_events(figure, where, visits, counted_from)


def check_groups(figure: Figure, where: str, arms: Sequence[Arm], labels: Mapping[str, frozenset[str]]) -> None:
    """Check the groups of an endpoint: each of them once, and arms not pooled with their own labels."""
    for side in (figure.groups, figure.versus):
        if len(set(side)) < len(side):
            raise BadValue(f"{where} pools '{next(name for name in side if side.count(name) > 1)}' with itself")
        for group in side:
            _check_group(group, where, arms, labels, NEEDS["endpoint"])
            owner = next(arm.name for arm in arms if group == arm.name or group in labels[arm.name])
            if owner != group and owner in side:
                raise BadValue(f"{where} pools '{group}' with its own arm '{owner}'; leave one out")
    if set(figure.groups) == set(figure.versus):
        raise BadValue(f"{where} compares '{figure.groups[0]}' with itself; name others as 'versus'")


def _check_given(figure: Figure, where: str, arm: Arm) -> None:
    """Raise BadValue for what an arm does not have, and so cannot be read back."""
    nothing = {
        "cut": not any(baseline.below for baseline in arm.baselines),
        "rise": not one_time(arm),
        **dict.fromkeys(("dose", "doses", "last_dose"), arm.regimen is None),
    }
    if nothing.get(str(figure.what)):
        raise BadValue(f"{where}: arm '{arm.name}' has no '{figure.what}' to read back; name another arm in 'groups'")


def _check_reading(figure: Figure, kind: str, where: str, observables: Sequence[str], visits: Sequence[float]) -> None:
    """Check what a figure reads of an arm: the observable, and the days."""
    needs = NEEDS[kind]
    if needs.observable and figure.observable not in observables:
        raise unknown("output", figure.observable, observables, where)
    if needs.day and figure.day not in visits:
        raise BadValue(f"{where} needs a visit on day {figure.day:g}; {_days(visits)}")
    if needs.from_day and figure.from_day == figure.day:
        raise BadValue(f"{where} compares day {figure.day:g} with itself; give an earlier visit as 'from_day'")
    if needs.from_day and figure.from_day not in visits:
        raise BadValue(f"{where} needs a visit on its 'from_day', {figure.from_day}; {_days(visits)}")
    if not needs.from_day and figure.from_day is not None:
        raise BadValue(f"{where}: '{kind}' compares no two days; leave out from_day = {figure.from_day:g}")


def _check_group(
    group: str, where: str, arms: Sequence[Arm], labels: Mapping[str, frozenset[str]], needs: Needs
) -> None:
    """Check that a group is one arm, or a label with which patients of one arm end."""
    labelled = [arm for arm in arms if group in labels[arm.name]]
    owners = [arm for arm in arms if arm.name == group] + labelled
    if not owners:
        last = sorted(frozenset().union(*labels.values()))
        if group in {action.label for arm in arms for rule in one_time(arm) for action in (rule.then, rule.otherwise)}:
            raise BadValue(f"{where}: '{group}' is no patient's last label; use one of {', '.join(last)}")
        raise unknown("arm or label", group, [*labels, *last], where)
    if len(owners) > 1:
        among = ", ".join(f"'{arm.name}'" for arm in labelled)
        also = "the name of an arm and " if group in labels else ""
        raise BadValue(f"{where}: '{group}' is {also}a label in {among}; give each arm labels of its own")
    if needs.label and not labelled:
        raise BadValue(f"{where} counts those with a label, and '{group}' is an arm; name a label of its rules")
    adds = [action.regimen for rule in one_time(owners[0]) for action in (rule.then, rule.otherwise)]
    if needs.added and not any([*adds, *(rule.then.changes_doses for rule in recurring(owners[0]))]):
        raise BadValue(f"{where}: no rule of arm '{owners[0].name}' adds a regimen, so nothing is gained by one")


def _check_events(figure: Figure, where: str, visits: Sequence[float], counted_from: float | None) -> None:
    if counted_from is None:
        raise BadValue(f"{where} counts events, and the trial has none; name the state of their hazard with 'events'")
    if not counted_from < figure.day <= visits[-1]:
        raise BadValue(
            f"{where} counts events by day {figure.day:g}; expected a day after {counted_from:g}, from which they "
            f"count, up to the last visit, {visits[-1]:g}"
        )


def _days(visits: Sequence[float]) -> str:
    return f"visits are on days {', '.join(f'{day:g}' for day in visits)}"
