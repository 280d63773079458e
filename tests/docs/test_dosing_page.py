"""The page docs/dosing.md says what the code does: its blocks run, its tables are read, its pictures are of today."""

import json
import re
import runpy
import shlex
from pathlib import Path
from types import SimpleNamespace

import pandas
import pytest
from PIL import Image
from typer.testing import CliRunner

import immunode as im
from immunode import nonmem
from immunode.cli.entry import app
from immunode.errors import ImmunodeError

DOCS = Path(__file__).parents[2] / "docs"
dosing = SimpleNamespace(**runpy.run_path(str(DOCS / "dosing.py")))
PAGE = (DOCS / "dosing.md").read_text(encoding="utf-8")
ANY = {"ID": "1", "TIME": "0", "EVID": "1", "AMT": "3", "CMT": "iv", "RATE": "0", "DUR": "0"} | {
    name: "0" for name in ("II", "ADDL", "SS")
}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def rows(mark):
    """Return the cells of each row of the table that follows a mark."""
    table = PAGE.split(f"<!-- {mark} -->")[1].strip().split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n")[2:]]
    assert len(rows) > 5
    return [pytest.param(*cells, id=cells[0].strip("*`")) for cells in rows]


def frame(cell):
    """Return the records that a cell such as `AMT=3 CMT=iv; TIME=1` stands for."""
    records = [dict(pair.split("=") for pair in record.split()) for record in cell.strip("*`").split(";")]
    return pandas.DataFrame([ANY | record for record in records], dtype=str)


def test_every_block_of_python_runs_as_it_stands(tmp_path, monkeypatch):
    (tmp_path / "data.csv").write_text(blocks("csv")[0])
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "docs/dosing.md", "exec"), names)
    assert len(blocks("python")) > 5


def test_every_command_runs_as_it_stands(tmp_path, monkeypatch):
    (tmp_path / "data.csv").write_text(blocks("csv")[0])
    monkeypatch.chdir(tmp_path)
    commands = [shlex.split(line) for line in blocks("sh")[0].splitlines()]
    assert [command[0] for command in commands] == ["immunode", "immunode"]
    for command in commands:
        assert CliRunner().invoke(app, command[1:]).exit_code == 0
    assert (tmp_path / "results").is_dir()


@pytest.mark.filterwarnings("ignore:.*there is no dose at all")
@pytest.mark.parametrize(("what", "python", "table", "sentence"), rows("ways"))
def test_all_ways_to_say_it_are_one_regimen(what, python, table, sentence):
    meant = eval(python.strip("`"), {name: getattr(im, name) for name in ("dose", "multiply", "replace", "reset")})
    (from_table,) = nonmem.read(frame(table), dosing.MODEL).regimens
    others = [from_table, im.prescribe(sentence.strip("`"))] if sentence else [from_table]
    for other in others:
        assert len(other) == len(meant)
        for one, same in zip(other, meant, strict=True):
            for field, value in vars(same).items():
                close = pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
                assert getattr(one, field) == close, field


@pytest.mark.parametrize(("records", "message", "cure"), rows("refused in tables"))
def test_what_is_refused_in_a_table_is_told_so(records, message, cure):
    problems = nonmem.check(frame(records), dosing.MODEL)
    told = [problem for problem in problems if (problem.message, problem.cure) == (message, cure)]
    assert [problem.error for problem in told] == [not records.startswith("*")], [str(problem) for problem in problems]


@pytest.mark.parametrize(("call", "message"), rows("refused in Python"))
def test_what_is_refused_in_python_is_told_so(call, message):
    names = {"im": im, "MODEL": dosing.MODEL}
    if call.startswith("*"):
        with pytest.warns(UserWarning, match=re.escape(message)):
            eval(call.strip("*`"), names)
        return
    with pytest.raises(ImmunodeError) as caught:
        eval(call.strip("`"), names)
    assert str(caught.value) == message


def test_the_pictures_are_of_the_model_of_the_page():
    model = blocks("python")[0].split("import immunode as im\n")[1].strip()
    assert model in (DOCS / "dosing.py").read_text(encoding="utf-8")


def test_the_page_shows_every_picture_that_is_drawn_and_no_other():
    shown = re.findall(r"!\[.+?\]\(dosing/(\w+)\.png\)", PAGE)
    assert sorted(shown) == sorted(dosing.PICTURES)
    assert sorted(path.stem for path in dosing.FOLDER.iterdir()) == sorted(dosing.PICTURES)


@pytest.mark.parametrize("name", dosing.PICTURES)
def test_a_picture_marks_what_a_simulation_gives_now(name):
    """Each picture holds the amounts that it marks; if they are no longer so, run python docs/dosing.py."""
    path = dosing.FOLDER / f"{name}.png"
    with Image.open(path) as picture:
        drawn = json.loads(picture.text["Description"])
        assert picture.width == 600
    assert path.stat().st_size < 40_000
    for panel, marks in zip(dosing.PICTURES[name], drawn, strict=True):
        for (time, amount, side), mark in zip(panel.marks(), marks, strict=True):
            assert (time, side) == (mark[0], mark[2])
            assert amount == pytest.approx(mark[1], rel=1e-5, abs=1e-5)  # 10 rtol: both were solved at 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", dosing.PICTURES)
def test_a_picture_can_be_drawn(name):
    assert len(dosing.draw(dosing.PICTURES[name]).axes) == len(dosing.PICTURES[name])
