"""The job contract: what is accepted, and what the refusal of the rest says."""

from typing import Any
from uuid import UUID

import pytest

from worker.domain.jobs import KINDS, BadJob, Role, parse
from worker.domain.payloads import SendInvoice, SyncPayments

INVOICE = UUID(int=0xA1)
FOR_AN_INVOICE = ["publish_invoice", "send_invoice", "mail_bounced", "fetch_invoice_pdf", "undelete_invoice"]

GOOD: list[tuple[str, dict[str, Any]]] = [
    *((kind, {"invoice_id": str(INVOICE)}) for kind in FOR_AN_INVOICE),
    ("cancel_invoice", {"invoice_id": str(INVOICE), "reason": "Ordered twice."}),
    ("cancel_invoice", {"invoice_id": str(INVOICE), "reason": "Returned.", "refund": True}),
    ("credit_invoice", {"invoice_id": str(INVOICE), "reason": "x", "positions": [{"position": 1, "quantity": 0.5}]}),
    ("credit_invoice", {"invoice_id": str(INVOICE), "reason": "x", "positions": '[{"position": 1}]', "notify": True}),
    # Upper case is the same id to Postgres.
    ("publish_invoice", {"invoice_id": str(INVOICE).upper()}),
    ("send_invoice", {"invoice_id": str(INVOICE), "subject": "Rechnung", "text": "Guten Tag", "resend": True}),
    ("send_invoice", {"invoice_id": str(INVOICE), "subject": None, "text": "x" * 20_000}),
    ("send_invoice", {"invoice_id": str(INVOICE), "to": "a@example.com", "cc": "b@example.com , c@example.com"}),
    ("send_invoice", {"invoice_id": str(INVOICE), "bcc": ",".join(f"a{n}@example.com" for n in range(20))}),
    ("update_config", {"payment_sync_interval_minutes": 15, "template_eb_ar": None}),
    ("sync_payments", {}),
    ("sync_payments", {"invoice_id": None}),
    ("sync_payments", {"invoice_id": str(INVOICE)}),
]


@pytest.mark.parametrize(("kind", "payload"), GOOD)
def test_good_payload_is_parsed(kind: str, payload: dict[str, Any]) -> None:
    """The kind is found and its own model holds the values."""
    found, parsed = parse(kind, payload)
    assert found is KINDS[kind]
    assert type(parsed) is found.payload
    if payload.get("invoice_id"):
        assert parsed.model_dump()["invoice_id"] == INVOICE


def test_options_have_their_defaults() -> None:
    """Asked with an id alone: our own words, and no second mail; sync without an id means everything."""
    _, mail = parse("send_invoice", {"invoice_id": str(INVOICE)})
    assert mail == SendInvoice(invoice_id=INVOICE, subject=None, text=None, resend=False)
    _, sync = parse("sync_payments", {})
    assert sync == SyncPayments(invoice_id=None)


BAD: list[tuple[str, Any, str]] = [
    ("sync_payments", {"start_date": "0001-01-01", "end_date": "2026-01-31"}, "start_date: Input should be greater"),
    ("export_datev", {"start_date": "2026-01-01", "end_date": "9999-12-31"}, "end_date: Input should be less"),
    ("publish_invoice", {}, "invoice_id: Field required"),
    ("publish_invoice", {"invoice_id": None}, "invoice_id: "),
    ("publish_invoice", {"invoice_id": 7}, "invoice_id: "),
    ("publish_invoice", {"invoice_id": "INV-1"}, "invoice_id: must be a UUID in its usual form"),
    # pydantic takes these three, the ledger does not: it could not tell which invoice the job belongs to.
    ("publish_invoice", {"invoice_id": INVOICE.hex}, "invoice_id: must be a UUID in its usual form"),
    ("publish_invoice", {"invoice_id": f"{{{INVOICE}}}"}, "invoice_id: must be a UUID in its usual form"),
    ("publish_invoice", {"invoice_id": f"urn:uuid:{INVOICE}"}, "invoice_id: must be a UUID in its usual form"),
    ("publish_invoice", {"invoice_id": f"{INVOICE}\n"}, "invoice_id: must be a UUID in its usual form"),
    ("sync_payments", {"invoice_id": INVOICE.hex}, "invoice_id: must be a UUID in its usual form"),
    ("publish_invoice", {"invoice_id": str(INVOICE), "invoice": "x"}, "invoice: Extra inputs are not permitted"),
    ("fetch_invoice_pdf", {"invoice_id": str(INVOICE), "resend": True}, "resend: Extra inputs are not permitted"),
    ("send_invoice", {"invoice_id": str(INVOICE), "subject": ""}, "subject: "),
    ("send_invoice", {"invoice_id": str(INVOICE), "channel": "fax"}, "channel: "),
    ("send_invoice", {"invoice_id": str(INVOICE), "channel": "post", "to": "a@b.de"}, "payload: to, cc, bcc, subject"),
    ("mail_bounced", {"invoice_id": str(INVOICE), "email": "a@b.de,c@d.de"}, "email: is not one plain e-mail"),
    ("send_invoice", {"invoice_id": str(INVOICE), "to": ""}, "to: must be 1 to 20 addresses, separated by commas"),
    ("send_invoice", {"invoice_id": str(INVOICE), "cc": " , "}, "cc: must be 1 to 20 addresses"),
    ("send_invoice", {"invoice_id": str(INVOICE), "bcc": "a@example.com," * 21}, "bcc: must be 1 to 20 addresses"),
    (
        "send_invoice",
        {"invoice_id": str(INVOICE), "cc": "a@example.com,jane.doe@example"},
        "cc: address 2 is not one plain e-mail address: Domain",
    ),
    ("send_invoice", {"invoice_id": str(INVOICE), "to": "a@example.com\nBcc: b@example.com"}, "to: address 1 is not"),
    ("send_invoice", {"invoice_id": str(INVOICE), "cc": ["a@example.com"]}, "cc: "),
    ("send_invoice", {"invoice_id": str(INVOICE), "subject": "x" * 201}, "subject: "),
    ("send_invoice", {"invoice_id": str(INVOICE), "subject": "Rechnung\r\nBcc: a@b.de"}, "subject: "),
    ("send_invoice", {"invoice_id": str(INVOICE), "text": "x" * 20_001}, "text: "),
    ("send_invoice", {"invoice_id": str(INVOICE), "text": ["x"]}, "text: "),
    ("send_invoice", {"invoice_id": str(INVOICE), "resend": "perhaps"}, "resend: "),
    ("send_invoice", {"invoice_id": str(INVOICE), "resend": None}, "resend: "),
    ("cancel_invoice", {"invoice_id": str(INVOICE)}, "reason: Field required"),
    ("cancel_invoice", {"invoice_id": INVOICE.hex, "reason": "x"}, "invoice_id: must be a UUID in its usual form"),
    ("credit_invoice", {"invoice_id": str(INVOICE), "reason": "x"}, "positions: Field required"),
    *(
        ("credit_invoice", {"invoice_id": str(INVOICE), "reason": "x", "positions": positions}, problem)
        for positions, problem in (
            ([], "positions: "),
            ("[", "positions: must be a list of positions, or one as JSON text"),
            ([{"position": 1, "quantity": "0"}], "positions.0.quantity: "),
            ([{"position": 1, "unit_price": "NaN"}], "positions.0.unit_price: "),
            ([{"position": 1, "tax_rate": 7}], "positions.0.tax_rate: Extra inputs"),
        )
    ),
    ("update_config", {}, "payload: nothing to change; settings are template_eb_ar, "),
    ("update_config", {"payment_sync_interval_minutes": 7}, "payment_sync_interval_minutes: allowed are "),
    ("update_config", {"sevdesk_api_token": "x"}, "sevdesk_api_token: Extra inputs are not permitted"),
    ("sync_payments", {"everythin": True}, "everythin: Extra inputs are not permitted; known are full, missing, "),
    ("export_datev", {"start_date": "1.10.2026"}, "start_date: must be a date such as 2026-10-31"),
    # An outbox row may hold any JSON.
    ("publish_invoice", [], "payload: "),
    ("publish_invoice", "x", "payload: "),
    ("sync_payments", None, "payload: "),
]


@pytest.mark.parametrize(("kind", "payload", "problem"), BAD)
def test_bad_payload_is_refused(kind: str, payload: Any, problem: str) -> None:
    """The reason names the job, the field and the rule."""
    with pytest.raises(BadJob) as refused:
        parse(kind, payload)
    assert str(refused.value).startswith(f"The payload of {kind} is not valid: {problem}")


def test_refusal_repeats_no_value() -> None:
    """Values may be personal data, and so may names that are none."""
    secret = "erika@example.com"
    payload = {"invoice_id": secret, "subject": [secret], "resend": secret, secret: secret}
    with pytest.raises(BadJob) as refused:
        parse("send_invoice", payload)
    assert secret not in str(refused.value)
    assert "(odd name): Extra inputs are not permitted" in str(refused.value)


def test_refusal_of_many_fields_is_short() -> None:
    """Thousands of unknown fields fit one line in the ledger."""
    with pytest.raises(BadJob) as refused:
        parse("sync_payments", {f"field_{n}": n for n in range(10_000)})
    assert "; and 9995 more; known are full, " in str(refused.value)
    assert len(str(refused.value)) < 500


def test_unknown_kind_names_the_known() -> None:
    """A misspelt kind is seen at a glance; a long one does not flood the log."""
    with pytest.raises(BadJob, match=r"^Unknown job kind 'publish'\. Known kinds: publish_invoice, send_invoice, "):
        parse("publish", {})
    with pytest.raises(BadJob) as refused:
        parse("x" * 100_000, {})
    assert len(str(refused.value)) < 300


def test_each_kind_has_its_role() -> None:
    """Any internal user may ask for what is about one invoice; everything else needs an admin."""
    internal = {name for name, kind in KINDS.items() if kind.role is Role.INTERNAL}
    assert internal == {*FOR_AN_INVOICE, "cancel_invoice", "credit_invoice"}
    assert {kind.role for kind in KINDS.values()} == {Role.INTERNAL, Role.ADMIN}


def test_every_id_has_one_spelling() -> None:
    """No kind takes an id that the ledger would not find in its payload."""
    for kind in KINDS.values():
        if "invoice_id" in kind.payload.model_fields:
            with pytest.raises(BadJob, match="usual form of 36 characters"):
                parse(kind.name, {"invoice_id": INVOICE.hex})


def test_patience_grows_and_ends() -> None:
    """Each kind waits longer from try to try, and not for ever."""
    for kind in KINDS.values():
        assert 0 < len(kind.retry_delays) <= 10
        assert sorted(set(kind.retry_delays)) == list(kind.retry_delays)
        assert sum(kind.retry_delays) < 24 * 3600
    assert sum(KINDS["sync_payments"].retry_delays) < 10 * 60, "gives up before the next tick"
