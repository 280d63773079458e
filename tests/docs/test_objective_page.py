"""The page docs/objective.md says what the objective is: its formula gives the package's number, its tables hold."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from immunode.calibration.population.fit import REFITS, population_problem
from immunode.calibration.population.intervals import ENDS, INSIDE, LEAST, NEAR, PLACES, ROOM
from immunode.calibration.population.neighbourhood import coordinates_at
from immunode.calibration.population.parameters import OMEGA_BOUNDS
from immunode.calibration.population.problem import MOST_LOG, MOST_SD, PRIOR, TURN, Crowd, anchor, uniforms
from immunode.calibration.population.search import EACH as EFFECTIVE
from immunode.calibration.population.search import LEAST_EFFECTIVE, around
from immunode.calibration.population.simulated import EACH as VIRTUAL
from immunode.calibration.population.simulated import ENOUGH
from immunode.calibration.population.statistic_law import EACH, LEAST_REPLICATES, anchored, picked
from immunode.calibration.population.weights import TILTS
from immunode.evidence.printed import Evidence
from immunode.measures.statistics import STATISTICS, statistic
from immunode.virtual_trials.population import Population
from tests.calibration.made_up import BOLUS
from tests.calibration.population.rows import row, values_of

PAGE = (Path(__file__).parents[2] / "docs" / "objective.md").read_text(encoding="utf-8")
OMEGA, DOSE, N = 0.4, 1000.0, 12  # IU/mL * L
VALUE = {"arm": "a", "observable": "level", "measure": "auc", "day": 60}


def rows(mark):
    """Return the cells of each row of the table that follows a mark."""
    table = PAGE.split(f"<!-- {mark} -->")[1].strip().split("\n\n")[0]
    return [[cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
            for line in table.split("\n")[2:]]  # fmt: skip


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


def made(printed, n=N, patients=4000):
    """Return a problem of areas of one arm (of two where the rows say so), and it at an anchor."""
    arms = [{"name": name, "regimen": "1 MIU IV bolus", "n": n} for name in ("a", "b")]
    rows = [{**VALUE, **row} for row in printed]
    evidence = Evidence(name="t", arms=arms, rows=rows, visits=[0, 1, 60])
    population = Population(BOLUS, omega={"CL": OMEGA})
    problem = population_problem(evidence, population, ["CL"], seed=3, patients=patients)
    crowd, picks = Crowd(problem, [problem.values(problem.start)]), uniforms(problem)
    return problem, anchor(problem, crowd, problem.start, picks)


@pytest.fixture(scope="module")
def formula():
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    said = {}
    exec(compile(block, "docs/objective.md", "exec"), said)
    return said


def test_the_formula_on_the_page_gives_the_objective_of_the_package(formula):
    """The same virtual patients, weights and uniforms; all else is NumPy: to rounding."""
    printed = [
        {"statistic": "median (q1-q3)", "value": "100 (80-130)"}, {"statistic": "mean (sd)", "value": "110 (40)"},
        {"statistic": "geometric mean (cv%)", "value": "102 (41)"},
        {"statistic": "count_above", "limit": 120, "value": 4},
    ]  # fmt: skip
    problem, here = made(printed)
    values, weights, drawn = patients(problem, here)
    each = formula["picked"](values, weights, drawn)
    assert each.shape == (LEAST_REPLICATES + EACH * len(problem.trials[0].rows), N)
    logs = np.log(each)
    simulated = np.log(np.column_stack([
        *np.quantile(each, [0.5, 0.25, 0.75], axis=1), each.mean(axis=1), each.std(axis=1, ddof=1),
        np.exp(logs.mean(axis=1)), 100 * np.sqrt(np.exp(logs.std(axis=1, ddof=1) ** 2) - 1),
    ]))  # fmt: skip
    seen = np.log([100, 80, 130, 110, 40, 102, 41])
    growth = np.full(7, 1 + N / (1 / (weights**2).sum()))
    share = weights[values > 120].sum()
    number = formula["minus_two_log_likelihood"](seen, simulated, growth, [4], [N], [share])
    assert here.deviance(problem.start) == pytest.approx(number, rel=1e-9)


def patients(problem, here):
    """Return the areas of the virtual patients of the first arm, their weights and the uniforms of its replicates."""
    values = problem.values(problem.start)
    simulated = here.crowd.at(values)[0]
    return simulated.values[0, 0].values, simulated.arms[0].weights(problem.population, values), here.picks[0][0]


def test_of_a_log_normal_population_it_is_the_closed_form():
    """Areas are dose / CL, log-normal: of the geometric mean the law is exact, N(log(dose / CL), omega^2 / n)."""
    problem, here = made([{"statistic": "geometric_mean", "value": 115},
                          {"statistic": "count_above", "limit": 120, "value": 4}])  # fmt: skip
    _, weights, drawn = patients(problem, here)
    variance = OMEGA**2 / N * (1 + N * (weights**2).sum())
    away = np.log(115 / (DOSE / 10))
    share = stats.norm.sf(np.log(1.2) / OMEGA)
    exact = away**2 / variance + np.log(2 * np.pi * variance) - 2 * stats.binom(N, share).logpmf(4)
    # 3 errors: of mean and variance of B replicates, of share and mean of the virtual patients
    z, count = away / np.sqrt(variance), len(drawn)
    error = np.sqrt((2 * z) ** 2 / count + (z**2 - 1) ** 2 * 2 / count)
    slope = 2 * abs(4 - N * share) / (share * (1 - share))
    error += slope * np.sqrt(share * (1 - share) * (weights**2).sum())
    error += 2 * abs(z) * OMEGA * np.sqrt((weights**2).sum() / variance)
    assert here.deviance(problem.start) == pytest.approx(exact, abs=3 * error)


SCALES = [
    (name, scale, part) for cells in rows("statistics") for name in names(cells[0]) for scale, part in [cells[3:]]
]


def test_it_names_every_statistic():
    assert {name for name, _, _ in SCALES} == {*STATISTICS, "p10"}


@pytest.mark.parametrize(("name", "scale", "part"), SCALES)
def test_each_kind_of_statistic_is_in_its_part_on_its_scale(name, scale, part):
    row = {"statistic": name, "value": 90}
    if name.startswith(("count", "percent")):
        row["value"] = 3
        row |= {"limit": 120} if "_" in name else {"measure": "rebound", "level": 5.0, "observable": "level"}
    if name in ("of_medians", "of_means"):
        row |= {"measure": "change", "from_day": 0, "day": 1, "value": -30}
    ends = [{"statistic": end, "value": value} for end, value in (("mean", 100), ("ci_low", 90), ("ci_high", 110))]
    extra = [end for end in ends if end["statistic"] != name] if name.startswith("ci_") else []
    row["value"] = 110 if name == "ci_high" else row["value"]
    _, here = made([row, *extra], patients=500)
    one = here.terms[0]
    assert len(one.counts) == (part == "counts")
    if part == "normal":
        assert one.kept[0].statistic == name
        assert one.logs[0] == (scale == "logarithm")


@pytest.mark.parametrize(("compare", "log"), [("difference", False), ("ratio", True)])
def test_a_comparison_is_on_the_scale_that_the_page_says(compare, log):
    _, here = made([{"statistic": "median", "versus": "b", "compare": compare, "value": 1.1}], patients=500)
    assert here.terms[0].logs.tolist() == [log]


@pytest.mark.parametrize(("name", "formula"), [(names(a)[0], names(b)[0]) for a, b in rows("conventions")])
def test_each_convention_is_that_of_the_package(name, formula):
    x = np.random.default_rng(1).lognormal(3, 0.6, 12)
    expected = eval(formula, {"np": np, "stats": stats, "x": x})
    assert statistic(name).reduce(x[None], np.nan)[0] == pytest.approx(expected, rel=1e-12)


def test_the_normal_law_is_that_of_the_page():
    law = pytest.importorskip("immunode.calibration.normal_law")
    (text,) = names(rows("normal law")[0][1])
    rng = np.random.default_rng(1)
    y, V, mu = rng.normal(size=(9, 3)), np.eye(3) + 0.3, np.array([0.1, 0.0, -0.2])
    d, S, n = y.mean(axis=0) - mu, np.cov(y, rowvar=False, ddof=0), 9
    exact = -2 * stats.multivariate_normal(mu, V).logpdf(y).sum()
    assert eval(text, {"np": np, "d": d, "V": V, "S": S, "n": n}) == pytest.approx(exact)
    assert law.deviance(n, y.mean(axis=0), S, mu, V) == pytest.approx(exact)


def test_picks_on_the_page_are_those_of_the_package(formula):
    """Values in any order, of which those next to the picked patient's are the ends of where his share lies."""
    weights, values = np.random.default_rng(1).random((2, 50))
    drawn = np.random.default_rng(2).random((7, 5))
    on_page = formula["picked"](values, weights, drawn)
    (row,) = anchored_rows(values, weights, drawn)
    np.testing.assert_allclose(row, np.median(on_page, axis=1), rtol=1e-12)
    in_order = np.sort(values)
    place = np.searchsorted(in_order, values[picked(weights, drawn)])
    assert (in_order[np.maximum(place - 1, 0)] <= on_page).all()
    assert (on_page <= in_order[np.minimum(place + 1, 49)]).all()


def anchored_rows(values, weights, drawn):
    """Return what the package makes of these numbers: a median in every replicate."""
    return anchored([row("median")], values_of(values), [weights], [drawn]).statistics([weights]).T


def test_an_sd_moves_on_the_scale_of_the_page():
    assert "x = ½ log(omega² + turn²)" in PAGE
    assert TURN == 1 / 5  # "a fifth"
    assert f"`omega_CL`, from {OMEGA_BOUNDS[0]:g} to {OMEGA_BOUNDS[1]:g}" in PAGE


def test_the_numbers_of_refits_and_of_populations_are_those_of_the_page():
    problem, here = made([{"statistic": "median (q1-q3)", "value": "100 (80-130)"}], patients=500)
    assert f"At the estimate {REFITS} trials" in PAGE
    assert f"| B | {LEAST_REPLICATES}, and {EACH} more for each row" in PAGE
    assert f"There {ENDS} trials each" in PAGE
    assert pytest.approx((0.5, 0.25, 3)) == (INSIDE, NEAR, PLACES)  # half way, a quarter, three
    assert f"within {ROOM:g} of the surfaces' reach. No root within {LEAST:g} is" in PAGE
    assert len(around(problem, coordinates_at(here, here.x))) == 2 + 2 * 1
    assert pytest.approx((np.log(3.49), np.log(7.39)), abs=1e-3) == (MOST_LOG, MOST_SD)  # 3.5-fold, 7.4-fold
    assert f"{PRIOR:g} of its SDs" in PAGE
    assert TILTS == (1 / 2, 2)
    assert (
        f"an arm {VIRTUAL} virtual patients stand for one of the trial's own, but {ENOUGH:_} are".replace("_", " ")
        in PAGE
    )
    assert f"ESS is at least {LEAST_EFFECTIVE} and {EFFECTIVE} n (or {ENOUGH // 4}, if that is less)" in PAGE
