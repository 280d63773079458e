"""What each arm of a trial was given: cycles, doses and amounts of a patient, and how often each rule acted."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.report.cells import new_table, text
from immunode.virtual_trials.variables import DECISION, GIVEN_CYCLES, GIVEN_DOSES, amounts, columns

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

_LONGEST = 44  # letters of a rule's name in an answer


def given_json(arm: "xarray.Dataset") -> dict[str, Any]:
    """Return what the patients of one arm were given, those who failed left out: median and mean, by what."""
    fine = arm.status.values == 0
    return {name: _summary(values[fine]) for name, values in _quantities(arm).items()}


def given_table(result: "xarray.Dataset") -> "Table | None":
    """Return cycles, doses and amounts of a patient in every arm, and of those whom its rules labelled; None where
    nothing was given."""
    names = list(_quantities(result.isel(arm=0)))
    if not any(values.any() for values in _quantities(result).values()):
        return None
    heads = {GIVEN_CYCLES: "cycles", GIVEN_DOSES: "doses"}
    heads |= {name: f"{result[name].attrs['units']} into {name.removeprefix('given_')}" for name in names[2:]}
    table = new_table("given to a patient: median (mean)", "arm", "patients", *heads.values(), right=[*heads.values()])
    for arm, label, members in _groups(result):
        quantities = _quantities(result.sel(arm=arm))
        cells = [_cell(values[members]) for values in quantities.values()]
        table.add_row(f"- {label}" if label else arm, str(int(members.sum())), *cells)
    return table


def acts_lines(result: "xarray.Dataset") -> list[str]:
    """Return a line for each recurring rule of how often it acted, on how many patients, and what held it back."""
    lines = []
    for arm, rule, acted, others in _of_rules(result):
        kinds, counts = np.unique(others, return_counts=True)
        rest = "; ".join(f"{kind} {count}" for kind, count in zip(kinds, counts, strict=True))
        who = f"'{rule}' acted {len(acted)} times on {len(set(acted))} patients" if rule else "no rule acted"
        lines.append(f"rules - {arm}: {who}" + (f" ({rest})" if rest else ""))
    return lines


def acted_lines(result: "xarray.Dataset", rules: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each arm of on how many of its patients each of its recurring `rules` acted, and how often."""
    each = {(arm, rule): acted for arm, rule, acted, _ in _of_rules(result)}
    n, lines = result.sizes["patient"], []
    for arm, names in rules.items():
        parts = [_acted(name, each.get((arm, name), []), n) for name in names]
        lines += [f"{arm}: {'; '.join(parts)}"] if parts else []
    return lines


def _acted(name: str, acted: Sequence[int], n: int) -> str:
    who = len(set(acted))
    often = f", {len(acted) / who:.3g} times each" if len(acted) > who else ""
    return f"'{shorten(name, _LONGEST, placeholder=' ...')}' acted on {who} of {n} patients{often}"


def _of_rules(result: "xarray.Dataset") -> Iterator[tuple[str, str, list[int], np.ndarray]]:
    """Yield arm and name of each recurring rule ("": none acted), the patients on whom it acted, once each time, and
    the reasons of what else is in the log."""
    log = columns(result, DECISION)
    if "reason" not in log:
        return
    arms, rules, reasons = (log[name].astype(str) for name in ("arm", "rule", "reason"))
    for arm in map(str, result.arm.values):
        here = (arms == arm) & (reasons != "")
        for rule in map(str, dict.fromkeys(rules[here])):
            rows = here & (rules == rule)
            met = rows & (reasons == "met")
            yield arm, rule, log["patient"][met].tolist(), reasons[rows & (reasons != "met")]


def _quantities(result: "xarray.Dataset") -> dict[str, np.ndarray]:
    names = [GIVEN_CYCLES, GIVEN_DOSES, *(f"given_{state}" for state in amounts(result))]
    return {name: result[name].values for name in names}


def _groups(result: "xarray.Dataset") -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield each arm with its patients who did not fail, then each of its labels, where there are several."""
    for arm in map(str, result.arm.values):
        fine, label = result.status.sel(arm=arm).values == 0, result.label.sel(arm=arm).values.astype(str)
        yield arm, "", fine
        labels = sorted(set(label[fine]) - {""})
        if len(labels) > 1 or (labels and (label[fine] == "").any()):
            for name in labels:
                yield arm, name, fine & (label == name)


def _summary(values: np.ndarray) -> dict[str, float | None]:
    if not values.size:
        return {"median": None, "mean": None}
    return {"median": float(np.median(values)), "mean": float(np.mean(values))}


def _cell(values: np.ndarray) -> str:
    if not values.size:
        return "nobody"
    return f"{text(float(np.median(values)))} ({text(float(np.mean(values)))})"
