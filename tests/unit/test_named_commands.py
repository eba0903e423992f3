"""Commands that the worker, its alerts and its documents name: they exist, and are complete as they stand."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flow.mending import commands
from typer.main import get_command

from worker.__main__ import cli
from worker.domain.commands import filled
from worker.domain.notices import NOTICES, gone_step
from worker.domain.problems import CATALOGUE
from worker.operator.advice import LEADER_STEP

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "worker/observability/alerts.yml").read_text())["groups"]
PROGRAM: Any = get_command(cli)
TEXTS = {
    **{f"{code} ({lang})": step for code, entry in CATALOGUE.items() for lang, step in entry.next_step.items()},
    **{f"notice {code}": notice.next_step for code, notice in NOTICES.items()},
    **{f"alert {rule['alert']}": rule["annotations"]["next_step"] for group in ALERTS for rule in group["rules"]},
    **{f"gone, recorded {recorded}": gone_step("7", "INV-1", recorded=recorded) for recorded in (True, False)},
    "silent leader": LEADER_STEP,
}
NAMED = {name for text in TEXTS.values() for name in re.findall(r"\{(\w+)\}", text)}
ODD = ("N-1; $(touch x) 'a\" & b", "-1", "-12 as")
# Begin like a command, and are none.
NO_COMMANDS = {"f'sevdesk-worker {version()}'", "f'sevdesk-worker locks {worker}'"}
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def assert_complete(words: list[str]) -> None:
    """Its own parser takes it; and those that ask for a reason get one."""
    assert words[0] in PROGRAM.commands, words
    if words[0] in ("why", "status", "report", "exports", "doctor", "problems"):
        return  # they look, and the sentence may go on behind their argument
    with PROGRAM.make_context("sevdesk-worker", list(words)) as ctx:
        name, command, rest = PROGRAM.resolve_command(ctx, words)
        command.make_context(name, rest)
    assert words[0] not in ("dismiss", "acknowledge") or "--reason" in words, words


@pytest.mark.parametrize("where", TEXTS)
def test_next_steps_name_whole_commands(where: str) -> None:
    """With the values that a sentence gets."""
    for words in commands(filled(TEXTS[where], **dict.fromkeys(NAMED, "INV-1"))):
        assert_complete(words)


@pytest.mark.parametrize("where", TEXTS)
def test_whatever_a_number_is_a_command_is_pasted(where: str) -> None:
    """A shell reads each command as it reads it with a plain number; job ids of producers are any text, too."""
    if "{" not in TEXTS[where]:
        return
    plain = filled(TEXTS[where], **dict.fromkeys(NAMED, "INV-1"))
    for odd in ODD:
        found = list(commands(filled(TEXTS[where], **dict.fromkeys(NAMED, odd))))
        assert found == [[word.replace("INV-1", odd) for word in words] for words in commands(plain)]
        for words in found:
            assert_complete(words)


@pytest.mark.parametrize("recorded", [True, False])
def test_what_is_gone_is_named_by_any_number(recorded: bool) -> None:
    """The same of the one sentence that is put together."""
    plain = list(commands(gone_step("7", "INV-1", recorded=recorded)))
    for odd in ODD:
        found = list(commands(gone_step("7", odd, recorded=recorded)))
        assert found == [[word.replace("INV-1", odd) for word in words] for words in plain]


def test_commands_are_filled_in_in_one_place() -> None:
    """No f-string puts a value into a command: `filled` quotes it."""
    for file in sorted((ROOT / "worker").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr) and ast.unparse(node) not in NO_COMMANDS:
                assert not list(unquoted(node)), f"{file}:{node.lineno}: {ast.unparse(node)}"


def unquoted(text: ast.JoinedStr) -> Iterator[ast.expr]:
    """The values that stand in a command, apart from those that are quoted."""
    inside = False
    for part in text.values:
        if isinstance(part, ast.Constant):
            _, found, rest = str(part.value).rpartition("sevdesk-worker ")
            inside = not set(rest) & set(".,:;()") and (inside or bool(found))
        elif inside and isinstance(part, ast.FormattedValue) and "quote(" not in ast.unparse(part.value):
            yield part.value


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_whole_commands(document: Path) -> None:
    """Commands between backticks, apart from the tables of commands and from bare names of commands."""
    for found in re.finditer(r"`sevdesk-worker ([^`\n|\[]+)`", document.read_text()):
        words = shlex.split(found[1].replace("...", "X").replace("DATE", "2026-01-31"))
        if len(words) > 1:
            assert_complete(words)
