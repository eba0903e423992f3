"""Metrics: counted for real jobs, and used in the dashboard and the alerts by the names that are exported."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import urllib.request
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from flow.billing import Billing, time_to_day
from flow.books import order_fault, until
from flow.conftest import RunWorker
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

import worker as package
from sevdesk_client.sandbox.http.server import Running
from sevdesk_client.sending import Call
from worker.app import App
from worker.maintenance import maintenance
from worker.observability.metrics import Metrics
from worker.settings import JobLimit
from worker.store.rows import BusinessRow

FOLDER = Path(package.__file__).parent / "observability"
RULES_TEST = Path(__file__).with_name("alert_rules_test.yml")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
# The functions and keywords of PromQL that the rules use.
# The figures of an empty database.
NOTHING: Any = dict.fromkeys(BusinessRow.__annotations__, 0)
PROMQL = {"absent", "by", "histogram_quantile", "increase", "max", "min", "or", "rate", "sum"}


@pytest.fixture(autouse=True)
def measured_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are counted every tenth of a second."""
    monkeypatch.setattr(maintenance, "MEASURE_SECONDS", 0.1)
    monkeypatch.setattr(maintenance, "RANK_SECONDS", 3600.0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def scrape(port: int) -> Samples:
    """The samples that Prometheus would read."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return read(answer.read().decode())


def read(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


async def scrape_async(port: int) -> Samples:
    return await asyncio.to_thread(scrape, port)


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[(f"sevdesk_worker_{name}", frozenset(labels.items()))]


async def test_jobs_and_calls_are_counted(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """A publication counts as one attempt done, with its duration, and each of its calls by operation."""
    port = free_port()
    async with run_worker(metrics_port=port, metrics_host="127.0.0.1"):
        assert (await billing.do("publish_invoice", invoice_id=await billing.usual_invoice()))["state"] == "done"
        await billing.do("publish_invoice", invoice_id=billing.admin)
        seen = await scrape_async(port)
    assert value(seen, "job_attempts_total", kind="publish_invoice", outcome="done") == 1
    assert value(seen, "job_attempts_total", kind="publish_invoice", outcome="rejected") == 1
    assert value(seen, "job_duration_seconds_count", kind="publish_invoice") == 2
    assert 0 < value(seen, "job_duration_seconds_sum", kind="publish_invoice") < 20
    save = "POST /Invoice/Factory/saveInvoice"
    assert value(seen, "sevdesk_calls_total", operation=save, outcome="ok") == 1
    assert value(seen, "sevdesk_call_duration_seconds_count", operation=save) == 1
    counted = sum(
        v for (name, labels), v in seen.items() if name.endswith("calls_total") and ("outcome", "ok") in labels
    )
    assert counted == len(sevdesk.sandbox.requests) > 5


async def test_queue_and_parked_are_shown(billing: Billing, run_worker: RunWorker) -> None:
    """Jobs by state, the age of the oldest ready job, and jobs that wait for a person."""
    port = free_port()
    wrong = await billing.usual_invoice(gross_amount="120.00")
    async with run_worker(metrics_port=port, metrics_host="127.0.0.1", person_job_limit=JobLimit(2, 600.0)):
        assert (await billing.do("publish_invoice", invoice_id=wrong))["state"] == "parked"
        assert (await billing.do("sync_payments"))["state"] == "done"
        await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice())

        async def limited() -> bool:
            seen = await scrape_async(port)
            return value(seen, "claims_deferred_total", reason="limited") >= 1

        await until(limited)
        # No claim looks that far back for the queued one.
        statement = """WITH job AS (
                           INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, order_key, state, created_at,
                                                     problem, problem_parameters)
                           VALUES ($1, 'made_up', '{}', 'system', $1, $1, now() - interval '1 hour',
                                   'unexpected_error', '{}') RETURNING *)
                       INSERT INTO sevdesk_queue (job_id, seq, kind, order_key, phase, rank)
                       SELECT job_id, seq, kind, order_key, $2, -10000 FROM job"""
        for state, phase in (("queued", "ready"), ("parked", "parked")):
            await billing.db.execute(statement, state, phase)

        async def measured() -> Samples | None:
            seen = await scrape_async(port)
            return seen if value(seen, "queue_jobs", state="parked") == 2 else None

        seen = await until(measured)
        assert value(seen, "parked_jobs", kind="publish_invoice") == 1
        assert value(seen, "parked_jobs", kind="unknown") == 1
        assert value(seen, "lock_session_up") == 1
        assert value(seen, "payment_sync_age_seconds") < 60
        assert value(seen, "queue_metrics_age_seconds") < 5
        assert 3600 <= value(seen, "oldest_ready_job_age_seconds") < 3700


async def test_leader_measures_the_business(
    billing: Billing, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This month's invoices, what is owed and overpaid, exports with findings and the last full sweep."""
    monkeypatch.setattr(maintenance, "BUSINESS_SECONDS", 0.1)
    port = free_port()
    columns = {"document_status": "sent", "accounting_sync_status": "synced"}
    overdue = {"payment_term_days": 0, "issue_date": time_to_day() - timedelta(days=40)}
    paid = {"claim_status": "paid", "paid_amount": Decimal(129)}
    given: tuple[dict[str, Any], ...] = (paid, {}, overdue)
    for number, more in zip("123", given, strict=True):
        invoice = await billing.invoice(None, external_id=number, external_invoice_number=number, **columns | more)
        if "paid_amount" in more:
            await billing.db.execute(
                """INSERT INTO sevdesk_notices (invoice_id, code, parameters)
                   VALUES ($1, 'overpaid', '{"excess": "10.00"}')""", invoice)  # fmt: skip
    await billing.db.execute(
        """INSERT INTO sevdesk_datev_exports (start_date, end_date, status) VALUES
           ('2026-01-01', '2026-01-31', 'refused'), ('2026-02-01', '2026-02-28', 'accepted')""")  # fmt: skip
    async with run_worker(metrics_port=port, metrics_host="127.0.0.1"):
        await billing.do("refresh_templates")  # the worker listens by then

        async def measured() -> Samples | None:
            seen = await scrape_async(port)
            return seen if seen.get(("sevdesk_worker_overpaid_euros", frozenset())) else None

        seen = await until(measured)
    assert [value(seen, "month_invoices", stage=stage) for stage in ("published", "sent", "paid")] == [2, 2, 1]
    assert value(seen, "month_euros", stage="published") == 238
    assert [value(seen, "open_claims", due=due) for due in ("not_due", "overdue")] == [1, 1]
    assert value(seen, "open_claims_euros", due="overdue") == 119
    assert (value(seen, "overpaid_euros"), value(seen, "exports_with_findings"), value(seen, "leader")) == (10, 1, 1)


def test_who_leads_not_shows_nothing() -> None:
    """Figures that another worker measures from now on are not shown on."""
    metrics = used()
    metrics.business.leader.set(1)
    metrics.queue_not_measured()
    seen = exported(metrics)
    assert value(seen, "leader") == value(seen, "overpaid_euros") == 0
    assert not [name for name, _ in seen if "worker_month_" in name or "worker_open_claims" in name]


async def test_retries_are_counted_apart(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """A write without an answer uses up a retry of the job; a read is repeated by the client."""
    port = free_port()
    await order_fault(sevdesk, "lose_answer", "POST /Invoice/Factory/saveInvoice", times=1)
    await order_fault(sevdesk, "status", "GET /SevUser", status=502, times=1)
    async with run_worker(metrics_port=port, metrics_host="127.0.0.1", write_quarantine=0.6):
        assert (await billing.do("publish_invoice", invoice_id=await billing.usual_invoice()))["state"] == "done"
        seen = await scrape_async(port)
    assert value(seen, "job_retries_total", kind="publish_invoice") == 1
    assert value(seen, "job_attempts_total", kind="publish_invoice", outcome="retry") == 1
    assert value(seen, "sevdesk_call_retries_total", operation="GET /SevUser") == 1
    assert value(seen, "sevdesk_calls_total", operation="GET /SevUser", outcome="Unavailable") == 1


async def test_without_port_nothing_listens(billing: Billing, worker: App) -> None:
    """Metrics are counted all the same, but no socket is opened."""
    await billing.do("refresh_templates")
    assert value(exported(worker.metrics), "job_attempts_total", kind="refresh_templates", outcome="done") == 1
    assert worker.settings.metrics_port is None


async def test_taken_port_costs_no_invoice(billing: Billing, run_worker: RunWorker) -> None:
    """The worker logs that and works."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        async with run_worker(metrics_port=other.getsockname()[1], metrics_host="127.0.0.1"):
            assert (await billing.do("refresh_templates"))["state"] == "done"


def exported(metrics: Metrics) -> Samples:
    return read(generate_latest(metrics.registry).decode())


def used() -> Metrics:
    """Metrics in which every metric has a sample."""
    metrics = Metrics()
    metrics.job_ended("publish_invoice", "waiting", 1.0, retry=True, problem="sevdesk_unavailable")
    metrics.call_ended(Call("GET", "/SevUser", 200, 60.0, 2, "ok"))
    metrics.queue_measured([], 0.0, None)
    metrics.notices_measured([])
    metrics.business.measured(NOTHING)
    metrics.lock_session_up.set_function(lambda: True)
    return metrics


def expressions() -> list[str]:
    """Every PromQL expression in the dashboard and the alerts."""
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    alerts = yaml.safe_load((FOLDER / "alerts.yml").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return shown + [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]


def test_every_name_is_exported() -> None:
    """Panels and alerts use only metrics, labels and functions that exist."""
    samples = exported(used())
    labels: dict[str, set[str]] = {}
    for name, pairs in samples:
        labels.setdefault(name, set()).update(label for label, _ in pairs)
    assert len(expressions()) > 20
    for expression in expressions():
        bare = re.sub(r'"[^"]*"|\[\w+\]', "", expression)
        words = set(re.findall(r"[a-zA-Z_]\w*", bare)) - PROMQL
        metrics = {word for word in words if word.startswith("sevdesk_worker_")}
        assert metrics and metrics <= set(labels), expression
        known = set.union(*(labels[metric] for metric in metrics))
        assert words - metrics <= known, expression
        assert bare.count("(") == bare.count(")") and bare.count("{") == bare.count("}")


def test_every_metric_is_used() -> None:
    """Each exported metric is in a panel or an alert."""
    asked = " ".join(expressions())
    names = {re.sub("_(bucket|sum|count|created)$", "", name) for name, _ in exported(used())}
    assert {name for name in names if name not in asked} == set()


def test_alerts_name_the_next_step() -> None:
    """Each alert has a severity, a summary and a next step."""
    rules = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"] and rule["annotations"]["next_step"]


def promtool(*arguments: str | Path) -> None:
    """Run Prometheus' own checker; skipped without it."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not on PATH (sh .ci/promtool FOLDER fetches it): only names and shape were checked")
    said = subprocess.run([tool, *arguments], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr


def test_promtool_accepts_the_alerts() -> None:
    """Prometheus can load the rules."""
    promtool("check", "rules", FOLDER / "alerts.yml")


def test_alerts_fire_when_they_should() -> None:
    """Each alert fires after its time with its labels, and none in two hours without trouble."""
    promtool("test", "rules", RULES_TEST)


def test_every_alert_is_tested() -> None:
    """Each alert fires in alert_rules_test.yml, which uses only exported metrics."""
    told = RULES_TEST.read_text()
    alerts = yaml.safe_load((FOLDER / "alerts.yml").read_text())
    assert {rule["alert"] for group in alerts["groups"] for rule in group["rules"]} <= set(re.findall(r"\w+", told))
    assert set(re.findall(r"sevdesk_worker_\w+", told)) <= {name for name, _ in exported(used())}


def test_labels_come_from_closed_sets() -> None:
    """A kind that a producer made up does not become a label."""
    metrics = Metrics()
    metrics.job_ended("Erika Mustermann", "rejected", 0.1, retry=False, problem=None)
    values: set[Any] = {v for _, pairs in exported(metrics) for _, v in pairs}
    assert "Erika Mustermann" not in values and "unknown" in values
