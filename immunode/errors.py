"""Say what went wrong with one patient (Status) or with the caller's input (exceptions that carry the cure).

Example
    >>> import immunode as im
    >>> try:
    ...     im.simulate("il2_sk", times=[1])
    ... except im.errors.UnknownName as error:
    ...     print(error)
    there is no model 'il2_sk'; did you mean 'il2_sc'?
"""

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum
from typing import Any


class Status(IntEnum):
    """Tell how the simulation of one patient ended; failures are counted, never dropped."""

    ok = 0
    too_many_steps = 1
    step_too_small = 2
    not_finite = 3
    no_baseline = 4
    not_run = 5
    no_steady_state = 6
    chattering = 7
    no_derivative = 8
    endless_triggers = 9
    too_many_pending = 10
    negative_delay = 11


_LONGEST = 1000  # letters of a message


class ImmunodeError(ValueError):
    """Stand above every error that a caller can mend; the command line prints it in one line and exits with 2."""

    def __init__(self, message: str = "") -> None:
        long = len(message) > _LONGEST  # somebody's text of ten thousand letters: what is wrong, and the cure, stay
        super().__init__(f"{message[: _LONGEST // 2]} ... {message[-_LONGEST // 2 :]}" if long else message)


class UnknownName(ImmunodeError):
    """Name a model, parameter, state, trial or fit that does not exist, with the nearest one that does."""


class BadValue(ImmunodeError):
    """Name a value that cannot be used and what was expected in its place."""


class UnitError(ImmunodeError):
    """Name two units that do not fit, or fit only up to a factor."""


class ModelError(ImmunodeError):
    """Name what is wrong with a model: a clash of names, an input that nothing fills, a wrong unit."""


class SolveError(ImmunodeError):
    """Name the patients, time and state at which a solution failed."""


class Interrupted(KeyboardInterrupt):
    """Carry what was finished when Ctrl-C stopped a solve or a fit, in `found`.

    The patients of a solve that were not finished are `not_run`; a fit is the best of the starts that were.
    """

    def __init__(self, finished: Any, done: int, total: int, what: str = "patients") -> None:
        super().__init__(finished, done, total, what)
        self.found, self.done, self.total, self.what = finished, done, total, what

    def __str__(self) -> str:
        return f"stopped: {self.done} of {self.total} {self.what} are finished"


def nearest(name: str, choices: Iterable[str], cutoff: float = 0.5) -> str:
    """Return "; did you mean 'x'?" for the closest of `choices` (by 1, equal, to 0), else a list of them."""
    options = list(choices)
    folded = {option.lower(): option for option in options}
    close = get_close_matches(name.lower(), folded, n=1, cutoff=cutoff)
    if close:
        return f"; did you mean '{folded[close[0]]}'?"
    return f"; known: {', '.join(sorted(options))}" if options else ""


def unknown(kind: str, name: str, choices: Iterable[str], owner: str = "") -> UnknownName:
    """Build the error for a `kind` of thing called `name` that `owner` does not have."""
    shown = name if name.isprintable() else repr(name)[1:-1]  # in one line
    subject = f"{owner} has no {kind} '{shown}'" if owner else f"there is no {kind} '{shown}'"
    return UnknownName(subject + nearest(name, choices))
