"""Text from the billing system and from sevDesk gives a terminal no orders, in no command."""

import json
from pathlib import Path

import pytest
from flow.operators import Operator
from flow.stage import Stage

from worker.domain.visible import visible, visible_in_json

# Clears the screen, rings, sets the window's title, turns the line round, and hides in C1 and as a separator.
NASTY = "\x1b[2J\x07\x1b]0;title\x07\u202eREIZER\u2069\x9b31m\u2028\x7f\r"
SHOWN = "\\x1b[2J"


def test_every_character_is_told() -> None:
    """Line feed and tab are left; JSON keeps its value."""
    assert visible("a\n\tb") == "a\n\tb"
    assert visible(NASTY).isascii() and visible(NASTY).isprintable()
    assert json.loads(visible_in_json(json.dumps(NASTY, ensure_ascii=False))) == NASTY


@pytest.fixture
async def parked(stage: Stage) -> str:
    """The number of an invoice that is nasty in every text column, with a parked job."""
    billing = stage.billing
    company = await billing.company(name=f"Firma {NASTY}", street=f"Weg {NASTY}", email=f"a{NASTY}@example.com")
    deal = await billing.deal(company)
    number = f"R-1{NASTY}"
    invoice = await billing.invoice(deal, invoice_number=number, head_text=NASTY, foot_text=NASTY)
    async with stage.working():
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "parked"
    return str(invoice)


@pytest.mark.parametrize("command", ["show", "why", "preview", "jobs", "status", "top"])
async def test_no_command_passes_it_on(stage: Stage, parked: str, tmp_path: Path, command: str) -> None:
    """Neither as text nor as JSON."""
    operator = Operator(stage.settings, tmp_path)
    about = {"show": [parked], "why": [parked], "preview": [parked, "--offline"], "top": ["--once"]}.get(command, [])
    for more in ([], ["--json"]):
        _, out, err = await operator.run(command, *about, *more)
        assert out and visible(out + err) == out + err
        if command not in ("status", "top"):
            assert SHOWN in out or "\\u001b[2J" in out


async def test_sentence_about_mistake_is_visible(stage: Stage, tmp_path: Path) -> None:
    """It repeats what was typed."""
    _, _, err = await Operator(stage.settings, tmp_path).run("why", NASTY)
    assert "REIZER" in err and visible(err) == err
