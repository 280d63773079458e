"""The rows of a log of decisions, read again: what they say is done, and refused where their columns contradict."""

from collections.abc import Mapping, Sequence

import numpy as np

from immunode.errors import BadValue, unknown
from immunode.evidence.design import Rule
from immunode.evidence.rules import RecurringRule
from immunode.virtual_trials.arm import Arm, one_time, recurring
from immunode.virtual_trials.deciding import Replay
from immunode.virtual_trials.recurring import (
    ACTED,
    CHANGED,
    NOBODY,
    NOTHING,
    REASONS,
    RESUME,
    RESUMED,
    SCALED,
    STOPPED,
    UNSEEN,
    VisitRows,
    words_of,
)

Log = Mapping[str, np.ndarray]
_NEEDED = ("patient", "day", "rule", "condition", "met", "label", "action")
_CURE = "set decision_action to what is to be done ('none' for nothing), and decision_reason to 'changed'"


def replay_of(arm: Arm, n: int, clinic: Sequence[float], log: Log) -> Replay:
    """Return what the log of an arm of n patients says, who are seen on `clinic` days.

    Raise BadValue, naming the row, for what the trial does not have, and for columns that contradict each other.
    """
    if not log:
        log = {name: np.array([], dtype=float if name in ("patient", "day") else str) for name in _NEEDED}
    if absent := [name for name in _NEEDED if name not in log]:
        raise BadValue(f"the log has no column decision_{absent[0]}, which every log has")
    names, once = [rule.name for rule in recurring(arm)], {rule.name: rule for rule in one_time(arm)}
    texts = log["rule"].astype(str)
    if strange := sorted(set(texts) - set(names) - set(once) - {""}):
        raise BadValue(f"the log names rule '{strange[0]}', which arm '{arm.name}' does not have")
    patients = log["patient"].astype(np.int64)
    if patients.size and not 0 <= patients.min() <= patients.max() < n:
        raise BadValue(f"the log of arm '{arm.name}' names patient {patients.max()}; there are {n}, from 0 on")
    of_each = {name: _some(log, texts == name) for name in once}
    met = {name: _met(arm, rule, n, of_each[name]) for name, rule in once.items()}
    stopped = {name: _stopped(n, rows) for name, rows in of_each.items()}
    rows = _recurring(arm, clinic, _some(log, np.isin(texts, [*names, ""]))) if names else {}
    return Replay(rows, met, stopped)


def _some(log: Log, chosen: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[chosen] for name, values in log.items()}


def _met(arm: Arm, rule: Rule, n: int, log: Log) -> np.ndarray:
    """Return of whom the condition of a rule that decides once held (n,): the column `met` counts."""
    patients, said = log["patient"].astype(np.int64), log["met"].astype(str)
    odd = ~np.isin(said, ("True", "False"))
    held = said == "True"
    action = np.where(held, rule.then.regimen or NOTHING, rule.otherwise.regimen or NOTHING)
    action[_stopped(n, log)[patients]] = NOTHING
    label = np.where(held, rule.then.label, rule.otherwise.label)
    stated = _actions(log)
    for i in np.flatnonzero(odd | (stated != action) | (log["label"].astype(str) != label))[:1]:
        raise BadValue(
            f"the log of arm '{arm.name}', patient {patients[i]}, rule '{rule.name}': met '{said[i]}', action "
            f"'{stated[i]}' and label '{log['label'][i]}' contradict each other: with met '{held[i]}' they are "
            f"'{action[i]}' and '{label[i]}'; set decision_met to True or False, and the other two with it"
        )
    met = np.zeros(n, dtype=bool)
    met[patients] = held
    return met


def _stopped(n: int, log: Log) -> np.ndarray:
    """Return of whom the rows of a rule that decides once say that he was given nothing, as all was stopped (n,)."""
    out, reason = np.zeros(n, dtype=bool), log["reason"].astype(str) if "reason" in log else np.array([], dtype=str)
    out[log["patient"].astype(np.int64)[np.flatnonzero(reason == REASONS[STOPPED])]] = True
    return out


def _actions(log: Log) -> np.ndarray:
    """Return the actions of rows without the factor of other rules; that nothing is done was called 'hold' once."""
    texts = np.array([text.partition(SCALED)[0] for text in log["action"].astype(str)], dtype=str)
    return np.where(texts == "hold", NOTHING, texts)


def _recurring(arm: Arm, clinic: Sequence[float], log: Log) -> dict[float, VisitRows]:
    """Return the rows of recurring rules by planned day."""
    rules, days, who = recurring(arm), log["day"], log["patient"].astype(np.int64)
    if strange := [day for day in np.unique(days) if day not in clinic]:
        shown = ", ".join(f"{day:g}" for day in clinic)
        raise BadValue(f"the log of arm '{arm.name}' has day {strange[0]:g}, which is no visit; visits are on {shown}")
    place = {rule.name: i for i, rule in enumerate(rules)} | {"": NOBODY}
    rule = np.array([place[name] for name in log["rule"].astype(str)], dtype=np.int64)
    reason = _reasons(arm, rules, rule, log)
    rows: dict[float, VisitRows] = {}
    for day in np.unique(days):
        here = days == day
        acting, count = np.unique(who[here & (reason == ACTED)], return_counts=True)
        if (count > 1).any():
            twice = acting[count > 1][0]
            raise BadValue(f"the log of arm '{arm.name}' has two rules that act on patient {twice} on day {day:g}")
        rows[float(day)] = VisitRows(who[here], rule[here], reason[here])
    return rows


def _reasons(arm: Arm, rules: Sequence[RecurringRule], rule: np.ndarray, log: Log) -> np.ndarray:
    """Return why each row acts or does not (REASONS); of one that is 'changed', what its action says.

    Raise BadValue for the first row whose columns do not say the same.
    """
    texts, stated = log["reason"].astype(str), _actions(log)
    for text in sorted(set(texts) - set(REASONS)):
        raise unknown("reason", text, REASONS, f"the log of arm '{arm.name}'")
    reason = np.array([REASONS.index(text) for text in texts], dtype=np.int64)
    changed = reason == CHANGED
    acts = np.array([*(str(one.then) for one in rules), ""], dtype=object)[rule].astype(str)
    reason[changed & (stated == RESUME)] = RESUMED
    reason[changed & (stated == acts)] = ACTED
    said = words_of(rules, rule, reason)
    wrong = {"action": stated != said["action"].astype(str)}
    for name in ("condition", "met", "label"):  # of a row that was changed these follow
        wrong[name] = ~changed & (log[name].astype(str) != said[name].astype(str))
    unseen = np.isnan(log["seen_on"]) if "seen_on" in log else np.zeros(len(rule), dtype=bool)
    wrong["seen_on"] = unseen & np.isin(reason, (ACTED, RESUMED)) | ~unseen & np.isin(reason, UNSEEN)
    for i in np.flatnonzero(np.any([*wrong.values()], axis=0))[:1]:
        column = next(name for name, rows in wrong.items() if rows[i])
        raise BadValue(_contradiction(arm, log, int(i), column, acts[i]))
    return reason


def _contradiction(arm: Arm, log: Log, i: int, column: str, act: str) -> str:
    """Return what is wrong with a row of the log, and the cure."""
    row = f"arm '{arm.name}', patient {int(log['patient'][i])}, day {log['day'][i]:g}, rule '{log['rule'][i]}'"
    if column == "seen_on":
        return f"the log, {row}: {column} = {log[column][i]:g} contradicts reason '{log['reason'][i]}': who did not " \
               "come has no day, and nothing is done for him; change another row"  # fmt: skip
    if str(log["reason"][i]) == "changed":
        known = [NOTHING, RESUME, *filter(None, [str(act)])]
        return f"the log, {row}: action '{log['action'][i]}': expected one of {', '.join(map(repr, known))}"
    return f"the log, {row}: {column} '{log[column][i]}' contradicts reason '{log['reason'][i]}'; {_CURE}"
