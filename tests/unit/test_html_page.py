"""The frame of HTML reports: nothing in a value becomes markup or is invisible, and nothing is loaded."""

import re
from html.parser import HTMLParser

from worker.domain.html_page import heading, page, paragraph, table

NASTY = '<script>alert("x")</script> & \x1b[2J \u202etxt'


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)


def test_values_never_become_markup() -> None:
    """In title, headings, sentences, column titles and cells."""
    made = page(NASTY, [heading(NASTY), paragraph(NASTY, "bad"), table([NASTY], [[NASTY], [None], [" "]])])
    tags = _Tags()
    tags.feed(made)
    assert set(tags.seen) == {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td"
    }  # fmt: skip
    assert made.count(r"\x1b[2J \u202etxt") == 6 and "\x1b" not in made and "\u202e" not in made
    assert made.count("<td>–</td>") == 2


def test_page_stands_for_itself() -> None:
    """No script, link or image; dark screens and paper have their own colours."""
    made = page("Report", [paragraph("All is well.", "good")])
    assert not re.search(r"https?:|src=|href=|url\(|@import", made)
    assert "prefers-color-scheme: dark" in made and "@media print" in made and '<p class="good">' in made
