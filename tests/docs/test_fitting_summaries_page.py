"""The page docs/fitting-summaries.md runs as it stands, and prints what it says it prints."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "fitting-summaries.md").read_text(encoding="utf-8")
TRUTH = {"base": 350, "omega_base": 0.4, "gain": 1.5, "omega_gain": 0.5}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def numbers(text):
    """Return the numbers of a text, without their signs: a dash may stand between two."""
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the files of the page."""
    path = tmp_path_factory.mktemp("page")
    (path / "cells.py").write_text(blocks("python")[0], encoding="utf-8")
    (path / "trial.toml").write_text(blocks("toml")[0], encoding="utf-8")
    (path / "evidence.csv").write_text(blocks("csv")[0], encoding="utf-8")
    return path


def test_its_evidence_has_every_number_of_its_tables(folder, monkeypatch):
    from immunode.evidence.library import load_evidence

    monkeypatch.chdir(folder)
    evidence = load_evidence("trial.toml")
    tables = PAGE.split("## 1. The table")[1].split("## 2. The model")[0]
    said = numbers(tables)
    assert {abs(row.number) for row in evidence.rows} <= set(said)
    assert sum(row.use == "check" for row in evidence.rows) == 1
    assert {row.source for row in evidence.rows} == {"Table 1", "Table 2", "page 4"}


@pytest.mark.slow
def test_every_block_runs_and_the_intervals_are_those_of_the_page(folder, monkeypatch, capsys):
    """To a fifth of each interval's width: ends are quantiles of 500 simulated roots, whose error is a tenth of it."""
    monkeypatch.chdir(folder)
    names = {}
    for block in blocks("python"):
        exec(compile(block, "docs/fitting-summaries.md", "exec"), names)
    errors, intervals = blocks("text")
    for line, (name, error) in zip(errors.splitlines(), names["known"].stderr.items(), strict=False):
        assert line.split()[0] == name
        assert float(line.split()[1]) == pytest.approx(error, abs=0.011)
    assert errors.splitlines()[-1] == names["known"].helps[0]
    printed = [line.split() for line in intervals.strip().splitlines()[1:]]
    assert [line[0] for line in printed] == list(names["fit"].intervals.index)
    for name, *cells in printed:
        line = names["fit"].intervals.loc[name]
        width = line.high - line.low
        for column, cell in zip(names["columns"], cells, strict=True):
            assert float(cell) == pytest.approx(line[column], abs=0.2 * width)
        assert line.low < TRUTH[name] < line.high
