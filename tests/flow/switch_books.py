"""What has to come of the switch story: every job's end, every row, every document and mail, to the cent."""

from collections import Counter
from decimal import Decimal
from typing import Any

from flow.switch_story import Setting, StepResult, Story, Told

from sevdesk_client.sandbox.account.switches import Switches

DONE: Told = ("done", None, {})
Row = tuple[str, str, str, Decimal]
CANCELLED: Row = ("cancelled", "cancelled", "cancelled", Decimal(0))
GROSS = {
    **dict.fromkeys(("paid", "dated", "ahead", "electronic", "dollars", "gone"), Decimal(119)),
    "cents": Decimal("0.12"),
    "zero": Decimal(0),
}
WITHDRAWN = ("cents", "dated", "ahead")


class Expected:
    """Read off the switches, one by one."""

    def __init__(self, setting: Setting) -> None:
        self.switches = Switches()
        self.switches.change(dict(setting))
        unpublished = {
            "cents": self.switches.rounding == "total",
            "dated": self.switches.delivery_dates == "later",
            "ahead": False,  # an advance: what is still to come is not said to sevDesk
        }
        kept = [name for name, no in unpublished.items() if not no]
        self.published = ["paid", *kept, "electronic", "dollars", "gone", "zero"]

    def told(self) -> StepResult:
        """Each job's state, and what its problem has to say."""
        refused = {"operation": "POST /Invoice/{id}/cancelInvoice", "answer": "Paid invoices can not be canceled"}
        by_cancel: dict[str, Told] = {
            "credit_note": ("parked", "credit_note_draft", {}),
            "storno": ("parked", "refund_due", {"paid": "119", "currency": "EUR"}),
            "refuse": ("parked", "sevdesk_refused", refused),
        }
        saves = self.switches.tax_rule_check == "save"
        asked = "POST /Invoice/Factory/saveInvoice" if saves else "PUT /Invoice/{id}/sendBy"
        told: StepResult = {
            **{f"paid: {moment}": DONE for moment in ("publish", "send", "sync part", "sync rest")},
            "paid: cancel part": ("parked", "partly_paid", {}),
            "paid: cancel rest": by_cancel[self.switches.cancel_paid],
            "paid: fetch": ("rejected", "invoice_cancelled", {}) if self.switches.cancel_paid == "storno" else DONE,
            "small: publish": (
                "parked",
                "sevdesk_tax_refused",
                {
                    "operation": asked,
                    "answer": "Tax rule 11 is not allowed for this account",
                },
            ),
            "small: cancel": DONE,
            "electronic: publish": DONE,
            "zero: publish": DONE,
            **{f"dollars: {moment}": DONE for moment in ("publish", "sync part", "sync rest")},
            "gone: publish": DONE,
            "gone: fetch": ("parked", "sevdesk_object_gone", {}),
            "gone: sync": DONE,
        }
        sums = {"net": "0.09", "tax": "0.02", "gross": "0.11", "currency": "EUR", "stated_tax": "0.03"}
        for name, code, named in (
            ("cents", "sevdesk_sums_differ", sums),
            ("dated", "sevdesk_refused", {"answer": "must be before the deliveryDate"}),
            ("ahead", None, {}),
        ):
            there = name in self.published
            told[f"{name}: publish"] = DONE if there else ("parked", code, named)
            told[f"{name}: send"] = DONE if there else ("parked", "publication_parked", {})
            told[f"{name}: cancel"] = DONE
        return told

    def rows(self) -> dict[str, Row]:
        """Statuses and money on our side."""
        paid: Row = ("synced", "sent", "paid", Decimal(119))
        gone: Row = ("parked", "approved", "open", Decimal(0))
        electronic: Row = ("synced", "approved", "open", Decimal(0))
        ended = CANCELLED if self.switches.cancel_paid == "storno" else paid
        return {
            "paid": ended,
            **dict.fromkeys((*WITHDRAWN, "small"), CANCELLED),
            "electronic": electronic,
            "dollars": ("synced", "approved", "paid", Decimal(119)),
            "gone": gone,
            "zero": ("synced", "approved", "paid", Decimal(0)),
        }

    def cancellations(self) -> list[str]:
        """Whose there are, one each."""
        ended = ["paid"] if self.switches.cancel_paid == "storno" else []
        return ended + [name for name in WITHDRAWN if name in self.published]


def check_jobs(story: Story, expected: Expected) -> None:
    """Every job is done, or says why not."""
    told = expected.told()
    assert story.told.keys() == told.keys()
    for moment, (state, problem, named) in story.told.items():
        wanted_state, wanted_problem, wanted = told[moment]
        assert (moment, state, problem) == (moment, wanted_state, wanted_problem), named
        assert all(value in named[name] for name, value in wanted.items()), (moment, named)


async def check_rows(story: Story, expected: Expected) -> None:
    """The billing system's rows, and the numbers they were given."""
    numbers = []
    for name, wanted in expected.rows().items():
        row = await story.office.billing.row(story.invoices[name])
        columns = ("accounting_sync_status", "document_status", "claim_status", "paid_amount")
        assert (name, tuple(row[each] for each in columns)) == (name, wanted)
        assert (row["external_invoice_number"] is not None) == (name in expected.published), name
        numbers += [row["external_invoice_number"]] if name in expected.published else []
    taken = [each.number for name in story.invoices for each in story.documents(name, "SR")]
    assert len({*numbers, *taken}) == len(numbers) + len(taken) == len(expected.published + expected.cancellations())
    kinds = await story.office.billing.db.fetch(
        "SELECT kind FROM sevdesk_documents WHERE invoice_id = $1 ORDER BY kind", story.invoices["electronic"]
    )
    assert [each["kind"] for each in kinds] == ["invoice_pdf", "invoice_xml"]


async def check_sevdesk(story: Story, expected: Expected) -> None:
    """One document per invoice, one Storno per cancellation, exactly its negative; one mail each; a credit note."""
    switches = expected.switches
    kept = [name for name in expected.published if name != "gone"]
    assert [name for name in story.invoices for _ in story.documents(name)] == kept
    assert [name for name in story.invoices for _ in story.documents(name, "SR")] == expected.cancellations()
    for name in kept:
        [document] = story.documents(name)
        assert document.fields.sums.gross == GROSS[name]
        assert [-each.fields.sums.gross for each in story.documents(name, "SR")] in ([], [GROSS[name]])
        told = await story.office.billing.event(story.invoices[name], "finalized")
        assert told["enshrined"] == (switches.send_by_enshrines in (True, "VPDF"))
        assert told["number"] == document.number
    notes = Counter(str(each.origin_id) for each in story.office.account.credit_notes.values())
    paid = str(story.documents("paid")[0].id)
    assert notes == ({paid: 1} if switches.cancel_paid == "credit_note" else {})
    mails = Counter(mail["object"]["id"] for mail in story.office.account.mails)
    stornos = [each for name in WITHDRAWN for each in story.documents(name, "SR")]  # `notify` was asked
    mailed = [story.documents(name)[0] for name in kept if name not in ("electronic", "dollars", "zero")]
    assert mails == Counter(str(each.id) for each in [*mailed, *stornos])


async def check(story: Story, setting: Setting) -> None:
    """All of it, and that nothing hangs in the air."""
    expected = Expected(setting)
    check_jobs(story, expected)
    await check_rows(story, expected)
    await check_sevdesk(story, expected)
    opened: list[Any] = await story.office.billing.db.fetch("SELECT 1 FROM sevdesk_intents WHERE closed_at IS NULL")
    assert opened == []
