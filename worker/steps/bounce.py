"""bounce: a mail of the invoice came back, so the invoice counts as not sent, and `send_invoice` sends it afresh.

A copy that came back changes nothing: the recipient has got the mail, or another report says that it came back, too.
sevDesk tells nobody of mails that come back (not established), so the billing system's reports are all there is.
"""

from datetime import datetime
from typing import Any

from sevdesk_client.errors import NotFound
from worker.domain.emails import mailbox
from worker.domain.events import MailBounced
from worker.domain.outcome import Rejected
from worker.domain.payloads import MailBounced as BounceReport
from worker.domain.problems import problem
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import LedgerMail, Step, StepContext, StepResult


async def look(context: StepContext, account: SevdeskAccount) -> StepResult:
    """Record the bounce of the latest mail that the report can mean, once. Raises `SevDeskError`."""
    report, number = context.asked(BounceReport), context.invoice.number
    mail = _meant(report, context.mail_ledger)
    if mail is None:
        return StepResult(stop=Rejected(problem("bounce_without_mail", number=number)))
    if report.email is not None and mailbox(report.email) != mail.addresses[0]:
        return StepResult(stop=Rejected(problem("bounce_of_copy", number=number)))
    if mail.bounce_job_id is not None:
        return StepResult()
    if context.sent is not None and context.sent.job_id != mail.job_id:
        return StepResult(stop=Rejected(problem("bounce_superseded", number=number)))
    event = MailBounced(
        mail_job_id=mail.job_id,
        send_date=await _send_date(context.external_id, account),
        bounced_address=report.email,
        bounce_reason=report.reason,
    )
    return StepResult((event,))


async def _send_date(external_id: str, account: SevdeskAccount) -> datetime | None:
    """sevDesk's sendDate now, so that payment sync does not take our bounced mail for one made by hand."""
    try:
        return (await account.client.get_invoice(external_id)).send_date
    except NotFound:  # payment sync records that
        return None


def _meant(report: BounceReport, mails: tuple[LedgerMail, ...]) -> LedgerMail | None:
    address = report.email and mailbox(report.email)
    return next((mail for mail in reversed(mails) if address is None or address in mail.addresses), None)


def bounce_result(context: StepContext) -> dict[str, Any]:
    """The key of `BounceResult` that says what this job did."""
    return {"reported_before": all(mail.bounce_job_id != context.job_id for mail in context.mail_ledger)}


BOUNCE = Step("bounce", look)
