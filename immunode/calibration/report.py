"""A fit's result as a report, a picture, and a line of the overview: all of it from result.json alone."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from immunode.calibration.fit_file import fit_names, fits_folder
from immunode.calibration.fit_result import FitResult, PopulationResult, committed
from immunode.calibration.population_report import left_out_lines, notes_lines, population_markdown, weak_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 0.5  # moves smaller than this many standard errors are not listed


def markdown(result: FitResult | PopulationResult) -> str:
    """Return the report in Markdown."""
    if isinstance(result, PopulationResult):
        return population_markdown(result)
    parts = [
        _head(result),
        _parameters(result),
        weak_lines(result.weak),
        left_out_lines(result.left_out),
        _rows(result, "fit"),
        _rows(result, "check"),
        _assumptions(result),
        notes_lines(result.notes),
        _foot(result),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(result: FitResult) -> str:
    o = result.objective
    fitted = [row for row in result.predicted if row["use"] == "fit"]
    inside = sum(abs(row["residual"]) <= 2 for row in fitted)
    text = (
        f"# {result.name}: {result.title}\n\n"
        f"Model `{result.model}`, the typical patient. {o['ndata']} printed numbers, {o['nvarys']} free parameters: "
        f"chi-square {o['chisqr']:.1f}, {o['nfree']} degrees of freedom, reduced {o['redchi']:.2f}. "
        f"{inside} of {len(fitted)} numbers within 2 sigma. "
        f"Largest residual {max(abs(r['residual']) for r in fitted):.1f} sigma."
    )
    if len(fitted) < len(result.predicted):
        everything = sum(row["residual"] ** 2 for row in result.predicted)
        text += (
            f" The checks are not in these figures: over all {len(result.predicted)} numbers "
            f"the sum of squared residuals is {everything:.1f}."
        )
    if o["redchi"] > 1:
        text += (
            f"\n\nThe trials disagree with each other by {o['redchi'] ** 0.5:.1f} times what the sigmas allow; "
            "the scaled error below is larger by that factor and is the one to use."
        )
    return text + "\n\n![residuals](residuals.png)"


def _parameters(result: FitResult) -> str:
    lines = ["## Parameters", "", "| parameter | estimate | error | scaled error | note |", "|---|---|---|---|---|"]
    for kind, entries in (("estimate", result.estimates), ("derived", result.derived)):
        for name, e in entries.items():
            note = "at its bound" if e["at_bound"] else "derived" if kind == "derived" else ""
            lines.append(
                f"| {name} | {e['value']:.4g} | {_number(e['stderr'])} | {_number(e['stderr_scaled'])} | {note} |"
            )
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _rows(result: FitResult, use: str) -> str:
    rows = [row for row in result.predicted if row["use"] == use]
    if not rows:
        return ""
    population = any("population_median" in row for row in rows)
    title = "## Fitted" if use == "fit" else "## Checks (not fitted)"
    extra, rule = (" population median |", "---|") if population else ("", "")
    if use == "check":
        extra, rule = f"{extra} why not fitted |", f"{rule}---|"
    lines = [title, "", f"| number | observed | predicted | sigma | residual |{extra}", f"|---|---|---|---|---|{rule}"]
    for row in rows:
        median = row.get("population_median")
        last = f" {'' if median is None else f'{median:.4g}'} |" if population else ""
        last += f" {row['note']} |" if use == "check" else ""
        lines.append(
            f"| {row['label']} | {row['observed']:.4g} | {_tidy(row['predicted'], row['sigma'])} | {row['sigma']:.3g} "
            f"| {row['residual']:+.2f} |{last}"
        )
    return "\n".join(lines)


def _tidy(value: float, sigma: float) -> str:
    """Write a number; solver noise around zero is zero."""
    return "0" if abs(value) < 1e-6 * sigma else f"{value:.4g}"


def _assumptions(result: FitResult) -> str:
    if not result.assumptions:
        return ""
    lines = ["## Assumptions, and what moves with another reading", ""]
    lines += ["Moves are in standard errors of the fit above; those under half an error are not listed.", ""]
    lines += ["| of | assumption | assumed | instead | chi-square | what moved |", "|---|---|---|---|---|---|"]
    for a in result.assumptions:
        big = sorted(a["estimates"].items(), key=lambda item: -abs(item[1]["moved"]))
        text = ", ".join(f"{name} {e['value']:.3g} ({e['moved']:+.1f})" for name, e in big if abs(e["moved"]) >= SHOWN)
        chi = f"{a['chisqr']:.1f}" + ("" if a["nfree"] == result.objective["nfree"] else f" / {a['nfree']}")
        lines.append(f"| {a['source']} | {a['name']} | {a['assumed']} | {a['label']} | {chi} | {text or 'nothing'} |")
    return "\n".join(lines)


def _foot(result: FitResult) -> str:
    lines = ["## Origin", ""]
    reached = ", ".join(f"{value:.2f}" for value in result.starts)
    versions = ", ".join(f"{name} {value}" for name, value in result.versions.items())
    lines += [
        f"- seed {result.seed}; chi-square reached from each start: {reached}",
        f"- {versions}; data {result.data_hash}",
    ]
    return "\n".join(lines)


def picture(result: FitResult | PopulationResult) -> "Figure":
    """Return the picture of predicted against observed numbers: fitted rows filled, checks open."""
    import pandas

    from immunode import plot

    table = pandas.DataFrame(list(result.predicted))
    if "sd" in table:  # of a population: numbers scatter as its patients do, whatever sigma a check is printed with
        table = table.drop(columns="sigma", errors="ignore").rename(columns={"sd": "sigma"})
    axes = plot.fit(table)
    axes.figure.suptitle(result.title)
    return axes.figure  # type: ignore[return-value]


def overview(results: Sequence[FitResult | PopulationResult]) -> str:
    """Return the README of the fits' folder."""
    lines = [
        "# Fits",
        "",
        "Written by `immunode fit NAME`; `immunode fit NAME --check` evaluates the committed result again.",
        "",
    ]
    lines += [
        "| fit | model | numbers | free | chi-square / degrees of freedom, or -2 log L |",
        "|---|---|---|---|---|",
    ]
    for r in results:
        o = r.objective
        reached = f"{o['chisqr']:.1f} / {o['nfree']}" if "chisqr" in o else f"-2 log L {o['deviance']:.1f}"
        lines.append(
            f"| [{r.name}]({r.name}/report.md): {r.title} | `{r.model}` | {o['ndata']} | {o['nvarys']} | {reached} |"
        )
    return "\n".join(lines) + "\n"


def write(result: FitResult | PopulationResult, out: Path) -> None:
    """Write result.json, report.md, residuals.png and, where there are some, profiles.png into the existing folder
    `out`."""
    text = json.dumps(result.json(), indent=1, allow_nan=False)
    (out / "result.json").write_text(text + "\n", encoding="utf-8")
    (out / "report.md").write_text(markdown(result), encoding="utf-8")
    picture(result).savefig(out / "residuals.png", dpi=100)
    if isinstance(result, PopulationResult) and result.profiles:
        from immunode.plot.profiles import profiles

        profiles(result.profiles).savefig(out / "profiles.png", dpi=100)


def write_overview() -> None:
    """Write the README of the library's fits from their committed results."""
    (fits_folder() / "README.md").write_text(overview([committed(name) for name in fit_names()]), encoding="utf-8")
