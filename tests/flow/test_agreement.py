"""Workers that contradict each other in a setting say so: in the log, in `status` and in `doctor`, without secrets."""

from pathlib import Path

from flow.billing import Billing
from flow.books import until
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.signing import KEYS, SECRET
from flow.waiting import wait_for
from pydantic import SecretStr
from pytest import MonkeyPatch
from structlog.testing import capture_logs

from worker.maintenance import maintenance
from worker.settings import Settings

DIFFER = "workers.settings_differ"


async def living(billing: Billing) -> int:
    return await billing.db.fetchval("SELECT count(*) FROM sevdesk_living_workers_v1()")


async def test_contradiction_is_told_everywhere(
    billing: Billing, settings: Settings, run_worker: RunWorker, tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    """By the newcomer and by the leader, once each; `status` exits 3 and `doctor` warns, until it is over."""
    monkeypatch.setattr(maintenance, "COMPARE_SECONDS", 0.02)
    operator = Operator(settings, tmp_path)
    with capture_logs() as lines:
        async with run_worker() as first:
            await until(lambda: living(billing))
            assert (await operator.run("status"))[0] == 0
            async with run_worker(document_header="Nr. {number}", error_budget=300) as second:
                await wait_for(lambda: [line["event"] for line in lines].count(DIFFER) == 4)
                code, said, _ = await operator.run("status")
                assert code == 3 and "ERROR_BUDGET differs between workers" in said
                found = {each["name"]: each for each in (await operator.json("doctor"))["checks"]}["settings"]
            await until(lambda: _alone(billing))
            assert (await operator.run("status"))[0] == 0
    values = f"{{kind}} {{number}} in {first.name}; Nr. {{number}} in {second.name}."
    expected = f"DOCUMENT_HEADER differs between workers: {values}"
    assert found["level"] == "warn" and expected in found["detail"] and "restart" in found["next_step"]
    assert [line["reason"].startswith(expected) for line in lines if line["event"] == DIFFER].count(True) == 2


async def _alone(billing: Billing) -> bool:
    return await living(billing) == 1


async def test_secrets_are_compared_unseen(billing: Billing, run_worker: RunWorker, settings: Settings) -> None:
    """Another token and another signing key: told by fingerprints, which differ, and nothing of the secrets is kept."""
    token = "fedcba9876543210" * 2
    with capture_logs() as lines:
        async with run_worker(job_signing_keys=KEYS):
            await until(lambda: living(billing))
            others = {name: SecretStr(SECRET[::-1]) for name in KEYS}
            async with run_worker(job_signing_keys=others, sevdesk_api_token=SecretStr(token)):
                await wait_for(lambda: [line["event"] for line in lines].count(DIFFER) >= 2)
                kept = await billing.db.fetch("SELECT settings::text FROM sevdesk_workers")
    told = " ".join(line["reason"] for line in lines if line["event"] == DIFFER)
    assert "SEVDESK_API_TOKEN differs" in told and "JOB_SIGNING_KEYS differs" in told and "SHA-256 " in told
    assert settings.sevdesk_api_token is not None
    for secret in (token, settings.sevdesk_api_token.get_secret_value(), SECRET, SECRET[::-1]):
        assert secret[:12] not in told + "".join(row["settings"] for row in kept)


async def test_newer_release_is_only_told(
    billing: Billing, settings: Settings, run_worker: RunWorker, tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    """Side by side with another version: one line at level info, and nobody has anything to do."""
    with capture_logs() as lines:
        async with run_worker():
            await until(lambda: living(billing))
            monkeypatch.setattr("worker.maintenance.agreement.version", lambda: "99.1")
            async with run_worker():
                await wait_for(lambda: "workers.versions_differ" in [line["event"] for line in lines])
                code, said, _ = await Operator(settings, tmp_path).run("status")
    assert code == 0 and "99.1" in said and DIFFER not in [line["event"] for line in lines]


async def test_dead_workers_leave_the_record(billing: Billing, run_worker: RunWorker) -> None:
    """The last one's row stays, as a sign that workers have run here, until another one starts."""
    async with run_worker() as first:
        await until(lambda: living(billing))
    assert await living(billing) == 0
    assert await billing.db.fetchval("SELECT name FROM sevdesk_workers") == first.name
    async with run_worker() as second:
        await until(lambda: living(billing))
    assert await billing.db.fetchval("SELECT array_agg(name) FROM sevdesk_workers") == [second.name]
