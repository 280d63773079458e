"""All that `immunode check` tells of an event table: its problems, what patients get, which columns are used."""

from dataclasses import dataclass
from typing import Any

from immunode import models
from immunode.model.declaration import Model
from immunode.nonmem.cells import DATES, STANDARD
from immunode.nonmem.checks import examine
from immunode.nonmem.comments import COMMENTS
from immunode.nonmem.compartments import stand_in
from immunode.nonmem.event_table import event_table_of
from immunode.nonmem.finding import Finding
from immunode.nonmem.plausible import implausible_times
from immunode.nonmem.words import describe


@dataclass(frozen=True)
class Reading:
    """Hold what was found in an event table: its problems, what patients get in words, what other columns do.

    `covariates` gives the parameter that a column sets, `unused` the columns of no use; both are None without a model.
    `comments` are rows that are commented out.
    """

    problems: list[Finding]
    patients: list[str]
    covariates: dict[str, str] | None
    unused: list[str] | None
    comments: tuple[int, ...] = ()

    @property
    def notes(self) -> list[str]:
        """Say which columns set what, or what cannot be known without a model."""
        which = ", ".join(map(str, self.comments))
        said = [f"comments, which are left out: row {which}"] if self.comments else []
        if self.covariates is None or self.unused is None:
            unknown = (
                "without --model the amounts have no unit and times are taken as days; names of routes and states, "
                "modelled infusions (RATE = -1, -2) and covariates were not checked: give --model"
            )
            return [*said, unknown]
        said += [f"{column} sets {parameter} over time" for column, parameter in self.covariates.items()]
        if self.unused:
            said.append(f"{', '.join(self.unused)} {'is' if len(self.unused) == 1 else 'are'} not used")
        return ["; ".join(said)] if said else []


def reading(source: Any, model: Model | str | None, time_unit: str | None = None) -> Reading:
    """Return what `check` prints of an event table, for `model` (or its name) or one that has what CMT asks for.
    Times of the table are in `time_unit`, else in the model's.

    The words of `describe` are there if no problem is an error.
    """
    target = stand_in(source) if model is None else models.model(model)
    records, findings = examine(source, target, [] if model is None else None, time_unit)
    if model is not None:
        findings = implausible_times(records, target) + findings
    bad = any(finding.error for finding in findings)
    words = [] if bad else describe(event_table_of(records, target)).split("\n")
    comments = tuple(records.comments.tolist())
    if model is None:
        return Reading(findings, words, None, None, comments)
    sets = {column: parameter for parameter, column in records.covariates.items()}
    further = [name for name in records.cells.names if name.upper() not in (*STANDARD, *DATES)]
    taken = {name: sets[name.upper()] for name in further if name.upper() in sets}
    marks = [name for name in further if comments and name.upper() in COMMENTS]
    return Reading(findings, words, taken, [n for n in further if n not in (*taken, *marks)], comments)
