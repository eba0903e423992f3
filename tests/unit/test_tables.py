"""Sentences on narrow screens: what a person copies from them works."""

import pytest

from worker.cli.tables import unbroken

ADVICE = (
    "Publish it first: sevdesk-worker enqueue publish_invoice invoice_id=R1-2026-10-0021; then: sevdesk-worker retry "
    "fc9152a2. Or let it go: sevdesk-worker dismiss fc9152a2 --reason TEXT, or sevdesk-worker why fc9152a2 says more."
)
COMMANDS = (
    "sevdesk-worker enqueue publish_invoice invoice_id=R1-2026-10-0021;",
    "sevdesk-worker retry fc9152a2.",
    "sevdesk-worker dismiss fc9152a2 --reason TEXT,",
)


@pytest.mark.parametrize("width", [68, 72, 80, 100, 158])
def test_commands_stand_on_one_line(width: int) -> None:
    """Nothing is lost, no line is too long, and no command is broken that fits on a line."""
    lines = unbroken(ADVICE, width)
    assert " ".join(lines) == ADVICE and max(map(len, lines)) <= width
    assert all(any(command in line for line in lines) for command in COMMANDS)


def test_quoted_words_are_not_parted() -> None:
    """An invoice's number may be any text."""
    advice = "Correct the sums in the billing system, then: sevdesk-worker retry 'RE 1; x'. Then look at it again."
    assert any("sevdesk-worker retry 'RE 1; x'." in line for line in unbroken(advice, 60))


def test_longer_commands_keep_their_words() -> None:
    """What does not fit begins on a line of its own, and is folded by the screen."""
    assert unbroken("Then: sevdesk-worker retry --code token_refused.", 20) == [
        "Then:",
        "sevdesk-worker retry --code token_refused.",
    ]
    assert unbroken("", 20) == [""]
