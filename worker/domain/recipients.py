"""Decides who gets the invoice, and why. Pure.

These rules apply in this order, and the first that names anybody decides: the invoice's own association labelled
`invoice_recipient` (a company before a person), the deal's so labelled, the deal's primary company, the invoice's own
contact. If a rule names two parties, or one whose row is missing, a person must decide: the next rule might name
somebody whom nobody chose.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from worker.domain.invoice import Association, Invoice, Party, PartyKind, party_name
from worker.domain.problems import Problem, problem
from worker.domain.problems.words import in_words

RECIPIENT_LABEL = "invoice_recipient"
PRIMARY_LABEL = "primary"

_PARTY_TYPES = frozenset(PartyKind)  # a deal may also be associated with invoices and other deals

PartyKey = tuple[PartyKind, UUID]


@dataclass(frozen=True, slots=True)
class Recipient:
    """The party that the invoice is addressed to. `reason` is one sentence without personal data."""

    party: Party
    reason: str


@dataclass(frozen=True, slots=True)
class NoRecipient:
    """No party or several. `candidates` are the parties named, ordered by id."""

    problem: Problem
    candidates: tuple[PartyKey, ...] = ()


def resolve(
    invoice: Invoice, associations: Iterable[Association], parties: Mapping[PartyKey, Party]
) -> Recipient | NoRecipient:
    """The recipient of an invoice, by its associations and its deal's (in either direction; others are ignored).

    `parties` holds the rows that exist. A party without address is still the recipient: see `missing_address_fields`.
    """
    for keys, rule in _rules(invoice.id, invoice.deal_id, invoice.contact_id, tuple(associations)):
        match keys:
            case []:
                continue
            case [key]:
                return _recipient(key, parties, rule)
            case _:
                named = ", ".join(party_name(*key) for key in keys)
                return NoRecipient(
                    problem("recipient_ambiguous", count=len(keys), way=rule, parties=named), tuple(keys)
                )
    if invoice.deal_id is None:
        return NoRecipient(problem("recipient_none"))
    return NoRecipient(problem("recipient_not_named", deal_id=invoice.deal_id))


def only_named(
    id: UUID, deal_id: UUID | None, contact_id: UUID | None, associations: Iterable[Association]
) -> PartyKey | None:
    """The recipient of an invoice by `resolve`'s rules, whether its row exists or not; None for none or several."""
    named = next((keys for keys, _ in _rules(id, deal_id, contact_id, tuple(associations)) if keys), [])
    return named[0] if len(named) == 1 else None


def addressed_to(key: PartyKey, parties: Mapping[PartyKey, Party]) -> Recipient | NoRecipient:
    """The recipient of a document that exists: whoever it is addressed to, whomever the billing system names now."""
    return _recipient(key, parties, "addressee_in_sevdesk")


def _recipient(key: PartyKey, parties: Mapping[PartyKey, Party], way: str) -> Recipient | NoRecipient:
    if party := parties.get(key):
        return Recipient(party, f"{party_name(*key).capitalize()} is the {in_words(way, 'en')}.")
    return NoRecipient(problem("recipient_row_missing", party=party_name(*key), way=way), (key,))


def customer_number(party: Party) -> str:
    """sevDesk's `customerNumber` of a party: `R1-C-<id>` for companies, `R1-P-<id>` for persons, with the whole uuid.

    It must be unique: after a lost answer the contact is found by it, and with a shortened uuid two customers might one
    day have the same number, so that one gets the other's invoices.
    """
    letter = "C" if party.kind is PartyKind.COMPANY else "P"
    return f"R1-{letter}-{party.id}"


def numbered(number: str) -> PartyKey | None:
    """Whose `customer_number` this is; None if it is none of ours."""
    kind = {"R1-C-": PartyKind.COMPANY, "R1-P-": PartyKind.CONTACT}.get(number[:5])
    try:
        return None if kind is None else (kind, UUID(number[5:]))
    except ValueError:
        return None


def missing_address_fields(party: Party) -> tuple[str, ...]:
    """The columns that the address block still needs; empty if it is complete.

    The law requires the recipient's full name and address (section 14 UStG); without it `sendBy` fails with 422 or
    prints a blank block (measured, two reports).
    """
    needed = ("name", "street", "zip", "city", "country_code")
    return tuple(field for field in needed if not (getattr(party, field) or "").strip())


def _rules(
    id: UUID, deal_id: UUID | None, contact_id: UUID | None, associations: tuple[Association, ...]
) -> Iterator[tuple[list[PartyKey], str]]:
    """The parties that each rule names, and the rule's code (`problems/words.py`) with the id that it is about."""
    chosen = _associated("invoice", id, associations, RECIPIENT_LABEL)
    named = _associated("deal", deal_id, associations, RECIPIENT_LABEL)
    primary = _associated("deal", deal_id, associations, PRIMARY_LABEL)
    yield _of(PartyKind.COMPANY, chosen), f"named_by_invoice {id}"
    yield _of(PartyKind.CONTACT, chosen), f"named_by_invoice {id}"
    yield _of(PartyKind.COMPANY, named), f"named_by_deal {deal_id}"
    yield _of(PartyKind.CONTACT, named), f"named_by_deal {deal_id}"
    yield _of(PartyKind.COMPANY, primary), f"primary_of_deal {deal_id}"
    yield [(PartyKind.CONTACT, contact_id)] if contact_id else [], "contact_of_invoice"


def _associated(kind: str, id: UUID | None, associations: tuple[Association, ...], label: str) -> set[PartyKey]:
    """The parties that associations of the deal or invoice with this label name, each once."""
    found = set()
    for row in associations:
        if row.label != label or id is None:
            continue
        if (row.from_type, row.from_id) == (kind, id):
            found.add((row.to_type, row.to_id))
        elif (row.to_type, row.to_id) == (kind, id):
            found.add((row.from_type, row.from_id))
    return {(PartyKind(type_), id_) for type_, id_ in found if type_ in _PARTY_TYPES}


def _of(kind: PartyKind, keys: set[PartyKey]) -> list[PartyKey]:
    return sorted((key for key in keys if key[0] is kind), key=lambda key: key[1])
