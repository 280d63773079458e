"""Names in the code say what they hold: a word that says only where it came from is no name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import immunode

EMPTY = {"this", "found", "given", "mine", "whose", "own"}


def named(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each local, argument and other variable that is set."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def test_no_local_or_argument_has_an_empty_name():
    beside = Path(__file__).parents[2]  # where benchmarks, docs and tests have code
    folders = [Path(immunode.__file__).parent, beside / "benchmarks", beside / "docs", beside / "tests"]
    empty = [
        f"{file}:{line} {name}"
        for folder in folders
        for file in sorted(folder.rglob("*.py"))
        for line, name in named(ast.parse(file.read_text(encoding="utf-8")))
        if name in EMPTY
    ]
    assert empty == []


def test_the_walk_sees_arguments_locals_loops_and_comprehensions():
    code = "def f(this, *, own):\n    found: int = 1\n    for mine in (): pass\n    return [given for given in this]"
    assert {name for _, name in named(ast.parse(code))} == {"this", "own", "found", "mine", "given"}
