"""Finds the cancellation of a closed invoice, also one without our marker, made for another program's or a person's."""

from collections.abc import Mapping
from functools import partial

from sevdesk_client.models import Invoice as SevInvoice
from worker.steps.pages import read_pages
from worker.steps.payments import cancellations, closed_without_day
from worker.steps.sevdesk_account import SevdeskAccount


async def cancellations_of(remote: SevInvoice, number: str, account: SevdeskAccount) -> Mapping[str, SevInvoice]:
    """The cancellations that may be the invoice's, by the id of what they cancel; empty unless it is closed unpaid.

    `number` is our marker. Raises `SevDeskError`.
    """
    if not closed_without_day(remote):
        return {}
    return await with_unmarked(remote, cancellations(await account.client.find_invoices(number)), account)


async def with_unmarked(
    remote: SevInvoice, marked: Mapping[str, SevInvoice], account: SevdeskAccount
) -> Mapping[str, SevInvoice]:
    """`marked`, the cancellations that our marker found; if none is this closed invoice's, its contact's as well.

    sevDesk copies the marker to the cancellation (live, four peers), so that of an adopted invoice has none. The filter
    by origin is official and nobody has tried it. Raises `SevDeskError`.
    """
    unpaid = closed_without_day(remote) and remote.paid_amount < remote.sum_gross
    if remote.id in marked or not unpaid or remote.contact_id is None:
        return marked
    found = dict(marked)
    async for page in read_pages("GET /Invoice", partial(account.client.list_invoices, contact_id=remote.contact_id)):
        found |= cancellations(page)
    return found
