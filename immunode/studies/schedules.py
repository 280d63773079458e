"""The schedules that are compared: named sentences or regimens, each with the rules that go with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from immunode.errors import BadValue
from immunode.evidence.design import Rule
from immunode.internal.arguments import is_list, named, refuse
from immunode.regimen import Regimen

NOTHING = "no doses"  # what is compared with where nobody says
MOST = 50
_EXAMPLE = "['1.5 MIU SC BID x 5 days every 8 weeks x6', '4.5 MIU SC BID x 5 days every 8 weeks x6']"


@dataclass(frozen=True, eq=False)
class Schedule:
    """Hold a schedule: its name, its words, what is given, and the rules that add to it."""

    name: str
    words: str
    regimen: Regimen | str | None
    rules: tuple[Rule, ...] = ()


def read_schedules(said: Any) -> list[Schedule]:
    """Return schedules that were said as a sentence or a Regimen, a list of these, or by name.

    Raise BadValue for what is none, for none at all, and for two of one name or the same words.
    """
    if said is None:
        raise BadValue(f"schedules are missing: say what is to be compared, such as {_EXAMPLE}")
    if isinstance(said, str | Regimen):
        said = [said]
    if isinstance(said, Mapping):
        items = list(said.items())
    elif is_list(said):
        items = [(None, one) for one in said]
    else:
        refuse("schedules", said, f"a list of sentences, such as {_EXAMPLE}, or a dict of them by name")
    if not 0 < len(items) <= MOST:
        raise BadValue(f"{len(items)} schedules: expected one to {MOST}, such as {_EXAMPLE}")
    schedules = [_schedule(name, one) for name, one in items]
    for part in ("name", "words"):
        texts = [getattr(schedule, part) for schedule in schedules]
        if twice := [text for text in texts if texts.count(text) > 1]:
            raise BadValue(f"two schedules are '{twice[0]}'; leave one out, or give each its own name")
    if any(schedule.name == NOTHING for schedule in schedules):
        raise BadValue(f"a schedule is called '{NOTHING}', which is the name of the patients without doses; rename it")
    return schedules


def _schedule(name: Any, said: Any) -> Schedule:
    if isinstance(said, Schedule):
        return said
    if not isinstance(said, str | Regimen):
        refuse("a schedule" if name is None else f"schedule '{name}'", said, "a sentence or a Regimen")
    words = str(said)
    return Schedule(words if name is None else named(name, "a schedule", "'low'"), words, said)
