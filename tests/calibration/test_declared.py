"""The library's fits: committed results evaluate to the same numbers, their estimates are the models' defaults, and a
refit finds them again."""

import csv
import math
import re

import pytest

from immunode.calibration.declared import run_fit
from immunode.calibration.fit import calibrate
from immunode.calibration.fit_check import check_fit
from immunode.calibration.fit_file import find_fit, fit_names, load_fit
from immunode.calibration.fit_result import committed
from immunode.calibration.report import write
from immunode.evidence.library import find, load, load_evidence, trial_names
from immunode.models import model

USED = sorted({trial for name in fit_names() for trial in load_fit(name).evidence})


def named_by_its_model(name):
    """Return whether the model names a fit as the source of its numbers; another form of it does not."""
    sources = [p.source for p in model(load_fit(name).model).parameters]
    return any(re.search(rf"^fitted: fits/{name}\b", source) for source in sources)


def test_every_model_names_the_fit_that_its_numbers_are_from():
    assert {name for name in fit_names() if not named_by_its_model(name)} == {"il2_cd4_lymph"}


@pytest.mark.parametrize("name", [name for name in fit_names() if named_by_its_model(name)])
def test_defaults_of_the_model_are_the_estimates(name):
    result, declared = committed(name), model(load_fit(name).model)
    values = {**declared.typical, **{f"omega_{key}": sd for key, sd in declared.patients.omega.items()}}
    estimates = {key: entry["value"] for key, entry in result.estimates.items()} | dict(result.derived)
    for key, value in estimates.items():
        if key in values:
            assert values[key] == float(f"{value:.3g}"), f"{key}: fitted {value:.3g}"


BY_SIGMA = [name for name in fit_names() if load_fit(name).likelihood == "typical"]


def test_two_forms_are_of_the_same_evidence_and_patients():
    one, other = load_fit("il2_cd4"), load_fit("il2_cd4_lymph")
    assert one.evidence == other.evidence
    assert one.trial_effects == other.trial_effects
    spreads = [
        {k: v for k, v in f.population.omega.items() if k not in ("EC50", "lymph_potency")} for f in (one, other)
    ]
    assert spreads[0] == spreads[1]
    assert {key: f for key, f in one.vary.items() if key in other.vary and key != "slope"}.keys() == {
        key for key in other.vary if key not in ("slope", "lymph_potency")
    }


@pytest.mark.parametrize("name", [name for name in fit_names() if named_by_its_model(name)])
def test_a_fitted_population_is_that_of_the_models_patients(name):
    """One spread for fits, trials and comparisons."""
    file = load_fit(name)
    if file.likelihood == "summaries":
        of_model = model(file.model).patients.omega
        fitted = {f"omega_{key}" for key in file.population.omega} & set(committed(name).estimates)
        assert set(of_model) == set(file.population.omega)
        assert of_model == dict(load("tincati_2008").population.omega)
        for key, sd in file.population.omega.items():
            assert f"omega_{key}" in fitted or of_model[key] == sd, key


@pytest.mark.parametrize("name", BY_SIGMA)
def test_residuals_and_objective_follow_from_the_table(name):
    result = committed(name)
    total = 0.0
    for row in result.predicted:
        if row["use"] == "fit":
            total += row["residual"] ** 2
            assert row["residual"] == 0 or (row["residual"] > 0) == (row["predicted"] > row["observed"])
    assert math.isclose(total, result.objective["chisqr"], rel_tol=1e-6)
    assert math.isclose(min(result.starts), result.objective["chisqr"], rel_tol=1e-9)


@pytest.mark.parametrize("name", fit_names())
def test_declaration_is_short_and_complete(name):
    """Short: a screen or two, with the numbers that it scores."""
    home = find_fit(name)
    assert len((home / "fit.toml").read_text(encoding="utf-8").splitlines()) <= 100
    result = committed(name)
    alternatives = sum(len(a.alternatives) for t in load_fit(name).evidence for a in load_evidence(t).assumptions)
    alternatives += sum(len(a.alternatives) for a in load_fit(name).assumptions)
    assert len(result.assumptions) == alternatives


@pytest.mark.parametrize("name", USED)
def test_evidence_of_a_trial_is_complete(name):
    one = load_evidence(name)
    for row in one.rows:
        assert row.sigma is None or row.sigma_source.startswith(("printed", "assumed")), row
    for assumption in one.assumptions:
        for other in assumption.alternatives:
            assert load_evidence(name, other.changes) != one, f"{assumption.name}: {other.label} changes nothing"
    with find(name).with_name("evidence.csv").open(encoding="utf-8", newline="") as file:
        assert all(None not in row for row in csv.DictReader(file))


def test_the_reproduced_trial_is_not_evidence():
    assert "tincati_2008" not in USED
    assert set(USED) <= set(trial_names())


def test_population_medians_reach_the_report(tmp_path):
    text = (find_fit("piscitelli_1996") / "fit.toml").read_text(encoding="utf-8")
    (tmp_path / "fit.toml").write_text(
        text[: text.index("[[assumptions]]")].replace("starts = 4", "starts = 1"), encoding="utf-8"
    )
    result = run_fit(str(tmp_path), progress=False)
    write(result, tmp_path)
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "population median" in report
    for row in result.predicted:
        assert f"{row['population_median']:.4g} |" in report
        # a population around the typical patient has its median near that patient, and not at it
        assert 0.7 < row["population_median"] / row["predicted"] < 1.4
        assert row["population_median"] != row["predicted"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fit.toml", "report.md", "residuals.png", "result.json"]
    assert check_fit(str(tmp_path / "fit.toml")).ok


@pytest.mark.slow
def test_a_fit_of_a_model_in_a_file_beside_it_is_the_fit_of_that_model(tmp_path):
    text = (find_fit("piscitelli_1996") / "fit.toml").read_text(encoding="utf-8")
    text = text[: text.index("[[assumptions]]")].replace("starts = 4", "starts = 1")
    results = []
    for name in ("il2_sc", "mine.py"):
        home = tmp_path / name.partition(".")[0]
        home.mkdir()
        (home / "mine.py").write_text("import immunode as im\nMODEL = im.models.model('il2_sc')\n", encoding="utf-8")
        (home / "fit.toml").write_text(text.replace('model = "il2_sc"', f'model = "{name}"'), encoding="utf-8")
        results.append(run_fit(str(home), progress=False))
    assert results[0].estimates == results[1].estimates
    assert results[0].model == results[1].model == "il2_sc"


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_SIGMA)
def test_refit_from_a_perturbed_start_reaches_the_same_minimum(name):
    declared, result = load_fit(name), committed(name)
    vary = {key: free.options() for key, free in declared.vary.items()}
    for i, (key, entry) in enumerate(result.estimates.items()):
        moved = entry["value"] * (1.3 if i % 2 else 0.8)
        vary[key]["value"] = min(max(moved, vary[key]["min"]), vary[key]["max"])
    fit = calibrate(
        declared.evidence,
        declared.model,
        vary,
        derived=declared.derived,
        spread=declared.spread,
    )
    assert math.isclose(fit.chisqr, result.objective["chisqr"], rel_tol=1e-5)  # the minimiser stops at 1e-8 of it
    for key, entry in result.estimates.items():
        assert abs(fit.params[key].value - entry["value"]) < 0.02 * entry["stderr"], key
