"""contact, address, contact_email: the recipient exists in sevDesk, with the name, address and e-mail we have.

Matched by the stored link, else by exact customer number, else created. Three steps, because each makes one write.
The subject is the party, not the invoice: invoices that share a recipient wait for one another here, and only here.
"""

from sevdesk_client.errors import NotFound
from sevdesk_client.models import AddressDraft, Contact, ContactDraft
from worker.domain.events import AddressWritten, ContactLinked, EmailWritten
from worker.domain.invoice import Party, PartyKind, SyncStatus
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.steps import field_map
from worker.steps.account import SevdeskAccount
from worker.steps.field_map import ContactSource, filled, looked_up
from worker.steps.step import Intent, LookResult, Step, StepContext, StepResult, WriteOutcome, digest, party_subject

INVOICE_ADDRESS = 47  # ContactAddress category; measured by two
INVOICING_KEY = 8  # CommunicationWayKey "invoicing"; official
UNWRITTEN = ""  # a digest that equals nothing: we did not write this contact, so the next look updates it


def _draft(party: Party, *, e_invoice: bool) -> ContactDraft:
    fields = field_map.COMPANY if party.kind is PartyKind.COMPANY else field_map.PERSON
    return ContactDraft(**filled(fields, ContactSource(party, e_invoice)))


def _address_digest(party: Party) -> str:
    return digest([party.street, party.zip, party.city, party.country_code])


async def look_contact(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Linked: write what changed (a PUT may be repeated). Else found by customer number, or to be created."""
    draft = _draft(context.addressee.party, e_invoice=context.invoice.is_e_invoice)
    if context.link is not None:
        return Intent("update_contact", draft, context, earlier_outcome=WriteOutcome.MOOT)
    hits = await account.client.find_contacts(draft.customer_number)
    match hits:
        case []:
            return Intent("create_contact", draft, context)
        case [hit]:
            return StepResult((_linked(context, hit, "found by customer number", UNWRITTEN),), finished=False)
        case _:
            ids = ", ".join(sorted(hit.id for hit in hits))
            return StepResult(
                stop=Parked(
                    problem("contact_ambiguous", count=len(hits), customer_number=draft.customer_number, ids=ids)
                ),
                outcome=WriteOutcome.UNKNOWN,
            )


async def leap_contact(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST or PUT Contact."""
    link = intent.context.link
    if intent.action == "create_contact":
        contact = await account.client.create_contact(intent.request)
        return StepResult((_linked(intent.context, contact, "created", intent.request_sha256),))
    assert link is not None
    try:
        contact = await account.client.update_contact(link.contact_id, intent.request)
    except NotFound:
        return StepResult(
            stop=Parked(problem("contact_gone", contact_id=link.contact_id)),
            outcome=WriteOutcome.NOT_DONE,
        )
    return StepResult((_linked(intent.context, contact, "updated", intent.request_sha256),))


def _linked(context: StepContext, contact: Contact, how: str, written: str) -> ContactLinked:
    party = context.addressee.party
    return ContactLinked(party_kind=party.kind, party_id=party.id, contact_id=contact.id, how=how, digest=written)


async def look_address(context: StepContext, account: SevdeskAccount) -> LookResult:
    """The contact's invoice address says what ours says."""
    link = context.link
    assert link is not None
    draft = AddressDraft(
        **filled(field_map.ADDRESS, context),
        **await looked_up(field_map.ADDRESS_IDS, context, account),
        category_id=INVOICE_ADDRESS,
    )
    if link.address_id is None:
        remote = await account.client.list_contact_addresses(link.contact_id)
        address = next((a for a in remote if str(a.category_id) == str(INVOICE_ADDRESS)), None)
        if address is None:
            return Intent("create_contact_address", draft, context)
        if (address.street, address.zip, address.city) == (draft.street, draft.zip, draft.city) and str(
            address.country_id
        ) == str(draft.country_id):
            return StepResult((_address_written(context, address.id),))
        return Intent("update_contact_address", (address.id, draft), context, earlier_outcome=WriteOutcome.MOOT)
    return Intent("update_contact_address", (link.address_id, draft), context, earlier_outcome=WriteOutcome.MOOT)


async def leap_address(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST or PUT ContactAddress."""
    link = intent.context.link
    assert link is not None
    if intent.action == "create_contact_address":
        address = await account.client.create_contact_address(link.contact_id, intent.request)
    else:
        address = await account.client.update_contact_address(*intent.request)
    return StepResult((_address_written(intent.context, address.id),))


def _address_written(context: StepContext, address_id: str) -> AddressWritten:
    party, link = context.addressee.party, context.link
    assert link is not None
    return AddressWritten(
        party_kind=party.kind,
        party_id=party.id,
        contact_id=link.contact_id,
        address_id=address_id,
        digest=_address_digest(party),
    )


async def look_email(context: StepContext, account: SevdeskAccount) -> LookResult:
    """The contact's e-mail for invoices is ours."""
    email, link = field_map.CONTACT_EMAIL.value(context), context.link
    assert link is not None and email
    if link.email_id is not None:
        return Intent("update_communication_way", (link.email_id, email), context, earlier_outcome=WriteOutcome.MOOT)
    ways = await account.client.list_communication_ways(link.contact_id, type="EMAIL")
    ours = next((way for way in ways if way.value == email), None)
    if ours is not None:
        return StepResult((_email_written(context, ours.id),))
    return Intent("create_communication_way", email, context)


async def leap_email(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST or PUT CommunicationWay."""
    link = intent.context.link
    assert link is not None
    if intent.action == "create_communication_way":
        way = await account.client.create_communication_way(
            link.contact_id, intent.request, type="EMAIL", key_id=INVOICING_KEY, main=True
        )
    else:
        way = await account.client.update_communication_way(*intent.request)
    return StepResult((_email_written(intent.context, way.id),))


def _email_written(context: StepContext, email_id: str) -> EmailWritten:
    party, link = context.addressee.party, context.link
    assert link is not None
    return EmailWritten(
        party_kind=party.kind,
        party_id=party.id,
        contact_id=link.contact_id,
        email_id=email_id,
        digest=digest(party.email),
    )


def _published(context: StepContext) -> bool:
    return context.handback.sync_status is SyncStatus.SYNCED


def _contact_settled(context: StepContext) -> bool:
    """A contact that is good for an e-invoice is good for any."""
    fits = {
        digest(_draft(context.addressee.party, e_invoice=e_invoice))
        for e_invoice in {context.invoice.is_e_invoice, True}
    }
    return _published(context) or (context.link is not None and context.link.contact_digest in fits)


def _address_settled(context: StepContext) -> bool:
    same = context.link is not None and context.link.address_digest == _address_digest(context.addressee.party)
    return same or _published(context)


def _email_settled(context: StepContext) -> bool:
    email = context.addressee.party.email
    same = not email or (context.link is not None and context.link.email_digest == digest(email))
    return same or _published(context)


CONTACT = Step("contact", look_contact, leap_contact, party_subject, _contact_settled, every_attempt=True)
ADDRESS = Step("contact_address", look_address, leap_address, party_subject, _address_settled, every_attempt=True)
EMAIL = Step("contact_email", look_email, leap_email, party_subject, _email_settled, every_attempt=True)
