"""A small declared fit of a population, its trials made up, as files of a user's: what it says is not looked at."""

import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from immunode.calibration.declared_population import fit_declared, result_of_population
from immunode.calibration.fit_file import load_fit
from immunode.calibration.population.fit import PopulationFit
from immunode.calibration.report import write

TRIAL = """name = "{name}"
title = "one dose in {n} patients"
reference = "made up"
model = "il2_sc"
visits = [0, 1]

[[arms]]
name = "low"
n = {n}
regimen = "3 MIU SC"

[[rows]]
arm = "low"
observable = "il2"
measure = "cmax"
day = 1
statistic = "median (q1-q3)"
value = "{cmax}"

[[rows]]
arm = "low"
observable = "il2"
measure = "auc"
day = 1
statistic = "mean (sd)"
value = "{auc}"
"""
FIT = """title = "one dose in three trials"
model = "il2_sc"
likelihood = "summaries"
evidence = ["one.toml", "two.toml", "three.toml"]
seed = 1
patients = 3000

[population]
omega = { CL = 0.3, V = 0.25 }
correlations = [{ between = ["CL", "V"], value = 0.3 }]

[vary]
CL = { min = 20, max = 500 }
omega_CL = {}
"""
EFFECTS = "trial_effects = { CL = 0.3 }\n"
PRINTED = {
    "one": (12, "11.1 (8.9-14.1)", "3.63 (1.31)"),
    "two": (15, "14.6 (11.2-19)", "5.4 (1.9)"),
    "three": (20, "12.2 (9.9-15.5)", "4.5 (1.6)"),
}
REFITS = 40  # few, so that tests take seconds


def declared(folder, text=FIT):
    """Write the fit and its trials into a folder; return its path as text."""
    for name, (n, cmax, auc) in PRINTED.items():
        (folder / f"{name}.toml").write_text(TRIAL.format(name=name, n=n, cmax=cmax, auc=auc), encoding="utf-8")
    (folder / "fit.toml").write_text(text, encoding="utf-8")
    return str(folder)


def _text(effects):
    return FIT.replace("[population]", EFFECTS + "\n[population]") if effects else FIT


@functools.cache
def fitted(effects=False):
    """Return the fit, its file, its result, and a folder that keeps them."""
    folder = Path(tempfile.mkdtemp())
    file = load_fit(declared(folder, _text(effects)))
    fit = fit_declared(file, 1, lambda *part: None, REFITS)
    result = result_of_population("small", file, fit, [], [])
    write(result, folder)
    return fit, file, result, folder


def run_before(folder, effects=False):
    """Return the path of a folder with the fit, its trials and its result."""
    declared(folder, _text(effects))
    shutil.copy(fitted(effects)[3] / "result.json", folder)
    return str(folder)


def known(population, draws, tau=None):
    """Return a fit of a population that knows these draws of its parameters, and SDs of trials' effects."""
    frame = pd.DataFrame(draws)
    taus = pd.DataFrame(tau or {}, index=frame.index)
    nothing = pd.DataFrame()
    intervals = pd.DataFrame(index=list(frame))
    return PopulationFit(
        params=None, intervals=intervals, table=nothing, tau=nothing, result=None, minimizer=None, draws=frame, weak=(),
        deviance=np.nan, resimulated=None, settled=None, misfit=np.nan, numbers=0, effective=np.nan, notes=(),
        results=(), starts=(), stopped=False, seed=1, data_hash="", population=population, tau_draws=taus,
        drawn_from=(), at={}, anchored={}, profiles=nothing,
    )  # fmt: skip
