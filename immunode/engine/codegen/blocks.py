"""Cut the lines of a long function in blocks, each as long as it is compiled quickly.

A block loads what it reads from rows of the scratch, and leaves there what later blocks read of it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

LENGTH = 250  # lines of a block
_NAME = re.compile(r"\b[A-Za-z_]\w*")


@dataclass(frozen=True)
class Blocks:
    """Hold lines, names with their texts, in the order in which they are carried out; and which are the results."""

    lines: Mapping[str, str]
    results: tuple[str, ...]

    @cached_property
    def blocks(self) -> list[dict[str, str]]:
        """Return the lines of each block."""
        every = list(self.lines.items())
        return [dict(every[i : i + LENGTH]) for i in range(0, len(every), LENGTH)]

    @cached_property
    def kept(self) -> list[str]:
        """Return the names that a later block reads."""
        made: set[str] = set()
        kept: dict[str, None] = {}
        for block in self.blocks:
            kept |= {name: None for text in block.values() for name in read(text) if name in made}
            made |= block.keys()
        return list(kept)

    def only(self, results: Sequence[str]) -> "Blocks":
        """Return the blocks of some of the results."""
        return cut(self.lines, {name: self.lines[name] for name in results})

    def write(self, loads: Mapping[str, str], targets: Mapping[str, int], first: int) -> list[list[str]]:
        """Return the lines of each block.

        `loads` are the texts of names that it may read, `targets` the rows of results; what is kept lies in the rows
        from `first` on.
        """
        rows = {name: first + i for i, name in enumerate(self.kept)}
        known = {name: f"s[{row}]" for name, row in rows.items()} | dict(loads)
        texts = []
        for block in self.blocks:
            wanted = {name: None for text in block.values() for name in read(text) if name not in block}
            lines = [f"{name} = {known[name]}" for name in wanted if name in known]
            lines += [f"{f's[{targets[name]}]' if name in targets else name} = {text}" for name, text in block.items()]
            texts.append([*lines, *(f"s[{row}] = {name}" for name, row in rows.items() if name in block)])
        return texts


def cut(lines: Mapping[str, str], results: Mapping[str, str]) -> Blocks:
    """Return the blocks of `results` and of what of `lines` they read, each right before it is read."""
    order: dict[str, str] = {}
    for name, text in results.items():
        stack = [(name, text, False)]
        while stack:  # a line follows all that it reads
            at, text, ready = stack.pop()
            if ready:
                order[at] = text
            elif at not in order:
                parts = [part for part in read(text) if part in lines and part not in order]
                stack += [(at, text, True), *((part, lines[part], False) for part in reversed(parts))]
    return Blocks(order, tuple(results))


def read(text: str) -> list[str]:
    """Return the names in a text."""
    return _NAME.findall(text)
