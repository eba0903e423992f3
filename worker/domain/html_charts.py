"""Charts of HTML reports as inline SVG, coloured by the page's style. Pure.

A chart holds no text, so that it may be stretched to any width; what it shows also stands beside it in words.
"""

from collections.abc import Iterable, Sequence

from worker.domain.html_page import Html, Tone, table_of, text

# A bar that stands for something is never too thin to be seen: this share of the whole.
_MIN_SHARE = 0.01


def bar_table(columns: Sequence[str], rows: Iterable[tuple[str, float, Tone, Sequence[object]]]) -> Html:
    """A table with a bar in each row: its name, the bar's share (0 to 1) and tone, and further cells, all numbers."""
    name, *others = columns
    head = f"<th>{text(name)}</th><th></th>" + "".join(f'<th class="n">{text(other)}</th>' for other in others)
    return table_of(
        head,
        (
            f'<td>{text(label)}</td><td class="chart">{_bar(share, tone)}</td>'
            + "".join(f'<td class="n">{text(cell)}</td>' for cell in cells)
            for label, share, tone, cells in rows
        ),
    )


def _bar(share: float, tone: Tone) -> str:
    width = round(100 * max(min(share, 1.0), _MIN_SHARE if share > 0 else 0.0), 2)
    whole = '<rect class="track" width="100" height="100"/>'
    return _svg(100, f'{whole}<rect class="{tone}" width="{width}" height="100"/>')


def columns(bars: Sequence[tuple[str, float]], label: str, captions: Sequence[str]) -> Html:
    """Upright columns, each with its own words as a tooltip; below zero downwards. `captions` stand under the chart."""
    top, bottom = max(0.0, *(value for _, value in bars)), min(0.0, *(value for _, value in bars))
    scale = 100 / ((top - bottom) or 1.0)
    made = []
    for place, (told, value) in enumerate(bars):
        high = max(abs(value) * scale, 100 * _MIN_SHARE if value else 0.0)
        y = (top - max(value, 0.0)) * scale
        tone = "bad" if value < 0 else ""
        made.append(f'<rect class="{tone}" x="{place * 10 + 1}" y="{y:.2f}" width="8" height="{high:.2f}">'
                    f"<title>{text(told)}</title></rect>")  # fmt: skip
    below = "".join(f"<span>{text(caption)}</span>" for caption in captions)
    return Html(f"<figure>{_svg(10 * len(bars), ''.join(made), label)}<figcaption>{below}</figcaption></figure>\n")


def _svg(width: int, inside: str, label: str = "") -> str:
    told = f'role="img" aria-label="{text(label)}"' if label else 'aria-hidden="true"'
    return f'<svg viewBox="0 0 {width} 100" preserveAspectRatio="none" {told}>{inside}</svg>'
