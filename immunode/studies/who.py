"""Who is compared: patients in words, or those of a trial, "as in tincati_2008", with their population."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from immunode.errors import BadValue, unknown
from immunode.evidence.design import share_words
from immunode.evidence.library import load
from immunode.model.declaration import Model
from immunode.virtual_trials import defaults
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.patient_words import PatientsSaid, read_patients
from immunode.virtual_trials.population import Population, with_shares
from immunode.virtual_trials.trial_run import from_file

_AS_IN = re.compile(r"\s*as in\s+([^:]+?)\s*(?::\s*(.+?)\s*)?", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Who:
    """Hold the patients of a comparison: what an arm takes of them, their population and the noise of their counts,
    and how they differ, in words."""

    said: PatientsSaid
    population: Population
    noise: Mapping[str, float]
    source: str
    spread: str

    def words(self, model: Model, values: Mapping[str, Any], *, short: bool = False) -> str:
        """Return in words who they are, with further parameters that somebody said; `short`: groups by name."""
        return "; ".join(filter(None, [self.source, *self.said.words(model, values, short=short)]))


def who(text: str, model: Model) -> Who:
    """Return the patients that a text describes, default the model's typical ones.

    "as in TRIAL" are those of the first arm of a trial, a library name or the path of a file, "as in TRIAL: ARM" those
    of another, with its population and the arm's shares of subgroups. Raise UnknownName for a trial or arm that there
    is not, BadValue for a trial of another model, and what cannot be read.
    """
    match = _AS_IN.fullmatch(text) if isinstance(text, str) else None
    if match:
        return _of_trial(match[1], match[2], model)
    said = read_patients(text, model) if text != "" else PatientsSaid()
    return Who(said, defaults.population(model), model.patients.noise, "", defaults.spread_words(model))


def _of_trial(name: str, arm_name: str | None, model: Model) -> Who:
    trial = from_file(load(name))
    if trial.population.of.name != model.name:
        raise BadValue(f"patients 'as in {name}': that trial is of {trial.population.of.name}, not of {model.name}")
    arms = {arm.name: arm for arm in trial.arms}
    if arm_name is not None and arm_name not in arms:
        raise unknown("arm", arm_name, arms, f"patients 'as in {name}'")
    arm: Arm = arms[arm_name] if arm_name is not None else trial.arms[0]
    values = {key: float(model.values(arm.values)[key]) for key in arm.values}
    said = PatientsSaid(f"as in {name}", (), arm.baselines, tuple(arm.set), values, trial.start)
    population = with_shares(trial.population, arm.shares, f"arm '{arm.name}'")
    groups = share_words({group.name: group.share for group in population.subgroups if group.share})
    source = ", ".join([f"as in {trial.name}, arm {arm.name}", *groups])
    spread = defaults.varied_words(population.omega, trial.noise, f"the population of {trial.name}")
    return Who(said, population, trial.noise, source, spread)
