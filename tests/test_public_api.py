"""The public names: one table, which is what type checkers see, what `dir` lists and what a star import brings."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import immunode as im

TABLE = im._HOME


def seen_by_type_checkers():
    """Return {name: home} of what `immunode/__init__.py` has for type checkers only."""
    tree = ast.parse(Path(im.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    homes = {"event_table": "nonmem:table", "read_events": "nonmem:read"}
    assert ast.unparse(block.body[-1]) == "event_table, read_events = (_nonmem.table, _nonmem.read)"
    for node in block.body[:-1]:
        package = node.module.removeprefix("immunode").removeprefix(".")
        homes |= {name.asname: f"{package}:{name.name}" if package else name.name for name in node.names}
    assert homes.pop("_nonmem") == "nonmem"
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


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'immunode' has no attribute 'simulat'"):
        _ = im.simulat


def test_a_star_import_brings_all_public_names_and_the_package_alone_brings_none():
    code = (
        "import sys, immunode; slow = {'numba', 'pandas', 'xarray', 'pint', 'lmfit', 'pydantic'} & set(sys.modules); "
    )
    code += "assert not slow, slow; from immunode import *; assert set(immunode.__all__) <= set(dir())"
    subprocess.run([sys.executable, "-c", code], check=True)
