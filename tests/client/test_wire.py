"""What answers mean: every shape the field notes list, and everything nobody listed."""

import gzip
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevdesk_client import errors, readers, wire
from sevdesk_client.bodies import ref
from sevdesk_client.models import Contact, CreditNote, Email, Invoice
from sevdesk_client.wire import Answer, Json, Request
from tests.client.samples import PDF, answer

GET = Request("GET", "/Invoice/{id}", "1")
PUT = Request("PUT", "/Invoice/{id}/sendBy", "1")
READERS: list[wire.Reader[object]] = [
    readers.one(Invoice),
    readers.many(Contact),
    readers.version,
    readers.saved_invoice,
    readers.cancellation,
    readers.one(Email),
    readers.templates,
    readers.document,
    readers.nothing,
]


def read(body: bytes | str, status: int = 200, request: Request = GET, headers: dict[str, str] | None = None) -> Json:
    raw = body.encode() if isinstance(body, str) else body
    return wire.read(request, Answer(status, headers or {}, raw), lambda objects: objects, secret="s3cr3t")


def complaint(
    body: bytes | str, status: int = 200, request: Request = GET, headers: dict[str, str] | None = None
) -> errors.SevDeskError:
    with pytest.raises(errors.SevDeskError) as caught:
        read(body, status, request, headers)
    return caught.value


@pytest.mark.parametrize(
    ("body", "objects"),
    [
        ('{"objects": [1]}', [1]),
        ('{"objects": {"a": "b"}}', {"a": "b"}),
        ('{"objects": "1338"}', "1338"),
        ('{"objects": true}', True),
        ('{"objects": null}', None),
        ('{"objects": [null]}', [None]),
        ('{"objects": [], "total": "157"}', []),
        ('{"result": "1", "templates": []}', {"result": "1", "templates": []}),  # as the spec shows it, unwrapped
        ('{"objects": {"paidAmount": 40.10}}', {"paidAmount": Decimal("40.10")}),  # never a float
        ('{"objects": null, "error": null}', None),
        ('{"objects": null, "error": []}', None),  # PHP's way of writing nothing
    ],
)
def test_objects_come_in_any_shape(body: str, objects: Json) -> None:
    """What stands under `objects` is handed on as it is."""
    assert read(body) == objects


def test_fractions_are_never_floats() -> None:
    """0.1 + 0.2 on an invoice must be 0.3."""
    found = read('{"objects": [0.1, 1e2, 3]}')
    assert isinstance(found, list) and [type(value) for value in found] == [Decimal, Decimal, int]


READ, WRITE = errors.Unavailable, errors.OutcomeUnknown


@pytest.mark.parametrize(
    ("status", "sample", "kind", "code"),
    [
        (404, "error_404_not_found", errors.NotFound, 151),
        (400, "error_404_not_found", errors.NotFound, 151),  # the code decides, not the status
        (409, "error_409_not_a_draft", errors.Refused, 159),
        (422, "error_422_already_cancelled", errors.Refused, 421),
        (200, "error_200_partly_paid", errors.Refused, 390),  # an error with HTTP 200
        (400, "error_400_e_invoice_incomplete", errors.Refused, 830),
        (400, "error_400_short_form", errors.Refused, None),
        (422, "error_422_as_in_the_spec", errors.Refused, None),
        (401, "error_401_without_envelope", errors.TokenRefused, None),
        (503, "error_503_e_invoice_draft", errors.Refused, None),  # a refusal although it is a 503
    ],
)
@pytest.mark.parametrize("request_", [GET, PUT])
def test_refusals_mean_the_same_everywhere(
    request_: Request, status: int, sample: str, kind: type[errors.SevDeskError], code: int | None
) -> None:
    """A no is a no for reads and writes, and carries sevDesk's own number."""
    error = complaint(answer(sample), status, request_)
    assert (type(error), error.status, error.code) == (kind, status, code)
    assert error.operation == request_.operation


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, answer("error_500_trouble")),
        (503, "<html><title>503 Service Unavailable</title></html>"),
        (502, ""),
        (408, "Request Timeout"),  # a proxy gave up waiting
        (301, ""),  # never followed
        (304, ""),
        (199, ""),
        (600, ""),  # no status of HTTP's
        (0, ""),
        (200, ""),
        (200, "<html>maintenance</html>"),
        (200, '{"objects": {"id": "1"'),  # cut off
        (200, '{"objects": NaN}'),
        (200, b"\xff\xfe\x00"),
        (200, "[" * 100_000),  # deeper than any parser goes
        (200, '{"objects": 1e99999999999}'),
        (200, '{"objects": ' + "9" * 5_000 + "}"),  # longer than Python turns into a number
        (200, b"\x1f\x8b damaged"),
        (200, gzip.compress(b'{"objects": []}', mtime=0)[:-6]),  # compressed and cut off
    ],
)
@pytest.mark.parametrize(("request_", "kind"), [(GET, READ), (PUT, WRITE)])
def test_no_answer_depends_on_the_call(
    request_: Request, kind: type[errors.SevDeskError], status: int, body: bytes | str
) -> None:
    """Without a usable answer a read may be repeated, and a write has to be looked up."""
    assert type(complaint(body, status, request_)) is kind


@pytest.mark.parametrize("request_", [GET, PUT])
@pytest.mark.parametrize("message", ["Missing iban and bic", "wrong HTTP Type"])
def test_faults_of_ours_with_500(message: str, request_: Request) -> None:
    """Some refusals look like trouble on sevDesk's side; waiting would not help."""
    body = json.dumps({"error": {"message": message, "code": None}, "objects": None})
    assert type(complaint(body, 500, request_)) is errors.Refused


def test_number_lock_proves_nothing() -> None:
    """Peers retry "Correct number abort" only after reading back, so for a write it is an open question."""
    body = '{"error": {"message": "Invoice: Correct number abort. Timeout", "code": null}}'
    for status in (200, 400, 422, 500):
        assert type(complaint(body, status, PUT)) is errors.OutcomeUnknown


def test_404_of_a_proxy_is_no_proof() -> None:
    """Only sevDesk's own envelope says that an invoice is gone."""
    assert type(complaint("<html><title>404 Not Found</title></html>", 404)) is errors.Refused


def test_404_of_a_method_is_no_proof() -> None:
    """Code 157 complains of the path, whatever the status."""
    assert type(complaint('{"error": {"message": "method does not exist", "code": "157"}}', 404)) is errors.Refused


def test_not_found_code_with_400() -> None:
    """One peer saw the word instead of the number."""
    assert type(complaint('{"error": {"message": "no", "code": "NOT_FOUND"}}', 400)) is errors.NotFound


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Access denied", errors.Refused),
        ("The API token is not allowed to do this", errors.TokenRefused),
        ("Authentication failed", errors.TokenRefused),
    ],
)
def test_403_is_about_the_token_or_not(message: str, kind: type[errors.SevDeskError]) -> None:
    """A missing right of one call must not stop the whole worker."""
    assert type(complaint(json.dumps({"error": {"message": message}}), 403)) is kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:30 GMT", "date": "Tue, 24 Nov 2026 12:00:00 GMT"}, 30.0),
        ({"retry-after": "Tue, 24 Nov 2026 11:00:00 GMT", "date": "Tue, 24 Nov 2026 12:00:00 GMT"}, 0.0),  # past
        ({"retry-after": "Tue, 24 Nov 2026 12:00:30 GMT"}, None),  # a date without a clock to read it by
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({}, None),
    ],
)
def test_throttling_says_how_long(headers: dict[str, str], seconds: float | None) -> None:
    """Retry-After in both of its forms, in seconds."""
    error = complaint("", 429, PUT, headers)
    assert (type(error), error.retry_after) == (errors.Throttled, seconds)


def test_missing_e_invoice_fields_are_named() -> None:
    """They are what the operator has to fill in."""
    error = complaint(answer("error_400_e_invoice_incomplete"), 400)
    assert error.reason.endswith("(document_addressCity, sevClient_bankIban)")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<html><head><title>502 Bad Gateway</title></head></html>", "an HTML page, 502 Bad Gateway"),
        ("upstream connect error", "upstream connect error"),  # plain text, as one peer met
        ("your key s3cr3t of anna@kunde.de", "your key [token] of [e-mail]"),
        ('{"objects": [{"name": "Anna Mu', "no JSON (30 bytes)"),  # half an answer may be half a customer
        ("", "an empty answer"),
        ('{"error": {"code": 7}}', "an error without a message"),
        ('{"error": "boom"}', "boom"),
    ],
)
def test_reasons_help_and_keep_secrets(body: str, reason: str) -> None:
    """A person learns what came, and nothing that is private."""
    assert complaint(body, 500).reason == reason


def test_unreadable_fields_are_named_only() -> None:
    """The reason names the field, and does not quote what stood in it."""
    body = answer("invoice_draft").replace(b'"34.51"', b'"Anna Muster"')
    with pytest.raises(errors.Unavailable, match="sumGross") as caught:
        wire.read(GET, Answer(200, {}, body), readers.one(Invoice))
    assert "Anna" not in str(caught.value) and caught.value.__cause__ is None


def test_wrong_content_encoding_is_overlooked() -> None:
    """The first bytes tell what a body is; on some PDF answers the header does not (one report)."""
    body = answer("version")
    plain = read(body, headers={"content-encoding": "gzip"})
    packed = read(gzip.compress(body, mtime=0), headers={"content-encoding": "gzip"})
    assert plain == packed == {"version": "2.0"}


def test_answers_are_bounded_when_unpacked() -> None:
    """A small body that unpacks into a huge one is given up on, not unpacked."""
    small = Request("GET", "/Invoice", max_bytes=1000)
    assert len(read(gzip.compress(b'{"objects": "' + b"x" * 900 + b'"}', mtime=0), request=small) or "") == 900  # type: ignore[arg-type]
    assert "more than 1000 bytes" in complaint(gzip.compress(b" " * 10_000_000, mtime=0), request=small).reason
    assert "more than 1000 bytes" in complaint(b" " * 1001, request=small).reason


@pytest.mark.parametrize("id", ["", "1/../../Contact", "..", "1?x=1", "१", "RE-1", "1 ", None])
def test_ids_are_numbers_only(id: str | None) -> None:
    """Anything else would be another path, with our token."""
    with pytest.raises(errors.Refused, match="not a number"):
        Request("GET", "/Invoice/{id}", id).target()
    assert Request("GET", "/Invoice/{id}", "12").target() == "/Invoice/12"


@pytest.mark.parametrize("id", ["", "x", "१", "1 ", "1_0", "-1", "1.0"])
def test_ids_in_bodies_are_numbers_only(id: str) -> None:
    """What a person or another program has put into the database is refused by a sentence, not by a crash."""
    with pytest.raises(errors.Refused, match="not a number"):
        ref("SevUser", id)
    assert ref("SevUser", "12") == {"id": 12, "objectName": "SevUser"}


@pytest.mark.parametrize("objects", ["null", "[null]", '{"id": "1"}', '"1"', "true"])
def test_list_is_never_silently_empty(objects: str) -> None:
    """Read as "none found", such an answer would make the caller create a second one."""
    with pytest.raises(errors.Unavailable):
        wire.read(GET, Answer(200, {}, f'{{"objects": {objects}}}'.encode()), readers.many(Contact))


@pytest.mark.parametrize("objects", ["null", "[]", "[null]", "[1, 2]", '"1"', "true", "{}"])
def test_single_object_must_be_there(objects: str) -> None:
    """After a write without its object nobody knows what was made."""
    with pytest.raises(errors.OutcomeUnknown):
        wire.read(PUT, Answer(200, {}, f'{{"objects": {objects}}}'.encode()), readers.one(Invoice))


def test_saved_invoice_survives_true_quantities() -> None:
    """The positions' odd types do not matter, the sums do."""
    saved = wire.read(PUT, Answer(201, {}, answer("invoice_saved_quantity_true")), readers.saved_invoice)
    assert (saved.sum_gross, saved.is_e_invoice) == (Decimal("65.45"), True)


def test_cancelling_makes_one_of_two() -> None:
    """`objectName` tells the cancellation from the credit note."""
    made = wire.read(PUT, Answer(201, {}, answer("invoice_cancelled_contact_expanded")), readers.cancellation)
    assert isinstance(made, Invoice) and made.invoice_type == "SR"
    made = wire.read(PUT, Answer(201, {}, answer("invoice_cancelled_credit_note")), readers.cancellation)
    assert isinstance(made, CreditNote) and (made.credit_note_number, made.status) == ("GU-1000", 100)


@pytest.mark.parametrize("sample", ["templates_wrapped", "templates_as_in_the_spec"])
def test_templates_read_in_both_forms(sample: str) -> None:
    """With the wrapper seen live, and without it as in the spec."""
    [template] = wire.read(GET, Answer(200, {}, answer(sample)), readers.templates)
    assert template.id == "57986aee6bd2d53306068da1"


@pytest.mark.parametrize(
    ("body", "filename"),
    [(answer("pdf_in_json"), "RE-1076.pdf"), (answer("pdf_as_in_the_spec"), "RE-101.pdf"), (PDF, "")],
)
def test_pdf_reads_in_every_form(body: bytes, filename: str) -> None:
    """As captured, as the spec spells it, and raw."""
    document = wire.read(GET, Answer(200, {}, body), readers.document)
    assert (document.filename, document.mimetype, document.content) == (filename, "application/pdf", PDF)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("content", "PGh0bWw+"),  # <html>
        ("content", "JVBERi0x*"),  # damaged base64
        ("content", ""),
        ("content", None),
    ],
)
def test_what_is_no_pdf_is_refused(field: str, value: object) -> None:
    """An archive must hold documents, not error pages."""
    body = json.loads(answer("pdf_in_json"))
    body["objects"][field] = value
    with pytest.raises(errors.Unavailable):
        wire.read(GET, Answer(200, {}, json.dumps(body).encode()), readers.document)


def test_filenames_cannot_leave_their_folder() -> None:
    """Only the last part of what sevDesk calls the file is kept."""
    body = json.loads(answer("pdf_in_json"))
    body["objects"]["filename"] = "../..\\etc/RE-1\n.pdf"
    document = wire.read(GET, Answer(200, {}, json.dumps(body).encode()), readers.document)
    assert document.filename == "RE-1.pdf"


def test_pdf_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fits into an answer may still be too large for the archive."""
    monkeypatch.setattr(readers, "MAX_PDF_BYTES", len(PDF) - 1)
    with pytest.raises(errors.Unavailable, match="larger than"):
        wire.read(GET, Answer(200, {}, PDF), readers.document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["id", "code", "message"]), inner),
    max_leaves=20,
)
envelopes = st.fixed_dictionaries({}, optional={key: json_values for key in ("objects", "error", "message", "status")})
bodies = (
    st.binary() | st.text().map(str.encode) | (json_values | envelopes).map(lambda value: json.dumps(value).encode())
)
statuses = st.integers(min_value=0, max_value=700) | st.sampled_from([200, 201, 400, 401, 403, 404, 429, 500])


@given(bodies | bodies.map(gzip.compress), statuses, st.text(), st.sampled_from([GET, PUT]), st.sampled_from(READERS))
def test_nothing_else_ever_escapes(
    body: bytes, status: int, wait: str, request_: Request, reader: wire.Reader[object]
) -> None:
    """Any bytes, status and header give data or an error of the tree; a write never looks safe to repeat."""
    try:
        wire.read(request_, Answer(status, {"retry-after": wait, "date": wait}, body), reader, secret="s3cr3t")
    except errors.SevDeskError as error:
        assert error.operation == request_.operation and error.status == status
        assert not isinstance(error, errors.Unavailable if request_ is PUT else errors.OutcomeUnknown)
    else:
        assert 200 <= status < 300


captured = [json.loads(answer(name))["objects"] for name in ("invoice_draft", "contact_list")]


@given(st.sampled_from(captured), st.data())
def test_twisted_answers_never_escape(objects: list[dict[str, object]], data: st.DataObject) -> None:
    """A real answer with some values replaced by anything is read, or is an error of the tree."""
    keys = data.draw(st.lists(st.sampled_from(sorted(objects[0])), min_size=1, max_size=3))
    twisted = objects[0] | {key: data.draw(json_values) for key in keys}
    body = json.dumps({"objects": [twisted]}).encode()
    for reader in READERS:
        try:
            wire.read(GET, Answer(200, {}, body), reader)
        except errors.Unavailable as error:
            assert error.reason
