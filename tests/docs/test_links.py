"""The pages of the repository name only what is there: links, files, packages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("fits/**/*.md")]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pages
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pages
def test_every_file_that_a_page_names_is_there(page):
    if page.name == "extending.md":
        pytest.skip("names what its examples add; test_extending_page.py knows them")
    named = re.findall(r"`((?:immunode|tests|benchmarks|docs|fits)/[\w./]*\w\.\w+)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_map_has_each_package():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("<!-- map -->")[1]
    rows = re.findall(r"^\| `(\w+)` \| .+ \|$", text, re.MULTILINE)
    folders = {path.name for path in (ROOT / "immunode").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert sorted(rows) == sorted(folders)
