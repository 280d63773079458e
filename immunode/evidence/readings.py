"""Other readings of what a paper leaves open, for trials and fits alike."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from immunode.evidence.printed import Evidence
from immunode.evidence.trial_file import TrialFile

Source = TypeVar("Source", TrialFile, Evidence)


@dataclass(frozen=True)
class Reading(Generic[Source]):
    """Hold another reading of an assumption: its name, what is assumed, what is read instead, and the trial so read."""

    assumption: str
    assumed: str
    label: str
    source: Source


def other_readings(name: str, read: Callable[[str, Mapping[str, Any]], Source]) -> Iterator[Reading[Source]]:
    """Yield every other reading of the assumptions of a trial, in the order of its file.

    `read(name, changes)` says what is wanted of it: `load` gives trial files, `load_evidence` printed numbers to fit.
    Raise BadValue when a reading changes a field that does not exist.
    """
    for assumption in read(name, {}).assumptions:
        for other in assumption.alternatives:
            yield Reading(assumption.name, assumption.assumed, other.label, read(name, other.changes))
