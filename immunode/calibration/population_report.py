"""The report of a fitted population in Markdown, from result.json alone."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from immunode.calibration.fit_result import PopulationResult
from immunode.calibration.nested import LEVELS

SHOWN = 0.5  # moves smaller than this many standard errors are not listed


def population_markdown(result: PopulationResult) -> str:
    """Return the report in Markdown."""
    parts = [
        _head(result), _parameters(result), _profiles(result), _effects(result),
        weak_lines(result.weak), left_out_lines(result.left_out), _rows(result, "fit"), _rows(result, "check"),
        _scored(result), _foretold(result), _assumptions(result), notes_lines(result.notes), _foot(result),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(result: PopulationResult) -> str:
    o = result.objective
    far = max((abs(row["residual"]) for row in result.predicted if row["residual"] is not None), default=0.0)
    return (
        f"# {result.name}: {result.title}\n\n"
        f"Model `{result.model}`, a population by what papers print. {o['ndata']} printed numbers of "
        f"{', '.join(result.evidence)}; {o['nvarys']} free parameters: -2 log L {o['deviance']:.2f}. "
        f"Largest residual {far:.1f} sampling SD.\n\n![residuals](residuals.png)"
    )


def _parameters(result: PopulationResult) -> str:
    lines = ["## Parameters", ""]
    lines += [
        "Estimates are less their bias; 95 % intervals hold at the trials' sizes, unless notes say otherwise.",
        "",
    ]
    lines += ["| parameter | estimate | 95 % interval | raw estimate | raw interval |", "|---|---|---|---|---|"]
    for name, e in result.estimates.items():
        raw = _span(e["raw_low"], e["raw_high"])
        lines.append(f"| {name} | {e['value']:.4g} | {_span(e['low'], e['high'])} | {e['raw']:.4g} | {raw} |")
    lines += [f"| {name} | {value:.4g} | derived | | |" for name, value in result.derived.items()]
    if result.priors:
        lines += ["", "Priors, log-normal:", ""]
    for name, prior in result.priors.items():
        lines.append(
            f"- {name}: median {prior['median']:g}, SD of the logarithm {prior['log_sd']:g} ({prior['source']})"
        )
    return "\n".join(lines)


def _profiles(result: PopulationResult) -> str:
    if not result.profiles:
        return ""
    lines = ["## Profiles", "", "Rise of -2 log L along each parameter, all others fitted anew.", ""]
    lines.append("![profiles](profiles.png)")
    valleys = [line for name in result.profiles for line in _valleys(result, name)]
    return "\n".join([*lines, "", *valleys] if valleys else lines)


def _valleys(result: PopulationResult, name: str) -> list[str]:
    """Return where a profile is below the level of 95 % beyond the ends of the interval, which is that around the
    estimate."""
    from immunode.plot.profiles import LEVEL

    one, lines = result.estimates[name], []
    points = list(zip(result.profiles[name]["value"], result.profiles[name]["rise"], strict=True))
    for side, end in ((-1, one["raw_low"]), (1, one["raw_high"])):
        beyond = [] if end is None else [(v, rise) for v, rise in points if side * (v - end) > 0 and rise < LEVEL]
        if beyond:
            values = [v for v, _ in beyond]
            least = min(rise for _, rise in beyond)
            span = f"{min(values):.3g} to {max(values):.3g}"
            lines.append(f"- {name}: a second valley, {span}, where -2 log L is {least:.1f} above the minimum")
    return lines


def _span(low: float | None, high: float | None) -> str:
    return f"{'open' if low is None else f'{low:.3g}'} to {'open' if high is None else f'{high:.3g}'}"


def _effects(result: PopulationResult) -> str:
    if not result.tau:
        return ""
    lines = [
        "## How far trials differ",
        "",
        "SD of each trial's own shift, of the logarithm (log odds of a fraction).",
        "",
    ]
    lines += ["| of | scale of the prior | SD | 95 % interval |", "|---|---|---|---|"]
    for name, tau in result.tau.items():
        lines.append(
            f"| {name} | {result.trial_effects[name]:g} | {tau['median']:.2g} | {_span(tau['low'], tau['high'])} |"
        )
    return "\n".join([*lines, *_other_priors(result)])


def _other_priors(result: PopulationResult) -> list[str]:
    """Return the raw estimates under other scales of the prior, if the result has them."""
    first: Mapping[str, Any] = next(iter(result.estimates.values()))
    scales = [key.removeprefix("raw_tau_") for key in first if key.startswith("raw_tau_")]
    if not scales:
        return []
    head = " | ".join(f"scale {scale}" for scale in scales)
    lines = ["", "Raw estimates under other priors:", "", f"| parameter | as above | {head} |"]
    lines.append("|---" * (2 + len(scales)) + "|")
    for name, e in result.estimates.items():
        cells = " | ".join(f"{e[f'raw_tau_{scale}']:.4g}" for scale in scales)
        lines.append(f"| {name} | {e['raw']:.4g} | {cells} |")
    return lines


def left_out_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what a fit predicts of the trials that it has not seen; nothing where it has seen all."""
    if not rows:
        return ""
    judged = [row["inside"] for row in rows if row["inside"] is not None]
    lines = ["## Left out, and predicted", ""]
    lines += [f"{sum(judged)} of {len(judged)} printed numbers lie in their 95 % interval.", ""]
    lines += ["| number | printed | predicted | 95 % interval | inside |", "|---|---|---|---|---|"]
    for row in rows:
        inside = {True: "yes", False: "NO", None: ""}[row["inside"]]
        predicted, span = "none", ""
        if row["predicted"] is not None:
            predicted, span = f"{row['predicted']:.3g}", _span(row["low"], row["high"])
        lines.append(f"| {row['label']} | {_number(row['published'])} | {predicted} | {span} | {inside} |")
    return "\n".join(lines)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | int) else "" if value is None else str(value)


def weak_lines(weak: Sequence[str]) -> str:
    """Return what the evidence cannot tell apart, in words."""
    lines = [f"- {line}" for line in weak] or ["Every combination of parameters is known to better than a factor 1.65."]
    return "\n".join(["## What the evidence cannot tell apart", "", *lines])


def _rows(result: PopulationResult, use: str) -> str:
    """Return the printed numbers that are fitted, or the checks, with what is to be said of them."""
    rows = [row for row in result.predicted if row["use"] == use]
    if not rows:
        return ""
    noted = use == "check" and any(row.get("note") for row in rows)
    lines = ["## Printed numbers" if use == "fit" else "## Checks (not fitted)", ""]
    lines += [f"| number | observed | predicted | sampling SD | residual |{' note |' if noted else ''}"]
    lines.append("|---|---|---|---|---|" + "---|" * noted)
    for row in rows:
        cells = [row["label"], *(_number(row[key]) for key in ("observed", "predicted", "sd")), _off(row["residual"])]
        lines.append(f"| {' | '.join([*cells, row.get('note') or ''] if noted else cells)} |")
    return "\n".join(lines)


def _off(residual: float | None) -> str:
    return "" if residual is None else f"{residual:+.2f}"


def _scored(result: PopulationResult) -> str:
    """Return how well groups of printed numbers are met, by the sigma of each, and foretold by the other trials."""
    if not result.scored:
        return ""
    predicted = {row["label"]: row for row in result.predicted}
    ahead = {row["label"]: row for row in result.foretold}
    lines = ["## Scores", "", "| group | numbers | chi-square by sigma | foretold | median error | inside 95 % |"]
    lines.append("|---|---|---|---|---|---|")
    each = ["", "| group | number | observed | predicted | sigma | residual |", "|---|---|---|---|---|---|"]
    for group, labels in result.scored.items():
        rows = [predicted[one] for one in labels if one in predicted and predicted[one]["predicted"] is not None]
        off = {r["label"]: (r["predicted"] - r["observed"]) / r["sigma"] for r in rows if r.get("sigma")}
        known = [ahead[one] for one in labels if one in ahead]
        errors = [abs(row["predicted"] - row["observed"]) / abs(row["observed"]) for row in known if row["observed"]]
        cells = [group, str(len(rows)), f"{sum(x * x for x in off.values()):.1f} of {len(off)}", str(len(known))]
        cells += [f"{100 * median(errors):.0f} %" if errors else "", str(sum(row["inside"] for row in known))]
        lines.append(f"| {' | '.join(cells)} |")
        for label, x in off.items():
            numbers = (_number(predicted[label][key]) for key in ("observed", "predicted", "sigma"))
            each.append(f"| {group} | {label} | {' | '.join(numbers)} | {x:+.2f} |")
    return "\n".join([*lines, *each])


def _foretold(result: PopulationResult) -> str:
    """Return what each trial is by the fit to all others."""
    if not result.foretold:
        return ""
    s = result.foretold_summary
    compared = (
        f"comparisons of arms {100 * s['error_of_comparisons']:.0f} %, of " if "error_of_comparisons" in s else ""
    )
    lines = ["## Each trial foretold by all others", ""]
    lines += [
        f"{100 * s['inside']:.0f} % of {s['numbers']:.0f} numbers lie in their 95 % interval. Median error of "
        f"{compared}all numbers {100 * s['error']:.0f} %; median "
        f"width of an interval {s['width']:.2f}, mean interval score {s['score']:.2f}, both over what is printed; log "
        f"predictive density {s['log_density']:.1f}.",
        "",
        "The last columns say what the variance of what is foretold is due to, in percent.",
        "",
        "| number | printed | predicted | 95 % interval | inside | parameter | trial | patients | sampling |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in result.foretold:
        inside = "yes" if row["inside"] else "NO"
        cells = [_number(row["observed"]), f"{row['predicted']:.3g}", _span(row["low"], row["high"]), inside]
        cells += [f"{row[level]:.0f}" for level in LEVELS]
        lines.append(f"| {row['label']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _assumptions(result: PopulationResult) -> str:
    if not result.assumptions:
        return ""
    lines = ["## Assumptions, and what moves with another reading", ""]
    lines += ["Moves are in standard errors of the fit above; those under half an error are not listed.", ""]
    lines += ["| of | assumption | assumed | instead | -2 log L | what moved |", "|---|---|---|---|---|---|"]
    for a in result.assumptions:
        big = sorted(a["estimates"].items(), key=lambda item: -abs(item[1]["moved"]))
        text = ", ".join(f"{name} {e['value']:.3g} ({e['moved']:+.1f})" for name, e in big if abs(e["moved"]) >= SHOWN)
        cells = (a["source"], a["name"], a["assumed"], a["label"], f"{a['deviance']:.1f}", text or "nothing")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def notes_lines(notes: Sequence[str]) -> str:
    """Return what is to be known before an estimate is used; nothing where that is nothing."""
    return "\n".join(["## Notes", "", *(f"- {note}" for note in notes)]) if notes else ""


def _foot(result: PopulationResult) -> str:
    versions = ", ".join(f"{name} {value}" for name, value in result.versions.items())
    return "\n".join([
        "## Origin",
        "",
        f"- seed {result.seed}; {result.patients} virtual patients an arm at least, of which the least arm is worth "
        f"{result.objective['effective']:.0f} equal ones at the estimates",
        f"- {versions}; data {result.data_hash}",
    ])  # fmt: skip
