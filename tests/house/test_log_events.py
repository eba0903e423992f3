"""The log is an interface: docs/operating.md lists all that can be said."""

import ast
from pathlib import Path

import pytest
from house.log_events import _names, log_events, table

ROOT = Path(__file__).resolve().parents[2]
START, END = "<!-- log events -->\n", "\n<!-- end of log events -->"


def test_runbook_lists_every_event() -> None:
    """The table is the code's; `make docs` writes it anew."""
    runbook = (ROOT / "docs/operating.md").read_text()
    assert runbook.count(START) == runbook.count(END) == 1
    assert runbook.partition(START)[2].partition(END)[0] == table(log_events())


def test_known_events_are_found() -> None:
    """Plain names, chosen ones and put-together ones, with their levels and fields."""
    said = log_events()
    assert len(said) > 20
    assert said["sevdesk.call"] == ({"info"}, {"method", "path", "status", "ms", "attempt", "outcome"})
    assert {"locks.restored", "locks.ready", "job.<state>", "job.unexpected_error"} <= set(said)
    assert said["job.unexpected_error"] == ({"error"}, {"exception"})


def test_event_names_are_dotted() -> None:
    """`subject.what`, so that they can be filtered by subject."""
    assert [name for name in log_events() if name.count(".") != 1] == []


def test_unreadable_name_is_refused() -> None:
    """A name that only a running worker knows could not be listed."""
    with pytest.raises(ValueError, match="readable"):
        _names(ast.parse("name", mode="eval").body)


def test_new_event_is_noticed(tmp_path: Path) -> None:
    """One more line in the code is one more line in the table."""
    code = "import structlog\nlog = structlog.get_logger()\nlog.warning('mail.lost', to_whom=1)\n"
    (tmp_path / "new.py").write_text(code)
    assert table(log_events(tmp_path)).splitlines()[2:] == ["| `mail.lost` | warning | to_whom |"]
