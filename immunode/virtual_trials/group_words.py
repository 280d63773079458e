"""Who was simulated, in words: baselines, the groups that patients are in, and what of it nobody said."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from immunode.evidence.baseline import Baseline
from immunode.model.declaration import Model
from immunode.model.patients import Covariate, PatientGroup
from immunode.regimen import Dose, Regimen
from immunode.virtual_trials.baseline import parameter_of, units_of


def group_words(
    model: Model, values: Mapping[str, Any] | None, regimen: Regimen | None, *, short: bool = False
) -> tuple[str, ...]:
    """Return which of the model's named groups patients are in: one text for each thing that its groups tell, in
    `short` words without what the group means.

    `values` are the parameters that somebody said, in declared units, each a number or one a patient; the rest is
    typical. `regimen` holds the states that are set. What nobody said is called the default.
    """
    kinds = dict.fromkeys(group.of for group in model.patients.groups)
    return tuple(_of_kind(model, kind, dict(values or {}), regimen or Regimen(), short=short) for kind in kinds)


def _of_kind(model: Model, kind: str, values: Mapping[str, Any], regimen: Regimen, *, short: bool) -> str:
    groups = [group for group in model.patients.groups if group.of == kind]
    states = dict.fromkeys(state for group in groups for state in group.set)
    names = dict.fromkeys(name for group in groups for name in group.values)
    settings = [dose for dose in regimen.doses if dose.into in states and dose.action != "multiply"]
    rows = [np.atleast_1d(np.asarray(values.get(name, model.typical[name]), dtype=float)) for name in names]
    patients = np.unique(np.stack(np.broadcast_arrays(*rows), axis=1), axis=0) if rows else np.zeros((1, 0))
    texts = []
    for row in patients[:_MOST]:
        has = dict(zip(names, row, strict=True))
        group = next((group for group in groups if _is_in(group, has, settings)), None)
        said = bool(settings) or any(name in values for name in names)
        texts.append(_words(group, has, settings, said=said, short=short))
    more = f"and {len(patients) - _MOST} more" if len(patients) > _MOST else ""
    return " / ".join([*dict.fromkeys(texts), *([more] if more else [])])


_MOST = 3  # kinds of patients that are told apart in a line


def _is_in(group: PatientGroup, values: Mapping[str, float], settings: Sequence[Dose]) -> bool:
    if any(values[name] != value for name, value in group.values.items()):
        return False
    for state, value in group.set.items():
        set_to = [dose.amount for dose in settings if dose.into == state]
        if set_to[:1] != [value] and not (value == 0 and not any(set_to)):
            return False
    return True


def _words(
    group: PatientGroup | None, values: Mapping[str, float], settings: Sequence[Dose], *, said: bool, short: bool
) -> str:
    days = ", then ".join(f"{dose.into} = {dose.amount:g} from day {dose.time:g}" for dose in settings[:_MOST])
    if len(settings) > _MOST:
        days += f", and {len(settings) - _MOST} more"
    if group is None:
        numbers = ", ".join(f"{name} = {value:g}" for name, value in values.items())
        return f"no named group: {'; '.join(part for part in (numbers, days) if part)}"
    default = "" if said else " (the default: nobody said otherwise)"
    name = group.name if short else f"{group.name}: {group.meaning}"
    seen = days and not (short and all(dose.time == 0 for dose in settings))
    return f"{name}{f' ({days})' if seen else ''}{default}"


def baseline_words(model: Model, baseline: Baseline, *, short: bool = False) -> str:
    """Return what is said of a baseline in words: its numbers, unit and day (`short`: but day 0), and what of it is
    assumed."""
    dated = baseline.observable in model.observables and not (short and baseline.day == 0)
    day = f" on day {baseline.day:g}" if dated else ""
    note = f" ({baseline.source})" if baseline.source != SAID else ""
    return f"{baseline.numbers} {units_of(model, baseline.observable)}{day}{note}"


SAID = "as said"  # source of a baseline whose every number somebody said


def default_words(
    model: Model, baselines: Sequence[Baseline], values: Mapping[str, Any] | None, *, short: bool = False
) -> tuple[str, ...]:
    """Return what nobody said of the model's covariates, and so is the typical patient's; `short`: in one text."""
    solved = {parameter_of(baseline, model) for baseline in baselines} | set(values or {})
    texts = []
    for covariate in model.patients.covariates:
        name, beyond = covariate.parameter, _beyond(model, covariate)
        if name in solved or (beyond and covariate.at_least):  # what follows from another number that is told
            continue
        typical = f"{model.typical[name]:g} {model.parameter_units[name]}"
        texts.append(f"{name} = {covariate.at_most if beyond else typical}")
    return tuple(f"{text} (default)" for text in ([", ".join(texts)] if short and texts else texts))


def _beyond(model: Model, covariate: Covariate) -> bool:
    """Return whether the typical number is the highest there is, which stands for the parameter that bounds it."""
    number = next((p for p in model.parameters if p.name == covariate.parameter), None)
    return bool(covariate.at_most or covariate.at_least) and number is not None and number.value >= number.high
