"""Fits of one model between which the evidence cannot tell: forms that a prediction averages over, in equal shares."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from immunode.calibration.by_sigma import TypicalFit
from immunode.calibration.crowds import Crowds
from immunode.calibration.fit_file import fit_name, fit_path
from immunode.calibration.knowledge import THE_FIT, Knowledge, knowledge, same_model, typical_fit
from immunode.calibration.loading import load_fit
from immunode.calibration.predicted_numbers import Number
from immunode.calibration.sampled_trials import sampled_trials
from immunode.errors import BadValue
from immunode.internal.arguments import is_list
from immunode.measures.statistics import quantile
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial

SAVED = ".json"  # how the file ends in which Fit.save wrote a fit
KNOWN = 0.5  # share of the draws in which a number must be one
_SHARES = {2: "half", 3: "a third", 4: "a quarter"}


@dataclass(frozen=True, eq=False)
class Named:
    """Hold a fit that a prediction is asked of, and what it is called."""

    fit: Any
    name: str


@dataclass(frozen=True, eq=False)
class Form:
    """Hold what one of the fits knows, the trial of patients who differ as it says, the numbers that are predicted, and
    virtual patients."""

    known: Knowledge
    trial: Trial
    numbers: Sequence[Number]
    crowds: Crowds


def named_fits(said: Any) -> list[Named]:
    """Return the fits that are said, one or a list; raise BadValue for an empty list, and for a fit that is in it
    twice."""
    fits = list(said) if is_list(said) else [said]
    if not fits:
        raise BadValue("fit = []: expected one fit, or a list of some, such as ['il2_cd4']")
    if len(fits) == 1:
        return [Named(fits[0], THE_FIT)]
    _check_twice(fits)
    short = [_short_name(fit, i) for i, fit in enumerate(fits)]
    often = Counter(short)  # folders may lie at two places under one name
    names = [fit if often[name] > 1 and isinstance(fit, str) else name for fit, name in zip(fits, short, strict=True)]
    return [Named(fit, name) for fit, name in zip(fits, names, strict=True)]


def _short_name(fit: Any, i: int) -> str:
    if not isinstance(fit, str):
        return f"fit {i + 1}"
    return Path(fit).stem if fit.endswith(SAVED) else fit_name(fit)


def _check_twice(fits: Sequence[Any]) -> None:
    """Raise BadValue for a fit that is given twice, also by another path: its share would be double."""
    seen: dict[Any, str] = {}
    for i, fit in enumerate(fits):
        said = f"'{fit}'" if isinstance(fit, str) else f"fit {i + 1}"
        key = _place(fit)
        if key in seen:
            same = f"{said} is given twice" if seen[key] == said else f"{seen[key]} and {said} are the same fit"
            raise BadValue(f"fit: {same}; every form has an equal share of the draws: name it once")
        seen[key] = said


def _place(fit: Any) -> Any:
    """Return where a fit lies, on disk or in memory."""
    if not isinstance(fit, str):
        return id(fit)
    return (Path(fit) if fit.endswith(SAVED) else fit_path(fit)).resolve()


def loaded(fits: Sequence[Named], threads: int) -> list[Named]:
    """Return fits of which those that Fit.save wrote are read."""
    return [
        replace(one, fit=load_fit(one.fit, threads=threads))
        if isinstance(one.fit, str) and one.fit.endswith(SAVED)
        else one
        for one in fits
    ]


def typical_alone(trial: str, fits: Sequence[Named]) -> TypicalFit | None:
    """Return the one fit of the typical patient that predicts a trial whose arms have no size, None where all fits are
    of populations; raise BadValue for such a fit among others."""
    for one in fits:
        known = typical_fit(one.fit, one.name)
        if known is not None and len(fits) > 1:
            raise BadValue(
                f"{trial}: its arms do not say of how many patients they are, and {one.name} is a fit of the typical "
                "patient, which predicts such a trial by itself alone; name one fit, or say how many patients the arms "
                "have, such as n = 33"
            )
        if known is not None:
            return known
    return None


def known_forms(fits: Sequence[Named], population: Population | None, draws: int | None, seed: int) -> list[Knowledge]:
    """Return what each fit knows, in as many draws as every other; raise BadValue for fits of unlike models.

    All are drawn with the same seed, so that what differs between two forms is due to these and not to chance.
    """
    if len(fits) == 1:
        return [knowledge(fits[0].fit, population, draws, seed, called=fits[0].name)]
    known = [
        replace(knowledge(one.fit, population, draws, seed, of=len(fits), called=one.name), name=one.name)
        for one in fits
    ]
    first = known[0]
    for one in known[1:]:
        model, other = one.population.of, first.population.of
        if not same_model(model, other):
            raise BadValue(
                f"{one.name} is a fit of {model.name}, and {first.name} of {other.name}: expected forms of one model; "
                f"predict by each alone, or name fits of {other.name}"
            )
    least = min(len(one.draws) for one in known)
    return [replace(one, draws=one.draws[:least], taus=one.taus[:least]) for one in known]


def sampled_forms(forms: Sequence[Form], step: Callable[[int, int], Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return every number in trials from parts of the patients and from all of them, as `sampled_trials` does.

    Along the axis of parameters, the draws of each form lie behind those of the one before: which form is right is not
    known, as the value of a parameter is not.
    """
    each = len(forms[0].known.draws)
    drawn = []
    for i, form in enumerate(forms):
        told = partial(_told, step, i * each, len(forms) * each)
        drawn.append(sampled_trials(form.numbers, form.crowds, each, told))
        form.crowds.simulated.clear()  # the next form has patients of its own
    parts, trials = zip(*drawn, strict=True)
    return np.concatenate(parts, axis=1), np.concatenate(trials, axis=1)


def _told(step: Callable[[int, int], Any], before: int, total: int, done: int, _: int) -> None:
    step(before + done, total)


def middle(trials: np.ndarray) -> float | None:
    """Return the median of all draws of a number, None where it is no number in too many of them."""
    known = np.isfinite(trials)
    return None if known.mean() < KNOWN else float(quantile(trials[known], 0.5))


def medians_by_form(forms: Sequence[Form], trials: np.ndarray) -> pd.DataFrame:
    """Return the median of each number by each form alone, a row a number and a column a fit; nothing of one fit."""
    if len(forms) == 1:
        return pd.DataFrame()
    parts = np.split(trials, len(forms), axis=1)
    columns = {
        form.known.name: np.array([middle(number) for number in part], dtype=float)
        for form, part in zip(forms, parts, strict=True)
    }
    return pd.DataFrame(columns, index=pd.Index([number.label for number in forms[0].numbers], name="label"))


def notes_of_forms(names: Sequence[str], notes: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the notes of all forms: that it is averaged, then what holds for all of them, then what for one, by its
    name."""
    if len(names) == 1:
        return tuple(notes[0])
    share = _SHARES.get(len(names), f"1/{len(names)}")
    averaged = f"averaged over {len(names)} forms: {', '.join(names)}, each with {share} of the draws"
    shared = [note for note in notes[0] if all(note in other for other in notes)]
    of_one = [f"{name}: {note}" for name, some in zip(names, notes, strict=True) for note in some if note not in shared]
    return (averaged, *shared, *of_one)
