"""The advice about each difference leads to its end: done by hand where it says so, its commands run as printed."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from flow import drifts
from flow.books import control
from flow.drifts import PLANTED, BothSystems, Difference
from flow.mending import commands
from flow.operators import Operator
from flow.stage import Stage

NUMBER = "R 1/7"


async def copy_deleted(systems: BothSystems, invoice: UUID) -> None:
    """The document with our marker that is not linked."""
    linked = await systems.sevdesk_invoice(invoice)
    for other in list(systems.sevdesk.sandbox.account.invoices.values()):
        if other.id != linked.id:
            await control(systems.sevdesk, "POST", "delete", {"invoice_id": str(other.id)})


def status(value: int) -> Difference:
    """The status that a person gives it."""

    async def mend(systems: BothSystems, invoice: UUID) -> None:
        (await systems.sevdesk_invoice(invoice)).status = value

    return mend


async def gross_corrected(systems: BothSystems, invoice: UUID) -> None:
    await systems.change_row(invoice, "gross_amount = 119")


async def contact_set_back(systems: BothSystems, invoice: UUID) -> None:
    copy = await systems.sevdesk_invoice(invoice)
    copy.fields = replace(copy.fields, contact_id=copy.fields.contact_id - 100_000)


# What the advice asks for beside its commands: it is done in sevDesk or in the billing system, where we have none.
BY_HAND: dict[Difference, Callable[[BothSystems, UUID], Awaitable[None]]] = {
    drifts.twice_in_sevdesk: copy_deleted,
    drifts.reset_to_draft: status(200),
    drifts.closed_for_no_reason: status(200),
    drifts.cancelled_in_billing: drifts.cancelled_in_sevdesk,
    drifts.other_gross: gross_corrected,
    drifts.other_contact: contact_set_back,
}
# What has come over by the command, and is a question of its own: words of it.
NEXT_QUESTIONS = {
    drifts.paid_in_billing_only: "was taken back in sevDesk",
    drifts.partly_paid: "has come, and it was not sent",
    drifts.paid_in_full: "has come, and it was not sent",
}
# Which of its commands are run, where it offers a choice, by a word in each; all others are run as they come.
WAYS = [(plant, ()) for plant in PLANTED if plant is not drifts.deleted]
WAYS += [(drifts.deleted, ("cancel_invoice",)), (drifts.deleted, ("sync_payments", "publish_invoice", "send_invoice"))]


@pytest.mark.parametrize(
    ("plant", "chosen"), WAYS, ids=lambda part: part.__name__ if callable(part) else "-".join(part)
)
async def test_advice_ends_the_difference(
    plant: Difference, chosen: tuple[str, ...], stage: Stage, tmp_path: Path
) -> None:
    """`reconcile` and `why` exit 3 and name the same commands; once they are run, both and `status` exit 0."""
    systems = BothSystems(stage.billing, stage.sevdesk, stage.settings, stage.run_worker)
    operator = Operator(stage.settings, tmp_path)
    [invoice] = await systems.publish(1, invoice_number=NUMBER)
    await plant(systems, invoice)
    assert (await operator.run("reconcile"))[0] == 3
    code, said, _ = await operator.run("why", NUMBER)
    assert code == 3
    asked = list(commands(said.partition("next ")[2]))
    assert asked[-1] == ["reconcile"]
    if plant in BY_HAND:
        await BY_HAND[plant](systems, invoice)
    async with stage.working(gone_after=0.1):
        for words in asked[:-1]:
            if not chosen or words[1] in chosen:
                await run(stage, operator, words)
        assert (await operator.run(*asked[-1]))[0] == 0
        if plant in NEXT_QUESTIONS:
            _, said, _ = await operator.run("why", NUMBER)
            assert NEXT_QUESTIONS[plant] in said
            await run(stage, operator, next(commands(said.partition("next ")[2])))
        for look in (("why", NUMBER), ("status",)):
            code, said, _ = await operator.run(*look)
            assert code == 0, said


async def run(stage: Stage, operator: Operator, words: list[str]) -> None:
    """One command, and if it asks for a job, to the end of that."""
    code, said, problem = await operator.run(*words)
    assert code == 0, (words, problem)
    if words[0] != "enqueue":
        return
    job = await stage.billing.ended(said.strip())
    assert job["state"] == "done", (words, job["error"])


def test_all_kinds_are_here() -> None:
    """Each kind of difference is planted; what is asked for by hand is planted, too."""
    assert BY_HAND.keys() <= PLANTED.keys()
