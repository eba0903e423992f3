"""The demo's billing month fits the billing tables, and its sums are those that `money` computes."""

import re
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from worker.demo.month import BillingMonth, billing_month
from worker.demo.sample_invoices import INVOICES, ExpectedState
from worker.domain import money
from worker.domain.advances import DealInvoice, reckoning
from worker.domain.invoice import Association, Invoice, Item, Party, PartyKind
from worker.domain.recipients import PartyKey, Recipient, missing_address_fields, resolve

TABLES = Path(__file__).parents[2] / "sql" / "billing" / "tables.sql"


@pytest.fixture(scope="module")
def month() -> BillingMonth:
    """All sample invoices."""
    return billing_month()


def columns(table: str) -> set[str]:
    body = re.search(rf"CREATE TABLE {table} \((.*?)\n\);", TABLES.read_text("utf-8"), re.DOTALL)
    assert body is not None
    return set(re.findall(r"^    ([a-z_]+) ", body[1], re.MULTILINE))


def invoice_of(month: BillingMonth, row: Any) -> Invoice:
    names = ("position", "name", "description", "quantity", "unit", "unit_price", "tax_rate")
    items: list[Any] = [each for each in month.tables["billing_invoice_items"] if each["invoice_id"] == row["id"]]
    same = set(Invoice.__dataclass_fields__) & set(row)
    return Invoice(
        number=row["invoice_number"],
        deal_type=None,
        items=tuple(Item(*(each[name] for name in names)) for each in items),
        **{name: row[name] for name in same},
    )


def parties_of(month: BillingMonth) -> dict[PartyKey, Party]:
    rows: list[tuple[PartyKind, Any]] = [(PartyKind.COMPANY, row) for row in month.tables["companies"]]
    rows += [(PartyKind.CONTACT, row) for row in month.tables["contacts"]]
    return {
        (kind, row["id"]): Party(
            kind,
            row["id"],
            row["name" if kind is PartyKind.COMPANY else "last_name"],
            row.get("first_name"),
            *(row[name] for name in ("email", "street", "zip", "city", "country_code")),
        )
        for kind, row in rows
    }


def test_rows_have_the_tables_columns(month: BillingMonth) -> None:
    """Every row has exactly the columns of its table in the reference schema."""
    assert len(month.tables) == 7
    for table, rows in month.tables.items():
        assert rows
        assert {frozenset(row) for row in rows} == {frozenset(columns(table))}, table


def test_foreign_keys_lead_to_rows(month: BillingMonth) -> None:
    """Foreign keys lead to rows of tables that come earlier; every id is used once."""
    seen: set[object] = set()
    for rows in month.tables.values():
        for row in rows:
            wanted = {row[name] for name in row if name.endswith("_id") and isinstance(row[name], UUID)}
            assert wanted <= seen
            assert row["id"] not in seen
        seen |= {row["id"] for row in rows}
    numbers = [row["invoice_number"] for row in month.tables["billing_invoices"]]
    assert len(set(numbers)) == len(numbers) == len(INVOICES)


def test_same_rows_every_time(month: BillingMonth) -> None:
    """A second call gives the same rows, down to the ids."""
    assert billing_month() == month


def test_integer_cents_agree_with_money(month: BillingMonth) -> None:
    """`money` computes the same totals, which the month computes in integers, and accepts every invoice."""
    for row in month.tables["billing_invoices"]:
        invoice = invoice_of(month, row)
        assert invoice.items
        assert money.first_problem(invoice, "RE") is None, invoice.number


def test_measured_totals_are_in_month(month: BillingMonth) -> None:
    """Totals measured on a live account, written out here so that both computations cannot share an error unseen."""
    totals = {
        (str(r["net_amount"]), str(r["tax_amount"]), str(r["gross_amount"])) for r in month.tables["billing_invoices"]
    }
    assert {("55.00", "10.45", "65.45"), ("355.96", "24.92", "380.88"), ("0.09", "0.03", "0.12")} <= totals


def test_every_invoice_has_its_recipient(month: BillingMonth) -> None:
    """Each invoice has one recipient with a complete address; every way of finding a recipient occurs."""
    parties = parties_of(month)
    associations = [
        Association(*(row[name] for name in ("from_type", "from_id", "to_type", "to_id", "label")))  # type: ignore[arg-type]
        for row in month.tables["hubspot_associations"]
    ]
    mail_to = {plan.invoice_id: plan.mail_to for plan in month.plans}
    ways: Counter[str] = Counter()
    for row in month.tables["billing_invoices"]:
        found = resolve(invoice_of(month, row), associations, parties)
        assert isinstance(found, Recipient)
        assert found.party.id not in (month.admin_id, month.staff_id)
        assert missing_address_fields(found.party) == ()
        assert found.party.email == mail_to[row["id"]]
        ways[f"{found.party.kind.value} {re.split(r' is the | of ', found.reason)[1]}"] += 1
    assert set(ways) == {
        "company invoice_recipient",
        "contact invoice_recipient",
        "company primary company",
        "contact contact",
    }


def test_month_covers_all_cases(month: BillingMonth) -> None:
    """The invoices have every document kind, tax rate and unusual amount that the demo is to show."""
    assert len(month.tables["billing_invoices"]) >= 24
    templates = {
        row["id"]: (row["deal_type"], row["document_kind"]) for row in month.tables["billing_document_templates"]
    }
    used = {templates[row["document_template_id"]] for row in month.tables["billing_invoices"]}
    assert used == {("EB", "AR"), ("EB", "SR"), ("KOP", "AR"), ("KOP", "SR")}
    rules = Counter(row["tax_rule"] for row in month.tables["billing_invoices"])
    assert rules[11] == rules[5] == 1
    items: list[Any] = list(month.tables["billing_invoice_items"])
    assert {item["unit"] for item in items} == {"Stück", "Std.", "Tage", "m²", "lfm", "pauschal"}
    assert {0, 7, 19} <= {item["tax_rate"] for item in items}
    assert {Decimal("0.5"), Decimal(3)} <= {item["quantity"] for item in items}
    assert {Decimal("0.333"), Decimal("355.9626"), Decimal("0.01")} <= {item["unit_price"] for item in items}
    assert any(item["unit_price"] < 0 for item in items)
    countries = {row["country_code"] for row in [*month.tables["contacts"], *month.tables["companies"]]}
    assert countries == {"DE", "AT", "CH"}


def test_projects_have_both_forms(month: BillingMonth) -> None:
    """Final invoices that deduct their deal's advances to the cent, one of them over 0, and one that bills the rest."""
    invoices = [(row, invoice_of(month, row)) for row in month.tables["billing_invoices"]]
    chains = []
    for row, invoice in invoices:
        others = [
            DealInvoice(other.number, other.document_kind, other.issue_date, "EUR", other.items, True, False, False)
            for _, other in invoices
            if other.deal_id == invoice.deal_id and other.id != invoice.id
        ]
        if found := reckoning(invoice, others):
            chains.append((len(found.advances), found.agrees, row["final_invoice_form"], row["gross_amount"] == 0))
            assert all(advance.issue_date < invoice.issue_date for advance in found.advances)
    assert sorted(chains, key=str) == [(1, False, "remainder", False), (1, True, None, True), (2, True, None, False)]


def test_customers_are_shared_between_invoices(month: BillingMonth) -> None:
    """Some customers receive several invoices, so that their sevDesk contact must be found again."""
    deals = Counter(row["deal_id"] for row in month.tables["billing_invoices"])
    assert max(deals.values()) > 1  # an advance and a final invoice of one deal
    assert (
        len(month.tables["companies"]) + len(month.tables["contacts"]) - 2 < len(month.tables["billing_invoices"]) - 2
    )


def test_employees_may_request_jobs(month: BillingMonth) -> None:
    """The internal contacts are one admin and one person without an admin's rights."""
    internal = [row for row in month.tables["contacts"] if row["is_internal"]]
    assert [(row["id"], row["is_admin"]) for row in internal] == [(month.admin_id, True), (month.staff_id, False)]


def test_mail_goes_to_nobody_real(month: BillingMonth) -> None:
    """All addresses are of example.com, a domain that nobody can own."""
    rows = [*month.tables["contacts"], *month.tables["companies"]]
    assert rows
    assert all(str(row["email"]).endswith("@example.com") for row in rows)


def test_plans_give_the_end_state(month: BillingMonth) -> None:
    """Each invoice has a plan: it is paid in full, in part, or not, and its claim status follows from that."""
    assert [each.invoice_id for each in month.plans] == [row["id"] for row in month.tables["billing_invoices"]]
    for row, plan in zip(month.tables["billing_invoices"], month.plans, strict=True):
        gross, issued = row["gross_amount"], row["issue_date"]
        assert isinstance(gross, Decimal) and isinstance(issued, date)
        match plan.expected:
            case ExpectedState.PAID:
                assert plan.amount == gross > 0 and plan.claim_status == "paid"
            case ExpectedState.RETURNED:
                assert plan.amount == gross > 0 and plan.claim_status == "open"
            case ExpectedState.PARTLY_PAID:
                assert 0 < plan.amount < gross and plan.claim_status == "partially_paid"
            case ExpectedState.NOTHING_OWED:
                assert plan.amount == gross == 0 and plan.claim_status == "paid"
            case ExpectedState.UNPAID | ExpectedState.REFUSED:
                assert plan.amount == 0 and plan.claim_status == "open"
        assert (plan.paid_on is None) == (plan.amount == 0)
        assert plan.paid_on is None or plan.paid_on > issued
    assert {each.expected for each in month.plans} == set(ExpectedState)


def test_services_precede_their_invoice(month: BillingMonth) -> None:
    """All invoices are of October 2026; a final invoice is issued after the service."""
    rows: list[Any] = list(month.tables["billing_invoices"])
    assert {row["issue_date"].replace(day=1) for row in rows} == {date(2026, 10, 1)}
    served = [row for row in rows if row["service_to"]]
    assert served
    assert all(row["service_from"] < row["service_to"] < row["issue_date"] for row in served)
