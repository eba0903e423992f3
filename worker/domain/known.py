"""What known refusals mean in plain words, and what to do about them. Pure.

The ledger keeps sevDesk's own words, which seldom say what to do. Codes are sevDesk's error numbers, texts are ones it
was seen to say (both measured by peers).
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """`meaning` explains the ledger's text where that needs it; `next_step` is one sentence for a person."""

    meaning: str | None
    next_step: str


RETRY = "then: sevdesk-worker retry {job}"
ASK_AGAIN = "then ask again with a new job"

# The first pattern found in the ledger's error decides.
SEVDESK: tuple[tuple[str, Advice], ...] = (
    (r"Given up after", Advice(
        "sevDesk gave no usable answer, time and again: it is down, or the way to it is.",
        f"Check the network and sevDesk's state (sevdesk-worker doctor asks it), {RETRY}.")),
    (r"code 7100\b", Advice(
        "sevDesk does not accept the tax rule, a tax rate or the sums when the invoice gets its number.",
        f"Compare the invoice's tax rule and rates with the account's settings in sevDesk, {RETRY}.")),
    (r"code 830\b|Missing iban and bic|ZUGFeRD", Advice(
        "An e-invoice lacks data: the company's own (address, IBAN, BIC, tax number) or the customer's.",
        f"Complete what sevDesk names in its company settings or at the contact, {RETRY}.")),
    (r"code 151\b|No Model_\w+ with the id", Advice(
        "sevDesk no longer has what the worker refers to: it was deleted there.",
        f"Restore it in sevDesk, or clear the reference (show names it), {RETRY}.")),
    (r"code 159\b", Advice(
        "sevDesk deletes drafts only, and this document has its number already.",
        "Cancel the invoice instead: sevdesk-worker enqueue cancel_invoice.")),
    (r"code 421\b", Advice("The invoice is cancelled in sevDesk already.", f"Look at it there, {RETRY}.")),
    (r"code 170\b", Advice(
        "A credit note stands against the invoice.", f"Finish or delete the credit note in sevDesk, {RETRY}.")),
    (r"code 390\b", Advice(
        "sevDesk does not cancel a partly paid invoice.",
        f"Book a credit note by hand, or unlink the payment in sevDesk, {RETRY}.")),
    (r"Correct number abort", Advice(
        "sevDesk could not draw a number: its number circle is locked or a number is used twice.",
        f"Wait some minutes; if it comes back, check the number circle in sevDesk's settings, {RETRY}.")),
    (r"contactPerson", Advice(
        "sevDesk wants one of the account's users as contact person, and does not know the one given.",
        f"Correct contact_person_id in sevdesk_config (empty takes the account's first user), {RETRY}.")),
    (r"GET /StaticCountry", Advice(
        "sevDesk has no country with the recipient's code.",
        f"Correct country_code (ISO 3166-1, two letters) of the recipient in the billing system, {RETRY}.")),
    (r"GET /PaymentMethod", Advice(
        "An e-invoice names its payment method, and the account has none for credit transfer (code 58).",
        f"Add the payment method in sevDesk, {RETRY}.")),
    (r"changeParameter", Advice(
        "sevDesk does not accept the template.",
        f"Compare the configured template with sevDesk's (sevdesk-worker doctor does), {RETRY}.")),
)  # fmt: skip

REJECTED: tuple[tuple[str, Advice], ...] = (
    (r"^Unknown job kind", Advice(None, f"Use a kind that sevdesk-worker schema lists, {ASK_AGAIN}.")),
    (r"^The payload of \w+ is not valid", Advice(
        None, f"Correct the named fields (sevdesk-worker schema), {ASK_AGAIN}.")),
    (r"names no requested_by", Advice(
        "Jobs that come through Redis must say who asks.", f"Send requested_by, a contact's id, {ASK_AGAIN}.")),
    (r"is not a known contact", Advice(None, f"Use the id of a row in contacts as requested_by, {ASK_AGAIN}.")),
    (r"may only be asked for by", Advice(
        None, "Let somebody with that right ask, or give it to the contact (is_internal, is_admin) and ask again.")),
    (r"^There is no invoice", Advice(None, f"Check the invoice's id in the billing system, {ASK_AGAIN}.")),
    (r"only approved invoices are published", Advice(None, f"Approve the invoice in the billing system, {ASK_AGAIN}.")),
    (r"is not published in sevDesk yet", Advice(None, f"Publish the invoice first, {ASK_AGAIN}.")),
    (r"is cancelled\.$", Advice(None, "Nothing: a cancelled invoice stays so. Issue a new invoice if one is owed.")),
    (r"there is nothing left to cancel\.$|download it there", Advice(None, "Nothing, unless more is wanted.")),
    (r"sevDesk no longer has invoice", Advice(
        None, "Look into sevDesk's deletion log, and compare the books: sevdesk-worker reconcile.")),
    (r"SHA-256 of the raw payload|must be|payload is missing|key|printable|UTF-8|JSON|NUL", Advice(
        "The entry in Redis could not be read as a job.",
        f"Mend the producer (README, 'Asking for a job'), {ASK_AGAIN}.")),
)  # fmt: skip

UNKNOWN_REFUSAL = Advice("sevDesk refused it; its own words are all there is.", f"Correct what sevDesk names, {RETRY}.")
UNKNOWN_REJECTION = Advice(None, f"Correct what the reason names, {ASK_AGAIN}.")


def refused(error: str) -> Advice | None:
    """What a refusal by sevDesk means; None when the error is not sevDesk's."""
    if " failed with “" not in error:
        return None
    return _first(SEVDESK, error) or UNKNOWN_REFUSAL


def rejected(error: str) -> Advice:
    """What to do about a job that can never be done as it was asked."""
    return _first(REJECTED, error) or UNKNOWN_REJECTION


def _first(table: tuple[tuple[str, Advice], ...], error: str) -> Advice | None:
    return next((advice for pattern, advice in table if re.search(pattern, error)), None)
