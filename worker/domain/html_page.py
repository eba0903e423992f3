"""The frame of reports as one HTML file, for light and dark screens and paper: nothing is loaded, no scripts. Pure.

A report is `page(title, [heading(...), paragraph(...), table(...)])`. All functions take plain text and escape it, with
characters that nobody sees written out (`visible`); their results are the only texts that may hold markup.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal, NewType

from worker.domain.visible import visible

Html = NewType("Html", str)
Tone = Literal["good", "bad", "quiet", ""]  # how a paragraph is coloured

_STYLE = """
:root { color-scheme: light dark; --text: #1d2733; --back: #fff; --line: #d8dee6; --good: #17663a; --bad: #a3341f;
  --quiet: #5c6670 }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ed; --back: #14191f; --line: #3a444f; --good: #6fcf97;
  --bad: #ff9b85; --quiet: #9aa5b1 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: var(--text);
  background: var(--back) }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem; break-after: avoid }
table { border-collapse: collapse; width: 100% }
th, td { padding: .35rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { border-bottom: 2px solid var(--text) } td { border-bottom: 1px solid var(--line) }
.good { color: var(--good) } .bad { color: var(--bad) } .quiet { color: var(--quiet) }
@media print { :root { --text: #000; --back: #fff; --line: #bbb; --good: #000; --bad: #000; --quiet: #444 }
  body { margin: 0; max-width: none; font-size: 10pt }
  thead { display: table-header-group } tr { break-inside: avoid } }
"""


def text(value: object) -> Html:
    """Any value as text: escaped, and a dash for None and for what is empty."""
    shown = "" if value is None else str(value)
    return Html(escape(visible(shown))) if shown.strip() else Html("–")


def heading(title: str) -> Html:
    return Html(f"<h2>{text(title)}</h2>\n")


def paragraph(sentence: str, tone: Tone = "") -> Html:
    return Html(f'<p class="{tone}">{text(sentence)}</p>\n' if tone else f"<p>{text(sentence)}</p>\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A table whose column titles are repeated on each printed page."""
    head = "".join(f"<th>{text(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>\n" for row in rows)
    return Html(f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n")


def page(title: str, parts: Iterable[Html], lang: str = "en") -> str:
    """The whole file, with the title as its first heading."""
    return (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{text(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{text(title)}</h1>\n{''.join(parts)}</body></html>\n"
    )
