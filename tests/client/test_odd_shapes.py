"""Answers in shapes that nobody recorded, but PHP or a proxy may give: the right value, or one clear problem."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sevdesk_client import errors, readers, wire
from sevdesk_client.models import Contact, CreditNote, Document, DownloadInfo, Invoice, Progress
from sevdesk_client.wire import Answer, Json, Reader, Request
from tests.client.samples import PDF, answer

GET = Request("GET", "/Invoice/{id}", "135169163")
PUT = Request("PUT", "/Invoice/{id}/sendBy", "135169163")
DRAFT: dict[str, object] = json.loads(answer("invoice_draft"))["objects"][0]


def read(body: object, reader: Reader[object], status: int = 200, request: Request = GET) -> object:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return wire.read(request, Answer(status, {}, raw), reader)


def complaint(body: object, reader: Reader[object], status: int = 200, request: Request = GET) -> errors.SevDeskError:
    with pytest.raises(errors.SevDeskError) as caught:
        read(body, reader, status, request)
    return caught.value


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2026-10-01T00:00:00+02:00", date(2026, 10, 1)),
        ("2026-10-01 00:00:00", date(2026, 10, 1)),
        ("2026-10-01", date(2026, 10, 1)),
        ("2026-09-30T22:00:00Z", date(2026, 10, 1)),  # the same midnight, told in UTC
        ("2026-09-30T22:00:00+00:00", date(2026, 10, 1)),
        ("1790805600", date(2026, 10, 1)),  # and in unix seconds, as some dates of the specification are
        (1790805600, date(2026, 10, 1)),
        ("1711052345", date(2024, 3, 21)),  # whose digits look like a day of 1711
        ("0", None),
        (0, None),
        ("", None),
        ([], None),
        (False, None),
    ],
)
def test_days_in_every_form(value: object, day: date | None) -> None:
    """A Berlin day, or none."""
    assert Invoice.model_validate(DRAFT | {"payDate": value}).pay_date == day


@pytest.mark.parametrize("value", ["1711052345", 1711052345, "2024-03-21T20:19:05Z", "2024-03-21T21:19:05"])
def test_times_in_every_form(value: object) -> None:
    """The same instant."""
    assert Invoice.model_validate(DRAFT | {"update": value}).update == datetime(2024, 3, 21, 20, 19, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("30.299999999999997", "30.30"),  # 10.10 + 20.20
        ("0.30000000000000004", "0.30"),
        ("-39.20000000000001", "-39.20"),
        ("0.0000000000001", "0"),
        ("40.1", "40.1"),
        ("355.9626", "355.9626"),  # not a whole cent, so nobody rounds it
        ("1E+3", "1000"),
    ],
)
def test_floats_are_read_as_meant(text: str, amount: str) -> None:
    """What PHP's floats leave behind is no fraction of a cent that somebody paid."""
    body = answer("invoice_draft").replace(b'"paidAmount": 0', f'"paidAmount": {text}'.encode())
    made = read(body, readers.one(Invoice))
    assert isinstance(made, Invoice) and made.paid_amount == Decimal(amount)


@pytest.mark.parametrize("origin", [[], "", {}, {"id": None, "objectName": None}])
def test_empty_references_are_none(origin: object) -> None:
    """An invoice of nothing is readable, and so is the list it stands in."""
    assert Invoice.model_validate(DRAFT | {"origin": origin}).origin is None


def test_reference_without_model() -> None:
    """Its id is what matters."""
    made = Invoice.model_validate(DRAFT | {"origin": {"id": 7}})
    assert made.origin is not None and made.origin.id == "7"


def test_unreadable_object_of_list_is_named() -> None:
    """One of a thousand cannot be read: the person who has to look learns which, and nothing else of it."""
    bad = DRAFT | {"id": "135169164", "sumGross": None, "header": "Anna Muster"}
    error = complaint({"objects": [DRAFT, bad]}, readers.many(Invoice))
    assert type(error) is errors.Unavailable
    assert error.reason == "the answer's sumGross of Invoice 135169164 cannot be read"
    assert complaint({"objects": [{"id": "Anna"}, {}]}, readers.many(Invoice)).reason.endswith(
        "of Invoice cannot be read"
    )


def test_no_content_is_an_answer() -> None:
    """204 without body: done where nothing is to be said, and not enough where something is."""
    assert read(b"", readers.nothing, 204, PUT) is None
    assert read(b"", readers.download_info, 204) is None
    assert read(b"", readers.progress, 204) == Progress()
    assert type(complaint(b"", readers.many(Contact), 204)) is errors.Unavailable
    assert type(complaint(b"", readers.one(Invoice), 204, PUT)) is errors.OutcomeUnknown
    assert type(complaint(b"", readers.nothing, 200, PUT)) is errors.OutcomeUnknown


@pytest.mark.parametrize("body", [False, {"objects": False}])
def test_false_is_no_success(body: object) -> None:
    """PHP's way to say that something failed."""
    assert type(complaint(body, readers.nothing, 200, PUT)) is errors.OutcomeUnknown


READERS: Mapping[str, Reader[object]] = {
    "nothing": readers.nothing,
    "download_info": readers.download_info,
    "progress": readers.progress,
    "one": readers.one(Invoice),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, errors.TokenRefused), (422, errors.Refused), (429, errors.Throttled), (500, errors.OutcomeUnknown)],
)
def test_error_status_in_body_counts(name: str, status: int, kind: type[errors.SevDeskError]) -> None:
    """The form of the 401, should it ever come with HTTP 200, is no answer to the question."""
    for told in (status, str(status)):
        error = complaint({"status": told, "message": "no"}, READERS[name], 200, PUT)
        assert (type(error), error.status, error.reason) == (kind, status, "no")


def test_error_beside_objects_is_open() -> None:
    """Done and complained of: a write is looked up, because something seems to have been made."""
    both = {"objects": {"id": "1"}, "error": {"message": "PDF could not be made", "code": None}}
    assert type(complaint(both, readers.one(Contact), 201, PUT)) is errors.OutcomeUnknown
    assert type(complaint(both, readers.one(Contact), 422, PUT)) is errors.Refused
    assert type(complaint({**both, "objects": None}, readers.one(Contact), 200, PUT)) is errors.Refused


def test_message_beside_error_is_told() -> None:
    """`error` may only be a flag."""
    assert complaint({"error": True, "message": "Feld fehlt"}, readers.nothing, 422, PUT).reason == "Feld fehlt"


def test_pdf_flag_may_be_wrong() -> None:
    """What `content` holds is base64 whatever stands beside it."""
    shown: dict[str, Json] = json.loads(answer("pdf_in_json"))
    for flag in (None, False, "0"):
        inner = shown["objects"]
        assert isinstance(inner, dict)
        document = read({"objects": {**inner, "base64Encoded": flag}}, readers.document)
        assert isinstance(document, Document) and document.content == PDF


@pytest.mark.parametrize(
    "shown", [{}, {"status": "200"}, {"status": "200", "invoiceNumber": ""}, {"invoiceNumber": "RE-1"}]
)
def test_send_by_must_have_finalised(shown: dict[str, object]) -> None:
    """An answer that shows a draft, or no number, does not say that the invoice is published."""
    error = complaint({"objects": DRAFT | shown}, readers.final(readers.same(Invoice, GET.id or "")), 200, PUT)
    assert type(error) is errors.OutcomeUnknown
    note = json.loads(answer("invoice_cancelled_credit_note"))["objects"]
    final = readers.final(readers.one(CreditNote))
    assert type(complaint({"objects": note}, final, 200, PUT)) is errors.OutcomeUnknown
    made = read({"objects": note | {"status": "200"}}, final, 200, PUT)
    assert isinstance(made, CreditNote) and made.credit_note_number == "GU-1000"


def test_link_may_be_missing() -> None:
    """An unfinished export is one, in each form of nothing."""
    for body in ({"objects": []}, {"objects": None}, {"objects": [{"filename": "a.zip", "link": None}]}):
        assert read(body, readers.download_info) is None
    made = read({"objects": {"link": "https://a/b"}}, readers.download_info)
    assert isinstance(made, DownloadInfo) and made.filename == ""


@pytest.mark.parametrize("shown", [{"invoiceNumber": None}, {"invoiceNumber": ""}, {"status": "100"}])
def test_cancellation_must_be_final(shown: dict[str, object]) -> None:
    """Nobody is told of a cancellation without number."""
    made = json.loads(answer("invoice_cancelled_contact_expanded"))["objects"]
    assert type(complaint({"objects": made | shown}, readers.cancellation, 201, PUT)) is errors.OutcomeUnknown
