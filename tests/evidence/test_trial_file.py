"""Trial files: the documented example runs, the published schema is current, changes by path are checked."""

import re
import tomllib
from pathlib import Path

import pytest

from immunode.errors import BadValue
from immunode.evidence.library import load
from immunode.evidence.toml_file import line_of
from immunode.evidence.trial_file import TrialFile, schema
from immunode.virtual_trials.trial_run import from_file, run_trial

DOCS = Path(__file__).parents[2] / "docs"


def test_the_published_schema_is_the_one_in_force():
    assert (DOCS / "trial-file.schema.json").read_text(encoding="utf-8") == schema() + "\n"


def test_the_documented_example_runs():
    example = re.search(r"```toml\n(.*?)```", (DOCS / "trial-files.md").read_text(encoding="utf-8"), re.S)[1]
    result = run_trial(from_file(TrialFile.model_validate(tomllib.loads(example))), n=20, seed=1)
    assert set(result["label"].sel(arm="low").values) <= {"responder", "non-responder"}
    assert (result["status"] == 0).all()


def test_every_alternative_reading_of_the_library_is_a_valid_file():
    file = load("tincati_2008")
    for assumption in file.assumptions:
        for other in assumption.alternatives:
            assert load("tincati_2008", other.changes) != file


def test_a_change_of_a_field_that_does_not_exist_is_refused():
    with pytest.raises(BadValue):
        load("tincati_2008", {"arms.7.n": 3})
    with pytest.raises(BadValue, match=r"field 'arms\.0\.dose'"):
        load("tincati_2008", {"arms.0.dose": 3})


def test_the_line_of_a_field_is_found_through_tables_and_arrays():
    text = 'name = "a"\n\n[[arms]]\nn = 1\n\n[[arms]]\nn = 2\n[population]\nshare = 3\n'
    assert line_of(text, ("arms", 1, "n")) == 7
    assert line_of(text, ("arms", 0, "n")) == 4
    assert line_of(text, ("population", "share")) == 9
    assert line_of(text, ("name",)) == 1
