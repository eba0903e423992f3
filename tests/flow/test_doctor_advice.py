"""What `doctor` says to do ends what it found: each command that its sentences name is run as it is printed."""

import re
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flow.mending import commands
from flow.operators import Operator
from flow.stage import Stage

from worker.local import services as local
from worker.local.services import Services

ROOT = Path(__file__).parents[2]
SOURCES = (
    *sorted((ROOT / "worker/operator").glob("checks_*.py")),
    *(ROOT / "worker" / name for name in ("operator/health.py", "operator/advice.py", "domain/account_checks.py")),
)
OLD_INTERVAL = (
    "ALTER TABLE sevdesk_config DROP CONSTRAINT sevdesk_config_payment_sync_interval_minutes_check; "
    "UPDATE sevdesk_config SET payment_sync_interval_minutes = 7"
)


def sql(*statements: str) -> Callable[[Stage], Awaitable[None]]:
    """The fault, as somebody leaves it in the database."""

    async def plant(stage: Stage) -> None:
        for statement in statements:
            await stage.billing.db.execute(statement)

    return plant


@dataclass(frozen=True)
class Finding:
    """`fill`: what a person writes in place of a word of the command; `level`: of the finding."""

    check: str
    plant: Callable[[Stage], Awaitable[None]]
    level: str = "fail"
    fill: tuple[str, str] = ("", "")


FINDINGS = {
    "interval": Finding("sync interval", sql(OLD_INTERVAL)),
    "another program's part": Finding(
        "publish only", sql("UPDATE sevdesk_config SET publish_only = '{EX}'"), "warn", ("NAME,...", "null")
    ),
    "layout": Finding("templates", sql("UPDATE sevdesk_config SET template_kop_sr = 'nope', template_eb_ar = 'no'")),
    "restore": Finding(
        "restore",
        sql("UPDATE sevdesk_restores SET noticed_at = now(), recovered_at = NULL"),
        "fail",
        ("TIME", "2026-01-01T00:00:00Z"),
    ),
}
# Commands whose work is done outside this test: where.
ELSEWHERE = {
    "run": "a service starts it; a worker runs below, and `workers` is then well; who leads: test_silent_leader.py",
    "migrate": "test_empty_database_is_brought_up below",
    "rehearse": "in advice.py, of `rehearse`: test_rehearse.py",
    "retry": "in advice.py, of `preview` and `rehearse`: test_preview.py, test_rehearse.py",
    "doctor": "names itself to be run again, or is named by `health`",
    "health": "a docstring",
}


@pytest.fixture
def operator(stage: Stage, tmp_path: Path) -> Operator:
    """At a database with a billing system in it."""
    return Operator(stage.settings, tmp_path)


async def check(operator: Operator, name: str, code: int, **changed: Any) -> dict[str, Any]:
    """One check of `doctor`, which must exit with this code."""
    found = (await operator.json("doctor", code=code, **changed))["checks"]
    return next(each for each in found if each["name"] == name)


@pytest.mark.parametrize("name", FINDINGS)
async def test_advice_ends_the_finding(name: str, stage: Stage, operator: Operator) -> None:
    """Printed, copied, run: the check is well, and a worker, which another check asks for, is there."""
    found = FINDINGS[name]
    async with stage.working():
        await found.plant(stage)
        said = await check(operator, found.check, 1 if found.level == "fail" else 0)
        assert said["level"] == found.level
        text = (await operator.run("doctor"))[1]
        advice = f"{said['detail']} {said['next_step'] or ''}"
        asked = list(commands(advice))
        assert asked and all(f"sevdesk-worker {words[0]} {words[1]}" in " ".join(text.split()) for words in asked)
        for words in asked:
            ended, answer, problem = await operator.run(*(word.replace(*found.fill) for word in words))
            assert ended == 0, (words, problem)
            if words[0] == "enqueue":
                assert (await stage.billing.ended(answer.strip()))["state"] == "done"
        assert (await check(operator, found.check, 0))["level"] == "ok"
        assert (await check(operator, "workers", 0))["level"] == "ok"


@pytest.fixture
def empty_url(services: Services) -> Iterator[str]:
    """A database without any table."""
    name = f"empty_{secrets.token_hex(4)}"
    yield local.create_database(services, name)
    local.drop_database(services, name)


async def test_empty_database_is_brought_up(operator: Operator, empty_url: str) -> None:
    """Every check that fails names `migrate`, with or without the reference tables; then all of them are well."""
    found = (await operator.json("doctor", code=1, DATABASE_URL=empty_url))["checks"]
    failed = [each for each in found if each["level"] == "fail"]
    asked = {tuple(words) for each in failed for words in commands(f"{each['detail']} {each['next_step'] or ''}")}
    assert asked == {("migrate",), ("migrate", "--billing-reference")}
    for words in sorted(asked):
        assert (await operator.run(*words, DATABASE_URL=empty_url))[0] == 0
    assert (await operator.json("doctor", DATABASE_URL=empty_url))["ok"]


def test_all_commands_are_here() -> None:
    """Whatever command a check's source names is run above, or stands in the table with the reason why it is not."""
    named = {word for file in SOURCES for word in re.findall(r"sevdesk-worker ([a-z][a-z-]*)", file.read_text())}
    assert named == {"enqueue", "recover"} | ELSEWHERE.keys()
