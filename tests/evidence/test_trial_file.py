"""The schema of a trial file: what is published is in force, and the documented example runs."""

import re
import tomllib
from pathlib import Path

import pytest

from immunode.errors import BadValue
from immunode.evidence.trial_file import TrialFile, trial_schema
from immunode.virtual_trials.trial_run import from_file, run_trial

DOCS = Path(__file__).parents[2] / "docs"


def test_the_published_schema_is_the_one_in_force():
    assert (DOCS / "trial-file.schema.json").read_text(encoding="utf-8") == trial_schema() + "\n"


def test_the_documented_example_runs():
    example = re.search(r"```toml\n(.*?)```", (DOCS / "trial-files.md").read_text(encoding="utf-8"), re.S)[1]
    result = run_trial(from_file(TrialFile.model_validate(tomllib.loads(example))), n=20, seed=1)
    assert set(result["label"].sel(arm="low").values) <= {"responder", "non-responder"}
    assert (result["status"] == 0).all()


def test_two_arms_of_one_name_are_refused():
    arm = {"name": "a"}
    with pytest.raises(BadValue, match="two arms share a name"):
        TrialFile(name="t", title="t", reference="r", model="il2_sc", arms=[arm, arm])
