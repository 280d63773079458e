"""Baselines: drawn with the printed median, met by each patient's own parameter, refused where they cannot be."""

import numpy as np
import pytest
from scipy import stats

from immunode.errors import BadValue, Status, UnknownName
from immunode.evidence.design import Baseline
from immunode.models import model
from immunode.regimen import replace
from immunode.simulation import run
from immunode.virtual_trials.baseline import baseline_draws, check_baseline, with_baseline
from immunode.virtual_trials.population import Population

BASELINE = Baseline(observable="cd4", solve="cd4_start", median=61, below=200, log_sd=0.8, source="test")


def test_baseline_draws_have_the_printed_median_below_the_cut():
    n = 40_000
    drawn = baseline_draws(BASELINE, n, seed=4)
    assert drawn.max() < 200
    assert (drawn < 61).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(n))
    # independent: SciPy's truncated normal, its centre found by its own median
    cut = np.log(200)
    centres = np.linspace(3.5, 5.0, 3001)
    medians = stats.truncnorm.median(-np.inf, (cut - centres) / 0.8, loc=centres, scale=0.8)
    centre = centres[np.abs(medians - np.log(61)).argmin()]
    known = stats.truncnorm(-np.inf, (cut - centre) / 0.8, loc=centre, scale=0.8)
    assert stats.kstest(np.log(drawn), known.cdf).pvalue > 1e-3


def test_each_patient_meets_the_drawn_baseline_or_is_counted():
    population = Population("il2_cd4_hiv", omega={"trapped_max": 0.6, "supply": 0.6})
    plan = replace("art", 1, time=-14.0)
    patients = population.sample(64, seed=6)
    wanted = baseline_draws(BASELINE, 64, seed=6)
    wanted[3] = 1e5  # nobody has that
    solved = with_baseline(patients, wanted, BASELINE, plan, start=-14.0)
    assert solved.status[3] == Status.no_baseline
    good = solved.status == 0
    assert good.sum() == 63
    which = np.zeros(64, dtype=int)
    cd4 = run(solved.model, solved.parameters, [plan], which, times=np.array([0.0]), observe=["cd4"], start=-14.0)
    assert cd4.values[good, 0, 0] == pytest.approx(wanted[good], rel=1e-6)
    alone = with_baseline(population.sample(1, seed=6, first=40), wanted[40:41], BASELINE, plan, start=-14.0)
    assert np.array_equal(alone.parameters[0], solved.parameters[40])


def test_a_baseline_that_the_cut_forbids_is_refused():
    with pytest.raises(BadValue, match="cannot be reached"):
        baseline_draws(BASELINE.model_copy(update={"median": 199.99, "log_sd": 0.01}), 5, seed=1)
    with pytest.raises(BadValue, match="cannot be reached"):
        baseline_draws(BASELINE.model_copy(update={"median": 300, "log_sd": 0.8}), 5, seed=1)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"observable": "cd5"}, UnknownName, "no output or state 'cd5'; did you mean 'cd4'"),
        ({"solve": "cd4_stat"}, UnknownName, "did you mean 'cd4_start'"),
        ({"day": -15}, BadValue, "day -15 lies before the first simulated day, -14"),
        ({"median": 300}, BadValue, "cannot be reached below 200"),
    ],
)
def test_a_baseline_that_the_model_cannot_have_is_refused_by_name(changes, error, message):
    with pytest.raises(error, match=message):
        check_baseline(BASELINE.model_copy(update=changes), model("il2_cd4_hiv"), start=-14.0)
