"""The library's published trials, and one of them: arms, rules, printed figures, what the paper leaves open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from immunode.evidence.design import ArmFile, PopulationFile, Rule, share_words
from immunode.evidence.rules import RecurringRule
from immunode.evidence.trial_file import TrialFile
from immunode.report.cells import new_table

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class TrialsReport:
    """Hold the trial files of a listing."""

    files: Sequence[TrialFile]

    def json(self) -> list[dict[str, Any]]:
        """Return name, title and reference of each trial."""
        return [{name: getattr(file, name) for name in ("name", "title", "reference", "doi")} for file in self.files]

    def table(self) -> list[Any]:
        """Return a table of one row a trial: what it is, and whether it can be run or is evidence for fits."""
        table = new_table("published trials", "name", "title", "arms", "use", "reference", whole=["name"])
        for file in self.files:
            use = "evidence for fits" if file.population is None else f"immunode trial {file.name}"
            table.add_row(file.name, file.title, str(len(file.arms)), use, _reference(file))
        return [table]


@dataclass(frozen=True)
class TrialFileReport:
    """Hold one trial file."""

    file: TrialFile

    def json(self) -> dict[str, Any]:
        """Return the trial file in the fields of its schema."""
        return self.file.model_dump(mode="json")

    def table(self) -> list[Any]:
        """Return arms, visits, printed figures, rules, population and assumptions, for the terminal."""
        file = self.file
        return [
            f"{file.name}: {file.title}",
            _reference(file),
            _arms_table(file),
            *_visit_lines(file),
            *([_figures_table(file)] if file.figures else []),
            *(_rule_line(arm, rule) for arm in file.arms for rule in arm.rules),
            *([] if file.population is None else _population_lines(file.population, file.arms)),
            *([_assumptions_table(file)] if file.assumptions else []),
        ]


def _reference(file: TrialFile) -> str:
    return f"{file.reference} {file.doi or ''}"


def _arms_table(file: TrialFile) -> "Table":
    table = new_table("arms", "arm", "n", "regimen", "patients, values, states")
    for arm in file.arms:
        values = [arm.patients] if arm.patients else []
        values += [f"{name} = {_number(value)}" for name, value in arm.values.items()]
        values += [f"{change.state} = {change.value:g} from day {change.day:g}" for change in arm.set]
        values += [baseline.numbers for baseline in arm.baselines]
        values += share_words(arm.shares)
        values += [part.words for part in (arm.adherence, arm.dropout) if part is not None]
        values += [f"called '{arm.label}'"] if arm.label else []
        table.add_row(arm.name, str(arm.n or "not printed"), arm.regimen or "none", ", ".join(values))
    return table


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _visit_lines(file: TrialFile) -> list[str]:
    """Return when patients are seen and what of that may fail, whose events count, and what all arms have."""
    days = ", ".join(f"{day:g}" for day in file.visits)
    parts = [f"visits: days {days}" if file.visits else "visits: none", f"simulated from day {file.start:g}"]
    parts += [f"each up to {file.visit_window:g} days early or late"] if file.visit_window else []
    parts += [f"{100 * file.missed_visits:g} % missed"] if file.missed_visits else []
    parts += ["the same patients in every arm"] if file.same_patients else []
    parts += [f"events by the hazard of {file.events}"] if file.events else []
    lines = ["; ".join(parts)]
    if file.arm_defaults is not None:
        fields = type(file.arm_defaults).model_fields
        said = ", ".join(name for name in fields if name in file.arm_defaults.model_fields_set)
        lines.append(f"arm_defaults: {said}, of each arm that does not say its own")
    return lines


def _figures_table(file: TrialFile) -> "Table":
    table = new_table("printed figures", "figure", "published")
    for figure in file.figures:
        published = f"{figure.published:g}" if isinstance(figure.published, float) else figure.published
        table.add_row(figure.label, published)
    return table


def _rule_line(arm: ArmFile, rule: Rule | RecurringRule) -> str:
    if isinstance(rule, RecurringRule):
        return f"rule of {arm.name}, {rule.name}: {rule}"
    when = rule.when
    days = ", ".join(f"{day:g}" for day in when.days)
    condition = f"{when.signal} above {when.above:g} times day {when.baseline_day:g} on days {days}"
    then, otherwise = (f"{a.label} ({a.regimen or 'nothing added'})" for a in (rule.then, rule.otherwise))
    return f"rule of {arm.name}, day {rule.day:g}: {condition}: {then}; else {otherwise}"


def _population_lines(population: PopulationFile, arms: Sequence[ArmFile]) -> list[str]:
    """Return what varies and the subgroups, each with its share of the population and those that arms have instead."""
    spread = ", ".join(f"{name} {sd:g}" for name, sd in population.omega.items())
    noise = ", ".join(f"{name} {cv:g}" for name, cv in population.noise.items())
    lines = [f"population: SD of the log {spread or 'none'}; noise (CV) {noise or 'none'}; {population.source}"]
    for group in population.subgroups:
        factors = ", ".join(f"{name} x {scale:g}" for name, scale in group.scale.items())
        other = ", ".join(
            f"{100 * arm.shares[group.name]:g} % in {arm.name}" for arm in arms if group.name in arm.shares
        )
        share = f"{100 * group.share:g} %{other and f' ({other})'}"
        lines.append(f"subgroup {group.name}: {share} with {factors}; {group.source}")
    return lines


def _assumptions_table(file: TrialFile) -> "Table":
    table = new_table("what the paper leaves open", "about", "assumed", "other readings")
    for a in file.assumptions:
        table.add_row(a.name, a.assumed, "; ".join(other.label for other in a.alternatives))
    return table
