"""Printed means and covariances of others (../shared/data), with the models that they are fitted by."""

import csv
import json
from pathlib import Path

import numpy as np

import immunode as im

SHARED = Path(__file__).parents[3] / "shared" / "data"
EXAMPLOMYCIN = SHARED / "examplomycin.json"
THEOPHYLLINE = SHARED / "suites" / "r_fits" / "Theoph.csv"
DOSE = 320  # mg, to which admixr2's test scales the profiles of theophylline

two_compartments = im.Model(
    name="examplomycin",
    time="hour",
    states=[im.State("depot", "mg"), im.State("central", "mg"), im.State("peripheral", "mg")],
    routes={"po": "depot"},
    parameters=[
        im.Parameter("CL", 5.0, "L/h", low=0.1, high=100),
        im.Parameter("V1", 10.0, "L", low=0.1, high=200),
        im.Parameter("V2", 30.0, "L", low=1, high=500),
        im.Parameter("Q", 10.0, "L/h", low=0.1, high=200),
        im.Parameter("ka", 1.0, "1/h", low=0.01, high=50),
    ],
    outputs=[im.Output("conc", "mg/L", lambda t, x, p: x.central / p.V1)],
    derivative=lambda t, x, p: {
        "depot": -p.ka * x.depot,
        "central": p.ka * x.depot - (p.CL + p.Q) / p.V1 * x.central + p.Q / p.V2 * x.peripheral,
        "peripheral": p.Q / p.V1 * x.central - p.Q / p.V2 * x.peripheral,
    },
)
one_compartment = im.Model(
    name="theophylline",
    time="hour",
    states=[im.State("depot", "mg"), im.State("central", "mg")],
    routes={"po": "depot"},
    parameters=[
        im.Parameter("ka", 1.5, "1/h", low=0.01, high=20),
        im.Parameter("CL", 2.8, "L/h", low=0.1, high=50),
        im.Parameter("V", 32.0, "L", low=1, high=500),
    ],
    outputs=[im.Output("conc", "mg/L", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot - p.CL / p.V * x.central},
)


def examplomycin():
    """Return the evidence of 500 simulated patients (vanhasseltlab/admr, data/examplomycin.rda, MIT)."""
    read = json.loads(EXAMPLOMYCIN.read_text())
    printed = im.PrintedCovariance(
        arm="oral",
        observable="conc",
        days=[f"{hour} h" for hour in read["time_hour"]],
        mean=read["mean"],
        matrix=read["covariance"],
        n=read["subjects"],
        divisor=read["covariance_divisor"],
        source=read["source"],
    )
    return im.Evidence(name="examplomycin", arms={"oral": f"{read['dose_mg']} mg PO"}, covariances=[printed])


def examplomycin_at_the_estimates():
    """Return admr's estimates with three decimals, from the last line of iterations in its README (commit 086edb6).

    Typical values, variances of the random effects and that of the proportional error stand there by their logarithms.
    """
    names = ("CL", "V1", "V2", "Q", "ka")
    typical = np.exp([1.601, 2.307, 3.405, 2.285, 0.018])
    variances = np.exp([-2.286, -2.201, -2.343, -2.265, -2.410, -3.235])
    values = dict(zip(names, typical, strict=True))
    errors = [f"omega_{name}" for name in names] + ["noise_conc"]
    return values | dict(zip(errors, np.sqrt(variances), strict=True))


def theophylline(*, full):
    """Return the evidence of 12 subjects as admixr2's test summarises them (LeidenPharmacology/admixr2, commit 3727fa9,
    tests/testthat/test-integration-realdata.R): profiles scaled to one dose, sample by sample, at the median time of
    each; moments by the divisor n."""
    with THEOPHYLLINE.open() as file:
        rows = list(csv.DictReader(file))
    subjects = list(dict.fromkeys(row["Subject"] for row in rows))
    profiles = [[row for row in rows if row["Subject"] == one] for one in subjects]
    times = np.round(np.median([[float(row["Time"]) for row in each] for each in profiles], axis=0), 3)
    seen = np.array(
        [[float(r["conc"]) * DOSE / (float(r["Dose"]) * float(r["Wt"])) for r in each] for each in profiles]
    )
    matrix = np.cov(seen.T, bias=True)
    spread = {"matrix": matrix.tolist()} if full else {"variances": np.diag(matrix).tolist()}
    printed = im.PrintedCovariance(
        arm="oral",
        observable="conc",
        days=[f"{time} h" for time in times],
        mean=seen.mean(axis=0).tolist(),
        n=len(subjects),
        divisor="n",
        **spread,
    )
    return im.Evidence(name="theophylline", arms={"oral": f"{DOSE} mg PO"}, covariances=[printed])
