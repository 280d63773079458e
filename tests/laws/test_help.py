"""What `help` shows of every public name: sections in one order, each argument once with its default, a run example."""

import doctest
import inspect
import pydoc
import re
from operator import attrgetter

import matplotlib
import pytest

import immunode as im

HEADINGS = ["Main arguments", "Other arguments", "Returns", "Raises", "Source", "Example"]
PLOTS = ("comparison", "course", "cycle", "event_free", "fit", "frontier", "outputs", "panel_names", "save", "trial")
PICTURES = [f"plot.{name}" for name in PLOTS]
NAMES = [*im.__all__, *PICTURES]
CALLS = [name for name in NAMES if not inspect.ismodule(attrgetter(name)(im))]


def public(name):
    """Return a public thing by its dotted name."""
    return attrgetter(name)(im)


def sections(name):
    """Return the text under each heading of a docstring, in order; what stands before the first is under ""."""
    shown, heading = {"": []}, ""
    for line in inspect.getdoc(public(name)).splitlines():
        if line in HEADINGS:
            assert line not in shown, f"{name}: '{line}' stands twice"
            heading, shown[line] = line, []
        else:
            assert not (heading and line) or line.startswith("    "), f"{name}: {line!r} is under no heading"
            shown[heading].append(line)
    return {heading: "\n".join(lines) for heading, lines in shown.items()}


def arguments(text):
    """Return what is said of each argument, in order: a line begins with its name, what goes on is indented more."""
    entries = re.split(r"^    (?! )", text, flags=re.MULTILINE)[1:]
    said = [re.fullmatch(r"(\*?\w+): (.+?)\n*", entry, flags=re.DOTALL) for entry in entries]
    assert all(said), f"expected 'name: what it is', not {entries}"
    return [(match[1], " ".join(match[2].split())) for match in said]


def parameters(name):
    """Return the parameters of a public function or class as its signature has them."""
    starred = {inspect.Parameter.VAR_POSITIONAL: "*"}
    return {starred.get(p.kind, "") + p.name: p for p in inspect.signature(public(name)).parameters.values()}


@pytest.mark.parametrize("name", NAMES)
def test_a_docstring_has_a_summary_and_its_sections_in_order(name):
    shown = sections(name)
    first, *rest = shown[""].splitlines()
    assert first.endswith(".")
    assert not rest or rest[0] == "", f"{name}: a summary is one line"
    assert [heading for heading in shown if heading] == [heading for heading in HEADINGS if heading in shown]
    assert all(text.strip() for text in shown.values()), f"{name}: a heading without text"
    assert "Example" in shown


@pytest.mark.parametrize("name", CALLS)
def test_a_docstring_has_the_sections_that_the_signature_demands(name):
    shown, demanded = sections(name), parameters(name)
    assert "Raises" in shown
    assert ("Main arguments" in shown) == bool(demanded)
    assert ("Returns" in shown) == inspect.isroutine(public(name))


@pytest.mark.parametrize("name", CALLS)
def test_every_argument_is_named_once_with_its_default(name):
    shown, demanded = sections(name), parameters(name)
    main, other = (arguments(shown.get(heading, "")) for heading in HEADINGS[:2])
    assert sorted(argument for argument, _ in main + other) == sorted(demanded)
    for argument, said in main + other:
        default = demanded[argument].default
        if default is inspect.Parameter.empty:
            assert "default" not in said, f"{name}: {argument} has no default"
        else:
            assert re.search(rf"\bdefault {stated(default)}", said), f"{name}: {argument} is {default!r} by default"
    assert all(demanded[argument].default is not inspect.Parameter.empty for argument, _ in other)


def stated(default):
    """Return how a docstring says a default, as a pattern: numbers and words as they are, else "none" or in words."""
    if isinstance(default, str) and default:
        return re.escape(f'"{default}"')
    if isinstance(default, bool | int | float):
        return (
            re.escape(f"{default}" if isinstance(default, bool) else f"{default:g}".replace("e-0", "e-")) + r"(?![\w.])"
        )
    return r"\S"


@pytest.mark.parametrize("name", NAMES)
def test_the_example_runs_and_shows_what_comes(name):
    matplotlib.use("agg")
    test = doctest.DocTestParser().get_doctest(sections(name)["Example"], {}, name, None, 0)
    assert test.examples
    told = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=told.append)
    assert not told, "".join(told)


@pytest.mark.parametrize("name", [name for name in CALLS if hasattr(public(name), "model_fields")])
def test_help_of_a_part_of_a_file_has_plain_types_and_none_of_pydantic(name):
    shown = pydoc.render_doc(public(name), renderer=pydoc.plaintext)
    assert "model_validate" not in shown
    assert "Annotated" not in shown.partition("\n\n")[0]
    signature = str(inspect.signature(public(name)))
    assert not re.search("Annotated|FieldInfo|Validator", signature)
