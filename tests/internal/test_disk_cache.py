"""What is slow to make is remembered between processes, and forgotten when anything it depends on changes."""

import shutil
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
