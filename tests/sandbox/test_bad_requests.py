"""Whatever is sent, the sandbox answers like sevDesk: an object with `objects` or `error`, never a crash."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sevdesk_client.sandbox.account.records import USER_ID
from sevdesk_client.sandbox.account.seed import seed
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.calls import Call
from sevdesk_client.sandbox.endpoints.errors import Refusal
from sevdesk_client.sandbox.http.routes import ROUTES
from tests.sandbox.sandbox_client import line, save_body

KEY_NAMES = """
    id objectName mapAll category contact key type value main country amount date checkAccount sendType sendDraft
    toEmail subject text invoice invoicePosSave price quantity taxRate unity status taxRule invoiceDate currency
"""
QUERY_NAMES = """
    limit offset countAll status updateAfter startDate customerNumber depth type value embed contact[id]
    contact[objectName] orderByInvoiceNumber invoiceNumber download preventSendBy endDate scope jobId hash
    exportByPaydate includeEnshrined enshrineDocuments includeDocumentImages
"""
VALUES = "ET 4000000000 1 100 true -1 1e999 NaN Invoice InvoicePos Contact Unity FULL_PAYMENT template VPDF"
KEYS = st.sampled_from(KEY_NAMES.split())
WORDS = st.sampled_from(["", *VALUES.split()])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5) | st.just(USER_ID)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6))
BODIES = st.dictionaries(KEYS, JSON, max_size=6)
QUERIES = st.dictionaries(st.sampled_from(QUERY_NAMES.split()), WORDS | st.text(max_size=5), max_size=5)


def account() -> tuple[Account, list[int]]:
    """A draft, an open, a partly paid and a paid invoice; and their ids, their contacts' and one of nobody."""
    found = Account()
    for status in (100, 200, 750, 1000):
        seed(found, 1, status, prefix=f"{status}-")
    return found, [*found.invoices, *found.contacts, 7]


@settings(max_examples=200)
@given(st.sampled_from(sorted(ROUTES)), st.integers(0, 8), QUERIES, BODIES)
def test_no_route_ever_crashes(route: tuple[str, str], which: int, query: dict[str, str], body: dict[str, Any]) -> None:
    """Each endpoint answers or refuses."""
    found, idents = account()
    try:
        answer = ROUTES[route](found, Call(idents[which], query, body, {}))
    except Refusal as refusal:
        assert refusal.envelope()["error"]["message"]
    else:
        assert answer.status in (200, 201) and answer.content


@settings(max_examples=100)
@given(st.data())
def test_no_saved_field_ever_crashes(data: st.DataObject) -> None:
    """A good saveInvoice body with some fields exchanged is saved and printed, or refused."""
    found, idents = account()
    good = save_body([line()], contact={"id": idents[4], "objectName": "Contact"})
    head, position = good["invoice"], good["invoicePosSave"][0]
    for part in (head, position):
        for key in data.draw(st.lists(st.sampled_from(sorted(part)), max_size=2)):
            part[key] = data.draw(JSON)
    try:
        ROUTES["POST", "/Invoice/Factory/saveInvoice"](found, Call(0, {}, good, {}))
        newest = max(found.invoices)
        pdf = ROUTES["GET", "/Invoice/{id}/getPdf"](found, Call(newest, {"preventSendBy": "true"}, {}, {}))
        assert b"JVBERi0" in pdf.content  # %PDF in base64
    except Refusal as refusal:
        assert refusal.status >= 400
