"""contact, address, contact_email: the recipient exists in sevDesk, with the name, address and e-mail we have.

Matched by the stored link, else by exact customer number, else created. Three steps, because each makes one write.
The subject is the party, not the invoice: invoices that share a recipient wait for one another here, and only here.
"""

from sevdesk_client.errors import NotFound
from sevdesk_client.models import AddressDraft, Contact, ContactDraft
from worker.domain.events import AddressWritten, ContactLinked, EmailWritten
from worker.domain.invoice import Party, PartyKind, SyncStatus
from worker.domain.outcome import Parked
from worker.domain.recipients import customer_number
from worker.steps.account import Desk
from worker.steps.step import Answer, Case, Fate, Intent, Step, Told, by_party, digest

INVOICE_ADDRESS = 47  # ContactAddress category; measured by two
INVOICING_KEY = 8  # CommunicationWayKey "invoicing"; official
UNWRITTEN = ""  # a digest that equals nothing: we did not write this contact, so the next look updates it


def _draft(party: Party, *, e_invoice: bool) -> ContactDraft:
    """What the contact is to be. An e-invoice needs a buyer reference; "-" does for customers without one (capture)."""
    number = customer_number(party)
    reference = party.buyer_reference or ("-" if e_invoice else None)
    if party.kind is PartyKind.COMPANY:
        return ContactDraft(customer_number=number, name=party.name, vat_number=party.vat_id, buyer_reference=reference)
    return ContactDraft(
        customer_number=number, surename=party.first_name or "", familyname=party.name, buyer_reference=reference
    )


def _address_digest(party: Party) -> str:
    return digest([party.street, party.zip, party.city, party.country_code])


async def look_contact(case: Case, desk: Desk) -> Answer:
    """Linked: write what changed (a PUT may be repeated). Else found by customer number, or to be created."""
    draft = _draft(case.who.party, e_invoice=case.invoice.is_e_invoice)
    if case.link is not None:
        return Intent("update_contact", draft, case, earlier=Fate.MOOT)
    hits = await desk.client.find_contacts(draft.customer_number)
    match hits:
        case []:
            return Intent("create_contact", draft, case)
        case [hit]:
            return Told((_linked(case, hit, "found by customer number", UNWRITTEN),), finished=False)
        case _:
            ids = ", ".join(sorted(hit.id for hit in hits))
            return Told(
                stop=Parked(
                    f"sevDesk has {len(hits)} contacts with customer number {draft.customer_number}: {ids}.",
                    "Merge or renumber them in sevDesk so that one is left, then retry.",
                ),
                fate=Fate.UNKNOWN,
            )


async def leap_contact(intent: Intent, desk: Desk) -> Told:
    """POST or PUT Contact."""
    link = intent.case.link
    if intent.action == "create_contact":
        contact = await desk.client.create_contact(intent.request)
        return Told((_linked(intent.case, contact, "created", intent.request_sha256),))
    assert link is not None
    try:
        contact = await desk.client.update_contact(link.contact_id, intent.request)
    except NotFound:
        return Told(
            stop=Parked(
                f"The linked sevDesk contact {link.contact_id} no longer exists.",
                "Restore it in sevDesk, or delete its row in sevdesk_contacts so that a new one is made; then retry.",
            ),
            fate=Fate.NOT_DONE,
        )
    return Told((_linked(intent.case, contact, "updated", intent.request_sha256),))


def _linked(case: Case, contact: Contact, how: str, written: str) -> ContactLinked:
    party = case.who.party
    return ContactLinked(party_kind=party.kind, party_id=party.id, contact_id=contact.id, how=how, digest=written)


async def look_address(case: Case, desk: Desk) -> Answer:
    """The contact's invoice address says what ours says."""
    party, link = case.who.party, case.link
    assert link is not None and party.street and party.zip and party.city and party.country_code
    draft = AddressDraft(
        street=party.street,
        zip=party.zip,
        city=party.city,
        country_id=await desk.country_id(party.country_code),
        category_id=INVOICE_ADDRESS,
    )
    if link.address_id is None:
        there = await desk.client.list_contact_addresses(link.contact_id)
        address = next((a for a in there if str(a.category_id) == str(INVOICE_ADDRESS)), None)
        if address is None:
            return Intent("create_contact_address", draft, case)
        if (address.street, address.zip, address.city) == (draft.street, draft.zip, draft.city) and str(
            address.country_id
        ) == str(draft.country_id):
            return Told((_address_written(case, address.id),))
        return Intent("update_contact_address", (address.id, draft), case, earlier=Fate.MOOT)
    return Intent("update_contact_address", (link.address_id, draft), case, earlier=Fate.MOOT)


async def leap_address(intent: Intent, desk: Desk) -> Told:
    """POST or PUT ContactAddress."""
    link = intent.case.link
    assert link is not None
    if intent.action == "create_contact_address":
        address = await desk.client.create_contact_address(link.contact_id, intent.request)
    else:
        address = await desk.client.update_contact_address(*intent.request)
    return Told((_address_written(intent.case, address.id),))


def _address_written(case: Case, address_id: str) -> AddressWritten:
    party, link = case.who.party, case.link
    assert link is not None
    return AddressWritten(
        party_kind=party.kind,
        party_id=party.id,
        contact_id=link.contact_id,
        address_id=address_id,
        digest=_address_digest(party),
    )


async def look_email(case: Case, desk: Desk) -> Answer:
    """The contact's e-mail for invoices is ours."""
    email, link = case.who.party.email, case.link
    assert link is not None and email
    if link.email_id is not None:
        return Intent("update_communication_way", (link.email_id, email), case, earlier=Fate.MOOT)
    ways = await desk.client.list_communication_ways(link.contact_id, type="EMAIL")
    ours = next((way for way in ways if way.value == email), None)
    if ours is not None:
        return Told((_email_written(case, ours.id),))
    return Intent("create_communication_way", email, case)


async def leap_email(intent: Intent, desk: Desk) -> Told:
    """POST or PUT CommunicationWay."""
    link = intent.case.link
    assert link is not None
    if intent.action == "create_communication_way":
        way = await desk.client.create_communication_way(
            link.contact_id, intent.request, type="EMAIL", key_id=INVOICING_KEY, main=True
        )
    else:
        way = await desk.client.update_communication_way(*intent.request)
    return Told((_email_written(intent.case, way.id),))


def _email_written(case: Case, email_id: str) -> EmailWritten:
    party, link = case.who.party, case.link
    assert link is not None
    return EmailWritten(
        party_kind=party.kind,
        party_id=party.id,
        contact_id=link.contact_id,
        email_id=email_id,
        digest=digest(party.email),
    )


def _published(case: Case) -> bool:
    return case.handback.sync_status is SyncStatus.SYNCED


def _contact_settled(case: Case) -> bool:
    """A contact that is good for an e-invoice is good for any."""
    fits = {digest(_draft(case.who.party, e_invoice=e_invoice)) for e_invoice in {case.invoice.is_e_invoice, True}}
    return _published(case) or (case.link is not None and case.link.contact_digest in fits)


def _address_settled(case: Case) -> bool:
    same = case.link is not None and case.link.address_digest == _address_digest(case.who.party)
    return same or _published(case)


def _email_settled(case: Case) -> bool:
    email = case.who.party.email
    same = not email or (case.link is not None and case.link.email_digest == digest(email))
    return same or _published(case)


CONTACT = Step("contact", look_contact, leap_contact, by_party, _contact_settled, fresh=True)
ADDRESS = Step("contact_address", look_address, leap_address, by_party, _address_settled, fresh=True)
EMAIL = Step("contact_email", look_email, leap_email, by_party, _email_settled, fresh=True)
