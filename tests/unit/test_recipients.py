"""Who gets the invoice: every way in its order, and every doubt ends with a person instead of a guess."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.invoice import Association, Invoice, Party, PartyKind
from worker.domain.recipients import NoRecipient, PartyKey, Recipient, customer_number, missing_address_fields, resolve

DEAL, OTHER_DEAL = UUID(int=0xD1), UUID(int=0xD2)
INVOICE, LABEL = UUID(int=1), "invoice_recipient"
COMPANY, SECOND_COMPANY, GONE_COMPANY = UUID(int=0xC1), UUID(int=0xC2), UUID(int=0xC9)
PERSON, SECOND_PERSON, GONE_PERSON = UUID(int=0xA1), UUID(int=0xA2), UUID(int=0xA9)


def party(kind: PartyKind, id_: UUID, street: str | None = "Hauptstraße 1") -> Party:
    return Party(kind, id_, "Größer", None, None, street, "50667", "Köln", "DE")


PARTIES: dict[PartyKey, Party] = {
    (kind, id_): party(kind, id_)
    for kind, ids in {
        PartyKind.COMPANY: (COMPANY, SECOND_COMPANY),
        # The same uuid may stand in both tables; the kind decides.
        PartyKind.CONTACT: (PERSON, SECOND_PERSON, COMPANY),
    }.items()
    for id_ in ids
}


def invoice(deal_id: UUID | None = DEAL, contact_id: UUID | None = None) -> Invoice:
    zero = Decimal(0)
    return Invoice(
        UUID(int=1), "R1-1", "SR", deal_id, "EB", contact_id, "EUR", zero, zero, zero, 1, date(2026, 10, 1),
        None, None, None, None, None, False, (),
    )  # fmt: skip


def out(type_: str, id_: UUID, label: str | None, deal: UUID = DEAL) -> Association:
    """An association that starts at the deal."""
    return Association("deal", deal, type_, id_, label)


def back(type_: str, id_: UUID, label: str | None, deal: UUID = DEAL) -> Association:
    """An association that ends at the deal."""
    return Association(type_, id_, "deal", deal, label)


def own(type_: str, id_: UUID) -> Association:
    """An association that starts at the invoice."""
    return Association("invoice", INVOICE, type_, id_, LABEL)


RESOLVED = [
    # The label decides, from the deal ...
    ([out("company", COMPANY, "invoice_recipient")], None, COMPANY, f"invoice_recipient of deal {DEAL}"),
    # ... and to the deal.
    ([back("company", COMPANY, "invoice_recipient")], None, COMPANY, f"invoice_recipient of deal {DEAL}"),
    # A person alone may be labelled too.
    ([back("contact", PERSON, "invoice_recipient")], None, PERSON, f"invoice_recipient of deal {DEAL}"),
    # Company before person, whichever row comes first.
    (
        [out("contact", PERSON, "invoice_recipient"), out("company", COMPANY, "invoice_recipient")],
        None,
        COMPANY,
        f"invoice_recipient of deal {DEAL}",
    ),
    # A labelled person comes before the primary company.
    (
        [out("company", COMPANY, "primary"), out("contact", PERSON, "invoice_recipient")],
        None,
        PERSON,
        f"invoice_recipient of deal {DEAL}",
    ),
    # The label comes before the primary company.
    (
        [out("company", COMPANY, "primary"), out("company", SECOND_COMPANY, "invoice_recipient")],
        None,
        SECOND_COMPANY,
        f"invoice_recipient of deal {DEAL}",
    ),
    # One company said twice, in both directions, is one company.
    (
        [out("company", COMPANY, "invoice_recipient"), back("company", COMPANY, "invoice_recipient")],
        None,
        COMPANY,
        f"invoice_recipient of deal {DEAL}",
    ),
    # Without label the primary company, before the invoice's contact.
    ([out("company", COMPANY, "primary")], PERSON, COMPANY, f"primary company of deal {DEAL}"),
    ([back("company", COMPANY, "primary")], PERSON, COMPANY, f"primary company of deal {DEAL}"),
    # A primary person is not a way; the invoice's contact is.
    ([out("contact", SECOND_PERSON, "primary")], PERSON, PERSON, "contact of the invoice"),
    # Neither are other labels, none at all, or an invoice at the other end.
    ([out("company", COMPANY, "architect")], PERSON, PERSON, "contact of the invoice"),
    ([out("company", COMPANY, None)], PERSON, PERSON, "contact of the invoice"),
    ([out("invoice", COMPANY, "invoice_recipient")], PERSON, PERSON, "contact of the invoice"),
    # Another deal's recipient does not matter, in either direction.
    ([out("company", COMPANY, "invoice_recipient", OTHER_DEAL)], PERSON, PERSON, "contact of the invoice"),
    ([back("company", COMPANY, "invoice_recipient", OTHER_DEAL)], PERSON, PERSON, "contact of the invoice"),
    # A company that happens to have the deal's uuid is not the deal.
    ([Association("company", DEAL, "company", COMPANY, "primary")], PERSON, PERSON, "contact of the invoice"),
    # The invoice's own association comes before everything that the deal says, in either direction ...
    (
        [out("company", COMPANY, "invoice_recipient"), own("company", SECOND_COMPANY)],
        PERSON,
        SECOND_COMPANY,
        f"invoice_recipient of invoice {INVOICE}",
    ),
    (
        [out("company", COMPANY, "invoice_recipient"), Association("contact", PERSON, "invoice", INVOICE, LABEL)],
        None,
        PERSON,
        f"invoice_recipient of invoice {INVOICE}",
    ),
    # ... a company before a person, as with deals.
    (
        [own("contact", PERSON), own("company", COMPANY)],
        SECOND_PERSON,
        COMPANY,
        f"invoice_recipient of invoice {INVOICE}",
    ),
    # Another label of the invoice, and another invoice's recipient, do not matter.
    ([Association("invoice", INVOICE, "company", COMPANY, "primary")], PERSON, PERSON, "contact of the invoice"),
    ([Association("invoice", UUID(int=9), "company", COMPANY, LABEL)], PERSON, PERSON, "contact of the invoice"),
    # Nothing around the deal at all.
    ([], PERSON, PERSON, "contact of the invoice"),
]


@pytest.mark.parametrize(("associations", "contact_id", "expected", "way"), RESOLVED)
def test_the_first_way_decides(
    associations: list[Association], contact_id: UUID | None, expected: UUID, way: str
) -> None:
    """The strongest way that names somebody gives the recipient, and the reason says which way it was."""
    found = resolve(invoice(contact_id=contact_id), associations, PARTIES)
    assert isinstance(found, Recipient)
    kind = PartyKind.CONTACT if expected in (PERSON, SECOND_PERSON) else PartyKind.COMPANY
    assert found.party == PARTIES[kind, expected]
    assert found.reason == f"{kind.value.capitalize()} {expected} is the {way}."


UNRESOLVED = [
    # Two companies of the invoice; what its deal says does not break the tie.
    (
        [own("company", COMPANY), own("company", SECOND_COMPANY), out("company", COMPANY, "invoice_recipient")],
        None,
        [(PartyKind.COMPANY, COMPANY), (PartyKind.COMPANY, SECOND_COMPANY)],
        f"2 parties are each the invoice_recipient of invoice {INVOICE}: company {COMPANY}, company {SECOND_COMPANY}.",
    ),
    # Two companies are labelled: listed by id, and the primary one does not break the tie.
    (
        [
            out("company", SECOND_COMPANY, "invoice_recipient"),
            back("company", COMPANY, "invoice_recipient"),
            out("company", COMPANY, "primary"),
        ],
        None,
        [(PartyKind.COMPANY, COMPANY), (PartyKind.COMPANY, SECOND_COMPANY)],
        f"2 parties are each the invoice_recipient of deal {DEAL}: company {COMPANY}, company {SECOND_COMPANY}.",
    ),
    # Two persons are labelled.
    (
        [out("contact", PERSON, "invoice_recipient"), out("contact", SECOND_PERSON, "invoice_recipient")],
        None,
        [(PartyKind.CONTACT, PERSON), (PartyKind.CONTACT, SECOND_PERSON)],
        f"2 parties are each the invoice_recipient of deal {DEAL}: contact {PERSON}, contact {SECOND_PERSON}.",
    ),
    # Two primary companies; the invoice's contact does not break the tie.
    (
        [out("company", COMPANY, "primary"), out("company", SECOND_COMPANY, "primary")],
        PERSON,
        [(PartyKind.COMPANY, COMPANY), (PartyKind.COMPANY, SECOND_COMPANY)],
        f"2 parties are each the primary company of deal {DEAL}: company {COMPANY}, company {SECOND_COMPANY}.",
    ),
    # A labelled company whose row is missing is not replaced by a labelled person, a primary company or a contact.
    (
        [
            out("company", GONE_COMPANY, "invoice_recipient"),
            out("contact", PERSON, "invoice_recipient"),
            out("company", COMPANY, "primary"),
        ],
        PERSON,
        [(PartyKind.COMPANY, GONE_COMPANY)],
        f"The invoice_recipient of deal {DEAL} is company {GONE_COMPANY}, but there is no such row.",
    ),
    # A company's uuid is not looked up among the persons.
    (
        [out("company", PERSON, "primary")],
        PERSON,
        [(PartyKind.COMPANY, PERSON)],
        f"The primary company of deal {DEAL} is company {PERSON}, but there is no such row.",
    ),
    # The invoice's contact was deleted.
    (
        [],
        GONE_PERSON,
        [(PartyKind.CONTACT, GONE_PERSON)],
        f"The contact of the invoice is contact {GONE_PERSON}, but there is no such row.",
    ),
    # Nobody is named anywhere.
    (
        [],
        None,
        [],
        f"Deal {DEAL} has neither an invoice_recipient nor a primary company, and the invoice has no contact.",
    ),
]


@pytest.mark.parametrize(("associations", "contact_id", "candidates", "reason"), UNRESOLVED)
def test_doubt_is_never_guessed_away(
    associations: list[Association], contact_id: UUID | None, candidates: list[PartyKey], reason: str
) -> None:
    """Two candidates, a missing row or nobody ends unresolved, with the ids and what to do."""
    found = resolve(invoice(contact_id=contact_id), associations, PARTIES)
    assert isinstance(found, NoRecipient)
    assert found.problem.cause() == reason
    assert found.candidates == tuple(candidates)
    assert found.problem.next_step().endswith("retry JOB.")


def test_without_deal_the_contact_counts() -> None:
    """An invoice without deal goes to its own contact, whatever is associated."""
    found = resolve(invoice(deal_id=None, contact_id=PERSON), [out("company", COMPANY, "primary")], PARTIES)
    assert isinstance(found, Recipient)
    assert found.party.id == PERSON


def test_without_deal_and_contact_unresolved() -> None:
    """An invoice that names neither deal nor contact has no recipient."""
    found = resolve(invoice(deal_id=None), [out("company", COMPANY, "primary")], PARTIES)
    assert isinstance(found, NoRecipient)
    assert found.problem.cause() == "The invoice has neither a deal nor a contact."
    assert found.candidates == ()


def test_missing_address_keeps_the_recipient() -> None:
    """A company without address stays the recipient, for nobody else may get its invoice; what is missing is named."""
    bare = party(PartyKind.COMPANY, COMPANY, street=None)
    rows = [out("company", COMPANY, "invoice_recipient"), out("company", SECOND_COMPANY, "primary")]
    found = resolve(invoice(contact_id=PERSON), rows, {**PARTIES, (PartyKind.COMPANY, COMPANY): bare})
    assert isinstance(found, Recipient)
    assert found.party == bare
    assert missing_address_fields(found.party) == ("street",)


def test_reasons_hold_ids_only() -> None:
    """No text that goes into the event log or a job's error holds a name or an address."""
    rows = [(associations, contact) for associations, contact, *_ in RESOLVED + UNRESOLVED]
    assert rows
    for associations, contact in rows:
        found = resolve(invoice(contact_id=contact), associations, PARTIES)
        text = found.problem.cause() if isinstance(found, NoRecipient) else found.reason
        assert not any(private in text for private in ("Größer", "Hauptstraße", "Köln"))


associations_ = st.lists(
    st.builds(
        lambda make, kind, id_, label, deal: make(kind, id_, label, deal),
        st.sampled_from([out, back]),
        st.sampled_from(["company", "contact", "invoice", "deal"]),
        st.sampled_from([COMPANY, SECOND_COMPANY, GONE_COMPANY, PERSON, SECOND_PERSON, GONE_PERSON]),
        st.sampled_from(["invoice_recipient", "primary", "architect", None]),
        st.sampled_from([DEAL, OTHER_DEAL]),
    ),
    max_size=5,
)


@given(associations_, st.randoms(use_true_random=False), st.sampled_from([None, PERSON, GONE_PERSON]))
def test_order_of_rows_is_irrelevant(rows: list[Association], chance: object, contact_id: UUID | None) -> None:
    """Postgres promises no order without ORDER BY, so no order may matter."""
    shuffled = list(rows)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its Random as object
    wanted = invoice(contact_id=contact_id)
    assert resolve(wanted, shuffled, PARTIES) == resolve(wanted, rows, PARTIES)


def test_customer_numbers_hold_whole_ids() -> None:
    """Companies and persons have different letters, and the uuid is not shortened."""
    assert customer_number(party(PartyKind.COMPANY, COMPANY)) == "R1-C-00000000-0000-0000-0000-0000000000c1"
    assert customer_number(party(PartyKind.CONTACT, COMPANY)) == "R1-P-00000000-0000-0000-0000-0000000000c1"


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        # Everything is there.
        (("Größer", "Hauptstraße 1", "50667", "Köln", "DE"), ()),
        # NULL, empty and blank are all missing.
        (("Größer", None, "50667", "", "DE"), ("street", "city")),
        (("Größer", "Hauptstraße 1", " ", "Köln", None), ("zip", "country_code")),
        # A nameless row cannot be addressed either.
        (("", None, None, None, None), ("name", "street", "zip", "city", "country_code")),
    ],
)
def test_missing_fields_are_all_named(
    fields: tuple[str, str | None, str | None, str | None, str | None], missing: tuple[str, ...]
) -> None:
    """Each part of the address block that is missing is listed under its column name."""
    name, *address = fields
    assert missing_address_fields(Party(PartyKind.COMPANY, COMPANY, name, None, None, *address)) == missing
