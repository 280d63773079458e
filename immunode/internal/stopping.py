"""End a command on Ctrl-C and the like: at once where Python runs, soon in a long call of other code.

Python hears of a signal between two of its own instructions. Some calls last longer: LLVM compiles a model for seconds,
threads that compile are waited for at exit, and what other packages call back may swallow an exception. A thread that
is told of the signal by the system ends the process then.
"""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_PATIENCE = 1.0  # seconds of processor time, of all threads, from the signal to the end
_LONGEST = 5.0  # the same on the clock, for a process that waits
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def stoppable() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a terminal that closes end what runs inside: "Stopped." and exit code 128 + signal.

    It ends by a KeyboardInterrupt, so that what it was writing is taken back, or else, when that does not reach it,
    after what `atexit` knows was done. A signal that is ignored, as in a shell's background, stays so.
    """
    received: list[int] = []
    left, ending = threading.Event(), threading.Event()

    def stop(number: int, frame: Any) -> None:
        received.append(number)
        if len(received) == 1:  # a second one would end the tidying
            raise KeyboardInterrupt

    restore = _heard(stop, left, ending)
    try:
        with _unsaid():
            yield
        if received:  # it was swallowed
            raise KeyboardInterrupt
    except BaseException as error:  # an import that is interrupted may fail with another error
        if not received and not isinstance(error, KeyboardInterrupt):
            raise
        print("Stopped.", file=sys.stderr, flush=True)
        # Python waits for the threads of pools before it says that its main thread is over; the last told is the first
        with suppress(AttributeError, RuntimeError):
            threading._register_atexit(ending.set)  # type: ignore[attr-defined]
        raise SystemExit(128 + (received or [int(signal.SIGINT)])[0]) from None
    finally:
        left.set()
        restore()


@contextmanager
def not_swallowed() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end where Ctrl-C came inside and a callback of other code has swallowed it."""
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def stop(number: int, frame: Any) -> None:
        received.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    try:
        with _unsaid():
            yield
        if received:
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _unsaid() -> Iterator[None]:
    """Say nothing of a KeyboardInterrupt that a callback has swallowed: it is raised once more."""
    before = sys.unraisablehook

    def hook(one: Any) -> None:
        if not issubclass(one.exc_type, KeyboardInterrupt):
            before(one)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _heard(stop: Any, left: threading.Event, ending: threading.Event) -> Any:
    """Call `stop` at the signals that end a process, and watch that it then ends; return how to undo that."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {one: signal.getsignal(one) for one in _SIGNALS if signal.getsignal(one) in usual}
    for one in before:
        signal.signal(one, stop)
    if os.name == "nt":  # tells of signals by sockets alone
        return lambda: [signal.signal(one, handler) for one, handler in before.items()]
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)
    told = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(ear, left, ending), name="immunode-stop", daemon=True).start()

    def restore() -> None:
        signal.set_wakeup_fd(told)
        for one, handler in before.items():
            signal.signal(one, handler)
        os.close(mouth)

    return restore


def _watch(ear: int, left: threading.Event, ending: threading.Event) -> None:
    """Wait for a signal, and end the process when it does not end by itself.

    A caller that goes on after the command has `left`, as tests do, is not ended; one that is `ending` is.
    """
    number = next((byte[0] for byte in iter(lambda: os.read(ear, 1), b"") if byte[0] in _SIGNALS), None)
    used, since = time.process_time(), time.monotonic()
    while number and time.process_time() - used < _PATIENCE and time.monotonic() - since < _LONGEST:
        time.sleep(0.02)
    os.close(ear)
    if number is None or (left.is_set() and threading.main_thread().is_alive() and not ending.is_set()):
        return
    tidy = threading.Thread(target=_tidied, daemon=True)
    tidy.start()
    tidy.join(timeout=0.5)
    if not left.is_set():
        with suppress(OSError):
            os.write(2, b"Stopped.\n")
    os._exit(128 + number)


def _tidied() -> None:
    """Do what was to be done at the end, and write what was printed: os._exit does neither."""
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError, AttributeError):  # a pipe that is closed, no output at all
        sys.stdout.flush()
