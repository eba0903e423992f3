"""Which of sevDesk's contacts a company or person is. Pure.

In this order: by our customer number; by the contact of the party's own invoices; by VAT id; by name and address. Only
the customer number makes an organisation the contact of a person, or the other way round.
"""

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sevdesk_client.models import Contact as SevContact
from sevdesk_client.models import ContactAddress
from worker.domain.eu_vat import vat_id_text
from worker.domain.invoice import Party, PartyKind
from worker.domain.recipients import PartyKey, customer_number, numbered

Index = dict[object, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Match:
    """`ids`: one is the party's contact for certain; several, or one that is not `certain`, are a doubt."""

    ids: tuple[str, ...] = ()
    certain: bool = True

    @property
    def only(self) -> str | None:
        return self.ids[0] if len(self.ids) == 1 and self.certain else None


class Contacts:
    """All of sevDesk's contacts by number, VAT id and name."""

    def __init__(self) -> None:
        self._vat_ids: dict[str, str] = {}  # contact id -> VAT id, empty if it has none
        self._kinds: dict[str, PartyKind] = {}
        self._by_number: Index = {}
        self._by_vat_id: Index = {}
        self._by_name: Index = {}

    def __len__(self) -> int:
        return len(self._vat_ids)

    def add(self, contacts: Iterable[SevContact]) -> None:
        """Add a page; one whose id is known is passed over."""
        for contact in contacts:
            if contact.id in self._vat_ids:
                continue
            vat_id = vat_id_text(contact.vat_number or "")
            kind = PartyKind.COMPANY if contact.name else PartyKind.CONTACT
            name = contact.name or f"{contact.surename or ''} {contact.familyname or ''}"
            self._vat_ids[contact.id], self._kinds[contact.id] = vat_id, kind
            for index, key in (
                (self._by_number, contact.customer_number),
                (self._by_vat_id, vat_id),
                (self._by_name, (kind, _plain(name))),
            ):
                if key:
                    index[key] = (*index.get(key, ()), contact.id)

    def owners(self, vat_ids: Mapping[str, Collection[UUID]]) -> dict[str, PartyKey]:
        """Contact id -> company or person, by our customer number, else by the VAT id of one company only."""
        found: dict[str, PartyKey] = {}
        for vat_id, companies in vat_ids.items():
            for id in self._by_vat_id.get(vat_id, ()) if len(companies) == 1 else ():
                found[id] = (PartyKind.COMPANY, next(iter(companies)))
        for number, ids in self._by_number.items():
            if (key := numbered(str(number))) is not None:
                found |= dict.fromkeys(ids, key)
        return found

    def match(self, party: Party, of_invoices: Collection[str]) -> Match:
        """By all but the address. `of_invoices`: the contacts of its invoices' documents."""
        if numbered := self._by_number.get(customer_number(party)):
            return Match(numbered)
        vat_id = vat_id_text(party.vat_id or "")
        with_vat_id = self._by_vat_id.get(vat_id, ()) if vat_id else ()
        used = tuple(sorted(id for id in of_invoices if id in self._vat_ids))
        if not used:
            return self._of_kind(party.kind, with_vat_id)
        if both := tuple(id for id in used if id in with_vat_id):
            return self._of_kind(party.kind, both)
        # Another VAT id, there or on another contact: the deal may have another customer by now.
        contradicted = bool(with_vat_id) or any(vat_id and self._vat_ids[id] for id in used)
        return self._of_kind(party.kind, used, certain=not contradicted)

    def _of_kind(self, kind: PartyKind, ids: tuple[str, ...], *, certain: bool = True) -> Match:
        """Those of the kind; without one all of them, as a doubt.

        sevDesk's contacts have the name of an organisation or of a person, never both (official), and the next invoice
        writes the party's.
        """
        same = tuple(id for id in ids if self._kinds[id] is kind)
        return Match(same or ids, certain=certain and bool(same))

    def named(self, party: Party) -> tuple[str, ...]:
        """The contacts with exactly its name, blanks aside, and no other VAT id."""
        vat_id = vat_id_text(party.vat_id or "")
        same = self._by_name.get((party.kind, _plain(_full_name(party))), ())
        return tuple(id for id in same if not (vat_id and self._vat_ids[id]) or self._vat_ids[id] == vat_id)


def with_address(party: Party, addresses: Mapping[str, Iterable[ContactAddress]]) -> Match:
    """Of the contacts with its name those with its address; without one all of them, as a doubt."""
    wanted = _address(party)
    same = tuple(
        id for id, known in addresses.items() if any(_address(each) == wanted for each in known) and all(wanted)
    )
    return Match(same) if same else Match(tuple(addresses), certain=False)


def _address(place: Party | ContactAddress) -> tuple[str, str, str]:
    return _plain(place.street or ""), _plain(place.zip or ""), _plain(place.city or "")


def _full_name(party: Party) -> str:
    return party.name if party.kind is PartyKind.COMPANY else f"{party.first_name or ''} {party.name}"


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
