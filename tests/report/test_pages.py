"""A report as one page: every cell is in it, HTML needs no other file, and no text is taken for a sign."""

import base64
from html.parser import HTMLParser

from immunode.report.cells import new_table
from immunode.report.pages import markdown, page


def sections():
    table = new_table("a [title] & more", "arm", "gain <of>\nmedian", right=["gain <of>\nmedian"], caption="a note")
    table.add_row("IL-2|high", "< 50 copies")
    table.add_row("*control*", "12 (3 to 40)")
    return [("Answer", ["x < y", table])]


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.texts, self.open = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th", "p", "caption", "h2", "h1"):
            self.texts.append(data)


def test_html_is_well_formed_and_holds_every_cell_and_picture(tmp_path):
    picture = tmp_path / "trial.png"
    picture.write_bytes(b"not really a picture")
    text = page("t & u", sections(), [("all <panels>", picture)])
    reader = Cells()
    reader.feed(text)
    assert reader.open == []
    for cell in (
        "IL-2|high",
        "< 50 copies",
        "*control*",
        "12 (3 to 40)",
        "x < y",
        "a [title] & more",
        "a note",
        "t & u",
    ):
        assert cell in reader.texts, cell
    assert base64.b64encode(b"not really a picture").decode() in text
    assert str(tmp_path) not in text


def test_markdown_has_a_row_of_as_many_cells_for_every_row(tmp_path):
    text = markdown("t_u", sections(), [("all panels", tmp_path / "trial.png")])
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows == [
        "| arm | gain \\<of\\> median |",
        "| --- | ---: |",
        "| IL-2\\|high | \\< 50 copies |",
        "| \\*control\\* | 12 (3 to 40) |",
    ]
    assert "![all panels](trial.png)" in text
    assert text.startswith("# t\\_u\n")
