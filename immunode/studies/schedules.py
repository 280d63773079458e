"""The schedules that are compared: named sentences or regimens, each with the rules that go with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from immunode.errors import BadValue
from immunode.evidence.design import AnyRule, Rule
from immunode.evidence.rules import RecurringRule
from immunode.evidence.toml_file import FilePart, Text
from immunode.internal.arguments import is_list, named, refuse
from immunode.regimen import Regimen

NOTHING = "no doses"  # what is compared with where nobody says
MOST = 50
_EXAMPLE = "['1.5 MIU SC BID x 5 days every 8 weeks x6', '4.5 MIU SC BID x 5 days every 8 weeks x6']"
_KINDS = "a sentence, a Regimen, or a table of 'regimen', 'rules' and 'label', as an arm of a trial has them"


class ScheduleFile(FilePart):
    """Hold a schedule in the fields of an arm: its regimen sentence, its rules, and what patients are called whom no
    rule calls otherwise."""

    regimen: Text | None = None
    rules: tuple[AnyRule, ...] = ()
    label: Text | None = None


@dataclass(frozen=True, eq=False)
class Schedule:
    """Hold a schedule: its name, its words, what is given, the rules that add to it, and what patients are called."""

    name: str
    words: str
    regimen: Regimen | str | None
    rules: tuple[Rule | RecurringRule, ...] = ()
    label: str = ""


def read_schedules(said: Any) -> list[Schedule]:
    """Return schedules that were said as a sentence or a Regimen, a list of these, or by name, where a table of
    regimen, rules and label may stand for a sentence.

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
    if name is not None:
        name = named(name, "a schedule", "'low'")
    if isinstance(said, str | Regimen):
        words = str(said)
        return Schedule(words if name is None else name, words, said)
    if name is None or not isinstance(said, Mapping | ScheduleFile):
        if name is None and isinstance(said, Mapping):
            raise BadValue("a schedule with rules has no name; say schedules by name, {'by CD4': {'regimen': ...}}")
        refuse("a schedule" if name is None else f"schedule '{name}'", said, _KINDS)
    return _with_rules(name, said)


def _with_rules(name: str, said: Mapping[str, Any] | ScheduleFile) -> Schedule:
    """Return a schedule that was said in the fields of an arm; its regimen may be a Regimen, too."""
    if isinstance(said, ScheduleFile):
        part, regimen = said, said.regimen
    else:
        regimen = said.get("regimen")
        rest = {key: value for key, value in said.items() if key != "regimen" or not isinstance(value, Regimen)}
        try:
            part = ScheduleFile(**rest)
        except BadValue as error:
            raise BadValue(f"schedule '{name}': {str(error).removeprefix('ScheduleFile: ')}") from error
    if regimen is None and not part.rules:
        raise BadValue(f"schedule '{name}' gives nothing; say its 'regimen', or 'rules' that add to it")
    words = "; ".join([str(regimen) if regimen is not None else "nothing at first", *map(_in_words, part.rules)])
    return Schedule(name, words, regimen, part.rules, part.label or "")


def _in_words(rule: Rule | RecurringRule) -> str:
    """Return a rule in words; one that decides once by its name and day."""
    return str(rule) if isinstance(rule, RecurringRule) else f"{rule.name}, decided on day {rule.day:g}"
