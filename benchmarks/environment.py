"""Write and print a benchmark's result with what it ran on."""

import json
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding


def cpu() -> str:
    """Return the processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor() or platform.machine()


def record(path: Path, result: dict[str, Any]) -> None:
    """Write the result to `path` as JSON, with CPU, versions and date, and print it."""
    names = ("numba", "llvmlite", "numpy", "scipy", "sympy", "xarray")
    result |= {
        "cpu": cpu(),
        "llvm_cpu": llvmlite.binding.get_host_cpu_name(),
        "versions": {name: version(name) for name in names} | {"python": platform.python_version()},
        "date": date.today().isoformat(),
    }
    path.parent.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    print(text)
