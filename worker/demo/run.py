"""Runs the demo: a billing month of 27 invoices on embedded servers and a local sevDesk, checked row by row.

    approved -> published -> mailed -> paid (in full, in part, not yet) -> synced -> one payment returned -> synced

The worker runs in a process of its own, with nothing but environment settings and the rights of `sql/roles.sql`. The
billing system and the checks use the database as its owner.
"""

import importlib.util
import os
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import redis

from worker.demo.billing_system import BillingSystem
from worker.demo.checks import check_account, check_invoice, is_refused
from worker.demo.console import DemoConsole, ShowProgress
from worker.demo.database_role import create_worker_role
from worker.demo.month import BillingMonth, billing_month
from worker.demo.process import DemoError, DemoProcess, environment
from worker.demo.results import JOBS, JobRow, Results, read_results, sandbox_ids
from worker.demo.sample_invoices import ExpectedState
from worker.demo.sandbox import SandboxControl, wait_for_address
from worker.local import services as local
from worker.local.programs import INSTALL_HINT
from worker.local.services import ServiceError, Services
from worker.store.migrate import migrate

SANDBOX_PACKAGES = ("fpdf", "starlette", "uvicorn")
REPORTED_ERRORS = (DemoError, ServiceError, OSError, psycopg.Error, redis.RedisError, httpx.HTTPError)


def main(*, keep: bool, out: Path | None, sevdesk_url: str | None) -> int:
    """Runs the demo. Returns the exit code: 0 if every check passes, 130 after Ctrl-C, else 1."""
    console = DemoConsole()
    console.title("sevdesk-worker demo: a billing month, from approved to paid")
    try:
        with _signals_as_ctrl_c():
            return _run(console, keep, out, sevdesk_url)
    except REPORTED_ERRORS as error:
        text = " ".join(str(error).split())
        console.error(text if isinstance(error, DemoError | ServiceError) else f"{type(error).__name__}: {text}")
        return 1
    except KeyboardInterrupt:
        console.text("\n  Stopped; everything it started has ended.")
        return 130


@contextmanager
def _signals_as_ctrl_c() -> Iterator[None]:
    """SIGTERM and a closed terminal raise KeyboardInterrupt, so that the processes of the demo are ended, too."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(console: DemoConsole, keep: bool, out: Path | None, sevdesk_url: str | None) -> int:
    month = billing_month()
    folder = _output_folder(out)
    with ExitStack() as stack:
        running = _start_all(stack, console, month, folder, sevdesk_url)
        with closing(BillingSystem(running.services.database_url, running.services.redis_url)) as billing:
            passed = _Demo(console, running, billing, month).run(folder)
        if keep:
            _keep_running(console, running)
        return 0 if passed else 1


def _output_folder(out: Path | None) -> Path:
    if out is None:
        return Path(tempfile.mkdtemp(prefix="sevdesk-demo-"))
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "worker.log").touch()
    except OSError as error:
        raise DemoError(f"cannot write to {out}: {error.strerror}") from None
    return out.absolute()


@dataclass(frozen=True, slots=True)
class _Running:
    services: Services
    sandbox: SandboxControl
    worker: DemoProcess


def _start_all(
    stack: ExitStack, console: DemoConsole, month: BillingMonth, folder: Path, sevdesk_url: str | None
) -> _Running:
    """Starts servers, sandbox and worker, and migrates the database; `stack` ends them in reverse order."""
    with console.progress("Starting Postgres, Redis and a local sevDesk ..."):
        directory = stack.enter_context(local.scratch())
        connect = _existing_sandbox(sevdesk_url, month) if sevdesk_url else _own_sandbox(stack, directory)
        services = stack.enter_context(local.services(directory / "servers", durable=True))
        migrate(services.database_url, billing_reference=True)
        worker_url = create_worker_role(services.database_url)
        sandbox = connect()
        stack.callback(sandbox.close)
        sandbox.check()
    console.step_done("Postgres, Redis and a local sevDesk are running")
    settings = {
        "DATABASE_URL": worker_url,
        "REDIS_URL": services.redis_url,
        "SEVDESK_BASE_URL": sandbox.base_url,
        "SEVDESK_API_TOKEN": sandbox.token,
        # One person requests the whole month within a second; with 20 jobs a minute it would take three minutes.
        "PERSON_JOB_LIMIT": "10000/60",
        # The sandbox answers in milliseconds, so a write whose answer was lost need not be awaited for 45 s.
        "WRITE_QUARANTINE": "10",
        "SHUTDOWN_GRACE": "5",
    }
    log = folder / "worker.log"
    worker = DemoProcess("the worker", ["worker", "run"], log, directory, environment(**settings))
    stack.callback(worker.stop)
    return _Running(services, sandbox, worker)


def _existing_sandbox(url: str, month: BillingMonth) -> Callable[[], SandboxControl]:
    """A sandbox that runs already. Raises `DemoError` before anything is started if it cannot be used."""
    token = os.environ.get("SEVDESK_API_TOKEN", "")
    if not token:
        raise DemoError("--sevdesk-url needs the sandbox's token in SEVDESK_API_TOKEN")
    sandbox = SandboxControl(url, token)
    sandbox.check()
    numbers = {plan.invoice_number for plan in month.plans}
    if any(each["customerInternalNote"] in numbers for each in sandbox.state("invoices")["invoices"]):
        raise DemoError("this sandbox has seen the demo before and holds its invoices: start a fresh one")
    return lambda: sandbox


def _own_sandbox(stack: ExitStack, directory: Path) -> Callable[[], SandboxControl]:
    """Starts a sandbox; the returned function waits for its address, so that the servers can start meanwhile."""
    if missing := [name for name in SANDBOX_PACKAGES if importlib.util.find_spec(name) is None]:
        raise DemoError(f"the local sevDesk needs the packages {', '.join(missing)}. {INSTALL_HINT}")
    log = directory / "sandbox.log"
    process = DemoProcess("the sandbox", ["sevdesk_client.sandbox"], log, directory, environment())
    stack.callback(process.stop)
    return lambda: SandboxControl(*wait_for_address(process))


class _Demo:
    """The steps of the demo. What goes wrong in one of them is not raised; the checks at the end report it."""

    def __init__(self, console: DemoConsole, running: _Running, billing: BillingSystem, month: BillingMonth) -> None:
        self._console, self._running, self._billing, self._month = console, running, billing, month
        self._reversed = next(plan for plan in month.plans if plan.expected is ExpectedState.PAID)

    def run(self, folder: Path) -> bool:
        """Runs all steps; returns whether every check passes."""
        sandbox = self._running.sandbox
        old_ids = sandbox_ids(sandbox)
        self._billing.insert(self._month)
        self._console.step_done(f"The billing system holds {len(self._month.plans)} approved invoices")
        self._publish_and_send()
        self._receive_payments()
        self._sync_payments("The payment sync reads that")
        self._return_payment()
        self._sync_payments("The next sync reads that, too")
        return self._report(
            read_results(self._month, self._reversed.invoice_id, self._billing, sandbox, old_ids), folder
        )

    def _publish_and_send(self) -> None:
        """Enqueues both jobs of every invoice at once; the jobs of one invoice run one after another."""
        jobs = [
            self._billing.enqueue(kind, by=self._month.staff_id, invoice_id=plan.invoice_id)
            for plan in self._month.plans
            for kind in ("publish_invoice", "send_invoice")
        ]
        with self._console.progress("Publishing ...") as show:
            self._wait_for(jobs, show)
        states = Counter((job.kind, job.state) for job in self._billing.rows(JobRow, JOBS))
        published, mailed = states["publish_invoice", "done"], states["send_invoice", "done"]
        parked = states["publish_invoice", "parked"]
        waiting = "1 waits" if parked == 1 else f"{parked} wait"
        self._console.step_done(f"The worker has published {published} and mailed {mailed}; {waiting} for a person")

    def _wait_for(self, jobs: list[str], show: ShowProgress) -> None:
        def on_progress(ended: Counter[str]) -> None:
            published, mailed = ended["publish_invoice"], ended["send_invoice"]
            show(f"{published} published, {mailed} mailed, of {len(jobs) // 2}", ended.total() / len(jobs))

        self._billing.wait_for(jobs, self._running.worker.check_running, on_progress)

    def _receive_payments(self) -> None:
        external_ids = self._external_ids()
        count: Counter[ExpectedState] = Counter()
        for plan in self._month.plans:
            if not plan.amount or plan.invoice_id not in external_ids:
                continue
            try:
                self._running.sandbox.receive_payment(external_ids[plan.invoice_id], plan.amount, str(plan.paid_on))
                count[plan.expected] += 1
            except DemoError as error:
                self._console.text(f"    {plan.invoice_number}: {error}")
        full, part = count[ExpectedState.PAID], count[ExpectedState.PARTLY_PAID]
        self._console.step_done(f"{full} customers pay in full, {part} in part, the others are late")

    def _external_ids(self) -> dict[UUID, str]:
        statement = "SELECT id, external_id FROM billing_invoices WHERE accounting_sync_status = 'synced'"
        return dict(self._billing.values(statement))

    def _return_payment(self) -> None:
        plan = self._reversed
        if (external_id := self._external_ids().get(plan.invoice_id)) is None:
            return
        self._running.sandbox.return_payments(external_id)
        self._console.step_done(f"The bank takes the {plan.amount} EUR for {plan.invoice_number} back")

    def _sync_payments(self, text: str) -> None:
        job = self._billing.enqueue("sync_payments", by=self._month.admin_id)
        with self._console.progress("Syncing payments ..."):
            self._billing.wait_for([job], self._running.worker.check_running, lambda _: None)
        statement = "SELECT result FROM sevdesk_jobs WHERE job_id = %s AND state = 'done'"
        changed = sum(result["changed"] for (result,) in self._billing.values(statement, job))
        self._console.step_done(f"{text}: {changed} {'claim has' if changed == 1 else 'claims have'} changed")

    def _report(self, results: Results, folder: Path) -> bool:
        """Writes the PDFs and prints the checks; returns whether all of them pass."""
        invoice_groups, account_group = [check_invoice(each) for each in results.invoices], check_account(results)
        pdfs = {f"{each.row.external_invoice_number}": pdf.content for each in results.invoices for pdf in each.pdfs}
        for number, content in pdfs.items():
            # sevDesk chooses the number, which must not lead out of the folder.
            (folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', number)}.pdf").write_bytes(content)
        self._console.table(results.invoices, invoice_groups)
        for invoice, group in zip(results.invoices, invoice_groups, strict=True):
            if is_refused(invoice) and not group.failed:
                self._console.parked(invoice)
        self._console.files(folder, len(pdfs))
        self._console.summary([*invoice_groups, account_group])
        return not any(group.failed for group in (*invoice_groups, account_group))


def _keep_running(console: DemoConsole, running: _Running) -> None:
    """Returns after Ctrl-C. Raises `DemoError` when the worker ends."""
    console.text(
        f"\n  Everything keeps running; Ctrl-C ends it.\n\n"
        f"DATABASE_URL={running.services.database_url}\nREDIS_URL={running.services.redis_url}\n"
        f"SEVDESK_BASE_URL={running.sandbox.base_url}\nSEVDESK_API_TOKEN={running.sandbox.token}\n"
    )
    try:
        while True:
            time.sleep(1)
            running.worker.check_running()
    except KeyboardInterrupt:
        return
