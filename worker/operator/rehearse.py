"""rehearse: a dry run of publishing every approved invoice that is not published, without a call about any of them.

Advances go first, for a final invoice accounts for those that would be published by then; of several final invoices of
a deal the earlier ones. What only sevDesk's documents and contacts show is not judged: `NOT_JUDGED`.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from worker.domain.problems import Problem
from worker.operator.advice import unasked_step
from worker.operator.dry_run import DryRunner, Forecast, unexpected
from worker.operator.forecast import ForecastAccount, ForecastClient
from worker.operator.page_store import PageStore
from worker.operator.preview import known_templates
from worker.settings import Settings
from worker.steps.sevdesk_account import SevdeskAccount
from worker.store import OUTAGES, Store
from worker.store.probe import PostgresError
from worker.store.rows import Row

PAGE = 500  # invoices whose rows are read at once; some MB
EXAMPLES = 5  # numbers named for each problem
NOT_JUDGED = (
    "whether sevDesk already holds a document or a draft with the invoice's marker, and what that says",
    "whether a linked contact was deleted in sevDesk, or several have the same customer number",
    "what sevDesk refuses though no rule of ours does, unless it refused the very same request before",
    "the XML that sevDesk makes of an e-invoice, which the official rules judge once it has its number",
    "how long jobs wait for each other: those that are under way now, and those of one person beyond their limit",
)
COMPARED = (
    "Copies in the sandbox that were compared with what they should say: {copies} (sums, recipient, address, dates, "
    "heading, Skonto and positions)."
)
WITHOUT_FACTS = (
    "users, units, countries and payment methods of the account; the stock units of sevDesk are assumed, and whether "
    "it refused the very same request before cannot be told"
)
WITHOUT_TEMPLATES = "whether the account has the templates: no worker has fetched its list (refresh_templates)"


@dataclass(frozen=True, slots=True)
class Group:
    """Invoices with the same problem. `stops`: they would not be published; otherwise it is a warning."""

    code: str
    stops: bool
    verdict: str
    actor: str
    count: int
    examples: tuple[str, ...]  # the first invoices' numbers
    parameters: Mapping[str, str]  # these and the next two are of the first one
    cause: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """`stops`: invoices that would not be published. `compared`: copies that were published in a sandbox."""

    invoices: int
    publishes: int
    stops: int
    groups: tuple[Group, ...]
    not_judged: tuple[str, ...]
    compared: int = 0


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One invoice."""

    invoice_id: UUID
    number: str
    forecast: Forecast


async def forecasts(
    store: Store, settings: Settings, facts: SevdeskAccount | None, since: date | None, until: date | None
) -> AsyncIterator[Rehearsed]:
    """Each invoice whose issue date is within the period. Raises `SevDeskError` if facts cannot be had."""
    page_store = PageStore(store)
    templates = await known_templates(page_store, None)
    if facts is not None:
        templates = frozenset(template.id for template in await facts.client.list_templates())
    account = ForecastAccount(ForecastClient(None, templates), facts)
    async for each in walk(page_store, DryRunner(page_store, account, settings), since, until):
        if each.forecast.error is not None:
            raise each.forecast.error
        yield each


async def walk(
    page_store: PageStore, runner: DryRunner, since: date | None, until: date | None
) -> AsyncIterator[Rehearsed]:
    """The dry run of each invoice, in an order in which a person would ask for them."""
    rows: list[Row] = await page_store.query("invoices_to_rehearse", since=since, until=until)
    for turn in _turns(rows):
        for page in (turn[start : start + PAGE] for start in range(0, len(turn), PAGE)):
            async for each in _walk_page(page, page_store, runner):
                yield each


async def _walk_page(page: Sequence[Row], page_store: PageStore, runner: DryRunner) -> AsyncIterator[Rehearsed]:
    """The dry runs of a page; if it cannot be read as a whole, one by one, so that none stops the others."""
    try:
        await page_store.load([row["id"] for row in page])
    except (*OUTAGES, PostgresError):
        raise
    except Exception as error:
        if len(page) == 1:
            yield Rehearsed(page[0]["id"], page[0]["invoice_number"], Forecast(unexpected(error), (), (), ()))
            return
        for row in page:
            async for each in _walk_page([row], page_store, runner):
                yield each
        return
    for row in page:
        forecast = await runner.publish(row["id"])
        if forecast.verdict == "publishes":
            page_store.assume_published(row["id"])
        yield Rehearsed(row["id"], row["invoice_number"], forecast)


def _turns(rows: Sequence[Row]) -> list[list[Row]]:
    """Advances and what has no deal first; then the first final invoice of each deal, then the second."""
    turns: dict[int, list[Row]] = defaultdict(list)
    finals: dict[UUID, int] = defaultdict(int)
    for row in rows:
        if row["document_kind"] == "SR" and row["deal_id"] is not None:
            finals[row["deal_id"]] += 1
            turns[finals[row["deal_id"]]].append(row)
        else:
            turns[0].append(row)
    return [turns[turn] for turn in sorted(turns)]


async def rehearse(
    store: Store, settings: Settings, facts: SevdeskAccount | None, since: date | None, until: date | None
) -> Rehearsal:
    """All of them, by problem."""
    report = Report()
    async for each in forecasts(store, settings, facts, since, until):
        report.add(each)
    missing = [] if facts else [WITHOUT_FACTS]
    if facts is None and await known_templates(store, None) is None:
        missing.append(WITHOUT_TEMPLATES)
    return report.made((*NOT_JUDGED, *missing))


def summary(result: Rehearsal) -> str:
    """How many would be published."""
    if not result.invoices:
        return "There is no approved invoice to publish."
    noun = "invoice" if result.invoices == 1 else "invoices"
    told = f"{result.invoices} approved {noun}: {result.publishes} would be published, {result.stops} would not."
    return f"{told} {COMPARED.format(copies=result.compared)}" if result.compared else told


class Report:
    """Counts what was rehearsed."""

    def __init__(self) -> None:
        self._invoices = self._publishes = 0
        self._found: dict[tuple[str, str, str], list[tuple[str, Problem]]] = defaultdict(list)

    def add(self, rehearsed: Rehearsed) -> None:
        """One invoice: its problem, if it has one, and the warnings of its checks."""
        forecast, number = rehearsed.forecast, rehearsed.number
        self._invoices += 1
        if forecast.problem is None:
            self._publishes += 1
        else:
            # Unexpected errors have one code, and are as many problems as there are lines that raise them.
            which = forecast.problem.parameters["error"] if forecast.problem.code == "unexpected_error" else ""
            self._found[forecast.problem.code, forecast.verdict, which].append((number, forecast.problem))
        for event in forecast.warnings:
            self._found[event.problem, "warns", ""].append((number, Problem(event.problem, event.parameters)))

    def made(self, not_judged: tuple[str, ...], *, compared: int = 0) -> Rehearsal:
        """What stops first, and the most frequent first."""
        groups = [_group(code, verdict, found) for (code, verdict, _), found in self._found.items()]
        groups.sort(key=lambda group: (not group.stops, -group.count, group.code))
        stops = self._invoices - self._publishes
        return Rehearsal(self._invoices, self._publishes, stops, tuple(groups), not_judged, compared)


def _group(code: str, verdict: str, found: list[tuple[str, Problem]]) -> Group:
    number, first = found[0]
    return Group(
        code=code,
        stops=verdict != "warns",
        verdict=verdict,
        actor=first.type.actor.value,
        count=len(found),
        examples=tuple(number for number, _ in found[:EXAMPLES]),
        parameters=first.parameters,
        cause=first.cause(),
        next_step=unasked_step(first, number, rehearsed=True, warns=verdict == "warns"),
    )
