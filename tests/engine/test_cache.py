"""Compiled code is found again, and never used when it is damaged, stale or half written."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib import metadata

import numpy as np
import pytest
from numba.core import config

from immunode.engine import cache, code_folder
from immunode.engine.cache import load as load_code
from immunode.engine.cache import pack
from immunode.engine.compiler import compile_entry
from immunode.engine.entries import Entry, call, words
from immunode.errors import BadValue

SOLVE = """
import sys
import immunode as im
print(float(im.simulate("il2_sc", "3 MIU SC", times=[1.0])["il2"][0]))
print(*sorted({"numba", "sympy", "pint", "scipy.linalg"} & set(sys.modules)))
"""
DRAW = "import numpy, immunode.engine.draws as d; print(*d.exponential(numpy.array([0.5])))"
HALF = 0.6931471805599453  # -log(1 - 0.5)


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Return an empty cache folder that is used until the test ends."""
    monkeypatch.setenv("IMMUNODE_CACHE", str(tmp_path / "cache"))
    folder = cache.cache_directory()
    assert folder.parent == tmp_path / "cache"
    return folder


def load():
    """Load the code of exponential draws as a new process would; return that of 0.5, and whether it was found."""
    made = []

    def make():
        made.append(True)
        return compile_entry("immunode.engine.draws", "_exponential")

    code, drawn = cache.loaded("exponential", make), np.empty(1)
    call(code, "_exponential", (np.array([0.5]), drawn))
    return float(drawn[0]), not made


def start(code, root, **more):
    env = os.environ | {"IMMUNODE_CACHE": str(root), "PYTHONPATH": os.pathsep.join(sys.path)} | more
    return subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)


def finish(process):
    out, _ = process.communicate()
    assert process.returncode == 0
    return out.split()


def with_the_loop(folder):
    """Copy what is compiled once for all models into a cache at `folder`, so that only a model is compiled there."""
    warm = cache.cache_directory()
    shutil.copytree(warm, folder / warm.name, ignore=shutil.ignore_patterns("model_*", "exponential*"))
    return folder


@pytest.mark.parametrize("all_of_it", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_second_process_compiles_nothing_needs_no_sympy_and_writes_the_same_source(tmp_path, all_of_it):
    if not all_of_it:
        with_the_loop(tmp_path)
    first = finish(start(SOLVE, tmp_path, PYTHONHASHSEED="1"))
    modules = list(tmp_path.rglob("model_*.py"))
    second = finish(start(SOLVE, tmp_path, PYTHONHASHSEED="2"))
    assert first[0] == second[0]
    assert (first[1:], second[1:]) == (["numba", "pint", "scipy.linalg", "sympy"], [])
    assert list(tmp_path.rglob("model_*.py")) == modules


def test_processes_that_compile_the_same_at_once_all_succeed(tmp_path):
    with_the_loop(tmp_path)
    processes = [start(DRAW, tmp_path) for _ in range(4)]
    assert [finish(p) for p in processes] == [[str(HALF)]] * 4
    assert not list(tmp_path.rglob("*.tmp"))
    (entry,) = tmp_path.rglob("exponential.code")
    assert cache._intact(entry)


def test_what_was_compiled_is_found(store):
    assert load() == (HALF, False)
    assert load() == (HALF, True)


@pytest.mark.parametrize("damage", ["truncated", "empty", "other bytes", "missing"])
def test_a_damaged_file_is_made_again(store, damage):
    load()
    (path,) = store.rglob("*.code")
    whole = path.read_bytes()
    middle = len(whole) // 2
    other = whole[:middle] + bytes(255 - b for b in whole[middle : middle + 64]) + whole[middle + 64 :]
    path.write_bytes({"truncated": whole[:middle], "empty": b"", "other bytes": other, "missing": b""}[damage])
    if damage == "missing":
        path.unlink()
    assert load()[0] == HALF
    assert load() == (HALF, True)


def test_the_folder_may_vanish_while_a_process_runs(store):
    load()
    shutil.rmtree(store.parent)
    assert load()[0] == HALF


def test_where_nothing_can_be_written_code_is_compiled_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file, not a folder")
    monkeypatch.setenv("IMMUNODE_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    assert cache.cache_directory() is None
    assert load() == (HALF, False)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_home_that_cannot_be_written_falls_back_to_a_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file, not a folder")
    monkeypatch.setenv("IMMUNODE_CACHE", str(tmp_path / "file" / "other"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cache.cache_directory().parent.parent == tmp_path
    assert load() == (HALF, False)
    assert load() == (HALF, True)


def test_another_users_folder_is_not_trusted(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file, not a folder")
    monkeypatch.setenv("IMMUNODE_CACHE", str(tmp_path / "file" / "third"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: 4242, raising=False)
    assert cache.cache_directory() is None


@pytest.mark.parametrize(
    "change", ["numba", "llvmlite", "numpy", "setting", "signatures.py", "methods/tsit5.py", "codegen/printer.py"]
)
def test_what_machine_code_depends_on_names_the_folder(tmp_path, monkeypatch, change):
    shutil.copytree(code_folder._ENGINE, tmp_path / "engine")
    monkeypatch.setattr(code_folder, "_ENGINE", tmp_path / "engine")
    before = code_folder.version.__wrapped__()
    if change == "setting":
        monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    elif change.endswith(".py"):
        with open(tmp_path / "engine" / change, "a") as file:
            file.write("# another option\n")
    else:
        version = metadata.version
        monkeypatch.setattr(metadata, "version", lambda name: "99.0" if name == change else version(name))
    assert code_folder.version.__wrapped__() != before


def test_ctrl_c_while_compiling_is_not_lost_in_a_callback(store):
    def make():
        with suppress(KeyboardInterrupt):  # as ctypes does, which prints it and goes on
            signal.raise_signal(signal.SIGINT)
        return compile_entry("immunode.engine.draws", "_exponential")

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            cache.loaded("exponential", make)
        assert not list(store.iterdir())
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert load() == (HALF, False)


@pytest.mark.parametrize("name", ["NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR", "NUMBA_THREADING_LAYER", "NUMBA_WARNINGS"])
def test_a_setting_that_changes_no_machine_code_does_not_name_the_folder(monkeypatch, name):
    before = code_folder.version.__wrapped__()
    monkeypatch.setenv(name, "2")
    monkeypatch.setattr(sys, "version", "3.11.99 (another build)")  # bytecode is that of 3.11
    assert code_folder.version.__wrapped__() == before


def test_what_only_python_runs_does_not_name_the_folder(tmp_path, monkeypatch):
    before = code_folder.version()
    shutil.copytree(code_folder._ENGINE, tmp_path / "elsewhere")
    monkeypatch.setattr(code_folder, "_ENGINE", tmp_path / "elsewhere")
    for name in code_folder.PLAIN:
        with open(tmp_path / "elsewhere" / f"{name}.py", "a") as file:
            file.write("# another comment\n")
    assert code_folder.version.__wrapped__() == before


def test_nothing_compiled_is_made_of_what_only_python_runs():
    plain = {f"immunode.engine.{name}" for name in code_folder.PLAIN}
    for file in code_folder._ENGINE.rglob("*.py"):
        if file.name == "__init__.py" or (file.parent == code_folder._ENGINE and file.stem in code_folder.PLAIN):
            continue
        nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
        imported = {name for node in nodes for name in (node.module, *(f"{node.module}.{a.name}" for a in node.names))}
        assert not imported & plain, file.name


def test_folders_of_old_versions_do_not_pile_up(tmp_path, monkeypatch):
    (tmp_path / "notes").mkdir()
    for i in range(20):
        (tmp_path / f"code-{i:016}").mkdir()
        os.utime(tmp_path / f"code-{i:016}", (i, i))
    monkeypatch.setenv("IMMUNODE_CACHE", str(tmp_path))
    folder = cache.cache_directory()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"notes", folder.name, *(f"code-{i:016}" for i in range(13, 20))}


def test_what_is_remembered_of_a_library_model_is_what_its_trace_gives(tmp_path):
    script = """
import numpy as np, sys
from immunode.model.evaluate import values_of
from immunode.models import NAMES, model
for name in NAMES:
    p = np.array([list(model(name).typical.values())])
    facts = [values_of(model(name), which, p) for which in ("initial", "lag", "bioavailability")]
    print(name, [o.scale for o in model(name).outputs], np.array(facts).tolist())
print("pint" in sys.modules)
"""
    cold, warm = (finish(start(script, tmp_path)) for _ in range(2))
    assert cold[-1] == "True"
    assert warm == [*cold[:-1], "False"]


def test_compiling_says_on_a_terminal_how_long_it_takes_and_the_last_took(store, monkeypatch, capsys):
    monkeypatch.setattr(cache, "_SLOW", ("exponential",))
    load()
    assert capsys.readouterr().err == ""  # no terminal
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for first in (True, False):
        (store / "exponential.code").unlink()
        load()
        before = "for all models" if first else r"for all models; the last took \d+ s"
        said = rf"immunode compiles, once on this machine {before} \.\.\. \d+ s\n"
        assert re.fullmatch(said, capsys.readouterr().err)
    load()
    assert capsys.readouterr().err == ""  # loaded


def test_code_that_calls_what_this_machine_lacks_is_made_again(store):
    load()
    (path,) = store.rglob("*.code")
    whole = cache._intact(path)
    _, _, code = whole.partition(b"\n")
    other = pack(["_exponential"], ["a_function_of_another_machine"], {}, code)
    assert load_code(whole) is not None
    assert load_code(other) is None
    path.write_bytes(cache._seal(path, other) + other)
    assert load() == (HALF, False)
    assert load() == (HALF, True)


def test_the_code_of_another_model_is_not_run_for_this_one(store):
    load()
    (store / "exponential.code").rename(store / "other.code")
    made = []
    cache.loaded("other", lambda: made.append(True) or compile_entry("immunode.engine.draws", "_exponential"))
    assert made


def test_an_order_not_to_compile_is_named(store, monkeypatch):
    monkeypatch.setattr(config, "DISABLE_JIT", 1)  # as NUMBA_DISABLE_JIT sets it
    with pytest.raises(BadValue, match=r"NUMBA_DISABLE_JIT is set.*unset it"):
        load()
    assert not list(store.iterdir())


def test_a_write_that_fails_leaves_nothing(store, monkeypatch):
    def full(*_):
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert load() == (HALF, False)
    assert not list(store.iterdir())


@pytest.mark.parametrize(
    "wrong",
    [np.ones(2, np.int64), np.ones(2, np.float32), np.ones((2, 2)), np.ones(4)[::2], np.ones(2, ">f8")],
    ids=["whole", "single", "matrix", "strided", "swapped"],
)
def test_what_compiled_code_would_misread_is_refused(wrong):
    with pytest.raises(TypeError, match="takes an array f1"):
        Entry("immunode.engine.draws", "_exponential")(np.ones(2), wrong)
    for number in (2.7, "3"):
        with pytest.raises(TypeError):
            words(["i"], (number,))
    with pytest.raises(TypeError, match="takes 1 numbers"):
        words(["f1"], (np.ones(2), np.ones(2)))
