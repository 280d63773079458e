"""A report as one page: Markdown, and HTML that holds its pictures."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 14px; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .6rem; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #888; white-space: pre-line; }
.right { text-align: right; }
.note { color: #555; font-size: 13px; }
p { margin: .3rem 0; }
img { max-width: 100%; }
"""


def markdown(title: str, sections: Sequence[tuple[str, Sequence[Any]]], pictures: Sequence[tuple[str, Path]]) -> str:
    """Return a page in Markdown: sections of texts and tables under their headings, links to pictures beside it."""
    parts = [f"# {_plain(title)}"]
    for heading, things in sections:
        parts.append(f"## {heading}")
        parts += [_table_md(thing) if _is_table(thing) else _lines_md(str(thing)) for thing in things]
    if pictures:
        parts.append("## Pictures")
        parts += [f"![{_plain(words)}]({path.name})" for words, path in pictures]
    return "\n\n".join(parts) + "\n"


def page(title: str, sections: Sequence[tuple[str, Sequence[Any]]], pictures: Sequence[tuple[str, Path]]) -> str:
    """Return a page in HTML that needs no other file: its pictures, PNG, are in it."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    for heading, things in sections:
        parts.append(f"<h2>{html.escape(heading)}</h2>")
        parts += [_table_html(thing) if _is_table(thing) else f"<p>{html.escape(str(thing))}</p>" for thing in things]
    if pictures:
        parts.append("<h2>Pictures</h2>")
    for words, path in pictures:
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        parts.append(f'<p><img alt="{html.escape(words)}" src="data:image/png;base64,{data}"></p>')
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _is_table(thing: Any) -> bool:
    return hasattr(thing, "columns") and hasattr(thing, "row_count")


def _cells(table: "Table") -> tuple[list[str], list[list[str]], list[bool]]:
    """Return heads, rows and which columns are set to the right."""
    columns = table.columns
    rows = [list(row) for row in zip(*([str(cell) for cell in column.cells] for column in columns), strict=True)]
    return [str(column.header) for column in columns], rows, [column.justify == "right" for column in columns]


def _table_md(table: "Table") -> str:
    heads, rows, right = _cells(table)
    lines = [_row_md(heads), _row_md(["---:" if one else "---" for one in right]), *(_row_md(row) for row in rows)]
    parts = [f"**{_plain(str(table.title))}**" if table.title else "", "\n".join(lines)]
    parts.append(_plain(str(table.caption)) if table.caption else "")
    return "\n\n".join(part for part in parts if part)


def _row_md(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_plain(" ".join(cell.split())) for cell in cells) + " |"


def _plain(text: str) -> str:
    """Return a text of which Markdown takes nothing for its own."""
    for sign in "\\`*_|<>[]":
        text = text.replace(sign, f"\\{sign}")
    return text


def _lines_md(text: str) -> str:
    return _plain(text.strip())


def _table_html(table: "Table") -> str:
    heads, rows, right = _cells(table)
    side = ['class="right"' if one else "" for one in right]
    caption = f"<caption>{html.escape(str(table.title))}</caption>" if table.title else ""
    head = "".join(f"<th {at}>{html.escape(text)}</th>" for at, text in zip(side, heads, strict=True))
    body = "\n".join(
        "<tr>" + "".join(f"<td {at}>{html.escape(text)}</td>" for at, text in zip(side, row, strict=True)) + "</tr>"
        for row in rows
    )
    note = f'<p class="note">{html.escape(str(table.caption))}</p>' if table.caption else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>{note}"
