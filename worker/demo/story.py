"""The story of an invoice, 27 times: a billing month on embedded servers and a local sevDesk, checked row by row.

    approved -> published -> mailed -> paid (in full, in part, not yet) -> synced -> one payment taken back -> synced

The worker is the real one, in a process of its own with nothing but environment settings and the rights of
`sql/roles.sql`; the billing system and the check stand outside, as the owner of the tables.
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

from worker.demo import books as sides
from worker.demo import check
from worker.demo.billing import Billing
from worker.demo.books import Books
from worker.demo.cases import Ending
from worker.demo.child import Child, DemoError, environment
from worker.demo.month import Month, billing_month
from worker.demo.role import least_privileged
from worker.demo.screen import Screen, Tell
from worker.demo.sevdesk import SevDesk, address_of
from worker.local import services as local
from worker.local.programs import INSTALL_HINT
from worker.local.services import ServiceError, Services
from worker.store.migrate import migrate

SANDBOX_NEEDS = ("fpdf", "starlette", "uvicorn")
TROUBLE = (DemoError, ServiceError, OSError, psycopg.Error, redis.RedisError, httpx.HTTPError)


def main(*, keep: bool, out: Path | None, sevdesk_url: str | None) -> int:
    """Play it. 0 when every row is as it should be, 1 when not or when it cannot be played, 130 after Ctrl-C."""
    screen = Screen()
    screen.title("sevdesk-worker demo: a billing month, from approved to paid")
    try:
        with _ended_like_ctrl_c():
            return _play(screen, keep, out, sevdesk_url)
    except TROUBLE as error:
        screen.failed(_sentence(error))
        return 1
    except KeyboardInterrupt:
        screen.plain("\n  Stopped; everything it started has ended.")
        return 130


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, DemoError | ServiceError) else f"{type(error).__name__}: {text}"


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """TERM and a closed terminal end the demo as Ctrl-C does, so that it takes its children with it."""
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _play(screen: Screen, keep: bool, out: Path | None, sevdesk_url: str | None) -> int:
    month = billing_month()
    folder = _out_folder(out)
    with ExitStack() as stack:
        stage = _set_up(stack, screen, month, folder, sevdesk_url)
        with closing(Billing(stage.services.database_url, stage.services.redis_url)) as billing:
            right = _Story(screen, stage, billing, month).play(folder)
        if keep:
            _stay(screen, stage)
        return 0 if right else 1


def _out_folder(out: Path | None) -> Path:
    if out is None:
        return Path(tempfile.mkdtemp(prefix="sevdesk-demo-"))
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "worker.log").touch()
    except OSError as error:
        raise DemoError(f"cannot write to {out}: {error.strerror}") from None
    return out.absolute()


# -- before the curtain ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stage:
    """Everything that runs."""

    services: Services
    sevdesk: SevDesk
    worker: Child


def _set_up(stack: ExitStack, screen: Screen, month: Month, folder: Path, sevdesk_url: str | None) -> _Stage:
    """Servers, sandbox, schema, worker, in the order of need; the stack ends them in the other order."""
    with screen.waiting("Starting Postgres, Redis and a local sevDesk ..."):
        home = stack.enter_context(local.scratch())
        sevdesk = _given(sevdesk_url, month) if sevdesk_url else _own_sandbox(stack, home)
        services = stack.enter_context(local.services(home / "servers", durable=True))
        migrate(services.database_url, billing_reference=True)
        worker_url = least_privileged(services.database_url)
        desk = sevdesk()
        stack.callback(desk.close)
        desk.prove()
    screen.act("Postgres, Redis and a local sevDesk are running")
    settings = {
        "DATABASE_URL": worker_url,
        "REDIS_URL": services.redis_url,
        "SEVDESK_BASE_URL": desk.base_url,
        "SEVDESK_API_TOKEN": desk.token,
        # One person asks for the whole month within a second; the usual 20 jobs a minute would take three minutes.
        "PERSON_JOB_LIMIT": "10000/60",
        # The sandbox answers in milliseconds. Whoever orders a fault in it wants to see it overcome, not wait 45 s.
        "WRITE_QUARANTINE": "10",
        "SHUTDOWN_GRACE": "5",
    }
    worker = Child("the worker", ["worker", "run"], folder / "worker.log", home, environment(**settings))
    stack.callback(worker.stop)
    return _Stage(services, desk, worker)


def _given(url: str, month: Month) -> Callable[[], SevDesk]:
    """A sandbox that runs already; asked now, before anything is started for it."""
    token = os.environ.get("SEVDESK_API_TOKEN", "")
    if not token:
        raise DemoError("--sevdesk-url needs the sandbox's token in SEVDESK_API_TOKEN")
    desk = SevDesk(url, token)
    desk.prove()
    ours = {plan.invoice_number for plan in month.payments}
    if any(each["customerInternalNote"] in ours for each in desk.state("invoices")["invoices"]):
        raise DemoError("this sandbox has seen the demo before and holds its invoices: start a fresh one")
    return lambda: desk


def _own_sandbox(stack: ExitStack, home: Path) -> Callable[[], SevDesk]:
    """Started now; its address is asked for when the servers are up, too."""
    if missing := [name for name in SANDBOX_NEEDS if importlib.util.find_spec(name) is None]:
        raise DemoError(f"the local sevDesk needs the packages {', '.join(missing)}. {INSTALL_HINT}")
    sandbox = Child("the sandbox", ["sevdesk_client.sandbox"], home / "sandbox.log", home, environment())
    stack.callback(sandbox.stop)
    return lambda: SevDesk(*address_of(sandbox))


# -- the acts ----------------------------------------------------------------------------------------------------------


class _Story:
    """The acts, in order. What goes wrong in one of them is not raised but found by the check at the end."""

    def __init__(self, screen: Screen, stage: _Stage, billing: Billing, month: Month) -> None:
        self.screen, self.stage, self.billing, self.month = screen, stage, billing, month
        # The first that is paid in full; any would do.
        self.taken_back = next(plan for plan in month.payments if plan.ending is Ending.FULL)

    def play(self, folder: Path) -> bool:
        """From approved rows to the verdict: whether everything is as it should be."""
        known = sides.ids_of(self.stage.sevdesk.state())
        self.billing.write(self.month)
        self.screen.act(f"The billing system holds {len(self.month.payments)} approved invoices")
        self._publish_and_send()
        self._customers_pay()
        self._sync("The payment sync reads that")
        self._take_back()
        self._sync("The next sync reads that, too")
        books = sides.read(self.month, self.taken_back.invoice_id, self.billing, self.stage.sevdesk, known)
        return self._report(books, folder)

    def _publish_and_send(self) -> None:
        """Two jobs per invoice, all at once: an invoice's own jobs wait for one another."""
        jobs = []
        for plan in self.month.payments:
            for kind in ("publish_invoice", "send_invoice"):
                jobs.append(self.billing.ask(kind, by=self.month.staff_id, invoice_id=plan.invoice_id))
        with self.screen.waiting("Publishing ...") as tell:
            self._wait(jobs, tell)
        states = Counter((row["kind"], row["state"]) for row in self.billing.read(sides.JOBS))
        published, mailed = states["publish_invoice", "done"], states["send_invoice", "done"]
        waiting = states["publish_invoice", "parked"]
        waits = "1 waits" if waiting == 1 else f"{waiting} wait"
        self.screen.act(f"The worker has published {published} and mailed {mailed}; {waits} for a person")

    def _wait(self, jobs: list[str], tell: Tell) -> None:
        def progress(ended: Counter[str]) -> None:
            published, mailed = ended["publish_invoice"], ended["send_invoice"]
            tell(f"{published} published, {mailed} mailed, of {len(jobs) // 2}", ended.total() / len(jobs))

        self.billing.wait(jobs, self.stage.worker.check, progress)

    def _customers_pay(self) -> None:
        """Late ones do not, and nobody pays what was never finalized. What sevDesk refuses is said."""
        there = self._external_ids()
        paid: Counter[Ending] = Counter()
        for plan in self.month.payments:
            if not plan.amount or plan.invoice_id not in there:
                continue
            try:
                self.stage.sevdesk.pay(there[plan.invoice_id], plan.amount, str(plan.paid_on))
                paid[plan.ending] += 1
            except DemoError as error:
                self.screen.plain(f"    {plan.invoice_number}: {error}")
        full, part = paid[Ending.FULL], paid[Ending.PARTIAL]
        self.screen.act(f"{full} customers pay in full, {part} in part, the others are late")

    def _external_ids(self) -> dict[UUID, str]:
        statement = "SELECT id, external_id FROM billing_invoices WHERE accounting_sync_status = 'synced'"
        return {row["id"]: row["external_id"] for row in self.billing.read(statement)}

    def _take_back(self) -> None:
        plan = self.taken_back
        if (external_id := self._external_ids().get(plan.invoice_id)) is None:
            return
        self.stage.sevdesk.take_back(external_id)
        self.screen.act(f"The bank takes the {plan.amount} EUR for {plan.invoice_number} back")

    def _sync(self, text: str) -> None:
        """One payment sync, asked for by an admin."""
        job = self.billing.ask("sync_payments", by=self.month.admin_id)
        with self.screen.waiting("Syncing payments ..."):
            self.billing.wait([job], self.stage.worker.check, lambda _: None)
        rows = self.billing.read("SELECT result FROM sevdesk_jobs WHERE job_id = %s AND state = 'done'", job)
        changed = rows[0]["result"]["changed"] if rows else 0
        self.screen.act(f"{text}: {changed} {'claim has' if changed == 1 else 'claims have'} changed")

    def _report(self, books: Books, folder: Path) -> bool:
        verdicts = [*map(check.of_invoice, books.stories), check.of_the_rest(books)]
        for number, content in books.pdfs.items():
            # sevDesk chooses the number; it must not choose the folder.
            (folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', number)}.pdf").write_bytes(content)
        self.screen.table(books.stories, verdicts[:-1])
        for story, verdict in zip(books.stories, verdicts[:-1], strict=True):
            if check.refused(story) and not verdict.wrong:
                self.screen.waits(story)
        self.screen.files(folder, len(books.pdfs))
        self.screen.verdict(verdicts)
        return not any(verdict.wrong for verdict in verdicts)


def _stay(screen: Screen, stage: _Stage) -> None:
    """Everything runs on until Ctrl-C, or until the worker ends."""
    screen.plain(
        f"\n  Everything keeps running; Ctrl-C ends it.\n\n"
        f"DATABASE_URL={stage.services.database_url}\nREDIS_URL={stage.services.redis_url}\n"
        f"SEVDESK_BASE_URL={stage.sevdesk.base_url}\nSEVDESK_API_TOKEN={stage.sevdesk.token}\n"
    )
    try:
        while True:
            time.sleep(1)
            stage.worker.check()
    except KeyboardInterrupt:
        return
