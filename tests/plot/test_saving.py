"""Pictures are written as PNG, PDF and SVG, with texts as texts, and leave matplotlib as it was."""

import matplotlib
import pytest

from immunode import plot
from immunode.errors import BadValue


def test_a_picture_is_written_by_its_ending_and_texts_stay_texts(simulated, tmp_path):
    ax, before = plot.course(simulated, "cd4"), dict(matplotlib.rcParams)
    for ending, begins in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")):
        path = plot.save(ax, tmp_path / f"a.{ending}")
        assert path.read_bytes().startswith(begins)
    assert "CD4 cells (cells/µL)" in (tmp_path / "a.SVG").read_text(encoding="utf-8")
    assert dict(matplotlib.rcParams) == before


def test_the_same_picture_is_the_same_file(simulated, tmp_path):
    for ending in ("png", "pdf", "svg"):
        files = [plot.save(plot.course(simulated, "cd4"), tmp_path / f"{i}.{ending}").read_bytes() for i in (1, 2)]
        assert files[0] == files[1]


def test_what_is_no_picture_or_no_file_is_refused(simulated, tmp_path):
    ax = plot.course(simulated, "cd4")
    for call, said in (
        (lambda: plot.save(3, tmp_path / "a.png"), "a Figure or Axes"),
        (lambda: plot.save(ax, tmp_path / "a.gif"), "png, pdf or svg"),
        (lambda: plot.save(ax, tmp_path / "no" / "a.png"), "cannot write"),
        (lambda: plot.save(ax, 3), "path of a file"),
        (lambda: plot.save(ax, tmp_path / "a.png", dpi=0), "dpi"),
    ):
        with pytest.raises(BadValue, match=said):
            call()
