"""Fill in what il2_cd4_hiv.md shows of the model: `python docs/models/page.py` writes its equations, what stopping
therapy costs, and the picture of its compartments."""

import re
import textwrap
from pathlib import Path

import immunode as im
from immunode.calibration.fit_result import committed
from immunode.model.equations import readable
from immunode.models import model

HOME = Path(__file__).parent
NAME = "il2_cd4_hiv"
MONTH, WEEK = 365.25 / 12, 7.0
# who stops, between which days, in cells per how many days, as printed, and as the model had it with the numbers of the
# fit of the typical patient (commit b784a7c); counts that no abstract has are assumed
STOPS = [
    (
        "Skiest 2004", "skiest_2004", {"cd4_start": 739, "pretherapy_cd4": 463, "setpoint_rna": 22387},
        [(0, 61, MONTH, -65, -75.0), (61, 304, MONTH, -8, -4.3)],
    ),
    (
        "ACTG 5170", "actg_5170", {"cd4_start": 800, "nadir": 436},
        [(0, 56, WEEK, -20, -20.4), (56, 672, WEEK, -2.0, -1.4)],
    ),
    ("STI 2005", "sti_2005", {"cd4_start": 750, "nadir": 350}, [(0, 28, WEEK, -30, -38.1), (28, 336, WEEK, -3, -3.0)]),
    ("Tebas 2002", "tebas_2002", {"cd4_start": 700, "nadir": 350}, [(0, 315, MONTH, -16, -23.7)]),
]  # fmt: skip
ASSUMED = {
    "ACTG 5170": "count at the stop and last day assumed", "STI 2005": "counts and last day assumed",
    "Tebas 2002": "counts assumed",
}  # fmt: skip


def equations() -> str:
    """Return the equations as the terminal shows them."""
    declared = model(NAME)
    lines = readable(declared.trace(), [output.name for output in declared.outputs])
    wrapped = [textwrap.fill(line, 150, subsequent_indent="    ", break_on_hyphens=False) for line in lines]
    return "```text\n" + "\n".join(wrapped) + "\n```"


def parameters() -> str:
    """Return the table of parameters, each with its unit, bounds and source."""
    lines = ["| parameter | value | unit | bounds | what it is | source |", "|---|---|---|---|---|---|"]
    for one in model(NAME).parameters:
        cells = f"{one.value:g} | {one.unit} | {one.low:g} to {one.high:g} | {one.meaning} | {one.source}"
        lines.append(f"| `{one.name}` | {cells} |")
    return "\n".join(lines)


def slope(patient: dict[str, float], first: float, last: float, per: float) -> float:
    """Return the slope of the typical patient's count between two days, cells in `per` days."""
    course = im.simulate(
        NAME, im.replace("art", 0, time=0), times=sorted({0, first, last}), outputs=["cd4"],
        parameters={"suppressed": 1, **patient},
    )["cd4"]  # fmt: skip
    return float(course.sel(time=last) - course.sel(time=first)) / (last - first) * per


def stops() -> str:
    """Return the table of what stopping therapy costs."""
    lines = ["| trial | a patient with | days | printed | before the fit | typical patient | population |"]
    lines.append("|---|---|---|---|---|---|---|")
    rows = {row["label"]: row["predicted"] for row in committed("il2_cd4").predicted}
    for trial, name, patient, slopes in STOPS:
        who = ", ".join(f"{name} {value:g}" for name, value in patient.items())
        who += f" ({ASSUMED[trial]})" if trial in ASSUMED else ""
        for first, last, per, printed, before in slopes:
            unit = "a month" if per == MONTH else "a week"
            change = rows[f"{name}: stopped, median change of cd4, day {first} to {last}"]
            cells = f"{before} | {slope(patient, first, last, per):.1f} | {change / (last - first) * per:.1f}"
            lines.append(f"| {trial} | {who} | {first}-{last} | {printed:g} {unit} | {cells} |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """Return a page with its tables made anew."""
    for name, made in (("equations", equations()), ("parameters", parameters()), ("stops", stops())):
        pattern = rf"(<!-- {name} -->\n\n).*?(?=\n\n(?!\|)|\Z)"
        text = re.sub(pattern, lambda match, made=made: match[1] + made, text, flags=re.S)
    return text


if __name__ == "__main__":
    from diagram import draw

    page = HOME / f"{NAME}.md"
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    draw(HOME / f"{NAME}.png")
