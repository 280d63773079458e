"""What a fit, or some, predict of a trial: intervals, what was printed, and what their width is due to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunode.calibration.nested import LEVELS
from immunode.calibration.prediction import Prediction
from immunode.report.cells import compact_table, text
from immunode.report.files import save_table

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class PredictionReport:
    """Hold what a fit predicts of a trial."""

    prediction: Prediction

    def json(self) -> dict[str, Any]:
        """Return the prediction as plain data (docs/json.md)."""
        told = self.prediction
        inside, judged = told.inside
        return {
            "trial": told.trial, "model": told.model, "fit": told.fit, "n": told.n, "draws": told.draws,
            "seed": told.seed, "inside": inside, "judged": judged,
            "effective": told.effective if told.simulations else None, "simulations": told.simulations,
            "notes": list(told.notes), "numbers": _plain(told.table), "by_form": _by_form(told.by_form),
        }  # fmt: skip

    def table(self) -> list[Any]:
        """Return what is predicted by what, numbers that 80 columns hold, and how to read them."""
        told = self.prediction
        inside, judged = told.inside
        lines = [f"{told.trial} ({told.model}) by {told.fit}", "", _HEAD]
        for row in _plain(told.table):
            words = f' (printed: "{row["published"]}")' if isinstance(row["published"], str) else ""
            lines += [_label(row["label"], told.trial) + words, _numbers(row)]
        lines.append("")
        if judged:
            lines.append(f"{inside} of {judged} printed numbers lie in their 95 % interval.")
        if not told.by_form.empty:
            lines += ["", _table_by_form(told), ""]
        if not told.simulations:
            return [*lines, f"{told.draws} draws of the parameters; seed {told.seed}.", *_notes(told)]
        times = f"{told.simulations} time{'' if told.simulations == 1 else 's'}"
        lines += [
            "Shares of the variance in percent, which add to 100: of the parameters, the trial's own effect, the "
            "virtual patients and the sampling of as many patients as the trial has.",
            f"{told.draws} draws of the parameters; {told.n} virtual patients an arm, simulated {times}, the least arm "
            f"worth {told.effective:.0f} equal ones; seed {told.seed}.",
        ]
        return [*lines, *_notes(told)]


_HEAD = (
    f"{'printed':>10}{'predicted':>11}{'95 % interval':>21}  in {'param.':>7}{'trial':>6}{'patients':>9}{'sampling':>9}"
)


def _numbers(row: Mapping[str, Any]) -> str:
    """Return the numbers of a row under their heads."""
    seen = "" if isinstance(row["published"], str) else text(row["published"])
    if row["predicted"] is None:
        return f"{seen:>10}{'none':>11}"
    span = f"{text(row['low'])} to {text(row['high'])}"
    parameter, trial, patients, sampling = (f"{row[level]:.1f}" for level in LEVELS)
    shares = f"{parameter:>7}{trial:>6}{patients:>9}{sampling:>9}"
    return f"{seen:>10}{text(row['predicted']):>11}{span:>21}  {text(row['inside']):3}{shares}"


def _table_by_form(told: Prediction) -> Any:
    """Return the table of medians by each form, from which it is seen how far they are apart."""
    table = compact_table("predicted by each form", *told.by_form.columns)
    for row in _by_form(told.by_form):
        table.add_row(_label(row["label"], told.trial), *(text(value) or "none" for value in row["predicted"].values()))
    return table


def _by_form(medians: "pandas.DataFrame") -> list[dict[str, Any]]:
    """Return the medians by each form as plain data, None where there is none."""
    values = medians.astype(object).where(medians.notna(), None)
    return [{"label": str(label), "predicted": row.to_dict()} for label, row in values.iterrows()]


def _notes(told: Prediction) -> list[str]:
    return [f"note: {note}" for note in told.notes]


def _label(label: str, trial: str) -> str:
    return label.removeprefix(f"{trial}: ")


def _plain(table: "pandas.DataFrame") -> list[dict[str, Any]]:
    """Return rows as plain data, None where there is nothing."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def save_prediction(report: PredictionReport, folder: Path, formats: Sequence[str] = ()) -> None:
    """Write prediction.csv, prediction.json and prediction.png, the picture in the further formats too."""
    from immunode import plot
    from immunode.report.trial_pictures import all_formats

    save_table(report.prediction.table, folder / "prediction.csv")
    (folder / "prediction.json").write_text(json.dumps(report.json(), indent=1, allow_nan=False), encoding="utf-8")
    if report.prediction.table["predicted"].notna().any():
        figure = plot.prediction(report.prediction.table)
        for ending in all_formats(formats):
            plot.save(figure, folder / f"prediction.{ending}")
