"""Views and triggers that look right and do harm: `doctor` names each, and the DDL that it prints mends it."""

import json

import pytest
from flow.billing import Billing
from flow.operators import Operator

from worker.demo.own_tables import VIEWS
from worker.store.sql_files import sql_dir

EXAMPLE = (sql_dir() / "billing" / "examples" / "camel_case.sql").read_text()
TRIGGER = f"""CREATE TRIGGER hand_back INSTEAD OF UPDATE ON {VIEWS}.billing_invoices
              FOR EACH ROW EXECUTE FUNCTION {VIEWS}.hand_back()"""


def view(name: str, *changed: tuple[str, str]) -> str:
    """A view of the example made anew, with other expressions."""
    start = EXAMPLE.index(f"CREATE VIEW {VIEWS}.{name}")
    made = _replaced(EXAMPLE[start : EXAMPLE.index(";", start)], changed)
    return f"DROP VIEW {VIEWS}.{name} CASCADE; {made}; {TRIGGER if name == 'billing_invoices' else ''}"


def hand_back(*changed: tuple[str, str]) -> str:
    """The trigger's function, written otherwise."""
    start = EXAMPLE.index(f"CREATE FUNCTION {VIEWS}.hand_back")
    made = EXAMPLE[start : EXAMPLE.index("$function$;", start)] + "$function$"
    return _replaced(made, (("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"), *changed))


def _replaced(text: str, changed: tuple[tuple[str, str], ...]) -> str:
    for before, after in changed:
        assert before in text
        text = text.replace(before, after)
    return text


ITEMS = 'FROM public."Invoice" JOIN public."InvoiceItem" x ON x."invoiceId" = "Invoice"."id"'
FAULTS = {
    "every invoice": (hand_back(('WHERE "id" = OLD.id', "")), "hand-back", "changes other invoices, too"),
    "whole euros": (hand_back(("NEW.paid_amount * 100,", "round(NEW.paid_amount) * 100,")), "hand-back", "paid_amount"),
    "a column less": (
        hand_back(('"externalInvoiceNumber" = NEW.external_invoice_number,', "")),
        "hand-back", "other values stand in external_invoice_number",
    ),
    "a column more": (hand_back(('"paidCents" =', '"taxCents" = 0, "paidCents" =')), "hand-back", "not the worker's"),
    "returns null": (hand_back(("RETURN NEW", "RETURN NULL")), "hand-back", "must RETURN NEW"),
    "no rights": (hand_back(("SECURITY DEFINER", "SECURITY INVOKER")), "hand-back", "permission denied"),
    "some statuses": (
        view("billing_invoices", ('"Invoice"', """"Invoice" WHERE "documentStatus" = 'APPROVED'""")),
        "hand-back", "no longer shows an invoice with",
    ),
    "rows of a join": (
        view("billing_invoices", ('FROM public."Invoice"', ITEMS), ('"id" AS id', '"Invoice"."id" AS id')),
        "billing values", "billing_invoices shows rows twice, by id",
    ),
    "positions": (
        view("billing_invoice_items", ('"position" AS', "1 AS")),
        "billing values", "billing_invoice_items shows rows twice, by invoice_id and position",
    ),
    "other words": (view("billing_invoices", ("THEN 'AR'", "THEN 'ADV'")), "billing values", "none of AR, SR"),
    "trimmed number": (
        view("billing_invoices", ('"invoiceNumber" AS', 'trim("invoiceNumber") AS')),
        "invoice numbers", "two invoices could share a marker",
    ),
}  # fmt: skip
MENDED_BY_DDL = {"no rights", "trimmed number"}


@pytest.mark.parametrize("fault", FAULTS)
async def test_harm_is_named(fault: str, operator: Operator, billing: Billing, role_url: str) -> None:
    """As the worker's role, with two invoices of two positions each."""
    plant, name, words = FAULTS[fault]
    net = {"net_amount": "100.00", "tax_amount": "19.00", "gross_amount": "119.00"}
    for _ in range(2):
        await billing.usual_invoice(items=(("2", "25", "19"), ("2", "25", "19")), **net)
    await billing.db.execute(plant)
    await billing.db.execute((sql_dir() / "roles.sql").read_text())

    async def check() -> dict[str, str]:
        _, out, _ = await operator.run("doctor", "--json", BILLING_SCHEMA=VIEWS, DATABASE_URL=role_url)
        return next(each for each in json.loads(out)["checks"] if each["name"] == name)

    found = await check()
    assert found["level"] == "fail" and words in found["detail"], found
    assert bool(found["next_step"]) == (fault in MENDED_BY_DDL)
    if fault in MENDED_BY_DDL:
        await billing.db.execute(found["next_step"])
        assert (await check())["level"] == "ok"


@pytest.mark.parametrize(
    "plant",
    [
        view("billing_invoices", ('"grossCents" * 0.01 AS', '"grossCents"::numeric AS')),
        view("billing_invoice_items", ('"taxPercent"::numeric', '"taxPercent" * 0.01')),
        view("hubspot_associations", ('"label" AS', "NULL::text AS")),
    ],
)
async def test_values_that_fit_no_invoice_stop_the_rehearsal(plant: str, operator: Operator, billing: Billing) -> None:
    """Sums in cents, rates as fractions, associations without labels: of the right types, so `rehearse` finds them."""
    await billing.usual_invoice()
    await billing.db.execute(plant)
    code, _, _ = await operator.run("rehearse", "--offline", BILLING_SCHEMA=VIEWS)
    assert code == 3
