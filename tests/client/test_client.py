"""What each call sends, and what it makes of the answer."""

import inspect
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
from pytest_httpx import HTTPXMock

from sevdesk_client import bodies, errors
from sevdesk_client.client import SevDeskClient
from sevdesk_client.models import AddressDraft, ContactDraft, Invoice, MailDraft
from sevdesk_client.wire import MAX_ANSWER_BYTES, MAX_VALUES
from tests.client.samples import PDF, answer, invoice_draft
from tests.sandbox.sandbox_client import NO_TLS, TOKEN

NOTE = "PROBE-R1-E3-pos-pct"


@pytest.fixture
async def client() -> AsyncIterator[SevDeskClient]:
    async with httpx.AsyncClient(verify=NO_TLS) as http:
        yield SevDeskClient(http, TOKEN, max_wait=0)


def sent(httpx_mock: HTTPXMock) -> tuple[str, dict[str, str], object]:
    """The one request as method and path, query, and body."""
    request = httpx_mock.get_request()
    assert request is not None
    path = request.url.path.removeprefix("/api/v1")
    return (
        f"{request.method} {path}",
        dict(request.url.params),
        json.loads(request.content) if request.content else None,
    )


def replies(httpx_mock: HTTPXMock, sample: str, status: int = 200) -> None:
    httpx_mock.add_response(content=answer(sample), status_code=status)


def test_every_call_names_its_errors() -> None:
    """What a method raises beyond what all do, or refuses, stands in its own words."""
    names = [name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)]
    calls = [each for each in vars(SevDeskClient).values() if inspect.iscoroutinefunction(each)]
    assert len(calls) > 25
    silent = [call.__name__ for call in calls if not any(name in (call.__doc__ or "") for name in names)]
    assert silent == []


async def test_version_proves_the_token(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """The cheapest call there is, and without X-Version, which it refuses."""
    replies(httpx_mock, "version")
    assert await client.bookkeeping_system_version() == "2.0"
    assert sent(httpx_mock) == ("GET /Tools/bookkeepingSystemVersion", {}, None)


async def test_users_name_their_account(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """The first user is the contact person, `client_id` the account."""
    replies(httpx_mock, "users")
    [user] = await client.list_users()
    assert (user.id, user.client_id, user.fullname) == ("2000001", "1000001", None)
    assert sent(httpx_mock)[0] == "GET /SevUser"


@pytest.mark.parametrize(("code", "id"), [("DE", "1"), ("GB", "30")])
async def test_country_is_found_by_code(client: SevDeskClient, httpx_mock: HTTPXMock, code: str, id: str) -> None:
    """Even from the whole list, whatever the case, and of two the older one."""
    replies(httpx_mock, "countries")
    assert (await client.find_country(code)).id == id
    assert sent(httpx_mock) == ("GET /StaticCountry", {"code": code, "limit": "1000"}, None)


async def test_unknown_country_is_not_found(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """An invoice without a country would be a wrong invoice."""
    replies(httpx_mock, "countries")
    with pytest.raises(errors.NotFound):
        await client.find_country("XX")


async def test_templates_and_methods_are_lists(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """Both keep sevDesk's own ids."""
    replies(httpx_mock, "templates_wrapped")
    replies(httpx_mock, "payment_methods")
    assert [template.default for template in await client.list_templates()] == [True]
    assert [method.electronic_invoice_id for method in await client.list_payment_methods()] == ["58", "68"]
    urls = [str(request.url).removeprefix("https://my.sevdesk.de/api/v1") for request in httpx_mock.get_requests()]
    assert urls == ["/DocServer/getTemplatesWithThumb?type=Invoice", "/PaymentMethod"]


async def test_contacts_are_found_by_number(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """Persons too, which takes depth=1."""
    replies(httpx_mock, "contact_list")
    [contact] = await client.find_contacts("SDRS-LIVE-0000000000-contacts")
    assert contact.id == "138810376"
    query = {"customerNumber": "SDRS-LIVE-0000000000-contacts", "depth": "1"}
    assert sent(httpx_mock) == ("GET /Contact", query, None)


async def test_unfiltered_contacts_are_an_error(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """A list of others proves nothing, and asking again would not help."""
    replies(httpx_mock, "contact_list")
    with pytest.raises(errors.FilterIgnored, match="1 of 1"):
        await client.find_contacts("R1-C-1")
    assert len(httpx_mock.get_requests()) == 1


async def test_contacts_are_created_and_changed(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """Both send the flat body and read the object back."""
    draft = ContactDraft(customer_number="SDRS-LIVE-0000000000-contacts", name="Testkunde GmbH")
    replies(httpx_mock, "contact_created", 201)
    replies(httpx_mock, "contact_created")
    assert (await client.create_contact(draft)).id == (await client.update_contact("138810376", draft)).id
    first, second = httpx_mock.get_requests()
    assert (first.method, first.url.path) == ("POST", "/api/v1/Contact")
    assert (second.method, second.url.path) == ("PUT", "/api/v1/Contact/138810376")
    assert json.loads(first.content) == json.loads(second.content) == bodies.contact(draft)


async def test_contact_is_read_by_id(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """By-id reads come as a list of one."""
    replies(httpx_mock, "contact_list")
    assert (await client.get_contact("138810376")).category_id == "3"
    assert sent(httpx_mock)[0] == "GET /Contact/138810376"


ADDRESS = json.loads(answer("contact_address_created_contact_expanded"))["objects"]
WAY = json.loads(answer("communication_way_created"))["objects"]
PAIR = {"contact[id]": "138810376", "contact[objectName]": "Contact", "limit": "1000"}


async def test_addresses_of_others_are_dropped(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """A short page is the whole list, so an ignored filter does no harm."""
    other = ADDRESS | {"id": "9", "contact": {"id": "7", "objectName": "Contact"}}
    httpx_mock.add_response(json={"objects": [ADDRESS, other, ADDRESS | {"id": "8"}]})
    assert [address.id for address in await client.list_contact_addresses("138810376")] == ["8", "120178864"]
    assert sent(httpx_mock) == ("GET /ContactAddress", PAIR, None)


async def test_full_page_of_addresses_proves_nothing(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """Unfiltered and full, the page may miss the very address that is asked for."""
    other = ADDRESS | {"contact": {"id": "7", "objectName": "Contact"}}
    httpx_mock.add_response(json={"objects": [ADDRESS] + [other] * 999})
    with pytest.raises(errors.FilterIgnored, match="999 of 1000"):
        await client.list_contact_addresses("138810376")


async def test_addresses_are_created_and_changed(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """Creating names the contact, changing does not."""
    draft = AddressDraft(street="Teststrasse 1", zip="10115", city="Berlin", country_id="1")
    replies(httpx_mock, "contact_address_created_contact_expanded", 201)
    replies(httpx_mock, "contact_address_created_contact_expanded")
    assert (await client.create_contact_address("138810376", draft)).city == "Berlin"
    assert (await client.update_contact_address("120178864", draft)).city == "Berlin"
    first, second = httpx_mock.get_requests()
    assert (first.url.path, second.url.path) == ("/api/v1/ContactAddress", "/api/v1/ContactAddress/120178864")
    assert "contact" in json.loads(first.content) and "contact" not in json.loads(second.content)


@pytest.mark.parametrize("status", [200, 201])
async def test_changed_address_with_either_status(client: SevDeskClient, httpx_mock: HTTPXMock, status: int) -> None:
    """201 says the specification, for this change alone; nobody has recorded it."""
    replies(httpx_mock, "contact_address_created_contact_expanded", status)
    draft = AddressDraft(street=None, zip="10117", city=None, country_id="1")
    assert (await client.update_contact_address("120178864", draft)).id == "120178864"
    assert sent(httpx_mock)[0] == "PUT /ContactAddress/120178864"


async def test_ways_are_filtered_here(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """Asked for contact, type and main together, some accounts find nothing."""
    httpx_mock.add_response(json={"objects": [WAY, WAY | {"id": "9", "type": "PHONE"}]})
    assert [way.value for way in await client.list_communication_ways("138810376")] == ["kontakt@example.com"]
    assert sent(httpx_mock) == ("GET /CommunicationWay", PAIR, None)


async def test_ways_are_created_and_changed(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """Creating needs the key, without which sevDesk answers 500."""
    replies(httpx_mock, "communication_way_created", 201)
    replies(httpx_mock, "communication_way_created")
    await client.create_communication_way("138810376", "kontakt@example.com")
    await client.update_communication_way("115440601", "neu@example.com")
    first, second = httpx_mock.get_requests()
    assert json.loads(first.content) == {
        "contact": {"id": 138810376, "objectName": "Contact"},
        "type": "EMAIL",
        "value": "kontakt@example.com",
        "key": {"id": 8, "objectName": "CommunicationWayKey"},
        "main": "1",
    }
    assert (second.method, second.url.path) == ("PUT", "/api/v1/CommunicationWay/115440601")
    assert json.loads(second.content) == {"value": "neu@example.com"}


async def test_marker_finds_invoice_and_cancellation(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """The live spelling of the filter; oldest first, whatever order sevDesk chose."""
    replies(httpx_mock, "invoice_list_cancelled_and_cancellation")
    first, second = await client.find_invoices(NOTE)
    assert (first.invoice_type, second.invoice_type) == ("RE", "SR")
    assert second.origin is not None and second.origin.id == first.id
    assert sent(httpx_mock) == ("GET /Invoice", {"customerInternalNote": NOTE}, None)


async def test_marker_found_nowhere_is_empty(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """Only a real, empty list means that there is none."""
    replies(httpx_mock, "list_empty")
    assert await client.find_invoices("INV-123") == []


async def test_unfiltered_invoices_are_an_error(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """Were they taken for "none with this marker", the invoice would be created twice."""
    replies(httpx_mock, "invoice_list_cancelled_and_cancellation")
    with pytest.raises(errors.FilterIgnored):
        await client.find_invoices("INV-123")


async def test_page_of_changes_asks_in_seconds(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """updateAfter in unix seconds, cut down, so that no change falls between."""
    replies(httpx_mock, "invoice_list_cancelled_and_cancellation")
    since = datetime(2026, 9, 28, 18, 17, 22, 900_000, tzinfo=UTC)
    assert len(await client.list_invoices(update_after=since, status=1000, offset=50, limit=10)) == 2
    query = {"updateAfter": "1790619442", "status": "1000", "offset": "50", "limit": "10"}
    assert sent(httpx_mock) == ("GET /Invoice", query, None)


@pytest.mark.parametrize(
    "date, at",
    [
        ("Sun, 29 Nov 2026 11:15:37 GMT", datetime(2026, 11, 29, 11, 15, 37, tzinfo=UTC)),
        ("yesterday", None),
        ("Sun, 29 Nov 2026 11:15:37 -0000", datetime(2026, 11, 29, 11, 15, 37, tzinfo=UTC)),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        (None, None),
    ],
)
async def test_page_tells_when_it_was_made(
    client: SevDeskClient, httpx_mock: HTTPXMock, date: str | None, at: datetime | None
) -> None:
    """By sevDesk's clock; None where the header is missing or no date."""
    headers = {"Date": date} if date else {}
    httpx_mock.add_response(content=answer("invoice_list_cancelled_and_cancellation"), headers=headers)
    assert (await client.list_invoices()).at == at


@pytest.mark.parametrize("asked", [{"update_after": datetime(2026, 9, 28, 18, 17, 23, tzinfo=UTC)}, {"status": 200}])
async def test_unfiltered_pages_are_an_error(
    client: SevDeskClient, httpx_mock: HTTPXMock, asked: dict[str, object]
) -> None:
    """A page that holds others was not filtered, so its end is not the end of the changes."""
    replies(httpx_mock, "invoice_list_cancelled_and_cancellation")
    with pytest.raises(errors.FilterIgnored):
        await client.list_invoices(**asked)  # type: ignore[arg-type]


async def test_unknown_invoice_is_not_found(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """The error shows the path without the id."""
    replies(httpx_mock, "error_404_not_found", 404)
    with pytest.raises(errors.NotFound, match=r"^GET /Invoice/\{id\} failed"):
        await client.get_invoice("1")


async def test_saving_reads_the_sums_back(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """The draft goes out as it is, and what sevDesk computed comes back."""
    replies(httpx_mock, "invoice_saved_quantity_true", 201)
    draft = replace(invoice_draft(), customer_internal_note="SDRS-LIVE-0000000000-b2b")
    saved = await client.save_invoice(draft)
    assert (saved.status, saved.invoice_number, saved.sum_gross) == (100, None, Decimal("65.45"))
    assert sent(httpx_mock) == ("POST /Invoice/Factory/saveInvoice", {}, bodies.save_invoice(draft))


async def test_draft_is_deleted(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """[null] is all sevDesk says about it."""
    replies(httpx_mock, "draft_deleted")
    await client.delete_draft("135169163")
    assert sent(httpx_mock) == ("DELETE /Invoice/135169163", {}, None)


async def test_template_is_chosen(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """A call of its own, because saving has no field for it."""
    replies(httpx_mock, "parameter_changed")
    await client.change_parameter("135169163", "template", "57986aee6bd2d53306068da1")
    body = {"key": "template", "value": "57986aee6bd2d53306068da1"}
    assert sent(httpx_mock) == ("PUT /Invoice/135169163/changeParameter", {}, body)


async def test_finalising_gives_the_number(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """The answer is the invoice, whatever the spec says."""
    replies(httpx_mock, "invoice_sent_by")
    finalised = await client.send_by("135169163")
    assert (finalised.status, finalised.invoice_number) == (200, "RE-1000")
    assert sent(httpx_mock) == ("PUT /Invoice/135169163/sendBy", {}, {"sendType": "VPDF", "sendDraft": False})


async def test_pdf_leaves_the_draft_alone(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """preventSendBy always, download never."""
    replies(httpx_mock, "pdf_in_json")
    document = await client.get_pdf("135169163")
    assert (document.filename, document.content) == ("RE-1076.pdf", PDF)
    assert sent(httpx_mock) == ("GET /Invoice/135169163/getPdf", {"preventSendBy": "true"}, None)


async def test_pdf_may_be_large(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """Larger than any other answer may be."""
    large = PDF + b"x" * (2 * MAX_ANSWER_BYTES)
    httpx_mock.add_response(content=large, headers={"content-type": "application/pdf"})
    assert (await client.get_pdf("1")).content == large


@pytest.mark.parametrize("text", ["x" * 9_000, "&Auml;, " * 300], ids=["long", "of many values"])
async def test_large_pages_come_in_parts(client: SevDeskClient, httpx_mock: HTTPXMock, text: str) -> None:
    """Documents with long texts: each once, and as many requests as are needed."""
    one = json.loads(answer("invoice_cancelled_contact_expanded"))["objects"]
    book = [one | {"id": str(number), "footText": text} for number in range(1, 941)]

    def page(request: httpx.Request) -> httpx.Response:
        first = int(request.url.params["offset"])
        return httpx.Response(200, json={"objects": book[first : first + int(request.url.params["limit"])]})

    httpx_mock.add_callback(page, is_reusable=True)
    found = await client.list_invoices(limit=1000)
    assert sorted(int(invoice.id) for invoice in found) == list(range(1, 941))
    assert {int(request.url.params["limit"]) for request in httpx_mock.get_requests()} == {1000, 500}


async def test_endless_page_is_an_error(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """An answer that is too large whatever is asked for ends after a few calls."""
    httpx_mock.add_callback(lambda request: httpx.Response(200, content=b"[" * (MAX_VALUES + 1)), is_reusable=True)
    with pytest.raises(errors.TooLarge):
        await client.list_invoices(limit=1000)
    assert len(httpx_mock.get_requests()) == 4


async def test_mail_names_its_invoice(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """The answer is the mail that sevDesk says it has sent."""
    replies(httpx_mock, "email_sent", 201)
    mail = MailDraft(to="kunde@example.com", subject="Ihre Rechnung", text="...")
    email = await client.send_via_email("135169163", mail)
    assert email.object is not None and email.object.id == "135169163"
    assert sent(httpx_mock) == ("POST /Invoice/135169163/sendViaEmail", {}, bodies.mail(mail))


async def test_cancelling_sends_no_body(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """The cancellation comes back, with the sums turned round."""
    replies(httpx_mock, "invoice_cancelled_contact_expanded", 201)
    made = await client.cancel_invoice("135582398")
    assert isinstance(made, Invoice) and made.sum_gross == Decimal("-21.9")
    assert sent(httpx_mock) == ("POST /Invoice/135582398/cancelInvoice", {}, None)


async def test_partly_paid_cannot_be_cancelled(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """The refusal comes with HTTP 200, and must not pass for a cancellation."""
    replies(httpx_mock, "error_200_partly_paid")
    with pytest.raises(errors.Refused) as caught:
        await client.cancel_invoice("135582398")
    assert (caught.value.code, caught.value.status) == (390, 200)


async def test_credit_notes_are_found_by_origin(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """Those that are another invoice's prove that the filter was ignored."""
    note = {"id": "5001", "status": "100", "origin": {"id": "7", "objectName": "Invoice"}}
    httpx_mock.add_response(json={"objects": [note]}, is_reusable=True)
    [found] = await client.find_credit_notes("7")
    assert found.id == "5001"
    assert sent(httpx_mock) == ("GET /CreditNote", {"origin[id]": "7", "origin[objectName]": "Invoice"}, None)
    with pytest.raises(errors.FilterIgnored):
        await client.find_credit_notes("8")


async def test_credit_note_is_read(client: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """By its id; a deleted one is not found."""
    replies(httpx_mock, "invoice_cancelled_credit_note")
    assert (await client.get_credit_note("5001")).credit_note_number == "GU-1000"
    assert sent(httpx_mock) == ("GET /CreditNote/5001", {}, None)
    replies(httpx_mock, "error_404_not_found", 404)
    with pytest.raises(errors.NotFound):
        await client.get_credit_note("5002")
