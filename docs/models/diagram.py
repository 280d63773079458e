"""Draw the compartments of il2_cd4_hiv from its equations: `python docs/models/page.py` writes il2_cd4_hiv.png.

An arrow is a term that one state loses and another gains, as it is or times one parameter; one from nowhere is made,
one to nowhere is lost. Rates are by the names of the model's outputs. Only the places of the boxes are by hand.
"""

from pathlib import Path

import sympy

from immunode.model.equations import readable_parts
from immunode.models import model

NAME = "il2_cd4_hiv"
MOST = 45  # characters of a rate
FLOWS = ("uptake", "relative_infected")  # names that stand for one state, which arrows and words are of
PLACES = {
    "depot": (0.0, 5.2), "central": (0.0, 2.9), "naive": (5.2, 5.2), "memory": (5.2, 2.9), "trapped": (5.2, 0.9),
    "cycling": (8.6, 4.05), "expanded": (11.8, 2.9), "trapped_expanded": (11.8, 0.9),
    "infected": (0.0, -1.1), "long_lived": (4.9, -1.1), "virus": (9.6, -1.1),
}  # fmt: skip


def flows(name: str = NAME) -> list[tuple[str, str, str]]:
    """Return the flows of a model: from, to, and the rate in words, "" for nowhere."""
    declared = model(name)
    traced = declared.trace()
    named, slopes = readable_parts(traced, [output.name for output in declared.outputs])
    plain = set(traced.parameters)
    terms = [[t for t in sympy.Add.make_args(sympy.expand(slope)) if t != 0] for slope in slopes]
    arrows, left = [], [list(each) for each in terms]
    for i, state in enumerate(traced.states):
        for loss in terms[i]:
            if not loss.could_extract_minus_sign() or state not in _parts(loss, named):
                continue
            gain_of = _gained(loss, left, i, plain)
            if gain_of is not None:
                j, gain = gain_of
                left[i].remove(loss)
                left[j].remove(gain)
                factor = sympy.simplify(-gain / loss)
                rate = sympy.simplify(_whole(-loss, named) / state)
                words = f"{rate}" + ("" if factor == 1 else f", each {factor}")
                arrows.append((state.name, traced.states[j].name, words))
    for i, state in enumerate(traced.states):
        lost = [t for t in left[i] if state in _parts(t, named)]
        if lost and (rate := sympy.factor(-sympy.Add(*lost) / state)) != 0:
            arrows.append((state.name, "", _short(rate, named)))
        made = sympy.factor(sympy.Add(*(t for t in left[i] if t not in lost)))
        if made != 0:
            arrows.append(("", state.name, _short(made, named)))
    return arrows


def _gained(loss, left, i, plain):  # type: ignore[no-untyped-def]
    """Return the term of another state that is the loss of state i, or one parameter times it; None where none is."""
    gains = [(j, t) for j, each in enumerate(left) for t in each if j != i and not t.could_extract_minus_sign()]
    for wanted in (lambda r: r == 1, lambda r: r.is_Symbol and r in plain):
        for j, gain in gains:
            if wanted(sympy.simplify(-gain / loss)):
                return j, gain
    return None


def _parts(term, named):  # type: ignore[no-untyped-def]
    """Return the symbols of a term, those of what stands for a state too."""
    return _whole(term, named).free_symbols | set(term.free_symbols)


def _short(rate, named) -> str:  # type: ignore[no-untyped-def]
    """Return a rate in words, 1 - F in place of -(F - 1); of one that fills a line what it is made of."""
    sums = [a for a in rate.args if a.is_Add] if rate.is_Mul and rate.args[0] == -1 else []
    if sums:
        rate = sympy.Mul(*(-a if a == sums[0] else a for a in rate.args if a != -1), evaluate=False)
    text = str(rate)
    return (
        text if len(text) < MOST else "by " + ", ".join(sorted(s.name for s in _parts(rate, named) if s.name in PLACES))
    )


def _whole(term, named):  # type: ignore[no-untyped-def]
    """Return a term with what stands for a state written out."""
    parts = [s for s in term.free_symbols if s.name in FLOWS]
    return _whole(term.xreplace({s: named[s] for s in parts}), named) if parts else term


def draw(path: Path) -> None:
    """Write the picture."""
    import matplotlib.pyplot as plt

    from immunode.plot import COLOURS

    figure, axes = plt.subplots(figsize=(11.5, 6.2))
    for name, (x, y) in PLACES.items():
        box = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": COLOURS[0], "linewidth": 1.5}
        axes.text(x, y, name, ha="center", va="center", fontsize=11, bbox=box, zorder=3)
    for source, target, words in flows():
        if not {source, target} <= {*PLACES, ""}:
            continue
        start, end = _ends(source, target)
        bent = "arc3,rad=0.18" if source and target else "arc3"
        near = 19 if start[0] == end[0] else 34
        arrow = {"arrowstyle": "-|>", "color": "0.35", "connectionstyle": bent, "shrinkA": near, "shrinkB": near}
        axes.annotate("", end, start, arrowprops=arrow | ({} if source and target else {"shrinkA": 0, "shrinkB": 0}))
        if source and target:
            x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
            aside = 0.1 * (end[1] - start[1])
            x, y = x + aside, y - 0.17 * (end[0] - start[0])
            side = "center" if start[0] != end[0] else "left" if aside > 0 else "right"
        else:
            x, y = (start[0], start[1] + 0.2) if target else (end[0], end[1] + 0.2)
            side = "center"
        axes.text(x, y, words, fontsize=8, color="0.2", ha=side, va="center", zorder=2)
    axes.set_xlim(-2.4, 13.8)
    axes.set_ylim(-1.7, 6.6)
    axes.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=130, metadata={"Software": None})


def _ends(source: str, target: str) -> tuple[tuple[float, float], tuple[float, float]]:
    if not source:
        x, y = PLACES[target]
        return (x - 1.2, y + 0.75), (x - 0.25, y + 0.28)
    x, y = PLACES[source]
    return ((x, y), PLACES[target]) if target else ((x + 0.25, y + 0.28), (x + 1.2, y + 0.75))
