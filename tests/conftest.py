"""Settle what all tests share: one thread of linear algebra a worker, wide tables, and how Hypothesis searches.

No property has a deadline, nor must its examples be drawn quickly: on a busy machine, or where the first example
compiles, time says nothing about it. Here each run draws new examples and so goes on finding faults; CI (where CI is
set) draws the same for the same code, because there a red run must be the change's own fault. A failure prints the line
that repeats it.
"""

import os

from hypothesis import HealthCheck, settings

os.environ.pop("COLUMNS", None)  # which pytest-xdist sets: tables for a pipe would be that narrow
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of matrices this small, more only wait for each other

UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("search", **UNTIMED)
settings.register_profile("ci", **UNTIMED, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "search")
