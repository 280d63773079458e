"""The page docs/pictures.md runs, its pictures are those of its code, and what it says of warnings is what comes."""

import runpy
import struct
import warnings
from pathlib import Path

import pytest

import immunode as im

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "pictures.py"))
PAGE = (DOCS / "pictures.md").read_text(encoding="utf-8")


def size(path):
    """Return width and height of a PNG."""
    return struct.unpack(">II", path.read_bytes()[16:24])


def test_every_block_runs_and_draws_the_picture_that_is_committed(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = SCRIPT["drawn"](tmp_path)
    committed = {path.name: path for path in SCRIPT["FOLDER"].iterdir()}
    assert sorted(committed) == sorted(path.name for path in written)
    for path in written:
        assert size(path) == size(committed[path.name])
        assert committed[path.name].stat().st_size < 100_000


def test_the_warning_of_the_page_is_the_one_that_comes():
    daily = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=im.days(0, 28))
    with pytest.warns(UserWarning, match="il2") as told:
        im.plot.course(daily, "il2")
    said = PAGE.split("```text\n")[1].split("\n```")[0].replace("\n", " ")
    assert str(told[0].message) == said


def test_the_table_has_every_function():
    public = [name for name in vars(im.plot) if callable(getattr(im.plot, name)) and not name.startswith("_")]
    assert [name for name in public if f"`{name}(" not in PAGE] == []
