"""A trial's report says what docs/json.md says, and names the outputs that its trial measures."""

import json
import re
from pathlib import Path

import pytest

import immunode as im
from immunode.errors import Status
from immunode.evidence.design import Baseline
from immunode.evidence.library import load
from immunode.report.cells import quartiles
from immunode.report.files import save_trial
from immunode.report.trials import TrialReport, arms_table, lost
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import from_file, run_trial

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def report():
    trial = from_file(load("tincati_2008"))
    return TrialReport(trial, run_trial(trial, n=20, seed=2))


def test_the_keys_are_those_of_the_page(report):
    table = PAGE.split("`immunode trial NAME --json`")[1].split("`immunode simulate")[0]
    documented = [
        key for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)
    ]
    data = report.json()
    assert list(data) == documented
    for part in ("figures", "arms"):
        row = next(line for line in table.splitlines() if line.startswith(f"| `{part}`"))
        assert set(data[part][0]) <= set(re.findall(r"`(\w+)`", row)), part


def test_json_is_plain_data_without_nan(report):
    assert json.loads(json.dumps(report.json(), allow_nan=False)) == report.json()


def test_a_table_of_visits_for_each_output_that_is_measured_or_printed(report):
    titles = [part.title for part in report.all_tables() if not isinstance(part, str)]
    assert [title.split(" as measured")[0] for title in titles if "as measured" in title] == ["cd4", "rna"]


def test_a_trial_that_measures_nothing_shows_all_outputs():
    trial = im.Trial("t", im.Population("il2_sc"), [0, 7], [im.Arm("a", n=3, regimen="3 MIU SC")])
    titles = [
        part.title for part in TrialReport(trial, run_trial(trial, n=3)).all_tables() if not isinstance(part, str)
    ]
    assert [title.split(" as measured")[0] for title in titles if "as measured" in title] == ["il2"]


def test_an_arm_that_lost_more_than_one_patient_in_twenty_is_told(report):
    assert lost(report.result) == []
    result = report.result.copy(deep=True)
    result["status"][1, :2] = 1
    assert lost(result) == ["WARNING: 10 % of the patients of 'HAART' failed and are in no statistic"]


def test_a_cell_of_the_visits_is_the_median_and_its_quartiles(report):
    table = arms_table(report.result, "cd4")
    seen = report.result["cd4_visit"].sel(arm="HAART", visit=report.result.visit[0])
    median, q1, q3 = (f"{float(seen.sel(statistic=name)):.3g}" for name in ("median", "q1", "q3"))
    assert next(iter(table.columns[2].cells)) == f"{median} ({q1} to {q3})"


def test_files_hold_what_the_report_says(report, tmp_path):
    save_trial(report, tmp_path)
    assert json.loads((tmp_path / "result.json").read_text()) == report.json()
    heads = (tmp_path / "visits.csv").read_text().splitlines()[0].split(",")
    assert heads[:5] == ["arm", "day", "il2_median", "il2_q1", "il2_q3"]


def test_who_has_no_baseline_or_is_beyond_bounds_is_said_and_nobody_is_no_data():
    wide = Baseline(observable="cd4", median=900, log_sd=1.0, source="test", solve="cd4_start")
    population = im.Population("il2_cd4_hiv", omega={"trapped_max": 2.0})
    odd = Trial("odd", population, [0, 10], [im.Arm("a", 5, baseline=wide)])
    with pytest.warns(UserWarning, match="outside 0 to 1000 cells/uL|no value of cd4_start"):
        result = im.run_trial(odd, n=40)
    lines = [line for line in TrialReport(odd, result).all_tables() if isinstance(line, str)]
    count = int((result.status == int(Status.no_baseline)).sum())
    beyond = int((population.sample(40, 1, arm="a").parameter("trapped_max") > 1000).sum())
    assert count > 0
    assert any(
        line.startswith(f"not as said - a: for {count / 0.4:.3g} % of the patients ({count}) no value of cd4_start")
        and "the median baseline of the others is cd4" in line
        for line in lines
    )
    assert f"beyond bounds - a: trapped_max of {beyond} outside 0 to 1000 cells/uL" in lines
    assert lines[0] == "odd: simulated (40 virtual patients per arm)"
    assert quartiles([float("nan")] * 3) == "no data"


def test_what_is_hardly_negative_is_0_in_the_files_and_tables_of_a_trial(report, tmp_path):
    import numpy as np
    import pandas

    result = report.result.copy(deep=True)
    top = float(result.il2_typical.max())
    for name, value in (("il2_visit", -0.9e-6 * top), ("rna_visit", -1.0)):  # below and far above the tolerance
        result[name][..., 0] = value
    if "decision_measured_il2" not in result:
        result = result.assign(decision_measured_il2=("decision", np.full(result.sizes["decision"], -5.3e-11)))
    else:
        result["decision_measured_il2"][:] = -5.3e-11
    save_trial(TrialReport(report.trial, result), tmp_path)
    visits, decisions = (pandas.read_csv(tmp_path / f"{name}.csv") for name in ("visits", "decisions"))
    assert (visits.il2_median == 0).all()
    assert (visits.rna_median == -1).all()
    assert (decisions.measured_il2 == 0).all()
    cells = [cell for column in arms_table(result, "il2").columns[1:] for cell in column.cells]
    assert all(cell == "0" or cell.startswith("0 (") for cell in cells)


def test_a_nadir_that_the_counts_do_not_allow_is_said_in_the_report():
    arms = [im.Arm("a", 5, patients="cd4 below 200, nadir 150-300"), im.Arm("b", 5, patients="cd4 200-500, nadir 100")]
    odd = Trial("odd", im.Population("il2_cd4_hiv"), [0, 10], arms)
    with pytest.warns(UserWarning, match="arm 'a': .* have another nadir than said"):
        result = im.run_trial(odd, n=40)
    answer, everything = (TrialReport(odd, result, everything=all_).table() for all_ in (False, True))
    assert any(isinstance(line, str) and line.startswith("not as said - a: 82.5 %") for line in answer)
    assert f"not as said - a: {result.unmet.values[0]}" in everything
