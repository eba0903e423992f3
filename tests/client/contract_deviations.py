"""Where we, or the sandbox, leave sevDesk's specification on purpose.

A test fails for what no entry covers, and for whatever in the entries does not occur.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from tests.client.contract import Violation
from tests.client.contract_credit_notes import CREDIT_NOTES, MADE, SEND_BY


@dataclass(frozen=True)
class Deviation:
    """Places where the live API, or what is known of it, overrules the specification.

    `operations`, `at` and `problem` may hold `*`. Every operation and every place must occur, or the entry says too much.
    `source` points into the field notes (number of section and entry) and says how strong the fact is.
    """

    side: str
    operations: tuple[str, ...]
    at: tuple[str, ...]
    problem: str
    why: str
    source: str

    def covers(self, violation: Violation) -> bool:
        """Whether this entry explains the violation."""
        return (
            violation.side == self.side
            and _fits(self.problem, violation.problem)
            and any(_fits(each, violation.operation) for each in self.operations)
            and any(_fits(each, violation.at) for each in self.at)
        )

    def unused(self, violations: Iterable[Violation]) -> list[str]:
        """The operations and places of this entry that none of the violations needs."""
        covered = [each for each in violations if self.covers(each)]
        operations = [o for o in self.operations if not any(_fits(o, each.operation) for each in covered)]
        return operations + [place for place in self.at if not any(_fits(place, each.at) for each in covered)]


def _fits(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> "re.Pattern[str]":
    return re.compile(".*".join(map(re.escape, pattern.split("*"))))


def unexplained(violations: Iterable[Violation], *sides: str) -> str:
    """The violations of these sides that no entry covers, one a line; both sides if none is given."""
    left = [
        f"{each.side} of {each.operation}: {each.at}: {each.problem}"
        for each in sorted(violations)
        if each.side in (sides or ("request", "answer")) and not _is_explained(each)
    ]
    return "\n".join(left)


@cache
def _is_explained(violation: Violation) -> bool:
    return any(entry.covers(violation) for entry in DEVIATIONS)


def out_of_date(violations: Iterable[Violation], side: str) -> str:
    """What the entries of a side name and none of the violations needs, one entry a line."""
    known = set(violations)
    unused = [(entry, entry.unused(known)) for entry in DEVIATIONS if entry.side == side]
    return "\n".join(f"{entry.why}: {', '.join(parts)}" for entry, parts in unused if parts)


def _request(operations: tuple[str, ...], at: tuple[str, ...], problem: str, why: str, source: str) -> Deviation:
    return Deviation("request", operations, at, problem, why, source)


def _answer(operations: tuple[str, ...], at: tuple[str, ...], problem: str, why: str, source: str) -> Deviation:
    return Deviation("answer", operations, at, problem, why, source)


_SAVE = ("POST /Invoice/Factory/saveInvoice",)
_CANCEL = ("POST /Invoice/{id}/cancelInvoice",)
_POSITIONS = ("GET /Invoice/{id}/getPositions",)
_PDF = ("GET /Invoice/{id}/getPdf",)
_MAIL = ("POST /Invoice/{id}/sendViaEmail",)
_TEMPLATES = ("GET /DocServer/getTemplatesWithThumb",)
_INVOICES = ("GET /Invoice", "GET /Invoice/{id}", *_SAVE, "PUT /Invoice/{id}/sendBy", *_CANCEL)
_CONTACTS = ("GET /Contact", "GET /Contact/{id}", "POST /Contact", "PUT /Contact/{id}")
_CREDIT_NOTES = ("GET /CreditNote", "GET /CreditNote/{id}")
_ADDRESSES = ("GET /ContactAddress", "POST /ContactAddress", "PUT /ContactAddress/{id}")
_DATEV_HASH = "GET /Progress/generateDownloadHash"
_DATEV_PROGRESS = "GET /Progress/getProgress"
_DATEV_INFO = "GET /ExportJob/jobDownloadInfo"
_ACCOUNT = ("GET /SevUser", "GET /StaticCountry", "GET /Unity", "GET /TaxRule", "GET /PaymentMethod")
_WAYS = ("GET /CommunicationWay", "POST /CommunicationWay", "PUT /CommunicationWay/{id}")

# `source` is section and entry of the field notes.
DEVIATIONS: tuple[Deviation, ...] = (
    # -- requests ------------------------------------------------------------------------------------------------------
    _request(
        (*_ACCOUNT, "DELETE /Invoice/{id}"),
        ("path",),
        "undocumented",
        "calls the specification leaves out",
        "11.2, 8.6, 15.1, 15.2, 12.5, 6.9: live, one to four peers each",
    ),
    _request(
        ("GET /Invoice",),
        ("query.customerInternalNote",),
        "undocumented",
        "the specification's prose spells this filter customerIntenalNote, which is ignored",
        "4d.29: measured by one peer, used by four",
    ),
    _request(
        ("GET /Invoice", "GET /Contact", "GET /ContactAddress", "GET /CommunicationWay", "GET /CreditNote"),
        ("query.limit", "query.offset", "query.updateAfter", "query.contact[*]", "query.origin[*]"),
        "undocumented",
        "documented in prose, not as parameters; for addresses the pair is documented elsewhere",
        "4c.20 and 4d.30: official and live; 4d.32: official, three peers",
    ),
    _request(("GET /Invoice",), ("query.status",), "750.0 is not listed", "newer than the list", "6.1: official"),
    _request(
        ("POST /CommunicationWay",), ("body.main",), "string, not boolean", "flags are text", "8.7: live, two peers"
    ),
    _request(
        _SAVE,
        ("body.invoicePos",),
        "missing",
        "required under the wrong name: its own properties, and the API, call it invoicePosSave",
        "4a.6: live, three peers",
    ),
    _request(
        _SAVE,
        ("body.invoice.taxType", "body.invoice.addressCountry"),
        "missing",
        "taxRule replaced taxType, and a country is not needed",
        "4a.3: live, two peers",
    ),
    _request(
        _SAVE,
        ("body.invoice.status",),
        "number, not string",
        "sent as the number 100 by those it works for",
        "4a.2: live, two peers",
    ),
    _request(
        _SAVE,
        ("body.invoice.deliveryDate",),
        "number, not string",
        "a timestamp in the specification's own words; only its end is typed as one",
        "4a.10: measured by one peer",
    ),
    _request(
        _SAVE,
        ("body.invoicePosSave.*.price", "body.invoicePosSave.*.quantity", "body.invoicePosSave.*.taxRate"),
        "string, not number",
        "amounts travel as text, which no float can round",
        "4a.7: measured by one peer",
    ),
    _request(
        _SAVE,
        tuple(f"body.invoice.address{part}" for part in ("Name", "Street", "Zip", "City")),
        "undocumented",
        "the address in parts, which e-invoices need and nothing else fills",
        "4a.9: live, three peers; 12.1: official, in prose",
    ),
    _request(
        _SAVE,
        ("body.invoice.discount",),
        "number, not integer",
        "Skonto of 2.5 % is usual; whether sevDesk keeps it is compared after saving",
        "15.10: official, a live document is not known",
    ),
    _request(
        _SAVE,
        ("body.invoice.discountTime",),
        "undocumented",
        "the days of the Skonto, documented in prose and in answers",
        "15.10: official",
    ),
    _request(
        _SAVE,
        ("body.takeDefaultAddress",),
        "undocumented",
        "one of the four trailing keys, documented in prose",
        "4a.8: official and live, two peers",
    ),
    _request(
        _SAVE,
        ("body.discountSave", "body.discountDelete"),
        "null",
        "trailing keys without a value are null",
        "4a.8: live, two peers",
    ),
    # -- answers: envelopes and refusals -------------------------------------------------------------------------------
    _answer(
        (*_CONTACTS[2:], *_ADDRESSES[1:], *_WAYS[1:], *_INVOICES[2:], *_PDF),
        ("objects",),
        "wrapped",
        "every answer comes in `objects`",
        "4c.19: live, three peers; 6.7: capture",
    ),
    _answer(_TEMPLATES, ("objects",), "wrapped", "the same for templates", "9.1: one report"),
    _answer(
        (*_MAIL, "PUT /Invoice/{id}/changeParameter"),
        ("objects",),
        "wrapped",
        "the same for mails and layouts",
        "9.2: one peer's correction of the specification; for mails inferred",
    ),
    _answer(
        ("* /*/{id}*", "POST /ContactAddress", "POST /CommunicationWay", _DATEV_HASH, _DATEV_INFO),
        ("status 404",),
        "undocumented",
        "unknown ids are 404 with code 151",
        "3.5: capture; for exports inferred",
    ),
    _answer(
        (*_SAVE, "PUT /Invoice/{id}/sendBy", *_MAIL, *_CANCEL, "POST /Contact"),
        ("status 422",),
        "undocumented",
        "most refusals are 422",
        "3.8: live, five peers; for a second contact with the same number not established",
    ),
    _answer(
        (*_PDF, "GET /Invoice/{id}/getXml", "PUT /Invoice/{id}/changeParameter"),
        ("status 503",),
        "undocumented",
        "what the draft of an e-invoice cannot give is 503",
        "3.6: measured by one peer",
    ),
    _answer(_CANCEL, ("error",), "in an answer that says success", "390 comes with HTTP 200", "3.3: capture"),
    _answer(
        ("PUT /SevClient/{id}/updateExportConfig",),
        ("status 403",),
        "undocumented",
        "a token may not change the export's settings",
        "10.4: one report, status inferred",
    ),
    _answer(_PDF, ("content-type",), "application/pdf", "the bytes themselves", "6.7: live, three peers"),
    _answer(
        (_DATEV_HASH,),
        ("objects",),
        "string, not array",
        "a hash, says its description; progress, says its schema",
        "10.1: official, contradicts itself",
    ),
    _answer(
        (_DATEV_PROGRESS, _DATEV_INFO),
        ("objects",),
        "object, not array",
        "one peer treats them as single objects",
        "10.1: one client's code",
    ),
    _answer((_DATEV_INFO,), ("objects",), "null", "an export that is not finished has no link", "not established"),
    _answer(
        (*_INVOICES, *_CREDIT_NOTES, *MADE, *SEND_BY, *_POSITIONS),
        ("sum*", "*.sum*"),
        "number, not string",
        "sums are numbers in another call's answer, so no call is relied on",
        "15.4: capture of a call that the client does not make",
    ),
    _answer(
        _INVOICES,
        ("paidAmount",),
        "string, not number",
        "paidAmount is text there",
        "15.4: capture of a call that the client does not make",
    ),
    # -- answers: types ------------------------------------------------------------------------------------------------
    _answer(
        _INVOICES,
        (
            *("accountIntervall", "accountNextInvoice", "address", "deliveryDate", "deliveryDateUntil", "discountTime"),
            *("dunningLevel", "enshrined", "footText", "headText", "invoiceNumber", "payDate", "reminderDeadline"),
            *("reminderDebit", "reminderTotal", "sendDate", "sendPaymentReceivedNotificationDate", "taxType"),
            "timeToPay",
        ),
        "null",
        "invoices hold null where nothing is set",
        "4c.24: captures; deliveryDate, deliveryDateUntil and timeToPay inferred",
    ),
    _answer(
        _CONTACTS,
        (
            *("academicTitle", "additionalInformation", "bankAccount", "bankNumber", "birthday", "buyerReference"),
            *("defaultCashbackPercent", "defaultCashbackTime", "defaultDiscountAmount", "defaultTimeToPay", "name"),
            *("description", "familyname", "gender", "name2", "surename", "taxNumber", "taxOffice", "titel"),
            "vatNumber",
        ),
        "null",
        "contacts hold null where nothing is set",
        "8.1: capture",
    ),
    _answer(
        _SAVE,
        ("invoicePos.*.create", "invoicePos.*.update", "invoicePos.*.text"),
        "null",
        "positions just saved have no times",
        "4c.21: capture",
    ),
    _answer(_POSITIONS, ("text",), "null", "a position without a text", "4c.22: capture of 2023"),
    _answer(_POSITIONS, ("quantity",), "string, not boolean", "amounts are text", "4c.21: live, two peers"),
    _answer(
        _POSITIONS,
        ("additionalInformation", "isPercentage", "priority"),
        "undocumented",
        "positions have more keys",
        "4c.22: capture of 2023",
    ),
    _answer(_CANCEL, ("sendType",), "null", "a credit note is not sent yet", "6.11: one report; this key inferred"),
    _answer(_TEMPLATES, ("templates.*.translationCode",), "null", "own templates have a name only", "9.1: inferred"),
    _answer(_INVOICES[:3], ("sendType",), "'0' is not listed", "not sent yet", "4c.21: captures"),
    _answer(
        (*_INVOICES, *_CREDIT_NOTES),
        ("showNet", "smallSettlement"),
        "string, not boolean",
        "flags are text",
        "4c.21: live, two peers",
    ),
    _answer(
        (*_CONTACTS, *_ADDRESSES, *_MAIL),
        ("sevClient.id", "id", "contact.id", "country.id", "category.id"),
        "string, not integer",
        "ids are text",
        "4c.21: captures; for mails inferred",
    ),
    _answer(
        _SAVE,
        (
            *("invoicePos.*.discount", "invoicePos.*.positionNumber", "invoicePos.*.price*"),
            *("invoicePos.*.sumDiscount", "invoicePos.*.sum*Accounting"),
        ),
        "number, not string",
        "positions just saved hold numbers",
        "4c.21: live, two peers",
    ),
    _answer(
        _SAVE,
        ("invoicePos.*.quantity",),
        "number, not boolean",
        "true is only how the quantity 1 is written",
        "4c.21: live, two peers",
    ),
    # -- answers: keys -------------------------------------------------------------------------------------------------
    _answer(
        _INVOICES,
        (
            *("accountEndDate", "accountLastInvoice", "accountStartDate", "additionalInformation", "addressCity"),
            *("addressGender", "addressName", "addressName2", "addressParentName", "addressParentName2"),
            *("addressStreet", "addressZip", "einvoiceReference", "sepaCreditorId", "sepaMandateReference"),
            *("sepaPayerIban", "sumDiscountGross*", "sumDiscountNet*", "propertyIsEInvoice"),
        ),
        "undocumented",
        "invoices hold more than is specified",
        "4c.24: captures",
    ),
    _answer(
        _CONTACTS, ("defaultShowVat", "mandateReference", "taxType"), "undocumented", "so do contacts", "8.1: capture"
    ),
    _answer(
        (*_ADDRESSES, *_WAYS, *_MAIL),
        ("additionalInformation",),
        "undocumented",
        "every object has this one",
        "8.5, 8.7: captures; for mails inferred",
    ),
    _answer(
        _SAVE,
        (
            *("vatdrop", "invoicePos.*.additionalInformation", "invoicePos.*.createNextPart", "invoicePos.*.priority"),
            *("invoicePos.*.discountedValue", "invoicePos.*.isPercentage", "invoicePos.*.temporary"),
            *("invoicePos.*.sumGross*", "invoicePos.*.sumNet*", "invoicePos.*.sumTax*", "invoicePos.*.sumDiscountFor*"),
        ),
        "undocumented",
        "so do positions just saved",
        "4a.1: live, three peers",
    ),
    _answer(
        _CANCEL,
        ("propertyIsBookkeepingV1", "propertyUseNewCalculation", "propertyUseNewDocServer"),
        "undocumented",
        "so does a cancellation",
        "6.10: capture",
    ),
    _answer(
        _CANCEL,
        ("bookingCategory", "creditNoteDate", "creditNoteNumber"),
        "undocumented",
        "cancelling a paid invoice makes a credit note",
        "6.11: one report and a help page",
    ),
    _answer(
        _CREDIT_NOTES,
        ("additionalInformation", "bookingCategory", "origin"),
        "undocumented",
        "a credit note tells its category, which is specified for what is sent, and its origin, a filter in the prose",
        "6.11: one report for the category; for the origin inferred",
    ),
    _answer(
        (*_INVOICES[2:], *_ADDRESSES[1:]),
        ("contact.*", "contactPerson.*", "createUser.*", "sevClient.*", "taxRule.*"),
        "undocumented",
        "writes may answer with references in full",
        "4c.24: live, two peers",
    ),
    _answer(
        _SAVE,
        ("invoicePos.*.invoice.*", "invoicePos.*.unity.*"),
        "undocumented",
        "positions just saved hold their invoice and unit in full",
        "4a.1: capture",
    ),
    _answer(_PDF, ("base64Encoded", "mimetype"), "undocumented", "spelt differently", "6.7: live, three peers"),
    *(Deviation(*entry) for entry in CREDIT_NOTES),
)
