"""The page docs/extending.md says what the code does: its blocks run, its files and tests are there."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

import immunode as im
from immunode.engine import METHODS
from immunode.evidence.library import load, load_evidence
from immunode.evidence.readings import other_readings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
OFFERED = set(re.findall(r"^   \| `(\w+)", SECTIONS["A method"], re.MULTILINE))
EXAMPLES = {"test_il2_two_pools.py", "il2_two_pools.py", "two_doses"}  # what the page itself adds


def blocks(title, language):
    """Return the text of each block of a section."""
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", SECTIONS[title], re.DOTALL | re.MULTILINE)
    return [dedent(text) for _, text in blocks]


def executed(title):
    """Run the Python blocks of a section, one after the other, and return their names."""
    names = {"__name__": "extending"}
    for text in blocks(title, "python"):
        exec(compile(text, f"docs/extending.md, {title}", "exec"), names)
    return names


@pytest.mark.parametrize("title", ["A model", "A measure", "A rule"])
def test_the_blocks_run_as_they_stand(title):
    assert executed(title)


def test_the_model_of_the_page_has_what_the_registry_asks_for():
    model = executed("A model")["MODEL"]
    assert f"immunode/models/{model.name}.py" in SECTIONS["A model"]
    assert model.meaning
    assert all(parameter.meaning and parameter.source for parameter in model.parameters)


def test_the_trial_of_the_page_runs_with_its_other_readings_and_its_printed_numbers(tmp_path):
    path = tmp_path / "trial.toml"
    path.write_text(blocks("A trial", "toml")[0], encoding="utf-8")
    path.with_name("evidence.csv").write_text(blocks("A trial", "csv")[0], encoding="utf-8")
    result = im.run_trial(str(path), n=20, seed=1)
    assert set(result["label"].sel(arm="low").values) == {"responder", "non-responder"}
    assert [reading.label for reading in other_readings(str(path), load)] == ["0.8"]
    assert [row.measure for row in load_evidence(str(path)).rows] == ["change", "percent_change"]


@pytest.mark.parametrize("method", dict.fromkeys(step for steps in METHODS.values() for step in steps), ids=str)
def test_the_table_of_a_method_names_what_each_one_offers(method):
    public = {name for name in vars(method) if re.match(r"[A-Z]+$|emit_|[a-z]+_rows$", name)}
    assert public - {"LANES", "TINY"} == OFFERED  # imported, not offered


def test_every_file_that_the_page_names_is_there():
    paths = {path for path in re.findall(r"`((?:immunode|tests|fits|docs)/[\w./]+)`", PAGE) if "NAME" not in path}
    missing = {path for path in paths if not (ROOT / path).exists()}
    assert len(paths) > 15
    assert {path for path in missing if not any(name in path for name in EXAMPLES)} == set()


def test_every_test_that_the_page_names_is_there():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    known = {name for text in texts for name in re.findall(r"def (test_\w+)", text)}
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 10
    assert named <= known
