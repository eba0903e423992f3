"""The demo's month fits the billing tables, means what it says, and agrees with the oracle that it is to check."""

import re
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from worker.demo.cases import CASES, Ending
from worker.demo.month import Month, billing_month
from worker.domain import money
from worker.domain.invoice import Association, Invoice, Item, Party, PartyKind
from worker.domain.recipients import PartyKey, Recipient, missing_address_fields, resolve

TABLES = Path(__file__).parents[2] / "sql" / "billing" / "tables.sql"


@pytest.fixture(scope="module")
def month() -> Month:
    """All collected cases and a hundred ordinary invoices."""
    return billing_month(count=len(CASES) + 100)


def columns(table: str) -> set[str]:
    body = re.search(rf"CREATE TABLE {table} \((.*?)\n\);", TABLES.read_text("utf-8"), re.DOTALL)
    assert body is not None
    return set(re.findall(r"^    ([a-z_]+) ", body[1], re.MULTILINE))


def invoice_of(month: Month, row: Any) -> Invoice:
    names = ("position", "name", "description", "quantity", "unit", "unit_price", "tax_rate")
    items: list[Any] = [each for each in month.billing_invoice_items if each["invoice_id"] == row["id"]]
    same = set(Invoice.__dataclass_fields__) & set(row)
    return Invoice(
        number=row["invoice_number"],
        deal_type=None,
        items=tuple(Item(*(each[name] for name in names)) for each in items),
        **{name: row[name] for name in same},
    )


def parties_of(month: Month) -> dict[PartyKey, Party]:
    rows: list[tuple[PartyKind, Any]] = [(PartyKind.COMPANY, row) for row in month.companies]
    rows += [(PartyKind.CONTACT, row) for row in month.contacts]
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


def test_rows_have_the_tables_columns(month: Month) -> None:
    """Every row has exactly the columns of its table in the reference schema."""
    assert len(month.tables()) == 7
    for table, rows in month.tables().items():
        assert rows
        assert {frozenset(row) for row in rows} == {frozenset(columns(table))}, table


def test_references_lead_to_rows(month: Month) -> None:
    """Foreign keys lead to rows of tables that come earlier; every id is used once."""
    seen: set[object] = set()
    for rows in month.tables().values():
        for row in rows:
            wanted = {row[name] for name in row if name.endswith("_id") and isinstance(row[name], UUID)}
            assert wanted <= seen
            assert row["id"] not in seen
        seen |= {row["id"] for row in rows}
    numbers = [row["invoice_number"] for row in month.billing_invoices]
    assert len(set(numbers)) == len(numbers) == len(CASES) + 100


def test_same_seed_gives_same_rows(month: Month) -> None:
    """A month can be made again, down to the ids; another seed shares nothing with it."""
    assert billing_month(count=len(CASES) + 100) == month
    ids = {row["id"] for rows in month.tables().values() for row in rows}
    other = billing_month(seed="2026-11", count=40)
    assert not ids & {row["id"] for rows in other.tables().values() for row in rows}
    assert not {p.invoice_number for p in month.payments} & {p.invoice_number for p in other.payments}


def test_integer_cents_agree_with_oracle(month: Month) -> None:
    """The totals, computed in integers, are those that the oracle predicts, and it refuses none of the invoices."""
    for row in month.billing_invoices:
        invoice = invoice_of(month, row)
        assert invoice.items
        assert money.first_problem(invoice, "RE") is None, invoice.number


def test_measured_totals_stand_in_month(month: Month) -> None:
    """Totals that a live account has shown are written out here, so that both computations can be wrong only alone."""
    totals = {(str(r["net_amount"]), str(r["tax_amount"]), str(r["gross_amount"])) for r in month.billing_invoices}
    assert {("55.00", "10.45", "65.45"), ("355.96", "24.92", "380.88"), ("0.09", "0.03", "0.12")} <= totals


def test_every_invoice_has_its_recipient(month: Month) -> None:
    """Each invoice resolves to one customer with a whole address; every way of finding one occurs."""
    parties = parties_of(month)
    associations = [
        Association(*(row[name] for name in ("from_type", "from_id", "to_type", "to_id", "label")))  # type: ignore[arg-type]
        for row in month.hubspot_associations
    ]
    mail_to = {plan.invoice_id: plan.mail_to for plan in month.payments}
    ways: Counter[str] = Counter()
    for row in month.billing_invoices:
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


def test_month_holds_the_promised_variety() -> None:
    """The collected cases alone hold every kind, rule, rate and oddity that the demo is to show."""
    month = billing_month()
    assert len(month.billing_invoices) >= 24
    templates = {row["id"]: (row["deal_type"], row["document_kind"]) for row in month.billing_document_templates}
    used = {templates[row["document_template_id"]] for row in month.billing_invoices}
    assert used == {("EB", "AR"), ("EB", "SR"), ("KOP", "AR"), ("KOP", "SR")}
    rules = Counter(row["tax_rule"] for row in month.billing_invoices)
    assert rules[11] == rules[5] == 1
    items: list[Any] = list(month.billing_invoice_items)
    assert {0, 7, 19} <= {item["tax_rate"] for item in items}
    assert {Decimal("0.5"), Decimal(3)} <= {item["quantity"] for item in items}
    assert {Decimal("0.333"), Decimal("355.9626"), Decimal("0.01")} <= {item["unit_price"] for item in items}
    assert any(item["unit_price"] < 0 for item in items)
    countries = {row["country_code"] for row in [*month.contacts, *month.companies]}
    assert countries == {"DE", "AT", "CH"}


def test_customers_are_shared_between_invoices() -> None:
    """Some customers receive several invoices, so that their sevDesk contact must be found again."""
    month = billing_month()
    deals = Counter(row["deal_id"] for row in month.billing_invoices)
    assert max(deals.values()) > 1  # an advance and a final invoice of one deal
    assert len(month.companies) + len(month.contacts) - 2 < len(month.billing_invoices) - 2


def test_employees_may_ask_for_jobs() -> None:
    """One internal admin and one internal person without the admin's rights, and nobody else of ours."""
    internal = [row for row in billing_month().contacts if row["is_internal"]]
    month = billing_month()
    assert [(row["id"], row["is_admin"]) for row in internal] == [(month.admin_id, True), (month.staff_id, False)]


def test_nobody_real_is_mentioned(month: Month) -> None:
    """Mail goes to example.com only, a domain that nobody can own."""
    rows = [*month.contacts, *month.companies]
    assert rows
    assert all(str(row["email"]).endswith("@example.com") for row in rows)


def test_payments_tell_the_end_state(month: Month) -> None:
    """One payment plan per invoice: all of it, a part, or nothing; with the claim status that follows."""
    assert [each.invoice_id for each in month.payments] == [row["id"] for row in month.billing_invoices]
    for row, plan in zip(month.billing_invoices, month.payments, strict=True):
        gross, issued = row["gross_amount"], row["issue_date"]
        assert isinstance(gross, Decimal) and isinstance(issued, date)
        match plan.ending:
            case Ending.FULL:
                assert plan.amount == gross > 0 and plan.claim_status == "paid"
            case Ending.PARTIAL:
                assert 0 < plan.amount < gross and plan.claim_status == "partially_paid"
            case Ending.LATE | Ending.REFUSED:
                assert plan.amount == 0 and plan.claim_status == "open"
        assert (plan.paid_on is None) == (plan.amount == 0)
        assert plan.paid_on is None or plan.paid_on > issued
    assert {each.ending for each in month.payments} == set(Ending)


def test_dates_follow_the_first_day() -> None:
    """The month lies where the caller puts it, with 28 days at most and services before the invoice."""
    month = billing_month(count=60, first_day=date(2027, 2, 1))
    rows: list[Any] = list(month.billing_invoices)
    assert {row["issue_date"].replace(day=1) for row in rows} == {date(2027, 2, 1)}
    served = [row for row in rows if row["service_to"]]
    assert served
    assert all(row["service_from"] < row["service_to"] < row["issue_date"] for row in served)
