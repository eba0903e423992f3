"""The frame of reports as one HTML file, for light and dark screens and paper: nothing is loaded, no scripts. Pure.

A report is `page(title, [heading(...), paragraph(...), table(...)])`. All functions take plain text and escape it, with
characters that nobody sees written out (`visible`); their results are the only texts that may hold markup.
"""

from collections.abc import Collection, Iterable, Sequence
from html import escape
from typing import Literal, NewType

from worker.domain.visible import visible

Html = NewType("Html", str)
Tone = Literal["good", "bad", "quiet", ""]  # how a paragraph is coloured

_STYLE = """
:root { color-scheme: light dark; --text: #1d2733; --back: #fff; --line: #d8dee6; --good: #17663a; --bad: #a3341f;
  --quiet: #5c6670; --bar: #2f6f9f; --track: #eef1f5 }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ed; --back: #14191f; --line: #3a444f; --good: #6fcf97;
  --bad: #ff9b85; --quiet: #9aa5b1; --bar: #6cb0e0; --track: #222a33 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: var(--text);
  background: var(--back) }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem; break-after: avoid }
table { border-collapse: collapse; width: 100% }
th, td { padding: .35rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { border-bottom: 2px solid var(--text) } td { border-bottom: 1px solid var(--line) }
.good { color: var(--good) } .bad { color: var(--bad) } .quiet { color: var(--quiet) }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
th { overflow-wrap: normal } table + table { margin-top: 1.5rem }
dl { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.5rem 0 }
dl div { flex: 1 1 12rem; border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem }
dt { color: var(--quiet); font-size: .87rem } dd { margin: 0; font-size: 1.1rem; font-variant-numeric: tabular-nums }
svg { display: block; width: 100% }
rect { fill: var(--bar) } rect.track { fill: var(--track) } rect.bad { fill: var(--bad) }
td.chart { width: 35%; vertical-align: middle } td.chart svg { height: .8rem }
figure { margin: 1rem 0; break-inside: avoid } figure svg { height: 9rem; border-bottom: 1px solid var(--line) }
figcaption { display: flex; justify-content: space-between; color: var(--quiet); font-size: .87rem; margin: .3rem 0 }
section { border: 1px solid var(--line); border-radius: .4rem; padding: .8rem 1rem; margin: .8rem 0;
  break-inside: avoid; overflow-wrap: anywhere }
h3 { font-size: 1rem; margin: 0 0 .5rem } section p { margin: .3rem 0 }
@media (max-width: 40rem) { body { margin: 1rem auto; font-size: 14px }
  table { font-size: 12px } th, td { padding: .3rem .2rem } td.chart { width: 12% }
  td:not(.n):not(.chart) { min-width: 5.2em } }
@media print { :root { --text: #000; --back: #fff; --line: #bbb; --good: #000; --bad: #000; --quiet: #444; --bar: #555;
  --track: #eee }
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


def card(title: str, parts: Iterable[Html]) -> Html:
    """Several parts in a frame, under a title of their own."""
    return Html(f"<section><h3>{text(title)}</h3>\n{''.join(parts)}</section>\n")


def figures(told: Iterable[tuple[str, object, Tone]]) -> Html:
    """Named figures side by side, for the head of a page."""
    boxes = "".join(
        f'<div><dt>{text(name)}</dt><dd class="{tone}">{text(value)}</dd></div>' for name, value, tone in told
    )
    return Html(f"<dl>{boxes}</dl>\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Collection[int] = ()) -> Html:
    """A table whose column titles are repeated on each printed page; columns in `numbers` are aligned to the right."""
    kinds = [' class="n"' if place in numbers else "" for place in range(len(columns))]
    head = "".join(f"<th{kind}>{text(column)}</th>" for column, kind in zip(columns, kinds, strict=True))
    return table_of(head, ("".join(f"<td{kind}>{_cell(cell)}</td>" for cell, kind in zip(row, kinds, strict=True))
                           for row in rows))  # fmt: skip


def _cell(value: object) -> str:
    """A code may be broken behind each of its words."""
    return text(value).replace("_", "_<wbr>")


def table_of(head: str, rows: Iterable[str]) -> Html:
    """A table of cells that are HTML already."""
    body = "".join(f"<tr>{row}</tr>\n" for row in rows)
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
