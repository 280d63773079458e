"""A regimen in words: one row for each kind of dose, a line, a table of HTML, and what is given in all."""

import math
from collections.abc import Iterable
from html import escape
from typing import Any, NamedTuple

from immunode import units
from immunode.errors import UnitError
from immunode.regimen.doses import Dose
from immunode.regimen.sentence.writing import days_text


class KindOfDose(NamedTuple):
    """One kind of dose: what is given, into what, on which days, how often and how much in all."""

    what: str
    into: str
    days: str
    number: int
    total: str


def kinds_of_doses(doses: Iterable[Dose]) -> list[KindOfDose]:
    """Return a row for each kind of dose, in order of first use."""
    alike: dict[tuple[Any, ...], list[Dose]] = {}
    for dose in doses:
        alike.setdefault(dose.kind, []).append(dose)
    return [
        KindOfDose(what_is_given(same[0]), same[0].into, _when(same), len(same), total(same)) for same in alike.values()
    ]


def as_line(doses: Iterable[Dose]) -> str:
    """Return all kinds of doses in one line, "no treatment" if there are none."""
    return "; ".join(_line(kind) for kind in kinds_of_doses(doses)) or "no treatment"


def as_html(doses: Iterable[Dose], sentence: str | None) -> str:
    """Return all kinds of doses as a table of HTML, the sentence above it."""
    head = "".join(f"<th>{title}</th>" for title in ("dose", "into", "days", "n", "total"))
    rows = ("".join(f"<td>{escape(str(cell))}</td>" for cell in kind) for kind in kinds_of_doses(doses))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    caption = f"<caption>{escape(sentence)}</caption>" if sentence else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def total(doses: Iterable[Dose]) -> str:
    """Return what is given in all, "90 MIU"; unlike units are listed one by one, and only doses count."""
    sums: dict[str, list[float]] = {}
    for dose in doses:
        if dose.action != "add":
            continue
        for unit in sums:
            try:
                sums[unit].append(dose.amount * units.factor(dose.unit, unit))
                break
            except UnitError:  # another kind of quantity: it gets a sum of its own
                continue
        else:
            sums[dose.unit] = [dose.amount]
    return " + ".join(f"{math.fsum(amounts):.10g} {unit}" for unit, amounts in sums.items())


def what_is_given(dose: Dose) -> str:
    """Return amount and speed of a dose, "3 MIU over 2 h", or what an action does."""
    amount = f"{dose.amount:.10g}" + (f" {dose.unit}" if dose.unit != "1" else "")
    if dose.action != "add":
        return {"replace": f"set to {amount}", "multiply": f"times {amount}", "reset": "reset"}[dose.action]
    if dose.duration:
        amount += f" over {_time(dose.duration)}"
    elif dose.modelled:
        amount += f" at the model's {dose.modelled}"
    if dose.rate:
        speed = f"{dose.rate:.10g} {dose.unit}/day"
        amount = f"{amount} at {speed}" if dose.amount else speed
    if dose.steady_state:
        amount += f", at steady state of every {_time(dose.every)}" if dose.every else ", steady until then"
    return amount + (", added to what is there" if dose.steady_state == "add" else "")


def set_words(dose: Dose) -> str:
    """Return what an action that gives nothing does, as a picture says it: "art = 0"."""
    amount = f"{dose.amount:.4g}" + (f" {dose.unit}" if dose.unit != "1" else "")
    return {"replace": f"{dose.into} = {amount}", "multiply": f"{dose.into} \u00d7 {amount}", "reset": "reset"}[
        dose.action
    ]


def _time(days: float) -> str:
    return f"{days:.4g} d" if days >= 1 else f"{days * 24:.4g} h"


def _when(same: list[Dose]) -> str:
    days = [math.floor(dose.time) for dose in same]
    return days_text([day + 1 if day >= 0 else day for day in days], most=6)


def _line(kind: KindOfDose) -> str:
    if not kind.total:  # nothing is given: a state is set, or all of them are
        return " ".join(part for part in (kind.into, kind.what, "on", kind.days) if part)
    return f"{kind.what} {kind.into} {kind.days} (n = {kind.number}, total {kind.total})"


def joined(first: str | None, then: str | None, doses: Iterable[Dose], others: Iterable[Dose]) -> str | None:
    """Return the sentence of a sum of two regimens, of which at most one gives doses; None where both do.

    It is the sentence of these doses, and behind a ";" what the other regimen sets.
    """
    parts = [(first, tuple(doses)), (then, tuple(others))]
    giving = [(text, each) for text, each in parts if any(dose.action == "add" for dose in each)]
    if len(giving) != 1 or giving[0][0] is None:
        return None
    settings = [each for _, each in parts if each and each is not giving[0][1]]
    return "; ".join([giving[0][0], *map(as_line, settings)])
