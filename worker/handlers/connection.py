"""test_connection: does the token work, and do the settings fit the account?

Touches no invoice. The result holds ids, counts and the account's name, nothing about people.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from functools import partial
from typing import Any, Literal, TypeVar, get_args

from sevdesk_client.errors import SevDeskError
from sevdesk_client.models import SevUser, Template
from worker.domain.account_checks import templates_check, version_check
from worker.domain.health_check import Check, check_that
from worker.domain.ledger import Job
from worker.domain.outcome import Done, Outcome
from worker.domain.payloads import TestConnection
from worker.domain.problems import problem
from worker.handlers.handler import HandlerContext
from worker.handlers.templates import TEMPLATE_FIELDS
from worker.store import Store
from worker.store.rows import ConfigRow

T = TypeVar("T")

PersonField = Literal["contact_person_id", "contact_person_eb", "contact_person_kop"]
CONTACT_PERSONS: tuple[PersonField, ...] = get_args(PersonField)


async def test_connection(context: HandlerContext, job: Job, payload: TestConnection) -> Outcome:
    """Run every check, whether or not others fail; the job is `Done` either way.

    Connected means: the token works, and the account is the one that the database belongs to, or the first one. Then
    the account, the person who asked and, if none is set, the first user as contact person are stored in the settings.
    Raises one of `CONNECTION_LOST`.
    """
    store, client = context.store, context.sevdesk.client
    config: ConfigRow = await store.query("config")
    version, _ = await _check(
        "bookkeeping_version", client.bookkeeping_system_version, partial(version_check, "bookkeeping_version")
    )
    account, users = await _check("account", partial(client.list_users, with_account=True), _account)
    if account.ok and not payload.move_account:
        account = await _same_account(store, job, users or [])
    layouts, templates = await _check("templates", client.list_templates, partial(_templates, config))
    checks = [version, account, *_users(users, config), layouts, _datev(version)]
    # Whatever the version is: sevDesk has accepted the token.
    connected = bool(users) and account.ok
    patch: dict[str, Any] = {"is_connected": connected}
    if connected:
        assert users is not None
        patch |= {"account_id": users[0].client_id, "connected_by": job.requested_by and str(job.requested_by)}
        patch |= {"account_name": users[0].client_name} if users[0].client_name else {}
        patch |= {"contact_person_id": users[0].id} if config["contact_person_id"] is None else {}
    await store.query("change_config", patch=patch, job_id=job.job_id, changed_by=job.requested_by)
    return Done(
        {
            "connected": connected,
            "account_id": patch.get("account_id"),
            "account_name": patch.get("account_name"),
            "templates": None if templates is None else len(templates),
            "checks": [asdict(check) for check in checks],
        }
    )


async def _check(name: str, call: Callable[[], Awaitable[T]], judge: Callable[[Any], Check]) -> tuple[Check, T | None]:
    """The check of sevDesk's answer, and the answer; if the call fails, a failed check and None."""
    try:
        answer = await call()
    except SevDeskError as error:
        return Check(name, "fail", str(error), "Mend what sevDesk names, then test again."), None
    return judge(answer), answer


def _account(users: list[SevUser]) -> Check:
    if users and users[0].client_id:
        return Check("account", "ok", f"The token belongs to account {users[0].client_id}.")
    return Check("account", "fail", "sevDesk names no user or no account.", "Check whose token is set.")


async def _same_account(store: Store, job: Job, users: list[SevUser]) -> Check:
    """Whether it is the account that the database belongs to; the first one is written down."""
    found = str(users[0].client_id)
    known = await store.account_on_record(found, job.job_id)
    differs = problem("account_differs", account=known, other=found)
    good, bad, step = f"The token belongs to account {found}.", differs.cause(), differs.next_step()
    return check_that("account", known == found, good, bad, next_step=step)


def _users(users: list[SevUser] | None, config: ConfigRow) -> Iterable[Check]:
    """The invoices' contact person must be a user of this account; is not, if the token is another account's."""
    if not users:
        return
    known, named = {user.id for user in users}, {field: config[field] for field in CONTACT_PERSONS if config[field]}
    lost = {field: wanted for field, wanted in named.items() if wanted and wanted not in known}
    usual = config["contact_person_id"] or users[0].id
    good = f"{len(users)} users; invoices name user {usual} as contact person."
    bad = f"The contact person {', '.join(lost.values())} of the settings is none of the account's {len(users)} users."
    step = f"Set {', '.join(lost)} to null with update_config and test again, or set another user's id."
    yield check_that("users", not lost, good, bad, next_step=step)


def _templates(config: ConfigRow, found: list[Template]) -> Check:
    named: dict[str, str] = {field: wanted for field in TEMPLATE_FIELDS if (wanted := config[field]) is not None}
    return templates_check(named, {template.id for template in found})


def _datev(version: Check) -> Check:
    """The export needs the beginning of the accounting year, which no known endpoint shows."""
    if not version.ok:
        return Check("datev", "fail", "The DATEV export needs what bookkeeping_version asks for.", version.next_step)
    return Check(
        "datev",
        "unknown",
        "sevDesk shows nobody by API whether its export settings are complete; the first export will tell.",
        "See in sevDesk's export settings that the beginning of the accounting year is set.",
    )
