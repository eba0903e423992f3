"""Publish, send, pay and cancel in every order and with every loss: the books balance, and nothing hangs in the air."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flow.model_books import MAILS, check_books, check_job
from flow.model_office import Office, Trouble
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from sevdesk_client.sandbox.account.records import Invoice as Document
from sevdesk_client.sandbox.endpoints import cancelling, credit_note_sending, paying, sending
from sevdesk_client.sandbox.endpoints.errors import Refusal
from worker.domain import jobs

# Job kinds that mail -> `sevdesk_mails.document`.
DOCUMENTS = {"send_invoice": "invoice", "cancel_invoice": "cancellation", "credit_invoice": "credit_note"}
troubles = st.none() | st.builds(
    Trouble, st.sampled_from(["lost", "dropped", "late"]), st.sampled_from([0, 0, 0, 1, 2]), st.booleans()
)


class Lives(RuleBasedStateMachine):
    """One invoice's life. A rule may leave its job waiting, so that other things happen before it goes on."""

    office: Office
    loop: asyncio.Runner

    def _do(self, work: Any) -> Any:
        return self.loop.run(work)

    @initialize(done=st.sampled_from(["publish_invoice", "publish_invoice", "send_invoice", None]))
    def begin(self, done: str | None) -> None:
        """Empty books, one approved invoice, which may be on its way already."""
        self.over = False
        self._do(self._begin(done))

    async def _begin(self, done: str | None) -> None:
        await self.office.begin()
        for kind in () if done is None else ("publish_invoice", done):
            await self._ask(kind, None, True, invoice_id=self.office.invoice)

    # -- what the billing system asks ----------------------------------------------------------------------------------

    async def _ask(self, kind: str, trouble: Trouble | None, settle: bool, **payload: Any) -> None:
        self.office.wire.trouble = trouble
        await self.office.ask(kind, **payload)
        if (job_id := await self.office.attempt()) is not None:
            await check_job(self.office, job_id)
        if settle:
            await self._settle()

    async def _settle(self) -> None:
        await self.office.settle(lambda job_id: check_job(self.office, job_id))
        self.office.wire.trouble = None
        await check_books(self.office)
        self.over = (await self.office.billing.row(self.office.invoice))["accounting_sync_status"] == "cancelled"

    @precondition(lambda self: not self.over)
    @rule(trouble=troubles, settle=st.booleans())
    def publish(self, trouble: Trouble | None, settle: bool) -> None:
        """Asked once, or again."""
        self._do(self._ask("publish_invoice", trouble, settle, invoice_id=self.office.invoice))

    @precondition(lambda self: not self.over)
    @rule(trouble=troubles, settle=st.booleans(), resend=st.booleans())
    def send(self, trouble: Trouble | None, settle: bool, resend: bool) -> None:
        """By mail."""
        self._do(self._ask("send_invoice", trouble, settle, invoice_id=self.office.invoice, resend=resend))

    @precondition(lambda self: not self.over)
    @rule()
    def bounce(self) -> None:
        """A mail came back, or so they say."""
        self._do(self._ask("mail_bounced", None, True, invoice_id=self.office.invoice))

    @rule(trouble=troubles, settle=st.booleans(), notify=st.booleans(), refund=st.booleans())
    def cancel(self, trouble: Trouble | None, settle: bool, notify: bool, refund: bool) -> None:
        """Asked once, or again; with the money to be paid back, if some has come."""
        payload = {"invoice_id": self.office.invoice, "reason": "order withdrawn", "notify": notify, "refund": refund}
        self._do(self._ask("cancel_invoice", trouble, settle, **payload))

    @rule(trouble=troubles, settle=st.booleans(), notify=st.booleans(), quantity=st.sampled_from(["1", "2", "4"]))
    def credit(self, trouble: Trouble | None, settle: bool, notify: bool, quantity: str) -> None:
        """A part of the invoice's only position, of which there are four."""
        positions = json.dumps([{"position": 1, "quantity": quantity}])
        payload = {"invoice_id": self.office.invoice, "reason": "broken", "notify": notify, "positions": positions}
        self._do(self._ask("credit_invoice", trouble, settle, **payload))

    @rule(scope=st.sampled_from(["feed", "full", "one"]))
    def sync(self, scope: str) -> None:
        """The schedule's, the night's, or one person's."""
        payload = {"feed": {}, "full": {"full": True}, "one": {"invoice_id": self.office.invoice}}[scope]
        self._do(self._ask("sync_payments", None, False, **payload))

    @rule()
    def time_passes(self) -> None:
        """Everything that waits goes on."""
        self._do(self._settle())

    @rule(which=st.integers(0, 3), answered=st.booleans())
    def retry(self, which: int, answered: bool) -> None:
        """An operator takes up a parked job; asked for an answer, they find out the truth or give none."""
        self._do(self._retry(which, answered))

    async def _retry(self, which: int, answered: bool) -> None:
        if parked := await self.office.parked():
            job = parked[which % len(parked)]
            assert ("--as done" in job["next_step"]) == (job["asks_about"] is not None)
            asked = answered and job["asks_about"] is not None
            answer = await self._answer(job["kind"]) if asked else None
            await self.office.billing.retry(job["job_id"], answer)
            await self._settle()

    async def _answer(self, kind: str) -> str | None:
        """What a person finds out about a mail; it is the only thing that is ever asked."""
        if self.office.wire.late:
            return None
        document = DOCUMENTS[kind]
        known = await self.office.billing.db.fetchval(
            "SELECT count(*) FROM sevdesk_mails WHERE document = $1", document
        )
        kinds = {document: kind for kind, document, _ in MAILS}
        return "done" if len(self.office.mails(kinds[document])) > known else "not-done"

    # -- what people do in sevDesk -------------------------------------------------------------------------------------

    def _document(self) -> Document | None:
        return next(iter(self.office.documents()), None)

    @precondition(lambda self: self._document() and not self.over)
    @rule(amount=st.sampled_from(["119", "19", "100", "-19"]))
    def pay(self, amount: str) -> None:
        """Money comes or goes."""
        account = self.office.account
        with suppress(Refusal):
            paying.pay(account, self._document(), Decimal(amount), account.today(), closes=False)

    @precondition(lambda self: self._document() and not self.over)
    @rule()
    def unlink(self) -> None:
        """All of it goes."""
        document = self._document()
        if document.cancelled_by is None and document.status > 100:
            paying.unlink(self.office.account, document)

    @precondition(lambda self: self._document() and not self.over)
    @rule()
    def cancel_by_hand(self) -> None:
        """In sevDesk's own pages."""
        with suppress(Refusal):
            cancelling.cancel(self.office.account, self._document())
            self.office.touched = True

    @precondition(lambda self: self._document() and not self.over)
    @rule()
    def delete_by_hand(self) -> None:
        """In sevDesk's own pages, as far as they let one: what is cancelled stays."""
        document = self._document()
        if document.cancelled_by is None:
            self.office.delete(document)

    def _drafts(self) -> list[int]:
        return [each.id for each in self.office.account.credit_notes.values() if each.status == 100]

    @precondition(lambda self: self._drafts() and not self.over)
    @rule()
    def delete_credit_note(self) -> None:
        """In sevDesk's own pages, while it is a draft."""
        self._do(self.office.delete_credit_note(self._drafts()[0]))

    @precondition(lambda self: self._drafts() and not self.over)
    @rule()
    def finish_credit_note(self) -> None:
        """In sevDesk's own pages."""
        self.office.touched = True
        account = self.office.account
        credit_note_sending.mark_sent(account, account.credit_notes[self._drafts()[0]], "VPR")

    @precondition(lambda self: self._document() and not self.over)
    @rule()
    def print_by_hand(self) -> None:
        """sendBy, which finalizes a draft, and else moves only how and when it was sent."""
        self.office.hands += timedelta(seconds=1)
        document = self._document()
        self.office.touched |= document.status == 100  # it has its number by hand, as if our lost write had come
        with suppress(Refusal):
            sending.mark_sent(self.office.account, document, "VPR")

    def teardown(self) -> None:
        """In the end every question is answered, and nothing is open any more."""
        self._do(self._last())

    async def _last(self) -> None:
        await self._settle()
        for _ in range(2):  # some wait for others
            for which in range(len(await self.office.parked())):
                await self._retry(which, True)
        opened = "SELECT step, action, job_id FROM sevdesk_intents WHERE closed_at IS NULL"
        assert await self.office.billing.db.fetch(opened) == []


@pytest.fixture
def lives(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Lives]]:
    """The machine, with an office that lasts for all its histories; jobs give up after one retry."""
    brief = {name: jobs.Kind(k.name, k.payload, k.role, (1.0,), k.needs_sevdesk) for name, k in jobs.KINDS.items()}
    monkeypatch.setattr(jobs, "KINDS", brief)
    with asyncio.Runner() as loop:
        office = loop.run(Office.open(database_url))
        try:
            yield type("Lives", (Lives,), {"office": office, "loop": loop})
        finally:
            loop.run(office.close())


# Shrinking a life takes minutes; the long variant does it, and the quick one fails at once.
QUICK = settings(
    max_examples=20, stateful_step_count=14, derandomize=True, database=None, phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
LONG = settings(QUICK, max_examples=2_000, stateful_step_count=25, derandomize=False, phases=tuple(Phase))


def test_books_balance_in_every_life(lives: type[Lives]) -> None:
    """Whatever is asked, lost, late or done by hand: one invoice, one counterpart, one mail per intent."""
    run_state_machine_as_test(lives, settings=QUICK)


@pytest.mark.long
def test_books_balance_in_many_lives(lives: type[Lives]) -> None:
    """The same, with other lives each time."""
    run_state_machine_as_test(lives, settings=LONG)
