"""The public names: one table, which is what type checkers see, what `dir` lists and what a star import brings."""

import ast
import inspect
import pickle
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import pandas
import pytest

import immunode as im
from immunode import models

TABLE = im._HOME


def seen_by_type_checkers():
    """Return {name: home} of what `immunode/__init__.py` has for type checkers only."""
    tree = ast.parse(Path(im.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    homes = {"event_table": "nonmem:table", "read_events": "nonmem:read"}
    assert ast.unparse(block.body[-1]) == "event_table, read_events = (nonmem.table, nonmem.read)"
    for node in block.body[:-1]:
        package = node.module.removeprefix("immunode").removeprefix(".")
        homes |= {name.asname: f"{package}:{name.name}" if package else name.name for name in node.names}
    return homes


def test_type_checkers_see_the_table():
    assert seen_by_type_checkers() == TABLE


def test_all_and_dir_are_the_table():
    assert im.__all__ == list(TABLE) == sorted(TABLE)
    assert dir(im) == sorted([*TABLE, "__version__"])


@pytest.mark.parametrize("name", TABLE)
def test_a_public_name_is_what_stands_in_its_home_and_says_what_it_is(name):
    module, _, attribute = TABLE[name].partition(":")
    home = import_module(f"immunode.{module}")
    assert getattr(im, name) is (getattr(home, attribute) if attribute else home)
    assert inspect.getdoc(getattr(im, name))


@pytest.mark.parametrize("name", TABLE)
def test_no_package_has_the_name_of_a_function_that_is_public(name):
    """A module `simulate.py` would replace the function `im.simulate` once it is imported."""
    if inspect.ismodule(getattr(im, name)):
        return
    package = Path(im.__file__).parent
    assert not (package / name).is_dir()
    assert not (package / f"{name}.py").exists()


def test_the_modules_that_the_release_page_calls_public_are_there_after_a_bare_import():
    """Each in a process of its own: one that is imported sets others."""
    page = (Path(__file__).parents[1] / "docs" / "release.md").read_text(encoding="utf-8")
    modules = re.findall(r"`immunode\.([a-z]+)(?:\.NAME)?`", page)
    assert {"units", "errors", "functions", "models", "nonmem", "plot"} == set(modules) <= set(im.__all__)
    for name in modules:
        subprocess.run([sys.executable, "-c", f"import immunode; assert immunode.{name}.__doc__"], check=True)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'immunode' has no attribute 'simulat'"):
        _ = im.simulat


def test_a_star_import_brings_all_public_names_and_the_package_alone_brings_none():
    code = (
        "import sys, immunode; slow = {'numba', 'pandas', 'xarray', 'pint', 'lmfit', 'pydantic'} & set(sys.modules); "
    )
    code += "assert not slow, slow; from immunode import *; assert set(immunode.__all__) <= set(dir())"
    subprocess.run([sys.executable, "-c", code], check=True)


NAMES = ("model", "population", "patients", "trial", "table", "fit")


@cache
def public_objects():
    """Return one of each public class that holds much, of a library model."""
    model = models.model("il2_cd4_hiv")
    population = im.Population(model, omega={"CL": 0.3})
    row = {"arm": "a", "observable": "cd4", "day": 30.0, "value": 300.0, "sigma": 30.0}
    evidence = im.Evidence(name="e", arms={"a": "3 MIU SC QD days 1-5"}, rows=[row])
    return {
        "model": model,
        "population": population,
        "patients": population.sample(5, 1),
        "trial": im.Trial("t", population, [0, 28], [im.Arm("a", 5, "3 MIU SC")]),
        "table": im.read_events(pandas.DataFrame({"ID": [1], "TIME": [0], "AMT": [3.0]}), model),
        "fit": im.calibrate(evidence, model, ["supply"]),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_public_object_prints_itself_in_a_few_lines(name):
    shown = repr(public_objects()[name])
    assert shown.count("\n") < 9
    assert max(map(len, shown.splitlines())) <= 200
    assert " at 0x" not in shown


@pytest.mark.parametrize("name", NAMES)
def test_a_public_object_of_a_library_model_crosses_to_another_process(name):
    shown = public_objects()[name]
    again = pickle.loads(pickle.dumps(shown))
    assert repr(again) == repr(shown)
    if name == "model":
        assert again is shown
