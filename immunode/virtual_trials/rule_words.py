"""A treatment in one line, "4.5 MIU SC BID x 5 days every 56 days while cd4 < 1.3 x baseline, at most 6", as rules."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from immunode.conditions import Condition
from immunode.conditions import read as read_condition
from immunode.errors import BadValue, ImmunodeError
from immunode.evidence.rules import RecurringRule, RuleAction
from immunode.regimen import prescribe
from immunode.regimen.sentence.phases import read_phases
from immunode.regimen.sentence.writing import write_phases
from immunode.units import SaidDays, said_days

_TIME = r"(?:\d+(?:\.\d+)?|\.\d+)?\s*(?:h|hours?|d|days?|w|wks?|weeks?|mo|months?|y|years?)"
_WHILE = re.compile(r"(?<!\w)(while|until|as long as|if|when)(?!\w)", re.IGNORECASE)
_EVERY = re.compile(rf",?\s*(?<!\w)(?:every|q)\s*({_TIME})\s*(?:[x×]\s*(\d+)\s*)?,?\s*$", re.IGNORECASE)
_RULE = r"(?:stop|hold|halve|[\d.]+ ?% of the dose|[\d.]+ x the dose)(?!\w)"
_NEXT = re.compile(rf"\s*;\s*(?={_RULE})", re.IGNORECASE)
_JOINT = re.compile(r"(?:,\s*)?(?<!\w)(?:(?:and\s+)?then|followed\s+by)(?!\w)", re.IGNORECASE)
_CAP = re.compile(r"at most (\d+)(?: cycles?| times)?", re.IGNORECASE)
_BARE_CAP = re.compile(r"(.+?)\s+(at most \d+(?: cycles?| times)?)", re.IGNORECASE)
_TOTAL = re.compile(r"at most ([\d.]+ ?[A-Za-zµ]+)(?: in all| in total)?", re.IGNORECASE)
_GAP = re.compile(rf"at least ({_TIME}) apart", re.IGNORECASE)
_TO = re.compile(rf"up to (day|week|month|year) (\d+)|(?:up to|for) ({_TIME})", re.IGNORECASE)
_STOP = re.compile(r"stop (?:if|when|once) (.+)", re.IGNORECASE)
_HOLD = re.compile(r"hold (?:if|when|while) (.+?)(?: until (.+))?", re.IGNORECASE)
_SCALE = re.compile(r"(?:halve|([\d.]+) ?% of the dose|([\d.]+) x the dose) (?:if|when|once) (.+)", re.IGNORECASE)
_CONFIRM = re.compile(r"(.+?),? confirmed", re.IGNORECASE)
_EXPECTED = (
    "expected limits such as 'at most 6', 'at most 270 MIU in all', 'at least 49 days apart', 'up to day 365', or "
    "rules after ';' such as 'stop when cd4 > 1000', 'hold when il2 > 50 until il2 < 10', 'halve when il2 > 50'"
)


@dataclass(frozen=True)
class TreatmentWords:
    """Hold what a line says: the sentence of what everybody is given (None for nothing), and its rules in order."""

    regimen: str | None
    rules: tuple[RecurringRule, ...]


def has_rules(text: str) -> bool:
    """Return whether a treatment in one line says more than a prescription does."""
    return _WHILE.search(text) is not None or _NEXT.search(text) is not None


def read_treatment(text: str) -> TreatmentWords:
    """Return the regimen and the rules of a treatment in one line.

    "A every 56 days while CONDITION, at most 6" gives the first cycle A to everybody, and again every 56 days as long
    as the condition holds at the visit, 6 cycles in all; "until CONDITION" goes on while it does not hold. After "B
    then A every ..." the cycles of A begin where those of B end, the first by the rule, too. Rules after ";" (stop,
    hold, halve) come before it: the first that matches acts. Each is called by its words, without
    limits. Days of the rules are the trial's, from day 0 on. A plain prescription has no rules.

    Main arguments
        text: the line

    Returns
        the sentence of what everybody is given, None for nothing, and the im.RecurringRule in order

    Raises
        BadValue: for what cannot be read; it names the words.

    Example
        >>> from immunode.virtual_trials.rule_words import read_treatment
        >>> line = "4.5 MIU SC BID x 5 days every 56 days while cd4 < 1.3 x baseline, at most 6"
        >>> treatment = read_treatment(line)
        >>> treatment.regimen
        '4.5 MIU SC BID days 1-5'
        >>> print(treatment.rules[0])
        every 56 days, if cd4 < 1.3 x baseline: 4.5 MIU SC BID days 1-5, at most 5
    """
    if not isinstance(text, str) or not text.strip():
        raise BadValue(f"{text!r} is no treatment; write one such as '3 MIU SC QD days 1-5 every 28 days x3'")
    first, *others = [part.strip(" ;") for part in _NEXT.split(" ".join(text.split()))]
    rules = [_other(part, text) for part in others]
    match = _WHILE.search(first)
    if match is None:
        return TreatmentWords(str(prescribe(first)), _named_apart(rules))
    regimen, rule = _recurring(
        first[: match.start()].rstrip(" ,"), match[0].lower(), first[match.end() :].strip(), text
    )
    return TreatmentWords(regimen, _named_apart([*rules, rule]))


def _named_apart(rules: Sequence[RecurringRule]) -> tuple[RecurringRule, ...]:
    """Return the rules, of which the second with a name is called "name (2)"."""
    met: dict[str, int] = {}
    out = []
    for rule in rules:
        met[rule.name] = met.get(rule.name, 0) + 1
        several = met[rule.name] > 1
        out.append(rule.model_copy(update={"name": f"{rule.name} ({met[rule.name]})"}) if several else rule)
    return tuple(out)


def _recurring(head: str, word: str, tail: str, text: str) -> tuple[str | None, RecurringRule]:
    every = _EVERY.search(head)
    if every is None:
        raise BadValue(
            f"cannot read the treatment '{text}' before '{word}': how often? write 'every 56 days {word} ...'"
        )
    head, spacing, clock = head[: every.start()], _days(every[1]), f"every {every[1].strip()}"
    before, cycle = _split(head)
    condition, limits = _limits(tail, text)
    if condition is None:
        raise BadValue(f"cannot read the treatment '{text}': '{word}' needs a condition, such as cd4 < 1.3 x baseline")
    said = condition
    if word == "until":
        condition = str(read_condition(condition).turned())
    start, sentence, once = _cycle(cycle)
    at_most = limits.get("at_most")
    if every[2] is not None:
        if at_most not in (None, int(every[2])):
            raise BadValue(
                f"cannot read the treatment '{text}': x{every[2]} or at most {at_most}? leave one of them out"
            )
        at_most = limits["at_most"] = int(every[2])
    if before is None:
        if at_most == 1:
            raise BadValue(f"cannot read the treatment '{text}': 'at most 1' is one cycle; leave the rule out")
        limits |= {} if at_most is None else {"at_most": at_most - 1}
        limits |= {"first": SaidDays(start + spacing)} if start else {}
    else:
        limits["first"] = SaidDays(_end(before))
    rule = RecurringRule(
        name=f"{clock} {word} {said}",
        when=condition, every=spacing, then=RuleAction(add=sentence), **limits,
    )  # fmt: skip
    return (once if before is None else str(prescribe(before))), rule


def _cycle(words: str) -> tuple[float, str, str]:
    """Return the day on which a cycle first begins, its sentence without that day, and as written."""
    phases = read_phases(words)
    start = (phases[0].start or 0.0) / 24
    return start, write_phases([replace(phases[0], start=None), *phases[1:]]), write_phases(phases)


def _split(head: str) -> tuple[str | None, str]:
    """Return what comes before the cycle that is repeated, None for nothing, and the cycle."""
    joints = list(_JOINT.finditer(head))
    if not joints:
        return None, head
    return head[: joints[-1].start()], head[joints[-1].end() :].strip()


def _end(sentence: str) -> float:
    """Return the day on which what follows a sentence begins: where its next cycle would, or after its last day."""
    begin = 0.0
    for phase in read_phases(sentence):
        begin = begin if phase.start is None else phase.start / 24
        length = phase.days[-1] if not phase.doses else -(-phase.doses * phase.hours // 24)
        begin += phase.interval * phase.times if phase.interval else length
    return begin


def _limits(tail: str, text: str) -> tuple[str | None, dict[str, Any]]:
    """Return the condition of the words after "while", and the limits that follow it after commas."""
    condition, *parts = [part.strip() for part in tail.split(",")]
    if (bare := _BARE_CAP.fullmatch(condition)) and _is_readable(bare[1]):  # else "cd4 at most 450" says a comparison
        condition, parts = bare[1], [bare[2], *parts]
    limits: dict[str, Any] = {}
    condition, confirm = _unconfirmed(condition)
    if confirm:
        limits["confirm"] = True
    for part in filter(None, parts):
        limits |= _limit(part, text)
    return condition or None, limits


def _limit(part: str, text: str) -> dict[str, Any]:
    if cap := _CAP.fullmatch(part):
        if not int(cap[1]):
            raise BadValue(f"cannot read the treatment '{text}' at '{part}': expected 1 or more")
        return {"at_most": int(cap[1])}
    if total := _TOTAL.fullmatch(part):
        return {"total": total[1]}
    if gap := _GAP.fullmatch(part):
        return {"min_gap": _days(gap[1])}
    if to := _TO.fullmatch(part):
        return {"until": _days(f"{to[2]} {to[1]}" if to[1] else to[3])}
    if part.lower() == "confirmed":
        return {"confirm": True}
    raise BadValue(f"cannot read the treatment '{text}' at '{part}': {_EXPECTED}")


def _other(part: str, text: str) -> RecurringRule:
    """Return the rule of a part after ';'."""
    words, confirm = _unconfirmed(part)
    if stop := _STOP.fullmatch(words):
        return RecurringRule(name=words, when=stop[1], then=RuleAction(stop=True), confirm=confirm)
    if hold := _HOLD.fullmatch(words):
        release = hold[2] or str(_readable(hold[1], text).turned())
        return RecurringRule(name=words, when=hold[1], then=RuleAction(hold_until=release), confirm=confirm)
    if scale := _SCALE.fullmatch(words):
        percent, times = scale[1], scale[2]
        factor = float(percent) / 100 if percent else float(times or 0.5)
        action = RuleAction(scale=factor)
        return RecurringRule(name=words, when=scale[3], then=action, at_most=1, confirm=confirm)
    raise BadValue(f"cannot read the treatment '{text}' at '{part}': {_EXPECTED}")


def _unconfirmed(words: str) -> tuple[str, bool]:
    """Return words without "confirmed" at their end, and whether it stood there."""
    confirmed = _CONFIRM.fullmatch(words)
    return (confirmed[1], True) if confirmed else (words, False)


def _is_readable(words: str) -> bool:
    try:
        read_condition(_unconfirmed(words)[0])
    except ImmunodeError:
        return False
    return True


def _readable(words: str, text: str) -> Condition:
    try:
        return read_condition(words)
    except ImmunodeError as error:
        raise BadValue(f"cannot read the treatment '{text}': {error}") from error


def _days(words: str) -> float:
    text = words.strip()
    text = re.sub(r"\bw$", "wk", re.sub(r"wks$", "wk", text, flags=re.IGNORECASE), flags=re.IGNORECASE)
    return said_days(text if text[0].isdigit() or text[0] == "." else f"1 {text}")
