"""Commands that the worker, its alerts and its documents name: they exist, and are complete as they stand."""

import re
import shlex
from collections import defaultdict
from pathlib import Path

import pytest
import yaml
from flow.mending import commands
from typer.main import get_command

from worker.__main__ import cli
from worker.domain.notices import NOTICES, gone_step
from worker.domain.problems import CATALOGUE
from worker.operator.advice import LEADER_STEP

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "worker/observability/alerts.yml").read_text())["groups"]
COMMANDS = get_command(cli).commands  # type: ignore[attr-defined]
NAMES = defaultdict[str, str](lambda: "INV-1")
TEXTS = {
    **{f"{code} ({lang})": step for code, entry in CATALOGUE.items() for lang, step in entry.next_step.items()},
    **{f"notice {code}": notice.next_step for code, notice in NOTICES.items()},
    **{f"alert {rule['alert']}": rule["annotations"]["next_step"] for group in ALERTS for rule in group["rules"]},
    **{f"gone, recorded {recorded}": gone_step("7", "INV-1", recorded=recorded) for recorded in (True, False)},
    "silent leader": LEADER_STEP,
}
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def assert_complete(words: list[str]) -> None:
    """Its own parser takes it; and those that ask for a reason get one."""
    assert words[0] in COMMANDS, words
    if words[0] in ("why", "status", "report", "exports", "doctor", "problems"):
        return  # they look, and the sentence may go on behind their argument
    COMMANDS[words[0]].make_context(words[0], words[1:])
    assert words[0] not in ("dismiss", "acknowledge") or "--reason" in words, words


@pytest.mark.parametrize("where", TEXTS)
def test_next_steps_name_whole_commands(where: str) -> None:
    """With the values that a sentence gets."""
    for words in commands(TEXTS[where].format_map(NAMES)):
        assert_complete(words)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_whole_commands(document: Path) -> None:
    """Commands between backticks, apart from the tables of commands and from bare names of commands."""
    for found in re.finditer(r"`sevdesk-worker ([^`\n|\[]+)`", document.read_text()):
        words = shlex.split(found[1].replace("...", "X").replace("DATE", "2026-01-31"))
        if len(words) > 1:
            assert_complete(words)
