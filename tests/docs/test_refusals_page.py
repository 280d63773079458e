"""The page docs/refusals.md holds what immunode answers today, row by row."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SPACE = runpy.run_path(str(DOCS / "refusals.py"))
PAGE = (DOCS / "refusals.md").read_text(encoding="utf-8")
CELLS = [line.removesuffix(" |").split(" | ", 1) for line in PAGE.splitlines() if line.startswith("| `")]
ROWS = {source.removeprefix("| `").removesuffix("`").replace("\\|", "|"): answer for source, answer in CELLS}


@pytest.mark.parametrize("source", [source for sources in SPACE["TOPICS"].values() for source in sources])
def test_an_answer_is_the_one_on_the_page(source):
    assert ROWS[source] == SPACE["cell"](SPACE["answered"](source))


@pytest.mark.parametrize("line", SPACE["COMMANDS"])
def test_a_command_answers_as_on_the_page_and_fails(line):
    answer = SPACE["commanded"](line)
    assert ROWS[line] == SPACE["cell"](answer)
    assert "Traceback" not in answer
    assert not answer.endswith("(exit code 0)")


def test_the_page_has_no_other_rows():
    assert len(ROWS) == len(SPACE["COMMANDS"]) + sum(map(len, SPACE["TOPICS"].values()))
