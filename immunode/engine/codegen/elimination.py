"""Solve W k = b without pivoting or loops: an order of elimination found once from the sparsity of the Jacobian.

W = 1/(h gamma) - J has a full diagonal that small steps make dominant, so pivots stay on it; a lane with a tiny pivot
rejects its step. The order is Markowitz's (Management Science 1957, 3:255, doi:10.1287/mnsc.3.3.255): the pivot that
fills in least comes first.
"""

from collections.abc import Iterable, Sequence
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
    def operations(self) -> int:
        """Return how many products are subtracted to factor."""
        position = {k: r for r, k in enumerate(self.order)}
        rows, columns = [0] * self.states, [0] * self.states
        for i, j in self.entries:
            if position[j] > position[i]:
                rows[i] += 1  # right of the pivot
            else:
                columns[j] += 1  # below it
        return sum(a * b for a, b in zip(rows, columns, strict=True))

    def tables(self, known: Sequence[Entry]) -> dict[str, list[int]]:
        """Return the index arrays of `sparse.factor` and `sparse.solve` by name; `known` are the entries of J."""
        position = [0] * self.states
        for r, i in enumerate(self.order):
            position[i] = r
        rows: list[list[int]] = [[] for _ in self.order]
        for i, j in self.entries:
            rows[position[i]].append(position[j])
        places = {at: k for k, at in enumerate(known)}
        first, upper, column, source = [0], [], [], []
        for r, later in enumerate(map(sorted, rows)):
            upper.append(first[-1] + sum(q < r for q in later))
            first.append(first[-1] + len(later))
            column += [self.order[q] for q in later]
            source += [places.get((self.order[r], self.order[q]), -1) for q in later]
        source += [places.get((i, i), -1) for i in range(self.states)]
        return {"order": list(self.order), "position": position, "first": first, "upper": upper, "column": column,
                "source": source}  # fmt: skip

    @property
    def factors(self) -> tuple[str, ...]:
        """Return the names of the factors, in a fixed order."""
        return (*(f"v_{i}" for i in range(self.states)), *(f"w_{i}_{j}" for i, j in self.entries))


def eliminate(states: int, pattern: Iterable[Entry]) -> Elimination:
    """Return the elimination of a matrix with these entries off the diagonal."""
    entries = {(i, j) for i, j in pattern if i != j}
    rows, columns = ({k: set[int]() for k in range(states)} for _ in range(2))  # what is left of each column and row
    for i, j in entries:
        rows[j].add(i)
        columns[i].add(j)
    order = []
    while rows:
        k = min(rows, key=lambda k: (len(rows[k]) * len(columns[k]), k))
        below, right = rows.pop(k), columns.pop(k)
        for i in below:
            columns[i] |= right - {i}
            columns[i].remove(k)
        for j in right:
            rows[j] |= below - {j}
            rows[j].remove(k)
        entries |= {(i, j) for i in below for j in right if i != j}
        order.append(k)
    return Elimination(states, tuple(order), tuple(sorted(entries)))
