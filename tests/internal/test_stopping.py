"""A signal ends a command within a second of processor time, whatever it is doing, and what it wrote is taken back."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import immunode
from immunode.internal.stopping import stoppable

resource = pytest.importorskip("resource")  # not on Windows
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
HEAD = """
import atexit, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a parent in the background ignores
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from immunode.internal.stopping import stoppable
atexit.register(print, "tidied")
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
with stoppable():
    print("ready", flush=True)
"""


def stopped(code, number=signal.SIGINT, wait=0.1):
    """Run code inside, send a signal; return exit code, output, errors and the processor time from then on."""
    env = os.environ | {"PYTHONPATH": str(Path(immunode.__file__).parent.parent)}
    body = HEAD + "".join(f"    {line}\n" for line in code.splitlines())
    child = subprocess.Popen(
        [sys.executable, "-c", body], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "ready\n"
        time.sleep(wait)
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        before = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        earlier = resource.getrusage(resource.RUSAGE_CHILDREN)
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    later = resource.getrusage(resource.RUSAGE_CHILDREN)
    return child.returncode, out, err, later.ru_utime + later.ru_stime - earlier.ru_utime - earlier.ru_stime - before


SWALLOWED = "while True:\n    try: burn(60)\n    except BaseException: pass"
THREAD = "threading.Thread(target=burn, args=(60,)).start()\nburn(60)"
POOL = "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(1).submit(burn, 60)\nburn(60)"
CALLBACK = "import ctypes\nctypes.CFUNCTYPE(None)(lambda: burn(1.5))()\nburn(60)"  # as LLVM calls back


@pytest.mark.parametrize(
    "code",
    [
        "burn(60)",
        SWALLOWED,
        THREAD,
        POOL,
        CALLBACK,
        "time.sleep(60)",
        "try: burn(60)\nexcept BaseException: raise ImportError",
    ],
)
def test_ctrl_c_ends_what_runs_within_two_seconds_of_processor_time(code):
    number, out, err, used = stopped(code)
    assert (number, out, err) == (130, "tidied\n", "Stopped.\n")
    assert used < 2.0


def test_ctrl_c_ends_a_call_that_does_not_return_to_python():
    code = "import hashlib\nhashlib.pbkdf2_hmac('sha256', b'x', b'y', 10**9)"  # as LLVM compiles
    number, out, err, used = stopped(code, wait=0.3)
    assert (number, out, err) == (130, "tidied\n", "Stopped.\n")
    assert 0.5 < used < 2.0


@pytest.mark.parametrize("moment", [0.02, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 3.0])
def test_ctrl_c_ends_a_command_at_any_moment_of_its_imports_and_its_work(tmp_path, moment):
    arguments = ["trial", "tincati_2008", "--n", "100000", "--out", str(tmp_path / "out")]
    code = f"from immunode.cli.entry import run\nsys.argv[1:] = {arguments}\nrun()"
    number, out, err, used = stopped(code, wait=moment)
    assert (number, out, err) == (130, "tidied\n", "Stopped.\n")
    assert used < 2.0
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_other_signals_that_end_a_process_take_back_what_it_wrote(tmp_path, number, code):
    work = "from pathlib import Path\nfrom immunode.report.files import output_folder\nprint('in', flush=True)\n"
    work += f"with output_folder(Path({str(tmp_path / 'out')!r})): burn(60)"
    assert stopped(work, number, wait=2)[:3] == (code, "in\ntidied\n", "Stopped.\n")
    assert not (tmp_path / "out").exists()


def test_a_signal_that_is_ignored_stays_so_and_handlers_come_back():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def interrupted():
    with stoppable():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)


def test_a_program_that_goes_on_after_a_stopped_command_is_not_ended(capsys):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background ignores it
    try:
        with pytest.raises(SystemExit) as end:
            interrupted()
    finally:
        signal.signal(signal.SIGINT, before)
    assert end.value.code == 130
    assert capsys.readouterr().err == "Stopped.\n"
    end = time.process_time() + 1.5
    while time.process_time() < end:
        pass
