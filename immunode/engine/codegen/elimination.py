"""Solve W k = b without pivoting or loops: an order of elimination found once from the sparsity of the Jacobian.

W = 1/(h gamma) - J has a full diagonal that small steps make dominant, so pivots stay on it; a lane with a tiny pivot
rejects its step. The order is Markowitz's (Management Science 1957, 3:255, doi:10.1287/mnsc.3.3.255): the pivot that
fills in least comes first.
"""

from collections.abc import Iterable
from dataclasses import dataclass

Entry = tuple[int, int]


@dataclass(frozen=True)
class Elimination:
    """Hold the order of the pivots and the entries of W, those that elimination fills in included."""

    states: int
    order: tuple[int, ...]
    entries: tuple[Entry, ...]  # off the diagonal, sorted

    def _later(self, k: int) -> list[int]:
        return list(self.order[self.order.index(k) + 1 :])

    def factor(self, known: Iterable[Entry]) -> list[str]:
        """Return the lines that turn w_i_j, of which `known` are set, into factors and v_i, the inverse pivots."""
        present, filled, lines = set(known) | {(i, i) for i in range(self.states)}, set(self.entries), []
        for k in self.order:
            later = self._later(k)
            lines.append(f"v_{k} = 1.0/w_{k}_{k}")
            for i in (i for i in later if (i, k) in filled):
                lines.append(f"w_{i}_{k} = w_{i}_{k}*v_{k}")
                for j in (j for j in later if (k, j) in filled):
                    old = f"w_{i}_{j} - " if (i, j) in present else "-"
                    lines.append(f"w_{i}_{j} = {old}w_{i}_{k}*w_{k}_{j}")
                    present.add((i, j))
        return lines

    def solve(self) -> list[str]:
        """Return the lines that turn b_i into the solution."""
        lines = []
        for k in self.order:
            lines += [f"b_{i} = b_{i} - w_{i}_{k}*b_{k}" for i in self._later(k) if (i, k) in self.entries]
        for k in reversed(self.order):
            taken = "".join(f" - w_{k}_{j}*b_{j}" for j in self._later(k) if (k, j) in self.entries)
            lines.append(f"b_{k} = (b_{k}{taken})*v_{k}")
        return lines

    @property
    def factors(self) -> tuple[str, ...]:
        """Return the names of the factors, in a fixed order."""
        return (*(f"v_{i}" for i in range(self.states)), *(f"w_{i}_{j}" for i, j in self.entries))


def eliminate(states: int, pattern: Iterable[Entry]) -> Elimination:
    """Return the elimination of a matrix with these entries off the diagonal."""
    entries = {(i, j) for i, j in pattern if i != j}
    left, order, active = list(range(states)), [], set(entries)
    while left:
        rows = {k: [i for i in left if (i, k) in active] for k in left}
        columns = {k: [j for j in left if (k, j) in active] for k in left}
        k = min(left, key=lambda k: (len(rows[k]) * len(columns[k]), k))
        fill = {(i, j) for i in rows[k] for j in columns[k] if i != j}
        left.remove(k)
        order.append(k)
        active = {(i, j) for i, j in active | fill if k not in (i, j)}
        entries |= fill
    return Elimination(states, tuple(order), tuple(sorted(entries)))
