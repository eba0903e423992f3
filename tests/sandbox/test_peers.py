"""Somebody else's client takes the sandbox for sevDesk.

The package `sevdesk` 0.2.4 was generated from sevDesk's specification by people who use it on the real API, and shares
nothing with us. Used as it is, but for three calls that its models cannot express. For those its plain `request` is
taken: its SaveInvoice wants the invoice as text, its SaveInvoiceResponse cannot read what comes back (its own helper
saves by POST /Invoice, which the sandbox does not have), and its sendBy has no body.
"""

import asyncio
import base64
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from pydantic import BaseModel

from sevdesk_client.sandbox.http.server import Running
from tests.sandbox.sandbox_client import SandboxClient

Peer = Any


class Body(BaseModel, extra="allow"):
    """A body whose parts are the peer's own models."""


@pytest.fixture
def peer(running_sandbox: Running) -> Iterator[Peer]:
    """The other client, at the sandbox's address; it loads its modules here, with pydantic's old ways in them."""
    with requests.Session() as session:
        session.trust_env = False  # the sandbox is on this machine, whatever proxy the environment names
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import sevdesk

            client = sevdesk.Client(running_sandbox.token, api_base=running_sandbox.base_url, session=session)
        yield client


async def calling(call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """A blocking call, beside the event loop in which the sandbox answers."""
    return await asyncio.to_thread(call, *given, **named)


async def saved(peer: Peer) -> int:
    """A contact with address and e-mail, and the draft of an invoice over 238 euro to it."""
    from sevdesk.converters.unity import Unity
    from sevdesk.models.invoicepos import InvoicePos

    contact = await calling(peer.contactHelper.create, name="Muster GmbH", email="rechnung@example.com")
    await calling(peer.contactHelper.add_address, int(contact.id_), "Musterweg 1", "10115", "Berlin")
    invoice = await calling(peer.invoiceHelper.new, contact=contact, invoiceDate="2026-10-01", timeToPay=14)
    invoice.objectName, invoice.address = "Invoice", "Muster GmbH\nMusterweg 1\n10115 Berlin"
    line = InvoicePos(
        objectName="InvoicePos",
        mapAll=True,
        name="Beratung",
        quantity=2,
        price=100,
        taxRate=19,
        unity=Unity(id_=1, objectName="Unity"),
    )
    body = Body(invoice=invoice, invoicePosSave=[line])
    answer = await calling(peer.request, "post", "/Invoice/Factory/saveInvoice", {"body": body})
    return int(answer["objects"]["invoice"]["id"])


async def finalise(peer: Peer, invoice: int) -> None:
    """sendBy, with the body the specification demands."""
    body = Body(sendType="VPDF", sendDraft=False)
    await calling(peer.request, "put", "/Invoice/{invoiceId}/sendBy", {"invoiceId": invoice, "body": body})


async def test_peer_makes_an_invoice(peer: Peer, sandbox: SandboxClient) -> None:
    """It makes contact, address, e-mail and invoice, and reads back what it meant."""
    ident = await saved(peer)
    [listed] = await calling(peer.invoice.getInvoices)
    assert (listed.id_, listed.status, listed.invoiceNumber) == (str(ident), "100", None)
    assert (listed.sumNet, listed.sumTax, listed.sumGross) == ("200", "38", "238")
    [line] = await calling(peer.invoiceHelper.get_positions, ident)
    assert (line.name, line.price) == ("Beratung", "100")
    found = await calling(peer.contactHelper.find_by_mail, "rechnung@example.com")
    assert found.id_ == (await sandbox.invoice(str(ident)))["contact"]["id"]


async def test_peer_finalises_and_downloads(peer: Peer) -> None:
    """It finds the invoice as open, and gets the same PDF as text and as bytes."""
    ident = await saved(peer)
    await finalise(peer, ident)
    [listed] = await calling(peer.invoiceHelper.get_open)
    assert (listed.id_, listed.invoiceNumber, listed.sendType) == (str(ident), "RE-1000", "VPDF")
    assert await calling(peer.invoiceHelper.find_by_number, "RE-1000") == listed
    wrapped = await calling(peer.invoice.invoiceGetPdf, ident)
    raw = await calling(peer.invoiceHelper.get_pdf, ident)
    assert raw.startswith(b"%PDF")
    assert wrapped["objects"]["filename"] == "RE-1000.pdf"
    assert base64.b64decode(wrapped["objects"]["content"]) == raw


async def test_peer_cancels(peer: Peer) -> None:
    """It gets the cancellation with negative sums, and the invoice ends as sevDesk shows cancelled ones."""
    ident = await saved(peer)
    await finalise(peer, ident)
    cancellation = await calling(peer.invoiceHelper.cancel, ident)
    assert (cancellation.invoiceType, cancellation.status, cancellation.sumGross) == ("SR", "1000", "-238")
    assert str(cancellation.origin.id_) == str(ident)
    [left] = await calling(peer.invoice.getInvoiceById, ident)
    assert (left.status, left.payDate, left.paidAmount) == ("1000", None, 0)


async def test_peer_download_finalises_draft(peer: Peer, sandbox: SandboxClient) -> None:
    """Its download knows no preventSendBy, so that looking at a draft gives it a number."""
    ident = await saved(peer)
    assert (await calling(peer.invoiceHelper.get_pdf, ident)).startswith(b"%PDF")
    seen = await sandbox.invoice(str(ident))
    assert (seen["status"], seen["invoiceNumber"]) == ("200", "RE-1000")


async def test_peer_throws_draft_away(peer: Peer, sandbox: SandboxClient) -> None:
    """Its undocumented DELETE takes a draft, and leaves an open invoice alone."""
    first, second = await saved(peer), await saved(peer)
    await finalise(peer, second)
    for ident in (first, second):
        await calling(peer.undocumented.invoice.deleteInvoice, ident)
    assert [each.id_ for each in await calling(peer.invoice.getInvoices)] == [str(second)]
    assert (await sandbox.counts())["invoices"] == 1


async def test_peer_with_wrong_token(peer: Peer) -> None:
    """It is told so, in the answer that has no envelope."""
    peer.api_token = "f" * 32
    assert await calling(peer.request, "get", "/SevUser", {}) == {"status": 401, "message": "Authentication required"}
