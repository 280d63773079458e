"""Expressions of derived parameters: arithmetic of numbers and names, and nothing else that Python can do.

lmfit evaluates them with asteval, which reads files and makes lists and texts of any size; a declaration of a fit may
come from anywhere.
"""

import ast
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue, ImmunodeError, unknown

if TYPE_CHECKING:
    import lmfit

FUNCTIONS = ("abs", "exp", "log", "log10", "log2", "max", "min", "sqrt")
_LONGEST = 1000  # characters
_BETWEEN, _BEFORE = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow), (ast.UAdd, ast.USub)


def arithmetic(name: str, expression: Any, known: Collection[str]) -> str:
    """Return the expression of the derived parameter `name` with all its numbers as floats, whose powers cannot grow.

    Raise BadValue for what is not made of numbers, names, + - * / **, brackets and FUNCTIONS; UnknownName for a name
    that is not `known`.
    """
    about = f"derived parameter '{name}'"
    if not isinstance(expression, str) or len(expression) > _LONGEST:
        raise BadValue(f"{about}: expected a text such as '2 * k', of at most {_LONGEST} characters")
    try:
        return ast.unparse(_checked(ast.parse(expression.strip(), mode="eval").body, about, known))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ImmunodeError):
            raise
        raise BadValue(f"{about}: cannot read '{expression}': {getattr(error, 'msg', error)}") from error


def _checked(node: ast.expr, about: str, known: Collection[str]) -> ast.expr:
    match node:
        case ast.BinOp(left, op, right) if isinstance(op, _BETWEEN):
            return ast.BinOp(_checked(left, about, known), op, _checked(right, about, known))
        case ast.UnaryOp(op, operand) if isinstance(op, _BEFORE):
            return ast.UnaryOp(op, _checked(operand, about, known))
        case ast.Call(ast.Name(function) as called, arguments, []) if function in FUNCTIONS and arguments:
            return ast.Call(called, [_checked(argument, about, known) for argument in arguments], [])
        case ast.Constant(value) if isinstance(value, int | float) and not isinstance(value, bool):
            if not math.isfinite(float(value)):
                raise BadValue(f"{about}: {value} is not a finite number")
            return ast.Constant(float(value))
        case ast.Name(word):
            if word not in known:
                raise unknown("parameter", word, known, about)
            return node
    raise BadValue(
        f"{about}: '{ast.unparse(node)[:60]}' is not arithmetic; it takes numbers, names of parameters, + - * / **, "
        f"brackets and {', '.join(FUNCTIONS)}"
    )


@dataclass(frozen=True, eq=False)
class Expressions:
    """Hold what follows from varied parameters, in an order in which it can be evaluated, and what is held."""

    held: Mapping[str, float]
    texts: tuple[tuple[str, str], ...]

    def at(self, varied: Mapping[str, float]) -> dict[str, float]:
        """Return every parameter by name, at these values of the varied ones."""
        known = {**self.held, **varied}
        for name, text in self.texts:
            known[name] = float(eval(_compiled(text), {"__builtins__": {}, **_CALLED}, known))
        return known


_CALLED = {"abs": abs, "max": max, "min": min, **{name: getattr(np, name) for name in FUNCTIONS if hasattr(math, name)}}


@lru_cache(maxsize=1000)
def _compiled(text: str) -> CodeType:
    return compile(text, "derived parameter", "eval")


def expressions(params: "lmfit.Parameters") -> Expressions:
    """Return the expressions of lmfit's parameters, which `arithmetic` has checked.

    lmfit copies and interprets all of them each time, which takes longer than what a population predicts.
    """
    held = {name: float(p.value) for name, p in params.items() if not p.vary and not p.expr}
    left = {name: p.expr for name, p in params.items() if p.expr}
    known, texts = {*held, *(name for name, p in params.items() if p.vary)}, []
    while left:
        ready = [n for n, text in left.items() if {*re.findall(r"[A-Za-z_]\w*", text)} <= {*FUNCTIONS, *known}]
        if not ready:
            raise BadValue(f"derived parameters {', '.join(left)} follow from each other; leave one out")
        texts += [(name, left.pop(name)) for name in ready]
        known |= {*ready}
    return Expressions(held, tuple(texts))
