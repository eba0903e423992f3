"""The contact person of an invoice (a SevUser of the account) must be one that the account has."""

from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import StepContext


async def unlisted_contact_person(context: StepContext, account: SevdeskAccount) -> Parked | None:
    """Why the person that the job or the settings name cannot be used; None if none is named. Raises `SevDeskError`."""
    wanted = context.contact_person_id
    if wanted is None or await account.has_user(wanted):
        return None
    about = {"number": context.invoice.number, "wanted": wanted, "known": ", ".join(await account.user_ids())}
    return Parked(problem("contact_person_not_listed", **about))
