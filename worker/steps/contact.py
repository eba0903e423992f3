"""contact, contact_address, contact_email: make the recipient's contact in sevDesk equal to the billing system's data.

The contact is found by the stored link, else by its exact customer number, else it is created. Three steps, because a
step makes one write. Their subject is the party, so jobs of invoices with the same recipient do not write at once.
"""

from typing import Any

from sevdesk_client.errors import NotFound
from sevdesk_client.models import AddressDraft, Contact, ContactDraft
from worker.domain.events import AddressWritten, ContactLinked, EmailWritten, LinkedHow
from worker.domain.invoice import Party, PartyKind
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.steps import field_map
from worker.steps.field_map import ContactSource, filled, looked_up
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import (
    Intent,
    LookResult,
    Step,
    StepContext,
    StepResult,
    WriteOutcome,
    digest,
    is_synced,
    party_subject,
)

INVOICE_ADDRESS = 47  # ContactAddress category; measured by two
UNWRITTEN = ""  # the digest of a contact that we did not write: it equals no other, so the next look updates it


def _draft(party: Party, *, e_invoice: bool) -> ContactDraft:
    fields = field_map.COMPANY if party.kind is PartyKind.COMPANY else field_map.PERSON
    return ContactDraft(**filled(fields, ContactSource(party, e_invoice)))


def _address_digest(party: Party) -> str:
    return digest([party.street, party.zip, party.city, party.country_code])


async def look_contact(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Update the linked contact (a PUT may be repeated); without a link find it by customer number, or create it."""
    draft = _draft(context.party, e_invoice=context.invoice.is_e_invoice)
    if context.link is not None:
        return Intent("update_contact", draft, context, earlier_outcome=WriteOutcome.MOOT)
    hits = await account.client.find_contacts(draft.customer_number)
    match hits:
        case []:
            return Intent("create_contact", draft, context)
        case [hit]:
            return StepResult((_linked(context, hit, "found_by_customer_number", UNWRITTEN),), finished=False)
        case _:
            about = {"customer_number": draft.customer_number, "ids": ", ".join(sorted(hit.id for hit in hits))}
            ambiguous = Parked(problem("contact_ambiguous", count=len(hits), **about))
            return StepResult(stop=ambiguous, outcome=WriteOutcome.UNKNOWN)


async def leap_contact(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST or PUT Contact."""
    if intent.action == "create_contact":
        contact = await account.client.create_contact(intent.request)
        return StepResult((_linked(intent.context, contact, "created", intent.request_sha256),))
    contact_id = intent.context.contact.contact_id
    try:
        contact = await account.client.update_contact(contact_id, intent.request, clears=_clears(intent.context))
    except NotFound:
        return StepResult(stop=Parked(problem("contact_gone", contact_id=contact_id)), outcome=WriteOutcome.NOT_DONE)
    return StepResult((_linked(intent.context, contact, "updated", intent.request_sha256),))


def _clears(context: StepContext) -> tuple[str, ...]:
    """What is emptied in sevDesk if the party lacks it; not what the billing system has for companies only.

    Of a contact that others made, only names of the other kind: sevDesk takes one kind (official).
    """
    is_company = context.party.kind is PartyKind.COMPANY
    if not context.contact.contact_digest:
        return ("surename", "familyname") if is_company else ("name",)
    return ("vat_number", "buyer_reference") if is_company else ()


def _linked(context: StepContext, contact: Contact, how: LinkedHow, written: str) -> ContactLinked:
    party = context.party
    return ContactLinked(party_kind=party.kind, party_id=party.id, contact_id=contact.id, how=how, digest=written)


async def look_address(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Write the contact's invoice address, the oldest if it has several, unless sevDesk has the same one already."""
    draft = AddressDraft(
        **filled(field_map.ADDRESS, context),
        **await looked_up(field_map.ADDRESS_IDS, context, account),
        category_id=INVOICE_ADDRESS,
    )
    remote = await account.client.list_contact_addresses(context.contact.contact_id)
    address = next((a for a in remote if a.category_id == str(INVOICE_ADDRESS)), None)
    if address is None:
        return Intent("create_contact_address", draft, context)
    written = (address.street, address.zip, address.city, address.country_id)
    if written == (draft.street, draft.zip, draft.city, draft.country_id):
        return StepResult((_address_written(context, address.id),))
    return Intent("update_contact_address", (address.id, draft), context, earlier_outcome=WriteOutcome.MOOT)


async def leap_address(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST or PUT ContactAddress."""
    if intent.action == "create_contact_address":
        address = await account.client.create_contact_address(intent.context.contact.contact_id, intent.request)
    else:
        address = await account.client.update_contact_address(*intent.request)
    return StepResult((_address_written(intent.context, address.id),))


def _address_written(context: StepContext, address_id: str) -> AddressWritten:
    return AddressWritten(**_contact_of(context), address_id=address_id, digest=_address_digest(context.party))


def _contact_of(context: StepContext) -> dict[str, Any]:
    """The fields of `ContactEvent` that say whose contact it is."""
    party = context.party
    return {"party_kind": party.kind, "party_id": party.id, "contact_id": context.contact.contact_id}


async def look_email(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Write the contact's e-mail address for invoices, unless sevDesk has the same one already.

    The one written before is changed, unless somebody has deleted it in sevDesk.
    """
    email, link = field_map.CONTACT_EMAIL.value(context), context.contact
    assert email
    ways = await account.client.list_communication_ways(link.contact_id)
    same = next((way for way in ways if way.value == email), None)
    if same is not None:
        return StepResult((_email_written(context, same.id),))
    if any(way.id == link.email_id for way in ways):
        return Intent("update_communication_way", (link.email_id, email), context, earlier_outcome=WriteOutcome.MOOT)
    return Intent("create_communication_way", email, context)


async def leap_email(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST or PUT CommunicationWay."""
    if intent.action == "create_communication_way":
        way = await account.client.create_communication_way(intent.context.contact.contact_id, intent.request)
    else:
        way = await account.client.update_communication_way(*intent.request)
    return StepResult((_email_written(intent.context, way.id),))


def _email_written(context: StepContext, email_id: str) -> EmailWritten:
    return EmailWritten(**_contact_of(context), email_id=email_id, digest=digest(context.party.email))


def _contact_is_written(context: StepContext) -> bool:
    """A contact written for an e-invoice also fits every other invoice. A published one may have no recipient now."""
    if is_synced(context) or context.link is None:
        return is_synced(context)
    fitting = {digest(_draft(context.party, e_invoice=flag)) for flag in {context.invoice.is_e_invoice, True}}
    return context.link.contact_digest in fitting


def _address_is_written(context: StepContext) -> bool:
    if is_synced(context) or context.link is None:
        return is_synced(context)
    return context.link.address_digest == _address_digest(context.party)


def _email_is_written(context: StepContext) -> bool:
    if is_synced(context) or not (email := context.party.email):
        return True
    return context.link is not None and context.link.email_digest == digest(email)


CONTACT = Step("contact", look_contact, leap_contact, party_subject, _contact_is_written, every_attempt=True)
ADDRESS = Step("contact_address", look_address, leap_address, party_subject, _address_is_written, every_attempt=True)
EMAIL = Step("contact_email", look_email, leap_email, party_subject, _email_is_written, every_attempt=True)
