"""Write docs/refusals.md, what immunode answers to odd input, from the answers: `python docs/refusals.py`."""

import os
import re
import shlex
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import immunode as im
from immunode.errors import ImmunodeError
from immunode.functions import convert, where

PAGE = Path(__file__).parent / "refusals.md"
_WIDEST = 200  # signs of an answer


def bolus(slope: Any = None, **changes: Any) -> im.Model:
    """Return a model of one state, with a slope and other changes."""
    whole: dict[str, Any] = {
        "name": "bolus",
        "states": [im.State("y", "MIU")],
        "derivative": slope or (lambda t, x, p: {"y": -p.k * x.y}),
        "parameters": [
            im.Parameter("k", 2.0, "1/day", low=0.1, high=10),
            im.Parameter("V", 14.0, "L"),
            im.Parameter("SEX", 0.0, "1"),
        ],
        "routes": {"iv": "y"},
    }
    return im.Model(**whole | changes)


def arm(**said: Any) -> im.Trial:
    """Return a trial of il2_cd4_hiv with one arm."""
    return im.Trial("t", im.Population("il2_cd4_hiv"), [0, 28], [im.Arm("a", 5, **said)])


M = bolus()
HOURLY = bolus(lambda t, x, p: {"y": -convert(p.k, "1/day", "1/hour") * x.y}, name="hourly", time="hour")
E = im.Evidence(
    name="e", arms={"a": "3 MIU IV"}, rows=[{"arm": "a", "observable": "y", "day": 0.5, "value": 1.0, "sigma": 0.1}]
)
ROW = {"arm": "a", "observable": "y", "day": 28, "value": 1}
COURSE = {"arm": "a", "observable": "y", "days": [7, 28], "mean": [3, 2], "variances": [1, 1], "n": 12}
TWO = pd.DataFrame({"ID": [2, 2, 1, 1], "TIME": [0, 1, 0, 1], "AMT": [3, 0, 3, 0], "EVID": [1, 0, 1, 0]})
HOURS = TWO.copy()
HOURS.attrs["units"] = {"TIME": "h"}


def printed(*cells: Any, **said: Any) -> im.Evidence:
    """Return a table of printed numbers: (statistic, value) each, of an arm of 40 patients."""
    row = {"arm": "a", "observable": "y", "day": 28} | said
    rows = [row | {"statistic": statistic, "value": value} for statistic, value in cells]
    return im.Evidence(name="e", arms=[{"name": "a", "n": 40}, {"name": "b", "n": 20}], rows=rows)


def shares(*said: tuple[float, float]) -> im.Evidence:
    """Return percentages of the same 40 patients above limits: (limit, percentage) each."""
    rows = [ROW | {"statistic": "percent_above", "limit": limit, "value": value} for limit, value in said]
    return im.Evidence(name="e", arms=[{"name": "a", "n": 40}], rows=rows)


def rule(when: str, **changes: Any) -> im.Trial:
    """Return a trial of an arm with a recurring rule that adds 3 MIU, or with other fields."""
    fields: dict[str, Any] = {"name": "again", "when": when, "then": {"add": "3 MIU IV"}} | changes
    rules = [im.RecurringRule(**fields)]
    return im.Trial("t", im.Population(M), [0, 28, 56, 84], [im.Arm("a", 5, rules=rules)])


NAMES = {"rule": rule, "im": im, "np": np, "pd": pd, "convert": convert, "where": where, "bolus": bolus, "arm": arm}
NAMES |= {"printed": printed, "shares": shares, "ROW": ROW, "COURSE": COURSE}
NAMES |= {"M": M, "HOURLY": HOURLY, "E": E, "TWO": TWO, "HOURS": HOURS}
TOPICS: dict[str, tuple[str, ...]] = {
    "Equations": (
        'bolus(lambda t, x, p: {"y": -p.k * x.y if p.SEX == 1 else 0 * x.y})',
        'bolus(lambda t, x, p: {"y": -{0: p.k, 1: 2 * p.k}.get(p.SEX) * x.y})',
        'bolus(lambda t, x, p: {"y": -np.exp(p.SEX) * p.k * x.y})',
        'bolus(lambda t, x, p: {"y": -p.k * x.y + 3})',
        'bolus(lambda t, x, p: {"y": x.y / p.V})',
        "bolus(lambda t, x, p: [-p.k * x.y])",
        'bolus(lambda t, x, p: {"y": -p["k"] * x.y})',
        'bolus(lambda t, x, p: {"y": -p.k * sum(x)})',
        'bolus(lambda x, p: {"y": -p.k * x.y})',
        'bolus(lambda t, x, p: {"y": setattr(p, "k", 2)})',
        'bolus(states=[im.State("y", "MIU", initial="3 MIU")])',
        'bolus(initial={"y": 3.0})',
        'im.State("y", "MIU", init=3.0)',
        'bolus(states=[im.State("y", "U")])',
        'bolus(states=[im.State("y", "1 MIU")])',
        'bolus(states=[im.State("y", "MIU MIU")])',
        'bolus(parameters=[im.Parameter("\u00b5", 2.0, "1/day")])',
        'bolus(routes={"iv": "y", "IV": "y"})',
        'bolus(states=[im.State("y", "MIU"), im.State("z", "MIU")], routes={"y": "z"})',
        'bolus(name="two\\nlines")',
        'im.State("y", "MIU", scale=0)',
        'bolus(outputs=[im.Output("cells", "G/L", lambda t, x, p: p.SEX)])',
        'bolus(lambda t, x, p: {"y": -p.k * x.y, "z": p.V * p.k * x.y}, '
        'states=[im.State("y", "MIU", bioavailability="V"), im.State("z", "MIU")], '
        'parameters=[im.Parameter("k", 2.0, "1/day"), im.Parameter("V", 0.5, "1")])',
        'bolus(parameters=[im.Parameter("k", "2 1/day", "1/day")])',
        'bolus(parameters=[im.Parameter("k", 20, "1/day", high=10)])',
        'bolus(outputs=[im.Output("level", "IU/mL", lambda t, x, p: x.y / p.V - convert(x.y, "MIU", "IU"))])',
        'im.simulate(bolus(lambda t, x, p: {"y": -where(p.SEX == 1, p.k, 2 * p.k) * x.y}), im.dose("3 MIU", "iv"), '
        'times=[1], parameters={"SEX": [0, 1]})["y"].values.round(4).tolist()',
    ),
    "Units and numbers": (
        'float(im.simulate(M, "3 MU IV", times=[0], at_dose="post")["y"].item())',
        'im.simulate(M, "3 mg IV", times=[1])',
        'im.simulate(M, "3 kat IV", times=[1])',
        'im.simulate(M, times=[1], parameters={"k": "2 L"})',
        'im.simulate(M, times=[1], parameters={"k": "<2"})',
        'im.simulate(M, times=[1], parameters={"k": "1,5 1/day"})',
        'im.simulate(M, times=[1], parameters={"k": 20})',
        'im.simulate(M, times=[1], parameters={"k": [1.0, np.nan]})',
        'im.simulate(M, times=[1], parameters={"k": None})',
        'im.simulate(M, times=[1], parameters={"K": 1.0})',
        'im.units.factor("cells/mm3", "cells/uL"), im.units.in_days("6 mo"), im.units.in_days("2 wk")',
        'im.units.factor("degC", "K")',
        'im.simulate(M, times=[1], parameters={"k": "2/day"})',
        'im.simulate(M, im.dose(3, "iv"), times=[1])',
        'im.units.parse("3.000.000 IU")',
    ),
    "Times": (
        'im.simulate(M, "3 MIU IV", times=im.days(0, "12 mg"))',
        'im.simulate(M, "3 MIU IV", times=["soon"])',
        'im.simulate(M, "3 MIU IV", times=[1, np.inf])',
        'im.simulate(M, "3 MIU IV", times=[-1], start=0)',
        'im.simulate(HOURLY, "3 MIU IV", times=[1, 24])',
        'im.simulate(HOURLY, "3 MIU IV", times=["1 h", "1 d"])["time"].values.tolist()',
        'im.simulate(HOURLY, "3 MIU IV", times=im.days(0, 1))["time"].values.tolist()',
        'im.simulate(HOURLY, im.dose("3 MIU", "iv", times=[0, 12]), times=["24 h"])',
        'im.calibrate(E, HOURLY, ["k"])',
        'im.Trial("t", im.Population(HOURLY), visits=[0, 6], arms=[im.Arm("a", 1)])',
        'im.Trial("t", im.Population(HOURLY), visits="every 6 h to 2 d", arms=[im.Arm("a", 1)], start=-1)',
        'im.compare(HOURLY, ["3 MIU IV"], until=4)',
        'im.compare(HOURLY, ["3 MIU IV"], until="4 h", endpoints=[im.Endpoint(signal="y", day=1)])',
        'im.event_table("3 MIU IV", M, times=[np.nan])',
        "im.days(5, 1)",
        "im.days(0, 1e9)",
        "im.simulate(M, times=[1], max_step=0)",
    ),
    "Doses": (
        'im.prescribe("3 MIU SC tiw")',
        'im.prescribe("3 MIU SC") + "3 MIU IV"',
        '"3 MIU IV" + im.prescribe("3 MIU SC")',
        'im.dose("three MIU", "iv")',
        'im.dose(np.ma.masked, "iv")',
        'im.dose("3 MIU", "iv", times=["noon"])',
        'im.dose("3 MIU", "iv", rate="1 mg/h")',
        'im.dose("3 MIU", "iv", days=[1, 1])',
        'im.dose("3 MIU", "iv", days=[0])',
        'im.dose("3 MIU/m2", "iv")',
        'im.dose("3 MIU", "iv", duration="2 h", rate="1 MIU/h")',
        'im.dose("-3 MIU", "iv")',
        'im.simulate(M, "3 MIU SC", times=[1])',
        'im.simulate(M, im.dose("3 MIU", "iv").doses, times=[1])',
        'im.simulate("il2_cd4_hiv", im.replace("art", 2, time=0), times=[1])',
    ),
    "Patients": (
        'im.simulate(M, ["3 MIU IV", "6 MIU IV"], times=[1], parameters={"k": [1.0, 2.0, 3.0]})',
        'im.simulate(M, times=[1], covariates={"k": [(0, 1.0), (24, 2.0)]})',
        'im.simulate(HOURLY, times=["1 h"], covariates={"k": ([0, 24], [1.0, 2.0])})',
        'im.simulate(M, times=[1], parameters={"k": 1.0}, covariates={"k": ([0, 1], [1.0, 2.0])})',
        'im.simulate(M, im.read_events(TWO, M), parameters={"k": pd.Series([1.0, 2.0], index=[7, 8])})',
        'im.simulate(M, im.read_events(TWO, M), parameters={"k": pd.Series([1.0, 2.0], index=[1, 2])})["y"].values'
        ".round(3).tolist()",
        'im.read_events(TWO.assign(TIME=["0", "1", "0,5", "1"]), M)',
        'im.read_events(TWO.assign(ID=["2", "2", "C1", "C1"]), M)',
        'im.read_events(TWO.assign(TIME=["0 h", "1 h", "0 h", "1 h"]), M)',
        "im.read_events(HOURS, M)",
        'im.read_events(TWO.assign(W=1, U=2), M, covariates={"W": "k", "U": "k"})',
        'im.read_events(TWO, M, covariates={"TIME": "k"})',
        'im.read_events(TWO, bolus(time="1", parameters=[im.Parameter("k", 1, "1"), im.Parameter("V", 14, "L")]), '
        'time_unit="h")',
        'im.Population(M, omega={"k": "30%"})',
        'im.Population(M, omega={"k": 0.3, "V": 0.2}, correlation={("k", "V"): 0.5, ("V", "k"): -0.5})',
    ),
    "Concentrations (NCA)": (
        'im.nca(["0", "3", "BLQ"], [0, 1, 2])',
        'im.nca([0, 3, 1], [0, "noon", 2])',
        "im.nca([0, 3, np.inf], [0, 1, 2])",
        'float(im.nca([0, 3, None, 1], [0, 1, 2, 3])["AUClast"])',
        "im.nca([4, 2, 1], [1, 2, 3])",
        "im.nca([[4, 2, 1], [4, -2, 1]], [0, 1, 2])",
        "im.nca([0, 4, 2], [0, 1, 2], duration=1)",
        'im.nca(im.simulate(M, "3 MIU IV", times=[0, 1])["y"], tau="1 mg")',
        'im.nca([0, 4, 2], [0, 1, 2], dose="3 MIU")',
        'im.nca([0, 4, 2], [0, 1, 2], method="linear up log down")',
    ),
    "Trials, evidence and fits": (
        'im.run_trial("tincati_2008", n=5, seed=7.0)',
        'im.run_trial("tincati_2008", n="10")',
        'im.Arm("a ", 5)',
        'im.Arm("a", 5.0)',
        'im.Arm("a", 5, regimen=["3 MIU SC"])',
        'im.Trial("t", im.Population(M), ["0"], [im.Arm("a", 5)])',
        'im.Trial("t", im.Population(M), [0], [im.Arm("a", 5), im.Arm("a", 5)])',
        'im.SetState(state="art", value=True, day=0)',
        'im.Baseline(observable="cd4", range=[500, 200], source="s")',
        'im.Baseline(observable="cd4", median=300, source="s")',
        'im.Baseline(observable="cd4", median=300, log_sd=0.5, mean=300, source="s")',
        'arm(patients="supressed")',
        'arm(patients="suppressed, untreated")',
        'arm(patients="cd4 above 500")',
        'arm(patients="cd4 200-400, nadir 500-600")',
        'arm(patients="cd4 median 300 (250-290)")',
        'im.run_trial(arm(patients="cd4 5000"), n=5)',
        'im.Adherence(source="s")',
        'im.Dropout(share=0.2, source="s")',
        'im.Action(label=" ")',
        'im.SetState(state="art", value=1, day="noon")',
        'im.When(signal="cd4", days=[30, 30], above=1)',
        'im.When(signal="cd4", days=[], above=1)',
        "im.calibrate(E, M, [])",
        'im.calibrate(E, M, "k")',
        'im.calibrate(E, M, ["k"], values={"k": 1.0})',
        'im.calibrate(E, M, {"k": {"log": "no"}})',
        "im.calibrate(E, M, ['V'], derived={'k': \"open('/etc/passwd').read()\"})",
    ),
    "Printed numbers": (
        'printed(("median", "61 (40-100)"))',
        'printed(("median (q1-q3)", "61 (70-100)"))',
        'printed(("median (q1-q3)", "1,5 (0,9-2,1)"))',
        'printed(("median (90% ci)", "61 (40-100)"))',
        'printed(("sd", 12), versus="b")',
        'printed(("count_above", 3), ("percent_above", 25), limit=50)',
        'printed(("median (range)", "61 (61-61)"))',
        'printed(("median", 61), ("q1", 70))',
        'printed(("mean (95% ci)", "61 (62-70)"))',
        'printed(("mean (sd)", "61 ± 0"))',
        'printed(("geometric_mean", -2))',
        'printed(("n (%) above", "12/40 (35%)"), limit=5)',
        'printed(("count_above", 41), limit=5)',
        'printed(("percent_above", 101), limit=5)',
        'printed(("percent_above", 15))',
        'printed(("count", 6))',
        'printed(("median", 61), n=0)',
        'printed(("median", 61), n=50)',
        'printed(("median", 61), day=-7)',
        'printed(("mean", 61), measure="auc", from_day=28)',
        'printed(("percent_above", "<0%"), limit=5)',
        'printed(("count_above", ">40"), limit=5)',
        'printed(("count_above", 3), limit=5, versus="b")',
        'printed(("median", 61), arm="a + b", n=61)',
        'printed(("median", 61), n=12, versus="b")',
        'printed(("mean", 1.2), versus="b", compare="ratio", unit="MIU")',
        'printed(("mean (sd)", "61 ± 40"), ("median (range)", "61 (58-63)"))',
        'printed(("geometric mean (sd)", "61 (0.4)"))',
        "shares((5, 20), (8, 40))",
        'im.Evidence(name="e", arms={"a": "3 MIU IV"}, visits=[0, 14], rows=[ROW])',
        'im.Evidence(name="e", arms=[{"name": "a", "n": 6}], covariances=[COURSE | {"n": 60}])',
        'im.Evidence(name="e", arms=[{"name": "a", "n": 60}], visits=[0, 14], covariances=[COURSE | {"n": 60}])',
        'printed(("median", "NA"))',
        'printed(("p_t_test", 0.03))',
        'printed(("p_t_test", 3), versus="b", use="check")',
        'printed(("median", 61), arm="a + c")',
        'im.calibrate(printed(("sd", 9)), M, ["k"])',
        'im.calibrate(printed(("median", "<50"), sigma=1), M, ["k"])',
        'im.calibrate(printed(("median", 61)), M, ["k"])',
        'im.calibrate(printed(("median", 61), arm="a + b", sigma=1), M, ["k"])',
        'im.calibrate(printed(("median", 61), unit="copies/mL", sigma=1), M, ["k"])',
    ),
    "Rules": (
        'rule("y < 3 x basline")',
        'rule("y = 3")',
        'rule("z < 3")',
        'rule("y < 3 mg")',
        'rule("y < 3 and y > 5")',
        'rule("y < 3 for 9 visits")',
        'rule("auv of y over 3 visits < 3")',
        'rule("y over 3 visits < 3")',
        'rule("mean of y since day 30 < 3")',
        'rule("auc of y since baseline < 3 mg")',
        'rule("time above 3 mg of y > 28")',
        'rule("given < 270")',
        'rule("given < 270 h")',
        'rule("y < 3", every="0 d")',
        'rule("y < 3", every="100 d")',
        'rule("y < 3", at_most=0)',
        'rule("y < 3", total="2 MIU")',
        'rule("y < 3", then={"add": "1 MIU IV QD days 1-5"}, every="3 d")',
        'rule("y < 3", then={"add": "1 MIU IV QD days 1-5"}, min_gap="3 d")',
        'rule("y < 3", then={"scale": 0.5})',
        'rule("y < 3", then={"scale": 0.5, "stop": True})',
        'im.Arm("a", 5, "3 MIU IV while y < 3")',
        'im.Arm("a", 5, "3 MIU IV every 28 days while y < 3, at most 0")',
        'im.prescribe("3 MIU IV every 28 days while y < 3")',
    ),
    "Options": (
        'im.simulate("il2_sk", times=[1])',
        "im.simulate(None, times=[1])",
        'im.simulate(M, times=[1], method="rk4")',
        "im.simulate(M, times=[1], rtol=0)",
        "im.simulate(M, times=[1], threads=0)",
        'im.simulate(M, times=[1], throw="no")',
        'im.simulate(M, times=[1], outputs=["z"])',
        'im.simulate(M, times=[1], at_dose="after")',
    ),
}
COMMANDS = (
    'immunode simulate il2_sc --regimen "3 MIU SC" --until later',
    'immunode simulate il2_sc --regimen "3 MIU SC" --until 1e9 --every 1',
    'immunode simulate il2_sc --regimen "3 MIU SC" --out ""',
    'immunode simulate il2_sc --regimen "3 MIU SC" --every 0',
    'immunode simulate il2_sc --set CL=70 --set CL=80',
    'immunode trial tincati_2008 --n 5 --seed -1',
    'immunode trial tincati_2008 --n 5.0',
    'immunode trial tincati_2008 --n 5 --n 6',
    'immunode trials tincati_2008 --schema',
    'immunode trial tincati_2009',
    'immunode models il2_sk',
    'immunode fit piscitelli_1996 --leave-out tincati_2008',
    'immunode fit piscitelli_1996 --check --leave-out kirchner_1998',
    'immunode predict kirchner_1998 --fit il2_cd4',
    'immunode predict kirchner_1998 --fit piscitelli_1997',
    'immunode predict kirchner_1998 --fit piscitelli_1996 --fit piscitelli_1996',
)  # fmt: skip


def answered(source: str) -> str:
    """Return what an expression gives: a refusal in its words, a warning, or the value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f"`{eval(source, dict(NAMES))}`"
        except ImmunodeError as refusal:
            return f"{type(refusal).__name__}: {refusal}"


def commanded(line: str) -> str:
    """Return what a command says of its error, and its exit code."""
    command = [sys.executable, "-m", "immunode", *shlex.split(line)[1:]]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=os.environ | {"COLUMNS": "300"}
    )
    words = re.sub(r"[│╭╮╰╯─]", " ", done.stdout + done.stderr).split()
    said = words[words.index("Error") :] if "Error" in words else words
    return f"{' '.join(said)} (exit code {done.returncode})"


def cell(text: str) -> str:
    """Return a text as a cell of a table."""
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 3]}..."


def page() -> str:
    """Return the page: for each topic what was given, and what came."""
    lines = [
        "# What is refused, and in which words",
        "",
        "Whatever is given to a public function or a command is used, or refused at once by one of immunode's errors",
        "(all are `immunode.errors.ImmunodeError`): the value, what was expected, the cure. This page is written by",
        "`python docs/refusals.py` from the answers themselves; that file also says what `bolus`, `arm`, `printed`,",
        "`M`, `HOURLY`, `E`, `TWO` and `HOURS` are. Files, exit codes and the cache: [files](files.md); event tables:",
        "[dosing](dosing.md).",
    ]
    for topic, sources in TOPICS.items():
        lines += ["", f"## {topic}", "", "| given | answer |", "|---|---|"]
        lines += [f"| `{source.replace('|', chr(92) + '|')}` | {cell(answered(source))} |" for source in sources]
    lines += ["", "## Commands", "", "| given | answer |", "|---|---|"]
    lines += [f"| `{line}` | {cell(commanded(line))} |" for line in COMMANDS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
