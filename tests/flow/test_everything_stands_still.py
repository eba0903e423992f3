"""Troubles of the whole, which no job and no notice tells of: `status` exits 3 while they last, as `why` does."""

import pytest
from flow.situations import waiting_for_money
from flow.stage import Stage

from worker.cli.status import read_status
from worker.cli.status_view import needs_person, status_view
from worker.store import Store

# Trouble -> what makes it so, what ends it, and whether `why` of a healthy invoice says that a person must act.
TROUBLES = {
    "no token": (
        "UPDATE sevdesk_config SET token_configured = false",
        "UPDATE sevdesk_config SET token_configured = true",
        True,
    ),
    "no payment sync": (
        "UPDATE sevdesk_config SET last_sync_at = now() - interval '1 d', payment_sync_interval_minutes = 10",
        "UPDATE sevdesk_config SET last_sync_at = now()",
        True,
    ),
    "restored": (
        "UPDATE sevdesk_restores SET noticed_at = now()",
        "UPDATE sevdesk_restores SET noticed_at = NULL",
        False,
    ),
    "another account": (
        "UPDATE sevdesk_config SET account_id = 'a', other_account_id = 'b', other_account_worker = 'w', "
        "other_account_at = now()",
        "UPDATE sevdesk_config SET other_account_at = NULL",
        False,
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_status_wants_a_person_as_long_as(name: str, stage: Stage) -> None:
    """Without a parked job, and without a notice."""
    provoke, mend, told_by_why = TROUBLES[name]
    store = await Store.connect(stage.settings.database_url, size=1)
    try:
        async with stage.working():
            invoice = await waiting_for_money(stage)
            assert not needs_person(await read_status(store, stage.settings))
            await stage.billing.db.execute(provoke)
            status = await read_status(store, stage.settings)
            assert needs_person(status) and status_view(status)
            assert (await stage.why(invoice)).needs_person == told_by_why
            await stage.billing.db.execute(mend)
            assert not needs_person(await read_status(store, stage.settings))
    finally:
        await store.close()
