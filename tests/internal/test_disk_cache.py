"""What is slow to make is remembered between processes, and forgotten when anything it depends on changes."""

import os
import pickle
import shutil
import stat
import tempfile
from dataclasses import replace

import pytest

import immunode as im
from immunode import models
from immunode.internal import disk_cache
from immunode.model.trace import lazy_trace


def test_what_is_remembered_is_made_once_and_again_when_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("IMMUNODE_CACHE", str(tmp_path))
    made = []

    def make():
        made.append(1)
        return {"value": len(made)}

    assert disk_cache.remembered("a", make) == disk_cache.remembered("a", make) == {"value": 1}
    assert disk_cache.remembered("b", make) == {"value": 2}
    (fact, _) = sorted(tmp_path.glob("facts-*/*"), key=lambda f: f.stat().st_mtime)
    for content in (b"", fact.read_bytes()[:-1], fact.read_bytes()[:-1] + b"?"):
        fact.write_bytes(content)
        anew = disk_cache.remembered("a", make)
        assert anew == disk_cache.remembered("a", make) == {"value": len(made)}
    assert disk_cache.remembered("", make) != disk_cache.remembered("", make)  # no key, nothing is kept
    assert len(made) == 7


@pytest.mark.parametrize("change", ["a model", "a version"])
def test_an_upgrade_forgets_what_is_remembered(tmp_path, monkeypatch, change):
    shutil.copytree(disk_cache._PACKAGE, tmp_path / "immunode")
    monkeypatch.setattr(disk_cache, "_PACKAGE", tmp_path / "immunode")
    before = disk_cache.facts_version.__wrapped__()
    if change == "a model":
        with open(tmp_path / "immunode" / "models" / "il2_sc.py", "a") as file:
            file.write("# another equation\n")
    else:
        monkeypatch.setattr(disk_cache, "version", lambda name: "99.0")
    assert disk_cache.facts_version.__wrapped__() != before


def test_nothing_is_remembered_of_a_users_model():
    known = models.model("il2_sc")
    assert replace(known, meaning="edited").key == ""
    assert lazy_trace(replace(known, meaning="edited")).key == ""
    assert im.compose("edited", known).key == ""


@pytest.fixture
def nowhere_else(tmp_path, monkeypatch):
    """Let there be no folder to fall back to."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))


def refused(monkeypatch, root, match):
    monkeypatch.setenv("IMMUNODE_CACHE", str(root))
    with pytest.warns(UserWarning, match=match):
        assert disk_cache.subfolder("code-0123456789abcdef") is None
    return True


def test_what_is_remembered_is_json_and_comes_back_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("IMMUNODE_CACHE", str(tmp_path))
    value = {"a": (1, 2.5, None), 3: ["x", True, float("inf")], (1,): {}, "dict": {"tuple": ()}}
    for _ in range(2):
        assert disk_cache.remembered("a", lambda: value) == value
    (fact,) = tmp_path.glob("facts-*/*")
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(fact.read_bytes()[32:])


def test_only_what_was_made_here_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setenv("IMMUNODE_CACHE", str(tmp_path))
    for i in range(20):
        for name in (f"code-project{i}", f"facts-{i}", f"code-{i:016x}", f"facts-{i:016x}"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "thesis.txt").write_text("work of years")
            os.utime(tmp_path / name, (i, i))
        (tmp_path / f"code-{i + 256:016x}").mkdir()
        (tmp_path / f"code-{i + 256:016x}" / "run.code").write_text("")
        os.utime(tmp_path / f"code-{i + 256:016x}", (50 + i, 50 + i))
    disk_cache.subfolder("code-fedcba9876543210")
    disk_cache.subfolder("facts-fedcba9876543210")
    assert len(list(tmp_path.glob("*/thesis.txt"))) == 80
    assert len(list(tmp_path.glob("*/run.code"))) == 7  # and the one in use


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners of POSIX")
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775, 0o722])
def test_a_folder_that_others_can_write_is_not_used(tmp_path, monkeypatch, nowhere_else, mode):
    folder = tmp_path / "cache" / "code-0123456789abcdef"
    folder.mkdir(parents=True)
    folder.chmod(mode)
    assert refused(monkeypatch, tmp_path / "cache", "others can write to .*code-0123")
    folder.chmod(0o700)
    disk_cache._below.cache_clear()
    (tmp_path / "cache").chmod(mode)
    if mode == 0o1777:  # others can add to it, not take from it
        assert disk_cache.subfolder(folder.name) == folder
    else:
        assert refused(monkeypatch, tmp_path / "cache", "others can write to .*cache")
    disk_cache._below.cache_clear()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_what_belongs_to_others_is_not_used(tmp_path, monkeypatch, nowhere_else):
    for wrong in ("root", "folder", "entry", "link"):
        cache = tmp_path / wrong
        folder = cache / "code-0123456789abcdef"
        folder.mkdir(parents=True)
        (folder / "run.code").write_text("")
        if wrong == "link":
            folder.rename(tmp_path / "elsewhere")
            folder.symlink_to(tmp_path / "elsewhere")
        path = {"root": cache, "folder": folder, "entry": folder / "run.code", "link": folder}[wrong]
        os.chown(path, 65534, 65534, follow_symlinks=False)
        assert refused(monkeypatch, cache, "another user|no file of yours")
        assert not (tmp_path / "elsewhere" / "run.code").exists() or wrong == "link"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="modes of POSIX")
def test_folders_are_made_for_the_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("IMMUNODE_CACHE", str(tmp_path / "a" / "b"))
    before = os.umask(0)
    try:
        folder = disk_cache.subfolder("code-0123456789abcdef")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent, tmp_path / "a")] == [0o700] * 3


def test_a_folder_that_cannot_be_used_is_said_once_with_what_it_costs(tmp_path, monkeypatch, recwarn):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("IMMUNODE_CACHE", str(tmp_path / "file" / "x"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("code-0123456789abcdef", "facts-0123456789abcdef", "code-0123456789abcdef"):
        assert disk_cache.subfolder(name).parent.parent == tmp_path
    monkeypatch.setenv("IMMUNODE_CACHE", str(tmp_path / "file" / "y"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    for name in ("code-0123456789abcdef", "facts-0123456789abcdef"):
        assert disk_cache.subfolder(name) is None
    first, second = (str(warning.message) for warning in recwarn)
    assert "Not a directory" in first
    assert "is used, which may be emptied" in first
    assert "a minute or two" in second
    assert "set IMMUNODE_CACHE" in second
