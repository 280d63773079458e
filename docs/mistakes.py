"""Fits the wrong reading of a table beside the right one: writes docs/mistakes.csv, and the table of docs/mistakes.md.

`python docs/mistakes.py` fits every set of every reading anew, some 1 000 fits: 10 minutes on two cores.
"""

import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import immunode as im

FOLDER = Path(__file__).parent
FITS, PAGE = FOLDER / "mistakes.csv", FOLDER / "mistakes.md"
SETS, N, DOSE = 100, 33, 100.0
TRUTH = {"CL": 10.0, "V": 5.0, "omega_CL": 0.5, "omega_V": 0.3}
EVALUABLE, LIMIT, VISITS = 24, 8.0, (0.1, 0.3, 0.6)

MODEL = im.Model(
    name="one_compartment",
    states=[im.State("central", "mg")],
    routes={"iv": "central"},
    parameters=[
        im.Parameter("CL", 10.0, "L/day", "clearance", source="made up", low=0.01, high=10_000),
        im.Parameter("V", 5.0, "L", "volume", source="made up", low=0.01, high=10_000),
    ],
    outputs=[im.Output("level", "mg/L", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"central": -p.CL / p.V * x.central},
)
POPULATION = im.Population(MODEL, omega={"CL": 0.5, "V": 0.3})
AUC = {"arm": "a", "observable": "level", "measure": "auc", "day": 20}


def patients(number: int) -> dict[str, np.ndarray]:
    """Return what is measured of the patients of trial `number`: areas, and levels at visits, in closed form."""
    cl, v = np.exp(np.random.default_rng([12, number]).standard_normal((2, N)) * [[0.5], [0.3]])
    cl, v = TRUTH["CL"] * cl, TRUTH["V"] * v
    days = np.array(VISITS)[:, None]
    return {"auc": DOSE / cl, "levels": DOSE / v * np.exp(-cl / v * days)}


def evidence(rows: list[dict], name: str = "trial", **changes: str) -> im.Evidence:
    """Return rows as those of one arm."""
    arm = {"name": "a", "regimen": "100 mg IV bolus", "n": N}
    return im.Evidence(name=name, arms=[arm], rows=[{**row, **changes} for row in rows])


def printed(values: np.ndarray, statistic: str) -> str:
    """Return the cell that a paper prints, to four digits."""
    middle, mean, sd = np.quantile(values, [0.25, 0.5, 0.75]), values.mean(), values.std(ddof=1)
    return {
        "median (q1-q3)": f"{middle[1]:.4g} ({middle[0]:.4g}-{middle[2]:.4g})",
        "mean (sd)": f"{mean:.4g} ({sd:.4g})",
        "mean (se)": f"{mean:.4g} ({sd / np.sqrt(len(values)):.4g})",
    }[statistic]


def areas(seen: dict[str, np.ndarray], as_printed: str, as_read: str) -> list[im.Evidence]:
    """Return the areas printed as one statistic and read as another."""
    return [evidence([{**AUC, "statistic": as_read, "value": printed(seen["auc"], as_printed)}])]


def quartiles_as_sd(seen: dict[str, np.ndarray]) -> list[im.Evidence]:
    """Return the median as the mean, and the interquartile range over 1.35 as the SD."""
    low, middle, high = np.quantile(seen["auc"], [0.25, 0.5, 0.75])
    return [evidence([{**AUC, "statistic": "mean (sd)", "value": f"{middle:.4g} ({(high - low) / 1.35:.4g})"}])]


def mean_as_median(seen: dict[str, np.ndarray]) -> list[im.Evidence]:
    """Return the mean as the median, beside the SD."""
    mean, sd = seen["auc"].mean(), seen["auc"].std(ddof=1)
    return [evidence([{**AUC, "statistic": "median", "value": float(f"{mean:.4g}")},
                      {**AUC, "statistic": "sd", "value": float(f"{sd:.4g}")}])]  # fmt: skip


def visits(seen: dict[str, np.ndarray], together: bool) -> list[im.Evidence]:
    """Return quartiles of the level at every visit, as of the same patients or as of a trial each."""
    rows = [
        {"arm": "a", "observable": "level", "day": day, "statistic": "median (q1-q3)",
         "value": printed(levels, "median (q1-q3)")}
        for day, levels in zip(VISITS, seen["levels"], strict=True)
    ]  # fmt: skip
    if together:
        return [evidence(rows)]
    return [evidence([row], f"visit {k}", cohort=f"visit {k}") for k, row in enumerate(rows, start=1)]


def above(seen: dict[str, np.ndarray], n: int) -> list[im.Evidence]:
    """Return how many of the evaluable, the first 24, are above the limit, as a count of n patients."""
    count = int((seen["auc"][:EVALUABLE] > LIMIT).sum())
    return [evidence([{**AUC, "statistic": "count_above", "limit": LIMIT, "value": count, "n": n}])]


@dataclass(frozen=True)
class Reading:
    """Hold a mistake: the right reading and the wrong one, in words and as evidence, and what is fitted."""

    right: str
    wrong: str
    rightly: Callable[[dict[str, np.ndarray]], list[im.Evidence]]
    wrongly: Callable[[dict[str, np.ndarray]], list[im.Evidence]]
    vary: tuple[str, ...] = ("CL", "omega_CL")


READINGS = [
    Reading("SE as SE", "SE read as SD", lambda s: areas(s, "mean (se)", "mean (se)"),
            lambda s: areas(s, "mean (se)", "mean (sd)")),
    Reading("quartiles as quartiles", "mean = median, SD = IQR / 1.35",
            lambda s: areas(s, "median (q1-q3)", "median (q1-q3)"), quartiles_as_sd),
    Reading("visits of the same patients", "visits as independent", lambda s: visits(s, True),
            lambda s: visits(s, False)),
    Reading("mean as mean", "mean read as median", lambda s: areas(s, "mean (sd)", "mean (sd)"), mean_as_median),
    Reading("k of the 24 evaluable", "k of all 33", lambda s: above(s, EVALUABLE), lambda s: above(s, N), ("CL",)),
]  # fmt: skip


def fits(number: int) -> list[tuple]:
    """Return a row a reading and parameter of one set: its estimate and interval."""
    seen, rows = patients(number), []
    for reading in READINGS:
        for words, of in ((reading.right, reading.rightly), (reading.wrong, reading.wrongly)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # some of the readings are warned of: that is what they are here for
                fit = im.calibrate(of(seen), POPULATION, reading.vary, seed=number, threads=1)
            for name, line in fit.intervals.iterrows():
                rows.append((number, words, name, *(float(f"{line[c]:.6g}") for c in ("estimate", "low", "high"))))
    return rows


def summary(every: pd.DataFrame) -> list[str]:
    """Return the rows of the page's table: bias, root mean squared error and coverage of each parameter."""
    lines = []
    for words in every.reading.drop_duplicates():
        cells = []
        for name in ("CL", "omega_CL"):
            some = every[(every.reading == words) & (every.parameter == name)]
            if some.empty:
                cells += ["", "", ""]
                continue
            log = np.log(some.estimate / TRUTH[name])
            covered = (some.low <= TRUTH[name]) & (some.high >= TRUTH[name])
            bias = 100 * (some.estimate.mean() / TRUTH[name] - 1)
            cells += [f"{round(bias):+d} %", f"{100 * np.sqrt((log**2).mean()):.0f} %", f"{100 * covered.mean():.0f} %"]
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Fit all sets, and write the file and the page's table."""
    rows = []
    with ProcessPoolExecutor(2) as pool:
        for number, some in enumerate(pool.map(fits, range(SETS)), start=1):
            rows += some
            print(f"\r{number} of {SETS} sets", end="", file=sys.stderr, flush=True)
    every = pd.DataFrame(rows, columns=["set", "reading", "parameter", "estimate", "low", "high"])
    every.to_csv(FITS, index=False)
    page = PAGE.read_text(encoding="utf-8")
    mark = "<!-- readings -->\n\n"
    table = page.split(mark)[1].split("\n\n")[0]
    head = "\n".join(table.split("\n")[:2])
    PAGE.write_text(page.replace(table, "\n".join([head, *summary(every)])), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
