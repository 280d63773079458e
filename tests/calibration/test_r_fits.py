"""Fits of individual data as R's nls gives them (R 4.2.2): estimates to 1e-6, standard errors to 1e-4.

R stops where the relative offset is below 1e-5: its estimates may be 1e-5 standard errors from the least sum (those of
subjects 4, 5 and 12 are 1.3e-6 to 1.8e-6 of themselves from it), so that much is granted, too.

The data are R's Theoph (Boeckmann, Sheiner and Beal 1994) and Puromycin (Bates and Watts 1988).
"""

import csv
from collections import defaultdict
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from immunode.calibration.fit import calibrate
from immunode.evidence.printed import Evidence
from immunode.functions import exp
from immunode.model.declaration import Model, Output, Parameter, State

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "suites" / "r_fits"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the fits of R are not here")

ORAL = Model(  # SSfol: first-order absorption and elimination, log parameters, doses in mg/kg
    name="ssfol",
    time="hour",
    states=[State("gut", "mg"), State("body", "mg")],
    routes={"po": "gut"},
    parameters=[
        *(Parameter(name, value, "1") for name, value in (("lKe", -2.5), ("lKa", 0.5), ("lCl", -3.0))),
        Parameter("per_hour", 1.0, "1/hour"),
        Parameter("litre", 1.0, "L"),
    ],
    outputs=[Output("conc", "mg/L", lambda t, x, p: x.body * exp(p.lKe - p.lCl) / p.litre)],
    derivative=lambda t, x, p: {
        "gut": -p.per_hour * exp(p.lKa) * x.gut,
        "body": p.per_hour * (exp(p.lKa) * x.gut - exp(p.lKe) * x.body),
    },
)
MICHAELIS = Model(  # a day of time is one unit of the concentration
    name="ssmicmen",
    states=[State("idle", "1", scale=1)],
    parameters=[Parameter("Vm", 150.0, "1"), Parameter("K", 0.1, "day")],
    outputs=[Output("rate", "1", lambda t, x, p: p.Vm * t / (p.K + t))],
    derivative=lambda t, x, p: {"idle": 0 / p.K},
)


def rows_of(name):
    with (FOLDER / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def reference(name):
    """Return {(dataset, subject): {parameter: (estimate, standard error)}, and the residual sum of squares}."""
    out = defaultdict(dict)
    for row in rows_of(name):
        out[row["dataset"], row["subject"]][row["param"]] = float(row["estimate"]), float(row["stderr"])
        out[row["dataset"], row["subject"]]["RSS"] = float(row["RSS"])
    return out


def theoph(subjects):
    """Return evidence of one arm a subject."""
    seen = [row for row in rows_of("Theoph.csv") if row["Subject"] in subjects]
    arms = {f"s{row['Subject']}": f"{row['Dose']} mg PO" for row in seen}
    rows = [
        {"arm": f"s{row['Subject']}", "observable": "conc", "day": f"{row['Time']} h", "value": float(row["conc"])}
        | {"sigma": 1.0}
        for row in seen
    ]
    return Evidence(name="theoph", arms=arms, rows=rows)


def puromycin(state):
    seen, many = [row for row in rows_of("Puromycin.csv") if row["state"] == state], defaultdict(int)
    rows = []
    for row in seen:
        many[row["conc"]] += 1
        at = {"arm": f"r{many[row['conc']]}", "observable": "rate", "day": float(row["conc"])}
        rows.append(at | {"value": float(row["rate"]), "sigma": 1.0})
    return Evidence(name="puromycin", arms=[{"name": f"r{i + 1}"} for i in range(max(many.values()))], rows=rows)


def agrees(evidence, model, expected):
    names = [name for name in expected if name != "RSS"]
    fit = calibrate(evidence, model, names, scale_covar=True)
    assert_allclose(fit.chisqr, expected["RSS"], rtol=1e-6)
    for name in names:
        assert_allclose(fit.params[name].value, expected[name][0], rtol=1e-6, atol=1e-5 * expected[name][1])
    assert_allclose([fit.stderr[n] for n in names], [expected[n][1] for n in names], rtol=1e-4)


@pytest.mark.parametrize("subject", [str(i) for i in range(1, 13)])
def test_each_subject_of_theophylline_is_fitted_as_r_does(subject):
    agrees(theoph([subject]), ORAL, reference("R_nls_reference.csv")["Theoph", subject])


def test_theophylline_pooled_is_fitted_as_r_does():
    agrees(theoph([str(i) for i in range(1, 13)]), ORAL, reference("R_nls_pooled.csv")["Theoph", "pooled"])


@pytest.mark.parametrize("state", ["treated", "untreated"])
def test_puromycin_is_fitted_as_r_does(state):
    agrees(puromycin(state), MICHAELIS, reference("R_nls_reference.csv")["Puromycin", state])
