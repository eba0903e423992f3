"""Whether sevDesk shows a mail of the document that is not on record: before every mail, while no write is open.

A database that was restored from a backup no longer knows the mails sent since. Then `sendType` and `sendDate` are the
only evidence, as after a lost answer (see `email`).
"""

from datetime import timedelta

from worker.domain.events import SentHow
from worker.domain.outcome import Parked
from worker.domain.payloads import SendInvoice
from worker.domain.problems import problem
from worker.steps.sending import Mailable
from worker.steps.step import StepContext

BY_MAIL = "VM"  # sendType of a document that sevDesk mailed
SECOND = timedelta(seconds=1)  # sendDate has whole seconds (captures)
CODE = "mail_not_on_record"


def sent_before(context: StepContext, document: str, remote: Mailable | None) -> SentHow | Parked | None:
    """`found_earlier`: a mail that is not on record, so no other one is sent; None: none, send it.

    A job with `resend` wants another mail than those before, but this may be its own, so a person is asked. A Storno
    has the sendType of its invoice, but no sendDate until it is sent (capture).
    """
    if context.open_intent is not None or CODE in context.confirmed or remote is None:
        return None
    if remote.send_type != BY_MAIL or remote.send_date is None:
        return None
    if not isinstance(context.payload, SendInvoice):  # Storno and credit note: on record, the step is skipped
        return "found_earlier"
    # In the second of the latest sending on record another one may hide, if the database has forgotten some.
    latest = remote.send_date + SECOND if context.restored else remote.send_date
    if context.sendings_until is not None and latest <= context.sendings_until:
        return None
    if not context.payload.resend:
        return "found_earlier"
    return Parked(problem(CODE, document=document, send_date=remote.send_date.isoformat()))
