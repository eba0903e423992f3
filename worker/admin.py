"""What admins ask for: does the connection work, which layouts are there, change the settings.

None of it touches an invoice. Results hold ids and counts and the account's name, nothing of people.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

from sevdesk_client.client import SevDeskClient
from sevdesk_client.errors import SevDeskError
from sevdesk_client.models import SevUser, Template
from worker.jobs import RefreshTemplates, UpdateConfig
from worker.outcome import Done, Outcome, Rejected
from worker.store import Job, Store

T = TypeVar("T")

# The layouts in the table count as fresh for this long: what the billing system's screens treat as stale.
FRESH_SECONDS = 300.0
TEMPLATE_FIELDS = ("template_eb_ar", "template_eb_sr", "template_kop_ar", "template_kop_sr")
NEEDED_VERSION = "2.0"  # tax rules, which every invoice of ours names, exist from 2.0 on (official)
# A message that lists known ids must stay readable.
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Check:
    """One question to sevDesk. `ok` None: sevDesk does not tell, so a person must look."""

    name: str
    ok: bool | None
    detail: str
    next_step: str | None = None


# -- test_connection ---------------------------------------------------------------------------------------------------


async def test_connection(store: Store, client: SevDeskClient, job: Job) -> Outcome:
    """Every check has its own result; one that fails stops no other. The job itself is done either way.

    Connected means: the token works and the account is known. Then account and admin are put down in the settings,
    and the first user as contact person where none is set.
    """
    config = await store.query("config")
    version, _ = await _ask("bookkeeping_version", client.bookkeeping_system_version, _version)
    account, users = await _ask("account", partial(client.list_users, with_account=True), _account)
    layouts, templates = await _ask("templates", client.list_templates, partial(_templates, config))
    checks = [version, account, *_users(users, config), layouts, _datev(version)]
    # A version that is too old is still an answer to our token.
    connected = bool(users and users[0].client_id)
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


async def _ask(name: str, call: Callable[[], Awaitable[T]], judge: Callable[[Any], Check]) -> tuple[Check, T | None]:
    try:
        answer = await call()
    except SevDeskError as error:
        return Check(name, False, str(error), "Mend what sevDesk names, then test again."), None
    return judge(answer), answer


def _version(version: str) -> Check:
    if version == NEEDED_VERSION:
        return Check("bookkeeping_version", True, f"sevDesk's bookkeeping system is {version}.")
    return Check(
        "bookkeeping_version",
        False,
        f"sevDesk's bookkeeping system is {version}; tax rules need {NEEDED_VERSION}.",
        "Let sevDesk's support move the account to the new bookkeeping system.",
    )


def _account(users: list[SevUser]) -> Check:
    if users and users[0].client_id:
        return Check("account", True, f"The token belongs to account {users[0].client_id}.")
    return Check("account", False, "sevDesk names no user or no account.", "Check whose token is set.")


def _users(users: list[SevUser] | None, config: Mapping[str, Any]) -> Iterable[Check]:
    """The person whom each invoice names must be a user of this account, which also notices another account's token."""
    if not users:
        return
    wanted = config["contact_person_id"]
    if wanted is None or any(user.id == wanted for user in users):
        who = wanted or users[0].id
        yield Check("users", True, f"{len(users)} users; invoices name user {who} as contact person.")
    else:
        yield Check(
            "users",
            False,
            f"The contact person {wanted} of the settings is none of the account's {len(users)} users.",
            "Set contact_person_id to null with update_config and test again, or set another user's id.",
        )


def _templates(config: Mapping[str, Any], found: list[Template]) -> Check:
    known = {template.id for template in found}
    lost = [field for field in TEMPLATE_FIELDS if config[field] is not None and config[field] not in known]
    if not lost:
        return Check("templates", True, f"{len(known)} templates can be read, those of the settings among them.")
    return Check(
        "templates",
        False,
        f"sevDesk has {len(known)} templates, but not what the settings name as {', '.join(lost)}.",
        "Choose others with update_config.",
    )


def _datev(version: Check) -> Check:
    """The one requirement that is known, the beginning of the accounting year, cannot be read (no endpoint known)."""
    if version.ok is False:
        return Check("datev", False, "The DATEV export needs what bookkeeping_version asks for.", version.next_step)
    return Check(
        "datev",
        None,
        "sevDesk shows nobody by API whether its export settings are complete; the first export will tell.",
        "See in sevDesk's export settings that the beginning of the accounting year is set.",
    )


# -- refresh_templates -------------------------------------------------------------------------------------------------


async def refresh_templates(store: Store, client: SevDeskClient, payload: RefreshTemplates) -> Outcome:
    """The table is what sevDesk has: fetched when older than FRESH_SECONDS, or forced."""
    known = await store.query("templates")
    if known and not payload.force and (age := max(row["age"] for row in known)) < FRESH_SECONDS:
        return Done({"fetched": False, "templates": len(known), "age_seconds": round(age, 1)})
    there = {template.id: template for template in await client.list_templates()}
    removed = await store.query(
        "store_templates",
        template_ids=list(there),
        names=[shown_name(template) for template in there.values()],
        translation_codes=[template.translation_code for template in there.values()],
        defaults=[template.default for template in there.values()],
    )
    return Done({"fetched": True, "templates": len(there), "removed": removed})


def shown_name(template: Template) -> str:
    """A name for people: sevDesk's stock layouts are named by translation keys (official example)."""
    name = template.name or template.translation_code or template.id
    if name.isupper() and "_" in name:
        return name.rpartition("_")[2].capitalize()
    return name


# -- update_config -----------------------------------------------------------------------------------------------------


async def update_config(store: Store, job: Job, payload: UpdateConfig) -> Outcome:
    """Take over what differs; each change is put on record with old value, new value, person and time."""
    patch = payload.patch
    if refusal := await _unknown_templates(store, patch):
        return refusal
    changes = await store.query("change_config", patch=patch, job_id=job.job_id, changed_by=job.requested_by)
    changed = {row["field"]: {"old": row["old_value"], "new": row["new_value"]} for row in changes}
    return Done({"changed": changed})


async def _unknown_templates(store: Store, patch: Mapping[str, Any]) -> Rejected | None:
    wanted = {field: patch[field] for field in TEMPLATE_FIELDS if patch.get(field) is not None}
    if not wanted:
        return None
    known = await store.query("templates")
    ids = {row["template_id"] for row in known}
    if not (unknown := [f"{field} {value}" for field, value in wanted.items() if value not in ids]):
        return None
    if not known:
        return Rejected("sevDesk's templates are not known yet. Ask for refresh_templates first, then again.")
    shown = ", ".join(f"{row['template_id']} ({row['name']})" for row in known[:MOST_SHOWN])
    more = f" and {len(known) - MOST_SHOWN} more in sevdesk_templates" if len(known) > MOST_SHOWN else ""
    return Rejected(f"sevDesk has no template for {', '.join(unknown)}. Known are {shown}{more}.")
