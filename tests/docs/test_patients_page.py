"""The page docs/patients.md: each way of saying patients is read as it says, and its examples run."""

import re
from pathlib import Path

import pytest

from immunode.evidence.library import load
from immunode.models import model
from immunode.virtual_trials.group_words import baseline_words
from immunode.virtual_trials.patient_words import read_patients
from immunode.virtual_trials.trial_run import from_file, run_trial

PAGE = (Path(__file__).parents[2] / "docs" / "patients.md").read_text(encoding="utf-8")
IL2 = model("il2_cd4_hiv")
TABLES = PAGE.split("\n| group of")
WAYS = re.findall(r"^\| `([^`]+)` \| (.+) \|$", TABLES[0], re.M)
GROUPS = re.findall(r"`([^`]+)`", "".join(re.findall(r"^\|([^|]+)\|", TABLES[1].split("\n\n")[0], re.M)))


@pytest.mark.parametrize(("text", "words"), WAYS)
def test_each_way_of_the_table_is_read_as_it_says(text, words):
    (baseline,) = read_patients(text, IL2).baseline
    assert baseline_words(IL2, baseline) == words


def test_the_groups_of_the_table_are_those_of_the_model():
    named = {read_patients(text, IL2).groups[0].name for text in GROUPS}
    assert named == {group.name for group in IL2.patients.groups}


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.S))
def test_the_examples_run(code):
    exec(code, {})


def test_the_trial_file_runs_and_says_who_was_seen(tmp_path):
    path = tmp_path / "entry.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", PAGE, re.S)[1], encoding="utf-8")
    result = run_trial(from_file(load(str(path))), n=60)
    assert (result.patients_seen.sel(visit=0) == 60).all()
    assert (result.patients_seen.sel(visit=183) < 60).all()
    assert result.patients_seen.sel(arm="low").equals(result.patients_seen.sel(arm="high").assign_coords(arm="low"))
