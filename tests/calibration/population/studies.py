"""Trials of boluses into one compartment whose areas and peaks are log-normal in closed form, one of them by a rule."""

from immunode.calibration.population.fit import population_problem
from immunode.calibration.population.problem import Crowd, anchor, uniforms
from immunode.evidence.printed import Evidence
from immunode.virtual_trials.population import Population
from tests.calibration.made_up import BOLUS

OMEGA = {"CL": 0.4, "V": 0.3}
AREA = {"arm": "a", "observable": "level", "measure": "auc", "day": 60}  # 1000 / CL
PEAK = {"arm": "a", "observable": "level", "measure": "cmax", "day": 60}  # 1000 / V
DOSES = {"arm": "a", "measure": "doses", "day": 3, "statistic": "count_above", "limit": 1.5}
RULE = "1 MIU IV bolus every 1 days while level < 20, at most 3"
PRINTED = [
    {**AREA, "statistic": "median (q1-q3)", "value": "100 (76-131)"},
    {**PEAK, "statistic": "geometric mean (cv%)", "value": "200 (31)"},
    {**AREA, "statistic": "count_above", "limit": 120, "value": 10},
]


def evidence(rows=PRINTED, n=33, regimen="1 MIU IV bolus", name="t", **changes):
    return Evidence(name=name, arms=[{"name": "a", "regimen": regimen, "n": n}], rows=rows, **changes)


def by_rule():
    """Return a trial whose arm is dosed again where the level is low, with the share of whom."""
    rows = [{**AREA, "day": 3, "statistic": "median (q1-q3)", "value": "180 (130-230)"}, {**DOSES, "value": 20}]
    return evidence(rows, regimen=RULE, visits=[0, 1, 2, 3])


def problem(sources, vary=("CL", "omega_CL"), omega=OMEGA, patients=2000, **changes):
    return population_problem(sources, Population(BOLUS, omega=omega), vary, seed=3, patients=patients, **changes)


def anchored(one):
    """Return a problem anchored at its start, where its patients are from."""
    return anchor(one, Crowd(one, [one.values(one.start)]), one.start, uniforms(one))
