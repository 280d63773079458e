"""The page of il2_cd4_hiv shows the model as it is: its equations, what stopping therapy costs, its compartments."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from immunode.models import model

HOME = Path(__file__).parents[2] / "docs" / "models"
PAGE = (HOME / "il2_cd4_hiv.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def written():
    return runpy.run_path(str(HOME / "page.py"))


def test_the_equations_are_those_of_the_terminal(written):
    assert written["equations"]() in PAGE


def test_every_parameter_is_there_with_its_source(written):
    assert written["parameters"]() in PAGE
    assert written["parameters"]().count("\n") == 1 + len(model("il2_cd4_hiv").parameters)


def test_stops_cost_what_the_page_says(written):
    """To 1 % of a slope, or a tenth of a cell: numbers that the solver makes."""
    pattern = r"\| ([^|]*) \| ([^|]*) \| ([0-9-]+) \| ([^|]*) \| (-?[0-9.]+ \| -?[0-9.]+ \| -?[0-9.]+) \|"
    now, shown = re.findall(pattern, written["stops"]()), re.findall(pattern, PAGE)
    assert [row[:4] for row in now] == [row[:4] for row in shown]
    assert len(now) == 7
    for before, after in zip(shown, now, strict=True):
        then, here = ([float(cell) for cell in row[4].split("|")] for row in (before, after))
        assert here == pytest.approx(then, rel=0.01, abs=0.1)


def test_every_flow_between_two_states_is_in_the_picture(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(HOME), *sys.path])
    flows = runpy.run_path(str(HOME / "diagram.py"))["flows"]()
    moves = {(source, target) for source, target, _ in flows if source and target}
    assert moves == {
        ("depot", "central"), ("trapped", "memory"), ("memory", "trapped"), ("memory", "cycling"),
        ("naive", "cycling"), ("cycling", "expanded"), ("expanded", "trapped_expanded"),
        ("trapped_expanded", "expanded"),
    }  # fmt: skip
    assert (HOME / "il2_cd4_hiv.png").stat().st_size > 10_000
