"""What Tab completes: names of models, trials, fits, parameters and states (`immunode --install-completion`)."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from typing import Any

from immunode.errors import ImmunodeError


def model_names(incomplete: str) -> list[str]:
    """Return the models of the library that begin so; files are completed by the shell."""
    from immunode.models import NAMES

    return _beginning(NAMES, incomplete)


def trial_names(incomplete: str) -> list[str]:
    """Return the trials of the library that begin so."""
    from immunode.evidence.library import trial_names as names

    return _beginning(names(), incomplete)


def fit_names(incomplete: str) -> list[str]:
    """Return the fits of the library that begin so."""
    from immunode.calibration.fit_file import fit_names as names

    return _beginning(names(), incomplete)


def parameter_settings(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return NAME= for the parameters of the model on the line, with the value and meaning of each."""
    return _of_model(
        ctx,
        incomplete,
        lambda model: [(f"{p.name}=", f"{p.value:g} {p.unit}: {p.meaning}") for p in model.parameters],
    )


def state_settings(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return NAME= for the states of the model on the line, with the unit and meaning of each."""
    return _of_model(ctx, incomplete, lambda model: [(f"{s.name}=", f"{s.unit}: {s.meaning}") for s in model.states])


def _of_model(ctx: Any, incomplete: str, names: Callable[[Any], list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """Return what the model on the line has of those that begin so; nothing where there is no such model."""
    from immunode import models

    name = ctx.params.get("model") or _word_after(ctx.info_name)
    with suppress(ImmunodeError):
        return [each for each in names(models.model(name)) if each[0].startswith(incomplete)]
    return []


def _word_after(command: str) -> str:
    """Return the word behind a command on the unfinished line, of which click reads none where an option's value is
    still missing."""
    words = [word for name in ("COMP_WORDS", "_TYPER_COMPLETE_ARGS") for word in os.environ.get(name, "").split()]
    return next((word for before, word in pairwise(words) if before == command), "")


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
