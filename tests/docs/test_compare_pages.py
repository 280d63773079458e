"""docs/compare.md and the pages on Tincati: commands run, tables are what is printed, numbers are in these."""

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_SPEC = importlib.util.spec_from_file_location("compare_pages", DOCS / "compare.py")
pages = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(pages)
TEXTS = {name: (DOCS / name).read_text(encoding="utf-8") for name in pages.PAGES}
EVERY = [(name, match[1], match[2]) for name, text in TEXTS.items() for match in pages.BLOCK.finditer(text)]
BLOCKS = [block for block in EVERY if block[1].startswith("immunode compare")]


def test_there_are_four_commands():
    assert len(BLOCKS) == 4
    assert len(EVERY) == 5


@pytest.mark.parametrize(("page", "command", "shown"), BLOCKS)
def test_a_command_runs_and_answers_in_25_lines_of_80_columns(page, command, shown):
    lines = pages.printed(command, n=20).splitlines()
    for text in (lines, shown.splitlines()):
        assert len(text) <= 25
        assert max(map(len, text)) <= 80
    # the same patients and schedules above the tables
    first, shown_first = (text[: next(i for i, line in enumerate(text) if "cd4 gain" in line)][1:] for text in
                          (lines, shown.splitlines()))  # fmt: skip
    assert first == shown_first


@pytest.mark.slow
@pytest.mark.parametrize(("page", "command", "shown"), EVERY)
def test_what_is_shown_is_what_is_printed(page, command, shown):
    assert pages.printed(command) == shown


@pytest.mark.parametrize("name", ["schedules", "labels", "tincati"])
def test_the_files_of_the_pages_are_those_that_are_run_and_have_few_lines(name):
    file = (DOCS / "compare" / f"{name}.toml").read_text(encoding="utf-8")
    assert len(file.splitlines()) <= 20
    assert any(f"```toml\n{file}```" in text for text in TEXTS.values())


def test_every_number_of_the_answer_is_in_its_table():
    text = TEXTS["tincati_schedules.md"]
    answer = text[text.index("## The answer") : text.index("What this rests on")]
    shown = BLOCKS[-1][2] + "18 33 "  # months, and the patients of the trial's arm
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?", answer)
    assert [number for number in numbers if number not in re.findall(r"\d+(?:\.\d+)?", shown)] == []


def test_the_python_of_the_page_runs():
    (block,) = re.findall(r"```python\n(.*?)```", TEXTS["compare.md"], re.DOTALL)
    exec(compile(block, "docs/compare.md", "exec"), {"__name__": "page"})
