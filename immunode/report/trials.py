"""A simulated trial: what it would have seen beside what it published."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import Status
from immunode.evidence.rules import RecurringRule
from immunode.report.answers import answer, answer_tables, judged, moved, what
from immunode.report.cells import counted_unit, new_table, quartiles, spanned, under_limit, with_limit
from immunode.report.courses import without_noise
from immunode.report.endings import ended_words
from immunode.report.figures import figures_table, is_printed, misfits, notes, readings_table
from immunode.report.given import acted_lines, acts_lines, given_json, given_table
from immunode.report.trial_words import described
from immunode.simulation.ensemble import SolveOptions
from immunode.studies.readings_run import ReadingRun
from immunode.studies.trial_endpoints import EndpointRow
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.patient_words import arm_words
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.variables import figure_rows, observables, typical, visit

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

LOST = 0.05  # share of an arm's patients; more who failed are told


@dataclass(frozen=True, eq=False)
class TrialReport:
    """Hold a trial, the Dataset that `run_trial` returned of it, and its figures under other readings of what is open.

    The first of the readings is as assumed.
    """

    trial: Trial
    result: "xarray.Dataset"
    readings: Sequence[ReadingRun] = ()
    endpoints: Sequence[EndpointRow] = ()
    everything: bool = False

    def json(self) -> dict[str, Any]:
        """Return the trial as plain data with documented keys and no clock (docs/json.md)."""
        return {
            **{key: self.result.attrs[key] for key in ("trial", "model", "n")},
            "seed": int(self.result.attrs["seed"]),
            "at_dose": self.result.attrs["at_dose"],
            "figures": figure_rows(self.result),
            "arms": [_arm_json(self.result.sel(arm=name)) for name in self.result.arm.values],
            "patients": {arm.name: said for arm, said in who(self.trial)},
            "assumptions": [{"name": a.name, "assumed": a.assumed} for a in self.trial.assumptions],
            "alternatives": [asdict(reading) for reading in self.readings],
            "endpoints": [asdict(row) for row in self.endpoints],
        }

    def table(self) -> list[Any]:
        """Return the answer, and behind it everything where all is wanted, for the terminal."""
        return [*self.answer(), *(self.all_tables() if self.everything else [])]

    def answer(self) -> list[Any]:
        """Return the answer in some 25 lines: what was simulated, medians, the paper, doubts, what moves it."""
        rows = figure_rows(self.result)
        warnings = [*lost(self.result), *without_baseline(self.result), *left(self.result)]
        rules = {arm.name: [r.name for r in arm.rules if isinstance(r, RecurringRule)] for arm in self.trial.arms}
        acted = acted_lines(self.result, rules)
        return answer(self.trial, self.result.attrs["n"], rows, self.endpoints, self.readings, warnings, acted)

    def sections(self) -> list[tuple[str, list[Any]]]:
        """Return everything under headings, for a page: what was simulated in full, the answer, all tables."""
        sections: list[tuple[str, list[Any]]] = [
            ("Answer", [what(self.trial, self.result.attrs["n"]), *answer_tables(self.trial, self.endpoints)]),
            ("The paper and simulated trials", judged(figure_rows(self.result))),
            ("What the assumptions move most, by assumption", moved(self.readings)),
            ("What was simulated", described(self.trial)),
            ("All tables", self.all_tables()),
        ]
        return [(head, parts) for head, parts in sections if parts]

    def all_tables(self) -> list[Any]:
        """Return figures, misfits, courses at the visits, other readings and assumptions."""
        rows, size = figure_rows(self.result), self.result.attrs["n"]
        shown = "published and simulated" if is_printed(rows) else "simulated"
        title = f"{self.result.attrs['trial']}: {shown} ({size} virtual patients per arm)"
        return [
            *([figures_table(rows, title)] if rows else [title]),
            *(f"patients - {arm.name}: {said}" for arm, said in who(self.trial)),
            *([endpoints_table(self.endpoints)] if self.endpoints else []),
            *lost(self.result),
            *without_baseline(self.result),
            *beyond_bounds(self.result),
            *misfits(rows),
            *notes(rows),
            *(arms_table(self.result, output) for output in _measured(self.trial)),
            *filter(None, [given_table(self.result)]),
            *acts_lines(self.result),
            *([readings_table(self.readings)] if self.readings else []),
            *(f"moved - {line}" for line in moved(self.readings)),
            *(f"assumed - {a.name}: {a.assumed}" for a in self.trial.assumptions),
            *(_ended(self.result, str(arm)) for arm in self.result.arm.values),
        ]


def who(trial: Trial) -> list[tuple[Arm, str]]:
    """Return who the patients of each arm are, in words, and what of it nobody said."""
    model = trial.population.of
    return [(arm, "; ".join(arm_words(arm, model, trial.plans[arm.name].regimen))) for arm in trial.arms]


def endpoints_table(rows: Sequence[EndpointRow]) -> "Table":
    """Return every endpoint of arms and labels, with the interval of trials of this size and differences."""
    columns = ("endpoint", "unit", "estimate", "quartiles", "95 % of trials", "difference")
    caption = (
        "estimate: of all virtual patients, what drugs reach of a tenth of them; difference to the arm that is named"
    )
    table = new_table("endpoints", "arm", *columns, right=columns[2:], caption=caption)
    for row in rows:
        counted = counted_unit(row.words, row.unit)
        difference = f"{spanned(row.difference, row.difference_low, row.difference_high)} to {row.versus}"
        table.add_row(
            row.arm + (f", {row.label}" if row.label else ""), row.words, row.unit, with_limit(row.estimate, counted),
            spanned(None, row.patient_q1, row.patient_q3, counted), spanned(None, row.low, row.high, counted),
            "" if row.difference is None or under_limit(row.estimate, counted) else difference,
        )  # fmt: skip
    return table


def _measured(trial: Trial) -> list[str]:
    """Return the outputs that the trial measures: with assay noise or printed; of one that says neither, all."""
    named = [*trial.noise, *(figure.observable for figure in trial.figures if figure.observable)]
    return list(dict.fromkeys(named or trial.population.of.shown))


def _arm_json(arm: "xarray.Dataset") -> dict[str, Any]:
    labels, counts = np.unique(arm.label.values, return_counts=True)
    return {
        "name": str(arm.arm.values),
        "size": int(arm["size"]),
        "status": status_counts(arm.status.values),
        "labels": {str(label): int(count) for label, count in zip(labels, counts, strict=True) if label},
        "given": given_json(arm),
        "patients_with_event": int(np.isfinite(arm.event_day.values).sum()),
        "visits": [
            {"day": float(day), "n": int(arm.patients_seen.sel(visit=day))}
            | {name: _statistics(arm[visit(name)].sel(visit=day)) for name in observables(arm)}
            for day in arm.visit.values
        ],
    }


def _statistics(seen: "xarray.DataArray") -> dict[str, float | None]:
    values = {name: float(seen.sel(statistic=name)) for name in ("median", "q1", "q3")}
    return {name: None if np.isnan(value) else value for name, value in values.items()}


def status_counts(status: np.ndarray) -> dict[str, int]:
    """Return how many patients ended with each status, by name."""
    return {Status(int(code)).name: int((status == code).sum()) for code in np.unique(status)}


def _ended(result: "xarray.Dataset", arm: str) -> str:
    """Return the line of how an arm's patients ended."""
    return f"{arm}: {ended_words(result.status.sel(arm=arm).values)}"


def lost(result: "xarray.Dataset") -> list[str]:
    """Return a warning for each arm that lost more than one patient in twenty."""
    share = (result.status != 0).mean("patient")
    return [
        f"WARNING: {100 * float(share.sel(arm=arm)):.0f} % of the patients of '{arm}' failed and are in no statistic"
        for arm in result.arm.values
        if share.sel(arm=arm) > LOST
    ]


def without_baseline(result: "xarray.Dataset") -> list[str]:
    """Return a line for each arm of which more than one patient in a hundred does not have the baseline."""
    said = {str(arm): str(result.unmet.sel(arm=arm).values) for arm in result.arm.values}
    return [f"not as said - {arm}: {words}" for arm, words in said.items() if words]


def left(result: "xarray.Dataset") -> list[str]:
    """Return a line for each arm of which more than one patient in twenty is not seen at the last visit."""
    here, lines = result.patients_seen.isel(visit=-1), []
    for arm in result.arm.values:
        seen, n = int(here.sel(arm=arm)), int((result.status.sel(arm=arm) == 0).sum())
        if n - seen > LOST * n:
            day = f"{float(result.visit[-1]):g}"
            lines.append(f"{arm}: {seen} of {n} are seen on day {day}; counts are of who is seen, doses of all")
    return lines


def beyond_bounds(result: "xarray.Dataset") -> list[str]:
    """Return a line for each arm of which patients have parameters outside their bounds."""
    said = {str(arm): str(result.outside_bounds.sel(arm=arm).values) for arm in result.arm.values}
    return [f"beyond bounds - {arm}: {words}" for arm, words in said.items() if words]


def without_small_negatives(result: "xarray.Dataset", name: str, values: np.ndarray) -> np.ndarray:
    """Return values of an observable with 0 for those that are negative by less than the solver's tolerance of its
    course, also of the typical patient's between doses."""
    known = [result[each].values for each in (name, visit(name), typical(name)) if each in result]
    largest = max((float(np.nanmax(np.abs(each), initial=0.0)) for each in known), default=0.0)
    return without_noise(np.append(values, largest), SolveOptions.rtol)[:-1].reshape(np.shape(values))


def arms_table(result: "xarray.Dataset", name: str) -> "Table":
    """Return medians and quartiles of one output at the visits of every arm."""
    arms = [str(arm) for arm in result.arm.values]
    unit = str(result[name].attrs["units"])
    title = f"{name} as measured at the visits: median (quartiles), {unit}"
    table = new_table(title, "day", *arms, right=("day", *arms), fold=False)
    seen = result[visit(name)].sel(statistic=["median", "q1", "q3"])
    seen = seen.copy(data=without_small_negatives(result, name, seen.values))
    fewer = (result.patients_seen < (result.status == 0).sum("patient")).any()
    for day in result.visit.values:
        counts = [f" n={int(result.patients_seen.sel(arm=arm, visit=day))}" if fewer else "" for arm in arms]
        cells = [quartiles(seen.sel(arm=arm, visit=day).values.tolist(), unit) for arm in arms]
        table.add_row(f"{day:g}", *(cell + count for cell, count in zip(cells, counts, strict=True)))
    return table
