"""A result is shown as its JSON, or as its texts and tables from top to bottom."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.table import Table

import immunode
from immunode.cli.output import show


@dataclass(frozen=True)
class Made:
    data: object

    def table(self):
        return ["[bold] is no markup", Table("column", title="a table"), "1 at the end"]

    def json(self):
        return self.data


def test_texts_and_tables_are_printed_in_their_order_and_texts_as_they_are(capsys):
    show(Made({}), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == ("[bold] is no markup", "1 at the end")
    assert "a table" in lines[1]
    assert "column" in lines[3]


def test_json_is_plain_and_holds_no_nan(capsys):
    show(Made({"b": 1, "a": None}), as_json=True)
    assert capsys.readouterr().out == json.dumps({"b": 1, "a": None}, indent=1) + "\n"
    with pytest.raises(ValueError, match="JSON"):
        show(Made(float("nan")), as_json=True)


def test_names_in_brackets_are_text_in_titles_heads_and_cells(capsys, monkeypatch):
    table = Table("CD4 [cells/uL] at the start", title="[link=x]a[/link]", caption="[/b] :smile:")
    table.add_row("IL-2 [low]")
    monkeypatch.setattr(Made, "table", lambda self: [table])
    show(Made({}), as_json=False)
    out = capsys.readouterr().out
    for name in ("CD4 [cells/uL] at the start", "[link=x]a[/link]", "[/b] :smile:", "IL-2 [low]"):
        assert name in " ".join(out.split())


def shell(command, **more):
    """Run a shell's line in which `immunode` is the command; return exit code, output and errors."""
    source = str(Path(immunode.__file__).parent.parent)
    env = os.environ | {"PYTHONPATH": source} | more
    line = f"set -o pipefail\nimmunode() {{ '{sys.executable}' -m immunode \"$@\"; }}\n{command}"
    done = subprocess.run(["bash", "-c", line], env=env, capture_output=True)
    return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")


posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")


@posix
@pytest.mark.parametrize("kind", ["", "--json"])
def test_output_that_cannot_be_written_is_one_line_and_an_exit_code(kind):
    if os.path.exists("/dev/full"):
        full = "Error: cannot write to standard output: No space left on device\n"
        assert shell(f"immunode models {kind} > /dev/full") == (1, "", full)
    code, _, err = shell(f"immunode models {kind} >&-")
    assert (code, err.count("\n")) == (2, 1)
    assert "standard output is closed" in err
    assert shell(f"immunode models il2_cd4_hiv {kind} | true") == (141, "", "")
    assert shell(f"immunode models {kind} 2>&-")[0] == 0


@posix
@pytest.mark.parametrize("console", ["cp1252", "ascii", "latin-1", "utf-8"])
def test_what_a_console_cannot_show_is_a_question_mark(console):
    code, _, err = shell("immunode simulate '\u043d\u0438\u0437'", PYTHONIOENCODING=console)
    assert (code, err.count("\n")) == (2, 1)
    show = "from immunode.cli import output; output.check_streams(); print('\u043d=\u0438')"
    code, out, err = shell(f"'{sys.executable}' -c \"{show}\"", PYTHONIOENCODING=console)
    assert (code, err) == (0, "")
    assert console == "utf-8" or out == "?=?\n"


@pytest.mark.parametrize(
    "command", [("simulate", "il2_sc", "--until", "2"), ("compare", "il2_sc", "3 MIU SC", "--n", 3)]
)
def test_pictures_are_written_as_pdf_and_svg_too_or_the_format_is_refused_at_once(run, tmp_path, command):
    code, out, err = run(*command, "--out", tmp_path / "results", "--format", "pdf", "--format", "svg")
    assert code == 0
    stems = {path.stem for path in (tmp_path / "results").glob("*.png")}
    for ending in ("pdf", "svg"):
        assert {path.stem for path in (tmp_path / "results").glob(f"*.{ending}")} == stems != set()
    for options, says in (
        (["--format", "svg"], "--out results"),
        (["--format", "gif", "--out", "x"], "png, pdf or svg"),
    ):
        code, out, err = run(*command, *options)
        assert (code, out) == (2, "")
        assert says in err
