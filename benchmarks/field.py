"""Gather the solvers of a problem, and their curves of time against error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.accuracy import at_error, quantiles, relative, time_at
from benchmarks.measure import Times, interleaved, say
from benchmarks.peers import PEERS
from benchmarks.problem import Problem
from benchmarks.reference import Reference
from benchmarks.solvers import Solver, ours


@dataclass(frozen=True)
class Entry:
    """Hold a solver that is ready, and on how many patients it is timed."""

    solve: Solver
    patients: int


@dataclass(frozen=True)
class Curves:
    """Hold for each solver its errors and its times of each rtol, and microseconds per patient."""

    rtols: Sequence[float]
    errors: dict[str, list[dict[str, float]]]
    us: dict[str, list[float]]
    times: dict[str, Times]
    patients: dict[str, int]

    def p99(self, name: str) -> list[float]:
        """Return the p99 error at each rtol."""
        return [error["p99"] for error in self.errors[name]]

    def at(self, name: str, error: float) -> float | None:
        """Return microseconds per patient at a p99 error, interpolated."""
        return time_at(error, self.p99(name), self.us[name])

    def beside(self, name: str, error: float) -> dict[str, float | None]:
        """Return microseconds per patient at a p99 error, and median and largest error there."""
        p99, us = self.p99(name), self.at(name, error)
        others = {q: at_error(error, p99, [e[q] for e in self.errors[name]]) for q in ("p50", "max")}
        return {"us": us and round(us, 1), "p50": others["p50"], "p99": error, "max": others["max"]}

    def drawn(self) -> dict[str, tuple[list[float], list[float]]]:
        """Return what the diagram shows."""
        return {f"{name} ({n} patients)": (self.p99(name), self.us[name]) for name, n in self.patients.items()}


def gather(problem: Problem, patients: int, methods: Sequence[str], peers: Sequence[str] = ()) -> dict[str, Entry]:
    """Return our methods and the installed ones of `peers`."""
    entries = {method: Entry(ours(problem, method), patients) for method in methods}
    for name in peers:
        if not PEERS[name].missing:
            entries[name] = Entry(PEERS[name].prepare(problem), min(patients, PEERS[name].patients))
    return entries


def missing() -> list[str]:
    """Return the peers that are not installed."""
    return [name for name, peer in PEERS.items() if peer.missing]


def curves(
    problem: Problem, exact: Reference, entries: Mapping[str, Entry], rtols: Sequence[float], runs: int
) -> Curves:
    """Return errors and times of each solver at each rtol, all timed in turn."""
    errors: dict[str, list[dict[str, float]]] = {name: [] for name in entries}
    calls = {}

    def solve(entry: Entry, rtol: float) -> Any:
        return entry.solve(problem.parameters[: entry.patients], problem.initial[: entry.patients], rtol)

    for rtol in rtols:
        for name, entry in entries.items():
            say(f"{problem.name}: {name} at rtol {rtol:g}")
            errors[name].append(quantiles(relative(solve(entry, rtol), exact.values, problem.scored)))
            calls[f"{name} {rtol:g}"] = partial(solve, entry, rtol)
    times = interleaved(calls, runs, problem.name)
    us = {
        name: [times[f"{name} {rtol:g}"].per(entry.patients)["median"] for rtol in rtols]
        for name, entry in entries.items()
    }
    return Curves(rtols, errors, us, times, {name: entry.patients for name, entry in entries.items()})


def ratios(measured: Curves, methods: Sequence[str], peer: str, error: float) -> dict[str, float | None]:
    """Return how many times longer a peer takes than each of our methods at the same p99 error."""
    beside = measured.at(peer, error)
    result: dict[str, float | None] = {}
    for method in methods:
        time = measured.at(method, error)
        result[method] = None if time is None or beside is None else round(beside / time, 2)
    return result


def figures(measured: Curves, exact: Reference) -> dict[str, Any]:
    """Return the points of the curves for the JSON."""
    points = {
        name: [
            {"rtol": rtol, "us_per_patient": us, "error": error}
            for rtol, us, error in zip(measured.rtols, measured.us[name], measured.errors[name], strict=True)
        ]
        for name in measured.us
    }
    return {
        "points": points,
        "patients": measured.patients,
        "reference": {"route": exact.route, "difference": exact.check},
    }
