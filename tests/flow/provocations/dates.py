"""What is wrong with an invoice's dates or its payment term."""

from datetime import timedelta
from typing import Any

from flow.billing import time_to_day
from flow.provocations.table import Provoke, provokes
from flow.stage import Stage

TODAY = time_to_day()


def _publishing(**columns: Any) -> Provoke:
    async def provoke(stage: Stage) -> Any:
        return await stage.billing.do("publish_invoice", invoice_id=await stage.billing.usual_invoice(**columns))

    return provoke


provokes("service_date_missing")(_publishing(document_kind="SR", service_from=None))
provokes("service_dates_reversed")(_publishing(service_from=TODAY, service_to=TODAY - timedelta(days=1)))
provokes("issue_date_in_future")(_publishing(issue_date=TODAY + timedelta(days=2)))
provokes("issue_date_too_old", worker={"issue_date_max_age": 90}, limit="90")(
    _publishing(issue_date=TODAY - timedelta(days=92))
)
provokes("payment_term_invalid", days="366", longest="365")(_publishing(payment_term_days=366))


@provokes("date_out_of_range", columns="issue_date, service_to", first="2000-01-01", last="2100-12-31")
async def years_without_a_calendar(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice()
    await stage.billing.db.execute("UPDATE billing_invoices SET issue_date = 'infinity', service_to = '-infinity'")
    return await stage.billing.do("publish_invoice", invoice_id=invoice)
