"""Say what a benchmark ran on."""

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import llvmlite.binding

PACKAGES = ("numba", "llvmlite", "numpy", "scipy", "sympy", "xarray", "numbalsoda", "pydiffsol", "diffrax", "jax")


def cpu() -> str:
    """Return the processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


def load() -> list[float] | None:
    """Return the load averages of the last 1, 5 and 15 minutes where the system tells them."""
    return [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None


def installed(package: str) -> str:
    """Return the version of a package, or that it is missing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def environment() -> dict[str, Any]:
    """Return CPU, cores, versions and date."""
    return {
        "cpu": cpu(),
        "llvm_cpu": llvmlite.binding.get_host_cpu_name(),
        "cores": os.cpu_count(),
        "versions": {package: installed(package) for package in PACKAGES} | {"python": platform.python_version()},
        "date": date.today().isoformat(),
    }
