"""How much, by which route and how fast: the amount of a phase and the clauses about it."""

from typing import TYPE_CHECKING, Any

from immunode import units
from immunode.errors import UnitError
from immunode.regimen.sentence.parsing import Branch, fault, first_token, number_of, plain, unit_of

if TYPE_CHECKING:
    from lark import Token

PER = {"AREA": ("per", "m2"), "KG": ("per", "kg"), "DAY": ("rate", "day"), "HOURS": ("rate", "h")}
TIMES = {"MINUTES": "min", "HOURS": "h", "DAY": "days", "WEEKS": "weeks"}


def sizes_of(text: str, tree: Branch) -> "dict[str, tuple[float, Token]]":
    """Return the body sizes that the sentence states, wherever it does: {"m2" or "kg": (value, token)}."""
    sizes: dict[str, tuple[float, Token]] = {}
    for branch in tree.find_data("body"):
        _, number, size = branch.children
        value, name = number_of(text, number, "a body size"), "kg" if size.type == "KG" else "m2"
        if sizes.setdefault(name, (value, number))[0] != value:
            raise fault(text, number, f"the body size is {plain(sizes[name][0])} {name} already; state one")
    return sizes


def amount_of(text: str, branch: Branch, sizes: dict[str, float]) -> dict[str, Any]:
    """Return amount, unit, what it is per and the body size; refuse a negative one, or a size that nobody states."""
    minus, number, unit, *pers = branch.children
    if minus is not None:
        raise fault(text, (minus.start_pos, f"-{number}"), "a dose cannot be negative")
    value = {"amount": number_of(text, number, "a dose", zero=True), "unit": unit_of(text, unit), "per": "", "rate": ""}
    for token in pers:
        slot, name = PER[token.type]
        if value[slot]:
            raise fault(text, token, f"the dose is per {value[slot]} already; leave one out")
        value[slot] = name
        if slot == "per" and name not in sizes:
            example = "1.85 m2" if name == "m2" else "70 kg"
            raise fault(text, token, f"a dose per {name} needs the body size; add 'for {example}'")
    return value | {"body": sizes.get(str(value["per"]))}


def giving_of(text: str, stated: dict[str, Branch], amount: Branch, unit: str) -> dict[str, Any]:
    """Return the route and how fast; refuse combinations that say two things at once."""
    route = first_token(stated["route"]).type.lower()
    _check_rate(text, stated, amount, route)
    for kind in ("over", "steady"):
        if kind in stated and stated[kind].data in ("pace", "steady") and float(amount.children[1]) == 0:
            raise fault(text, first_token(stated[kind]), "a dose of 0 has no rate and no steady state; leave this out")
    if "over" not in stated:
        return {"route": route}
    clause, token = stated["over"], first_token(stated["over"])
    if clause.data == "bolus":
        if route != "iv":
            raise fault(text, token, "a bolus is given IV; leave it out, or write IV")
        return {"route": route}
    if route in ("po", "im"):
        raise fault(text, token, f"a dose {route.upper()} is given at once; leave this out, or write IV or SC")
    if clause.data == "over":
        _, number, span = clause.children
        return {"route": route, "over": f"{plain(number_of(text, number, 'the duration'))} {TIMES[span.type]}"}
    _, number, what, span = clause.children
    speed = unit_of(text, what)
    try:
        units.factor(speed, unit)
    except UnitError:
        raise fault(text, what, f"the dose is in {unit}, so its rate cannot be in {speed}; write {unit}/h") from None
    per = TIMES[span.type].removesuffix("s")
    return {"route": route, "pace": f"{plain(number_of(text, number, 'the rate'))} {speed}/{per}"}


def _as_rate(text: str, stated: dict[str, Branch], amount: Branch) -> str:
    """Return how an amount without a rate is written as one, and how if it is all that is given."""
    _, number, unit, *pers = amount.children
    dose = " ".join([str(number), unit_of(text, unit) + "".join(f"/{PER[token.type][1]}" for token in pers)])
    long = "24 h"
    if "over" in stated and stated["over"].data == "over":
        _, span, name = stated["over"].children
        long = f"{span} {TIMES[name.type]}"
    return f"'{dose}/day CIV days 1-5' for {dose} a day, or '{dose} IV over {long}' for {dose} in all"


def _check_rate(text: str, stated: dict[str, Branch], amount: Branch, route: str) -> None:
    rate = [token for token in amount.children if token and token.type in ("DAY", "HOURS")]
    if rate and route != "civ":
        raise fault(text, rate[0], "a rate is for a continuous infusion; write CIV, or one dose with QD or BID")
    if route != "civ":
        return
    token = first_token(stated["route"])
    if not rate:
        raise fault(text, token, f"a continuous infusion needs a rate; write {_as_rate(text, stated, amount)}")
    for kind in ("over", "frequency", "doses"):
        if kind in stated:
            raise fault(text, first_token(stated[kind]), "CIV lasts all of its days; leave this out, or write IV")
    if "days" not in stated:
        raise fault(text, token, "a continuous infusion needs its days; add 'days 1-5'")
