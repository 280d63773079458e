"""Files of a result are whole or absent."""

import pytest

from immunode.errors import BadValue
from immunode.report.files import whole_files


def write_and_stop(path):
    with whole_files(path) as folder:
        (folder / "one.txt").write_text("after")
        raise KeyboardInterrupt


def test_files_appear_together_when_all_are_written(tmp_path):
    with whole_files(tmp_path / "a" / "b") as folder:
        (folder / "one.txt").write_text("1")
        assert not (tmp_path / "a" / "b" / "one.txt").exists()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["one.txt"]


def test_a_failure_leaves_neither_files_nor_new_folders(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_a_folder_that_was_there_as_it_was(tmp_path):
    (tmp_path / "one.txt").write_text("before")
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_a_folder_that_cannot_be_made_is_refused_and_none_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadValue, match="cannot write to the output folder"), whole_files(tmp_path / "file" / "x"):
        pass
    with whole_files(None) as folder:
        assert folder is None
