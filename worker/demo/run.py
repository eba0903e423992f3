"""Runs the demo: a billing month of 33 invoices on embedded servers and a local sevDesk, checked row by row.

    approved -> published -> mailed -> paid (in full, in part, not yet) -> synced -> parts of two credited,
    one payment returned -> synced

The worker runs in a process of its own, with nothing but environment settings and the rights of `sql/roles.sql`. The
billing system and the checks use the database as its owner.
"""

import importlib.util
import os
import re
import secrets
import signal
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import psycopg
import redis
from psycopg import sql
from rich.console import Console

from worker.demo import credits
from worker.demo.billing_system import BillingSystem
from worker.demo.checks import check_account, check_invoice
from worker.demo.console import DemoConsole
from worker.demo.month import BillingMonth, billing_month
from worker.demo.own_tables import VIEWS, create_example
from worker.demo.process import DemoError, DemoProcess, environment
from worker.demo.results import InvoiceOutcome, read_results, sandbox_ids
from worker.demo.sample_invoices import ExpectedState
from worker.demo.sandbox import SandboxControl, wait_for_address
from worker.local import services as local
from worker.local.programs import INSTALL_HINT, ServiceError
from worker.store.migrate import migrate
from worker.store.sql_files import sql_dir

ROLE = "sevdesk_worker"  # made by `sql/roles.sql`
SANDBOX_PACKAGES = ("fpdf", "starlette", "uvicorn")
# What to try after the demo, and while it is kept running.
NEXT = """
  Next: sevdesk-worker demo --keep   everything keeps running, to try the commands on
        docs/operating.md            what an operator sees and does
        docs/integrating.md          how a back end asks for jobs
"""
KEPT = """
sevdesk-worker status            # the whole
sevdesk-worker jobs --state parked
sevdesk-worker why INVOICE       # one that waits for a person
sevdesk-worker files INVOICE --save .
sevdesk-worker tail              # what happens, as it happens
"""
REPORTED_ERRORS = (OSError, psycopg.Error, redis.RedisError, httpx.HTTPError, httpx.InvalidURL)


def main(console: Console, *, keep: bool, out: Path | None, sevdesk_url: str | None, own_tables: bool = False) -> int:
    """Runs the demo. Returns the exit code: 0 if every check passes, 130 after Ctrl-C, else 1."""
    demo_console = DemoConsole(console)
    demo_console.text("\nsevdesk-worker demo: a billing month, from approved to paid\n", "bold")
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that the processes of the demo are ended, too
        signal.signal(number, signal.default_int_handler)
    try:
        return _run(demo_console, keep, out, sevdesk_url, own_tables)
    except (DemoError, ServiceError) as error:
        cause = str(error)
    except REPORTED_ERRORS as error:
        cause = f"{type(error).__name__}: {error}"
    except KeyboardInterrupt:
        demo_console.text("\n  Stopped; everything it started has ended.")
        return 130
    demo_console.text(f"  The demo stops: {' '.join(cause.split()).rstrip('.')}.", "bold red")
    return 1


def _run(console: DemoConsole, keep: bool, out: Path | None, sevdesk_url: str | None, own_tables: bool) -> int:
    month, folder = billing_month(), _output_folder(out)
    with ExitStack() as stack:
        with console.progress("Starting Postgres, Redis and a local sevDesk ..."):
            directory = stack.enter_context(local.scratch())
            if sevdesk_url:
                sandbox = _existing_sandbox(stack, sevdesk_url, month)
            else:
                process = _sandbox_process(stack, directory)  # starts while the servers start
            services = stack.enter_context(local.services(directory / "servers", durable=True))
            _create_tables(services.database_url, own_tables)
            worker_url = _create_worker_role(services.database_url)
            if not sevdesk_url:
                sandbox = _connect(stack, *wait_for_address(process))
        console.step_done("Postgres, Redis and a local sevDesk are running")
        settings = {
            "DATABASE_URL": worker_url,
            "BILLING_SCHEMA": VIEWS if own_tables else "",
            "REDIS_URL": services.redis_url,
            "SEVDESK_BASE_URL": sandbox.base_url,
            "SEVDESK_API_TOKEN": sandbox.token,
            # One person requests the whole month within a second; with 20 jobs a minute it would take three minutes.
            "PERSON_JOB_LIMIT": "10000/60",
            # The sandbox answers in milliseconds, so a write whose answer was lost need not be awaited for 45 s.
            "WRITE_QUARANTINE": "10",
            "ISSUE_DATE_MAX_AGE": "36500",  # the month is the same in every year
            "E_INVOICE_FROM": "off",
            "SHUTDOWN_GRACE": "5",
        }
        log = folder / "worker.log"
        worker = DemoProcess("the worker", ["worker", "run"], log, directory, environment(**settings))
        stack.callback(worker.stop)
        billing = BillingSystem(services.database_url, services.redis_url)
        stack.callback(billing.close)
        passed = _Demo(console, month, billing, sandbox, worker).run(folder)
        if keep:
            _keep_running(console, worker, settings | {"DATABASE_URL": services.database_url})
        else:
            console.text(NEXT)
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


def _existing_sandbox(stack: ExitStack, url: str, month: BillingMonth) -> SandboxControl:
    """A sandbox that runs already. Raises `DemoError` before anything is started if it cannot be used."""
    token = os.environ.get("SEVDESK_API_TOKEN", "")
    if not token:
        raise DemoError("--sevdesk-url needs the sandbox's token in SEVDESK_API_TOKEN")
    sandbox = _connect(stack, url, token)
    numbers = {plan.invoice_number for plan in month.plans}
    if any(each["customerInternalNote"] in numbers for each in sandbox.state("invoices")["invoices"]):
        raise DemoError("this sandbox has seen the demo before and holds its invoices: start a fresh one")
    return sandbox


def _connect(stack: ExitStack, url: str, token: str) -> SandboxControl:
    sandbox = SandboxControl(url, token)
    stack.callback(sandbox.close)
    sandbox.check()
    return sandbox


def _sandbox_process(stack: ExitStack, directory: Path) -> DemoProcess:
    if missing := [name for name in SANDBOX_PACKAGES if importlib.util.find_spec(name) is None]:
        raise DemoError(f"the local sevDesk needs the packages {', '.join(missing)}. {INSTALL_HINT}")
    log = directory / "sandbox.log"
    process = DemoProcess("the sandbox", ["sevdesk_client.sandbox"], log, directory, environment())
    stack.callback(process.stop)
    return process


def _create_tables(owner_url: str, own_tables: bool) -> None:
    """The billing tables, and the worker's. Of another form, they are read and written through views.

    The owner's search path then begins with the views as well, for the demo's billing system uses the same names.
    Raises `psycopg.Error`.
    """
    if own_tables:
        with psycopg.connect(owner_url) as owner:
            create_example(owner)
            path = sql.SQL("ALTER ROLE CURRENT_USER SET search_path = {}, public").format(sql.Identifier(VIEWS))
            owner.execute(path)
    migrate(owner_url, billing_reference=not own_tables, billing_schema=VIEWS if own_tables else None)


def _create_worker_role(owner_url: str) -> str:
    """The DATABASE_URL of a role with the rights of `sql/roles.sql` and a random password. Raises `psycopg.Error`."""
    password = secrets.token_hex(16)
    with psycopg.connect(owner_url) as owner:
        owner.execute((sql_dir() / "roles.sql").read_bytes())
        login = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(password))
        owner.execute(login)
    parts = urlsplit(owner_url)
    return parts._replace(netloc=f"{ROLE}:{password}@{parts.hostname}:{parts.port}").geturl()


@dataclass(frozen=True, slots=True)
class _Demo:
    """The steps of the demo. What goes wrong in one of them is not raised; the checks at the end report it."""

    console: DemoConsole
    month: BillingMonth
    billing: BillingSystem
    sandbox: SandboxControl
    worker: DemoProcess

    def run(self, folder: Path) -> bool:
        """Runs all steps; returns whether every check passes."""
        old_ids = sandbox_ids(self.sandbox)
        self.billing.insert(self.month.tables)
        self.console.step_done(f"The billing system holds {len(self.month.plans)} approved invoices")
        self._publish_and_send()
        self._receive_payments()
        self._sync_payments("The payment sync reads that")
        self._credit()
        self._return_payment()
        self._sync_payments("The next sync reads that, too")
        results = read_results(self.month, self.billing, self.sandbox, old_ids)
        checks = {each.plan.invoice_number: check_invoice(each) for each in results.invoices}
        checks["the account"] = check_account(results)
        failed = {
            name: failures
            for name, compared in checks.items()
            if (failures := [check for check in compared if check.expected != check.actual])
        }
        count = _write_pdfs(results.invoices, folder)
        self.console.table(results.invoices, set(failed))
        for invoice in results.invoices:
            number = invoice.plan.invoice_number
            if invoice.plan.is_refused and number not in failed:
                self.console.text(f"  {number} waits for a person, as it should:", "yellow")
                job = invoice.row["jobs"][0]
                self.console.text(f"    {job['error']}\n    {job['next_step']}\n")
        self.console.text(f"  {_judged(results.invoices)}")
        self.console.text(f"  {count} PDFs and the worker's log: {folder}")
        self.console.summary(checks, failed)
        return not failed

    def _publish_and_send(self) -> None:
        """Enqueues both jobs of every invoice at once; the jobs of one invoice run one after another."""
        jobs = [
            self.billing.enqueue(kind, options, by=self.month.staff_id, invoice_id=plan.invoice_id)
            for plan in self.month.plans
            for kind, options in (("publish_invoice", {}), ("send_invoice", {"channel": plan.channel}))
        ]
        with self.console.progress("Publishing ...") as show:

            def on_progress(ended: Counter[str]) -> None:
                published, sent = ended["publish_invoice"], ended["send_invoice"]
                show(f"{published} published, {sent} sent, of {len(jobs) // 2}", ended.total() / len(jobs))

            self.billing.wait_for(jobs, self.worker.check_running, on_progress)
        counts = {
            (row["kind"], row["state"]): row["count"]
            for row in self.billing.rows("SELECT kind, state, count(*) FROM sevdesk_jobs GROUP BY kind, state")
        }
        published, sent = counts.get(("publish_invoice", "done"), 0), counts.get(("send_invoice", "done"), 0)
        parked = counts.get(("publish_invoice", "parked"), 0)
        waiting = "1 waits" if parked == 1 else f"{parked} wait"
        self.console.step_done(f"The worker has published {published} and sent {sent}; {waiting} for a person")

    def _receive_payments(self) -> None:
        external_ids = self._external_ids()
        paid: Counter[bool] = Counter()  # by whether in full
        for plan in self.month.plans:
            if not plan.amount or plan.invoice_id not in external_ids:
                continue
            try:
                self.sandbox.receive_payment(external_ids[plan.invoice_id], plan.amount, str(plan.paid_on))
                paid[plan.expected is not ExpectedState.PARTLY_PAID] += 1
            except DemoError as error:
                self.console.text(f"    {plan.invoice_number}: {error}")
        self.console.step_done(
            f"{paid[True]} customers pay in full, {paid[False]} in part, the others are late or owe nothing"
        )

    def _external_ids(self) -> dict[UUID, str]:
        statement = "SELECT id, external_id FROM billing_invoices WHERE accounting_sync_status = 'synced'"
        return {row["id"]: row["external_id"] for row in self.billing.rows(statement)}

    def _credit(self) -> None:
        """Two customers give something back; the others keep what they have."""
        for number, credit in credits.CREDITS.items():
            plan = next(plan for plan in self.month.plans if plan.invoice_number == number)
            wanted = {"reason": credit.reason, "positions": credit.positions}
            job = self.billing.enqueue(credits.JOB, wanted, by=self.month.staff_id, invoice_id=plan.invoice_id)
            self.billing.wait_for([job], self.worker.check_running, lambda _: None)
            self.console.step_done(f"{credit.gross} EUR of {number} are credited")

    def _return_payment(self) -> None:
        plan = next(plan for plan in self.month.plans if plan.expected is ExpectedState.RETURNED)
        if external_id := self._external_ids().get(plan.invoice_id):
            self.sandbox.return_payments(external_id)
            self.console.step_done(f"The bank takes the {plan.amount} EUR for {plan.invoice_number} back")

    def _sync_payments(self, text: str) -> None:
        job = self.billing.enqueue("sync_payments", by=self.month.admin_id)
        with self.console.progress("Syncing payments ..."):
            self.billing.wait_for([job], self.worker.check_running, lambda _: None)
        done = self.billing.rows("SELECT result FROM sevdesk_jobs WHERE job_id = %s AND state = 'done'", job)
        changed = sum(row["result"]["changed"] for row in done)
        self.console.step_done(f"{text}: {changed} {'claim has' if changed == 1 else 'claims have'} changed")


def _judged(invoices: list[InvoiceOutcome]) -> str:
    """How many e-invoices the official rules judged, and which rules these were."""
    told = [event["payload"] for each in invoices for event in each.row["events"]]
    checked = [each for each in told if "verdict" in each and each["rules"]]
    valid = sum(each["verdict"] == "valid" for each in checked)
    rules = ", ".join(sorted({each["rules"] for each in checked})) or "no rules (the extra einvoice is missing)"
    return f"{valid} of {len(checked)} e-invoices and credit notes are valid by {rules}"


def _write_pdfs(invoices: list[InvoiceOutcome], folder: Path) -> int:
    """Writes the PDFs, named by their numbers, and returns how many they are."""
    pdfs = {f"{each.row['external_invoice_number']}": pdf for each in invoices for pdf in each.row["pdfs"]}
    for number, content in pdfs.items():
        # sevDesk chooses the number, which must not lead out of the folder.
        path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', number)}.pdf"
        path.touch()
        path.chmod(0o600)
        path.write_bytes(content)
    return len(pdfs)


def _keep_running(console: DemoConsole, worker: DemoProcess, settings: dict[str, str]) -> None:
    """Returns after Ctrl-C. Raises `DemoError` when the worker ends."""
    # All of them, for a second worker must not contradict the first.
    exported = "\n".join(f"export {name}={value}" for name, value in settings.items() if value)
    console.text(f"\n  Everything keeps running; Ctrl-C ends it. For another terminal:\n\n{exported}\n{KEPT}")
    try:
        while True:
            time.sleep(1)
            worker.check_running()
    except KeyboardInterrupt:
        return
