"""The schema of a trial file: what is published is in force, and the documented example runs."""

import re
import tomllib
from pathlib import Path

import pytest

from immunode.errors import BadValue
from immunode.evidence.library import load
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


SHORT = """
name = "short"
title = "t"
reference = "r"
model = "il2_cd4_hiv"
visits = [0, 28]

[arm_defaults]
n = 20
regimen = "3 MIU SC QD days 1-5"
values = { CL = 100, F = 0.5 }
patients = "cd4 200-500, suppressed"

[[arms]]
name = "IL-2"

[[arms]]
name = "other"
n = 10
values = { F = 0.4 }
baseline = { observable = "cd4", median = 150, log_sd = 0.6, source = "assumed" }

[population]
source = "assumed"
"""


def test_what_an_arm_does_not_say_is_that_of_the_defaults(tmp_path):
    path = tmp_path / "short.toml"
    path.write_text(SHORT, encoding="utf-8")
    first, second = load(str(path)).arms
    assert (first.n, first.regimen, first.values) == (20, "3 MIU SC QD days 1-5", {"CL": 100, "F": 0.5})
    assert first.patients == "cd4 200-500, suppressed"
    assert (second.n, second.values) == (10, {"CL": 100, "F": 0.4})
    # who the patients are is said by the arm as a whole
    assert second.patients is None
    assert second.baseline.median == 150
    changed = load(str(path), {"arm_defaults.values.CL": 90}).arms
    assert [arm.values["CL"] for arm in changed] == [90, 90]


@pytest.mark.parametrize(
    ("line", "wrong", "message"),
    [
        ("values = { CL = 100, F = 0.5 }", "value = 3", "line 11, field 'arm_defaults.value': there is no such field"),
        ("n = 20", "n = 0", "line 9, field 'arm_defaults.n': .*greater than 0"),
    ],
)
def test_a_wrong_default_is_refused_where_it_stands(tmp_path, line, wrong, message):
    path = tmp_path / "short.toml"
    path.write_text(SHORT.replace(line, wrong, 1), encoding="utf-8")
    with pytest.raises(BadValue, match=message):
        load(str(path))


MIXED = SHORT.replace("n = 20\n", 'n = 20\nshares = { slow = 0.5, fast = 0.1 }\n').replace(
    "n = 10\n", "n = 10\nshares = { slow = 0.7 }\n"
) + "".join(
    f'[[population.subgroups]]\nname = "{name}"\nshare = 0.2\nscale = {{ CL = {scale} }}\nsource = "assumed"\n'
    for name, scale in (("slow", 0.5), ("fast", 2))
)  # fmt: skip


def test_an_arm_says_its_own_shares_and_has_those_of_the_defaults_that_it_does_not_say(tmp_path):
    path = tmp_path / "mixed.toml"
    path.write_text(MIXED, encoding="utf-8")
    first, second = from_file(load(str(path))).arms
    assert (first.shares, second.shares) == ({"slow": 0.5, "fast": 0.1}, {"slow": 0.7, "fast": 0.1})
    changed = load(str(path), {"arms.1.shares.fast": 0.3}).arms
    assert [arm.shares["fast"] for arm in changed] == [0.1, 0.3]


def test_a_change_by_path_gives_an_arm_a_share_that_said_none(tmp_path):
    path = tmp_path / "plain.toml"
    path.write_text(MIXED.replace("shares = { slow = 0.7 }\n", "").replace("shares = { slow = 0.5, fast = 0.1 }\n", ""))
    file = load(str(path))
    assert [arm.shares for arm in file.arms] == [{}, {}]
    assert "shares" not in file.arms[0].model_dump()
    assert [arm.shares for arm in load(str(path), {"arms.0.shares.slow": 0.6}).arms] == [{"slow": 0.6}, {}]


@pytest.mark.parametrize("share", ["1.5", "-0.1", '"70 %"'])
def test_a_share_of_an_arm_that_is_none_is_refused_where_it_stands(tmp_path, share):
    path = tmp_path / "mixed.toml"
    path.write_text(MIXED.replace("slow = 0.7", f"slow = {share}"), encoding="utf-8")
    with pytest.raises(BadValue, match=r"line 21, field 'arms.1.shares.slow'"):
        load(str(path))


def test_a_table_of_patients_is_found_beside_its_file(tmp_path):
    path = tmp_path / "short.toml"
    table = 'baseline = { observable = "cd4", table = "p.csv", source = "us" }'
    text = SHORT.replace('patients = "cd4 200-500, suppressed"', 'patients = "cd4 from p.csv, suppressed"')
    path.write_text(
        text.replace('baseline = { observable = "cd4", median = 150, log_sd = 0.6, source = "assumed" }', table)
    )
    first, second = load(str(path)).arms
    assert first.patients == f'cd4 from "{tmp_path / "p.csv"}", suppressed'
    assert second.baseline.table == str(tmp_path / "p.csv")
