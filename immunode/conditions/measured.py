"""The measures that a condition may name: those of docs/measures.md that the values at visits tell of."""

import re

from immunode.measures import MEASURES, Measure, measure

GIVEN = ("doses", "cycles", "given")  # what was given before the visit, and no signal
EXAMPLES = {"given": "270 MIU", "doses": "60", "cycles": "6"}
_ALSO = {  # other words, as patterns
    "percent_change": r"(?:%|per\s?cent)\s*change",
    "visit_mean": "mean|average",
}


def row(kind: str) -> Measure:
    """Return the row of the registry that a kind of quantity is."""
    return measure(kind.replace(" ", "_"))


def points(kind: str) -> int:
    """Return how many values at visits a kind of quantity needs at least."""
    return 1 if kind in ("value", *GIVEN) else row(kind).points


def given_kind(words: str) -> str:
    """Return which of GIVEN words such as "doses given so far" say."""
    return words.split()[0].lower()


def is_level(kind: str) -> bool:
    """Return whether a kind of quantity can be compared with the baseline: a level of the signal, and no change."""
    return kind == "value" or (kind not in GIVEN and row(kind).unit == "{observable}" and not kind.endswith("change"))


def is_positive(kind: str) -> bool:
    """Return whether a kind of quantity is never below 0: a time, or what was given."""
    return kind in GIVEN or (kind != "value" and row(kind).unit == "day")


def names() -> list[str]:
    """Return the measures of a signal as they are written, "percent change"."""
    return [_written(name) for name, one in MEASURES.items() if one.points]


def spoken() -> list[str]:
    """Return the words that a measure of a signal may be called by."""
    return [*names(), *_ALSO["visit_mean"].split("|")]


def kind_of(words: str) -> str:
    """Return the kind of quantity that the words of a measure say."""
    for name, pattern in _ALSO.items():
        if re.fullmatch(pattern, words, re.IGNORECASE):
            return _written(name)
    return " ".join(words.lower().replace("_", " ").split())


def patterns(*, level: bool) -> str:
    """Return the pattern of the words of all measures of a signal that have, or have not, a level; longest first."""
    known = [name for name, one in MEASURES.items() if one.points and one.level == level]
    also = [_ALSO[name] for name in known if name in _ALSO]
    words = [name.replace("_", r"[\s_]+") for name in sorted(known, key=len, reverse=True)]
    return "|".join([*words, *also])


def _written(name: str) -> str:
    return name.replace("_", " ")
