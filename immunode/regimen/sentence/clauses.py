"""The clauses of one phase, "600 mg IV over 1 h q12h days 2-5", as a Phase; one stated twice is pointed at."""

from immunode.regimen.sentence.amounts import amount_of, giving_of
from immunode.regimen.sentence.cycle import check_steady, cycles_of, doses_of_cycle, start_of
from immunode.regimen.sentence.parsing import Branch, fault, first_token
from immunode.regimen.sentence.phase import Phase

SAME = {
    "hourly": "frequency",
    "once": "frequency",
    "lasting": "days",
    "bolus": "over",
    "pace": "over",
    "later": "begin",
}
TWICE = {
    "route": "the route", "over": "how fast it is given", "frequency": "how often", "days": "which days",
    "begin": "the start", "interval": "the interval", "repeats": "the number of cycles (of doses: 'x10 doses')",
    "doses": "the number of doses", "steady": "the steady state",
}  # fmt: skip


def phase_of(text: str, branch: Branch, sizes: dict[str, float]) -> Phase:
    """Return the phase of a branch; raise BadValue for a clause stated twice or in the wrong company."""
    amount, *clauses = branch.children
    stated: dict[str, Branch] = {}
    for clause in clauses:
        if clause.data == "body":
            continue  # read once for the whole sentence, by sizes_of
        kind = SAME.get(clause.data, clause.data)
        if kind in stated:
            raise fault(text, first_token(clause), f"{TWICE[kind]} is stated twice; leave one out")
        stated[kind] = clause
    if "route" not in stated:
        raise fault(text, first_token(branch), "this dose has no route; add SC, IV, CIV, PO or IM")
    size, cycles = amount_of(text, amount, sizes), cycles_of(text, stated)
    giving = giving_of(text, stated, amount, size["unit"])
    doses = doses_of_cycle(text, stated, cycles.get("interval", 0.0))
    if "steady" in stated:
        check_steady(text, stated, doses, cycles.get("interval", 0.0))
    return Phase(**size, **giving, **doses, **cycles, steady="steady" in stated, start=start_of(text, stated))
