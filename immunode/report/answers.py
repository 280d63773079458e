"""The answer of a trial in some 25 lines of 80 columns: who and what, medians, the paper, doubts, what moves it."""

from collections.abc import Mapping, Sequence
from textwrap import shorten, wrap
from typing import TYPE_CHECKING, Any

from immunode.evidence.rules import RecurringRule
from immunode.report.assumptions import Move, moves
from immunode.report.cells import compact_table, digits, spanned, with_limit
from immunode.report.trial_words import doses_words, kept_words, patients_words, rule_words
from immunode.report.verdicts import verdicts
from immunode.studies.readings_run import ReadingRun
from immunode.studies.trial_endpoints import EndpointRow
from immunode.virtual_trials.trial import Trial

if TYPE_CHECKING:
    from rich.table import Table

LINES = 25
WIDTH = 80
_SHORT = 16  # letters of a name that a table shows as it is; longer ones are numbered
_MOST_MOVES = 3
_MOST_LISTED = 3  # lines of figures that agree, or do not
_MOST_COLUMNS = 9  # that 80 columns hold
_MOST_SAID = 2  # lines of an arm's doses, rules and patients

Row = Mapping[str, Any]


def answer(
    trial: Trial,
    n: int,
    figures: Sequence[Row],
    endpoints: Sequence[EndpointRow],
    readings: Sequence[ReadingRun] = (),
    warnings: Sequence[str] = (),
    acted: Sequence[str] = (),
) -> list[Any]:
    """Return the lines and tables of a trial's answer, for a terminal of 80 columns; `warnings` follow its first, on
    whom rules `acted` its tables, where there is room."""
    heads = arm_heads(trial)
    said = [what(trial, n), *(_cut(one) for one in warnings), *_arms(trial, heads)]
    tables = answer_tables(trial, endpoints)
    room = LINES - len(said) - sum(3 + table.row_count for table in tables) - 1
    did = [line for text in acted for line in _lines(text, _MOST_SAID)]
    did = did if len(did) <= room - (2 if _printed(figures) or readings else 0) else []
    room -= len(did)
    after = _paper(figures, room - 3 if readings else room)
    moved = _moved(moves(readings), readings[0].n, room - len(after) - 1) if readings else []
    return [*said, *tables, *did, *after, *moved, _rest(trial)]


def answer_tables(trial: Trial, endpoints: Sequence[EndpointRow]) -> "list[Table]":
    """Return the tables of an answer: medians and gains by arm; responders, events and doses by arm and label."""
    heads = arm_heads(trial)
    return [table for table in (_medians(endpoints, heads), _groups(endpoints, heads)) if table is not None]


def judged(figures: Sequence[Row]) -> list[str]:
    """Return in full what the paper says against what simulated trials see; nothing where nothing is printed."""
    if not _printed(figures):
        return []
    every = verdicts(figures)
    parts = [(head, getattr(every, name)) for name, head in _HEADS.items()]
    return [every.counted, *(f"{head}: {item}" for head, items in parts for item in items)]


def moved(readings: Sequence[ReadingRun]) -> list[str]:
    """Return in full what each assumption moves most, the biggest first."""
    return [f"{one.assumption}, {one.reading}: {one.words}" for one in moves(readings)]


def arm_heads(trial: Trial) -> dict[str, str]:
    """Return what tables call the arms: their names, or numbers where one is long."""
    names = [arm.name for arm in trial.arms]
    if all(len(name) <= _SHORT for name in names):
        return dict(zip(names, names, strict=True))
    return {name: str(i) for i, name in enumerate(names, start=1)}


def what(trial: Trial, n: int) -> str:
    """Return the line of what was simulated."""
    span = f"day {trial.start:g} to {trial.visits[-1]:g}"
    patients = f"{n} virtual patient{'' if n == 1 else 's'} per arm"
    return _cut(f"{trial.name}: {trial.population.of.name}, {patients}, {span}")


def _arms(trial: Trial, heads: Mapping[str, str]) -> list[str]:
    """Return who the patients are, and what each arm is given by which rules; patients are said once where all are
    alike."""
    who = {arm.name: patients_words(trial, arm) for arm in trial.arms}
    alike = len(set(who.values())) == 1
    lines = [_cut(f"patients: {who[trial.arms[0].name]}")] if alike else []
    for arm in trial.arms:
        rules = "; ".join(rule_words(rule) if isinstance(rule, RecurringRule) else rule.name for rule in arm.rules)
        name = arm.name if heads[arm.name] == arm.name else f"{heads[arm.name]} {arm.name}"
        rule = f"rule: {rules}" if rules else ""
        parts = ["" if alike else who[arm.name], doses_words(trial, arm), *kept_words(arm), rule]
        text = f"  {name} ({arm.n}): {'; '.join(part for part in parts if part)}"
        lines += _lines(text, _MOST_SAID)
    return lines


def _of(endpoints: Sequence[EndpointRow], arm: str, label: str = "") -> dict[str, EndpointRow]:
    return {row.endpoint: row for row in endpoints if row.arm == arm and row.label == label}


def _medians(endpoints: Sequence[EndpointRow], heads: Mapping[str, str]) -> "Table | None":
    """Return a row an arm: medians at the first and the last visit, the gain, and its difference between arms."""
    first = next((row for row in endpoints if row.kind == "benefit" and row.endpoint.endswith(" gain")), None)
    if first is None:
        return None
    signal = first.endpoint.removesuffix(" gain")
    of_signal = [row.endpoint for row in endpoints if row.kind == "value" and row.arm == first.arm and not row.label]
    mine_of = [name for name in of_signal if name.rsplit(" day ", 1)[0] == signal]
    others = [name for name in of_signal if name not in mine_of]
    lasts = list({name.rsplit(" day ", 1)[0]: name for name in others}.values())[:1]
    days = [name.rsplit(" ", 1)[1] for name in mine_of]
    versus = next((row.versus for row in endpoints if row.versus), "")
    columns = [f"{signal}\nday {' > '.join(days)}", f"gain of {signal}\nmedian (quartiles)"]
    if versus:
        columns.append(f"gain vs {heads[versus]}\n(95 % of trials)")
    table = compact_table("", *columns, *(name.replace(" day ", "\nday ") for name in lasts))
    for arm in heads:
        rows = _of(endpoints, arm)
        cells = [" > ".join(with_limit(rows[name].estimate, rows[name].unit) for name in mine_of)]
        gain = rows[first.endpoint]
        cells.append(spanned(gain.estimate, gain.patient_q1, gain.patient_q3))
        if versus:
            cells.append(
                ""
                if gain.difference is None
                else spanned(gain.difference, gain.difference_low, gain.difference_high, signed=True)
            )
        cells += [with_limit(rows[name].estimate, rows[name].unit) for name in lasts]
        table.add_row(heads[arm], *cells)
    return table


def _groups(endpoints: Sequence[EndpointRow], heads: Mapping[str, str]) -> "Table | None":
    """Return a row an arm and label: responders, events, cycles, amounts, exposure."""
    units = {row.endpoint: row.unit for row in endpoints if row.kind != "value" and row.endpoint != "doses"}
    labelled = any(row.label for row in endpoints)
    gains = [name for name in units if name.endswith(" gain")]
    names = [name for name in units if name not in gains and name != "patients"]
    names = [*(["patients", *gains[:1]] if labelled else []), *gains[1:], *names][:_MOST_COLUMNS]
    if not names:
        return None
    means = {row.endpoint for row in endpoints if row.words.startswith("mean ")}
    table = compact_table("", *(_head(name, units[name], mean=name in means) for name in names))
    table.padding = (0, 1, 0, 0)
    for arm, head in heads.items():
        for label in dict.fromkeys(row.label for row in endpoints if row.arm == arm):
            rows = _of(endpoints, arm, label)
            cells = [digits(rows[name].estimate) if name in rows else "" for name in names]
            table.add_row(f" {_short(label)}" if label else head, *cells)
    return table


def _short(label: str) -> str:
    return label if len(label) <= _SHORT else f"{label[: _SHORT - 3]}..."


def _head(name: str, unit: str, *, mean: bool) -> str:
    if name == "patients":
        return "share\n%"
    if " > " in name and unit == "percent":
        return name.replace(" > ", " %\n> ")
    if name.endswith(" gain"):
        return f"gain\nof {name.removesuffix(' gain')}"
    plain = unit.replace("(", "").replace(")", "").replace("*", " ")
    shown = {"1": "", "percent": "%", name: ""}.get(unit, plain)
    return f"{name}\n{' '.join(filter(None, ['mean' if mean else '', shown]))}"


def _printed(figures: Sequence[Row]) -> bool:
    kinds = ("given", "not_modelled")
    return any(row["kind"] not in kinds and row["published"] not in (None, "") for row in figures)


_HEADS = {  # of what is said of printed figures, in order
    "outside": "outside 95 % of trials",
    "agrees": "agrees",
    "doubts": "in doubt",
    "silent": "the model is silent about",
}
_FIRST = ("outside", "doubts", "agrees", "silent")  # which of these has more lines where there are any to spare


def _paper(figures: Sequence[Row], room: int) -> list[str]:
    """Return what the paper says against what simulated trials would see, in so many lines, or one of each kind."""
    if not _printed(figures):
        return []
    every, lines = verdicts(figures), {}
    parts = {name: items for name in _FIRST if (items := getattr(every, name))}
    left = room - 1 - len(parts)
    for name, items in parts.items():
        lines[name] = listed(_HEADS[name], items, min(1 + max(left, 0), _MOST_LISTED))
        left -= len(lines[name]) - 1
    return [_cut(every.counted), *(line for name in _HEADS for line in lines.get(name, ()))]


def listed(head: str, items: Sequence[str], most: int) -> list[str]:
    """Return items after a head in at most so many lines of 80 columns, and how many more there are."""
    for count in range(len(items), 0, -1):
        more = f"; {len(items) - count} more" if count < len(items) else ""
        lines = wrap(f"{head}: {'; '.join(items[:count])}{more}", WIDTH, subsequent_indent="  ")
        if len(lines) <= most:
            return lines
    return _lines(f"{head}: {'; '.join(items)}", most)


def _lines(text: str, most: int) -> list[str]:
    """Return a text in at most so many lines, the further ones set in; what is too long is cut."""
    margin = text[: len(text) - len(text.lstrip())]
    return wrap(
        text.lstrip(), WIDTH, initial_indent=margin, subsequent_indent=margin + "  ", max_lines=most, placeholder=" ..."
    )


def _moved(ordered: Sequence[Move], n: int, most: int) -> list[str]:
    """Return which assumptions move which number by how much, the biggest first."""
    strong = ordered[: min(max(most, 1), _MOST_MOVES)]
    if not strong:
        return []
    return [f"moved most by what is assumed ({n} patients per arm):", *(_move(one) for one in strong)]


def _move(move: Move) -> str:
    """Return a line of what an assumption moves; its own words are cut where there is no room for all."""
    tail = f", {move.reading}: {move.words}"
    room = max(WIDTH - 2 - len(tail), 12)
    return _cut("  " + shorten(move.assumption, room, placeholder=" ...") + tail)


def _rest(trial: Trial) -> str:
    assumed = len(trial.assumptions)
    what = f"all tables, {assumed} assumption{'' if assumed == 1 else 's'}" if assumed else "all tables"
    return f"{what}: --all; report, tables and pictures: --out FOLDER"


def _cut(text: str) -> str:
    return "".join(_lines(text, 1))
