"""Files of a result are whole or absent."""

import os
import signal
import subprocess
import sys
import time

import pandas
import pytest

from immunode.errors import BadValue
from immunode.report import files
from immunode.report.files import output_folder, whole_files


def write_and_stop(path):
    with whole_files(path) as folder:
        (folder / "one.txt").write_text("after")
        raise KeyboardInterrupt


def write(path, *names, content="after"):
    with whole_files(path) as folder:
        for name in names:
            (folder / name).write_text(content)


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
    for name in ("file/x", "file", "zero\0", "x" * 300):
        with pytest.raises(BadValue, match="cannot write to the output folder"), whole_files(tmp_path / name):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with whole_files(None) as folder:
        assert folder is None


def test_a_move_that_fails_midway_is_undone(tmp_path, monkeypatch):
    for name in ("a.txt", "c.txt"):
        (tmp_path / name).write_text("before")
    replace = os.replace

    def stop(source, target):
        if source.name == "c.txt" and target.parent == tmp_path:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(BadValue, match="No space left on device"):
        write(tmp_path, "a.txt", "b.txt", "c.txt")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "before", "c.txt": "before"}


def test_a_folder_in_the_place_of_a_file_is_named_before_anything_moves(tmp_path):
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(BadValue, match="a folder has that name"):
        write(tmp_path, "a.txt", "b.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


def test_a_full_disk_is_one_line_and_leaves_the_files_before(tmp_path):
    resource = pytest.importorskip("resource")  # not on Windows
    (tmp_path / "a.txt").write_text("before")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, unlimited[1]))
        with pytest.raises(BadValue, match="cannot write results into"):
            write(tmp_path, "a.txt", "b.txt", content="x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        signal.signal(signal.SIGXFSZ, handler)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "before"}


@pytest.mark.skipif(os.name == "nt", reason="cannot tell there which processes run")
def test_what_a_killed_process_left_is_removed_by_the_next_and_a_running_one_keeps_its_own(tmp_path):
    code = "import time; from pathlib import Path; from immunode.report.files import whole_files\n"
    code += f"with whole_files(Path({str(tmp_path)!r})): time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code])
    try:
        while not list(tmp_path.glob(f".immunode-{child.pid}-*")):
            assert child.poll() is None
            time.sleep(0.05)
        with output_folder(tmp_path):
            assert len(list(tmp_path.iterdir())) == 1
    finally:
        child.kill()
        child.wait()
    assert len(list(tmp_path.iterdir())) == 1
    with output_folder(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_formulas_of_labels_and_ids_are_text_in_a_csv_and_the_frame_is_as_it_was(tmp_path):
    frame = pandas.DataFrame({"=id": ["=1+1", "a"], "x": [-1.0, 2.0]})
    files.save_table(frame, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "'=id,x\n'=1+1,-1.0\na,2.0\n"
    assert frame["=id"][0] == "=1+1"


def test_pictures_of_a_trial_and_a_course_are_written_in_each_format_and_panels_alone(tmp_path):
    from immunode import days, run_trial, simulate
    from immunode.evidence.library import load
    from immunode.report.trials import TrialReport
    from immunode.virtual_trials.trial_run import from_file

    report = TrialReport(from_file(load("tincati_2008")), run_trial("tincati_2008", n=20))
    files.save_trial(report, tmp_path, ("svg",))
    pictures = {path.name for path in tmp_path.iterdir() if path.suffix in (".png", ".svg")}
    assert {"trial.png", "trial.svg", "panel_cd4.png", "panel_cd4.svg"} <= pictures
    course = simulate("il2_sc", "3 MIU SC", times=days(0, 1, every=1 / 24))
    files.save_course(course, course, tmp_path, ("pdf",))
    assert (tmp_path / "course.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(BadValue, match="format of a picture"):
        files.save_course(course, course, tmp_path, ("gif",))
