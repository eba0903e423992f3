"""Payment sync against a model: whatever happens in sevDesk and whenever the worker stops, the claims come to agree."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from flow.model_claims import Belief, pending, possible
from flow.model_world import PointedStore, Trouble, World, done
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PAGE = 3
ACTS = (
    # money, in the ways it comes and goes; of 119.00
    ("book", Decimal(40)),
    ("book", Decimal(119)),
    ("book", Decimal(79)),
    ("book", Decimal("120.50")),
    ("book", Decimal(-40)),
    ("skonto", Decimal("116.62")),
    ("skonto", Decimal(0)),
    ("close",),
    ("unlink",),
    ("rebook", Decimal(119), timedelta(days=3)),
    # what people do to documents
    ("cancel",),
    ("delete",),
    ("delete_storno",),
    ("renumber",),
    ("touch",),
    ("send", "VM"),
    ("send", "VPR"),
    ("send", "VPDF"),
    # what else happens in the account, and moves pages
    ("foreign_come", 1),
    ("foreign_come", 4),
    ("foreign_go", 1),
    ("foreign_go", 4),
    # time passes: within a second, within the overlap, beyond it, over midnight
    ("wait", 0.4),
    ("wait", 70),
    ("wait", 150),
    ("wait", 40_000),
    # sevDesk's clock is set right
    ("skew", 0),
)
Act = tuple[Any, ...]
acts = st.tuples(st.sampled_from(ACTS), st.integers(0, 7))
# While pages are read, what moves them matters most.
shifts = st.sampled_from([act for act in ACTS if act[0] in ("foreign_come", "foreign_go", "delete")])
skews = st.sampled_from((0, 0, -600, 600))  # seconds that sevDesk's clock is ahead of ours at first
kinds = st.sampled_from(["feed", "feed", "full", "one"])
meanwhile = st.lists(st.tuples(st.integers(1, 5), acts | st.tuples(shifts, st.integers(0, 7))), max_size=5)
ends = st.one_of(
    st.just({}),
    st.just({}),
    st.builds(lambda n: {"stop_at": n}, st.integers(1, 60)),
    st.builds(lambda n: {"fail_at": n}, st.integers(1, 5)),
)
syncs = st.builds(lambda *parts: ("sync", *parts), kinds, st.integers(0, 7), meanwhile, ends)
histories = st.lists(st.one_of(acts, acts, acts, syncs), min_size=6, max_size=40)


def do(world: World, act: tuple[Act, int]) -> None:
    """One thing that happens outside the worker."""
    (name, *rest), which = act
    match name:
        case "book":
            world.book(which, rest[0])
        case "skonto":
            world.book(which, rest[0], closes=True)
        case "rebook":
            world.rebook(which, *rest)
        case "wait":
            world.clock.now += timedelta(seconds=rest[0])
        case "skew":
            world.clock.skew = timedelta(seconds=rest[0])
        case "send":
            world.send(which, *rest)
        case "foreign_come" | "foreign_go":
            getattr(world, name)(*rest)
        case _:
            getattr(world, name)(which)


async def play(world: World, history: list[Any]) -> None:
    """Live through a history, compare after each sync, and in the end prove that nothing is left to find."""
    for step in history:
        if step[0] == "sync":
            await sync_once(world, *step[1:])
        else:
            do(world, step)
    await sync_once(world, "feed")
    await sync_once(world, "full")
    assert list(pending(world.invoices)) == []
    assert (await sync_once(world, "full"))["changed"] == 0


async def sync_once(
    world: World, kind: str, which: int = 0, meanwhile: Sequence[Any] = (), end: dict[str, int] | None = None
) -> dict[str, Any]:
    """One run under the given trouble; afterwards each belief is one that the model allows."""
    trouble = Trouble(**end or {})
    for request, act in meanwhile:
        trouble.during.setdefault(request, []).append(partial(do, world, act))
    asked = world.invoices[which % len(world.invoices)]
    if kind == "one" and asked.belief.sync != "synced":
        return {}  # such a job is refused
    behind = {each.id for each in world.invoices if each.behind}
    payload = {"feed": {}, "full": {"full": True}, "one": {"invoice_id": str(asked.ours)}}
    outcome = await world.sync(trouble, **payload[kind])
    behind |= {each.id for each in world.invoices if each.behind}
    found = await world.beliefs()
    for invoice in world.invoices:
        truths = invoice.truths if kind != "one" or invoice is asked else []
        # To the feed all is promised but what was dated back, and what was deleted before it was read.
        promised = kind != "feed" or not (invoice.truth.gone or invoice.id in behind)
        must_see = outcome is not None and bool(truths) and promised
        allowed = possible(invoice.belief, truths, by_id=kind != "feed", must_see=must_see)
        assert found[invoice.id] in allowed, differing(found[invoice.id], allowed)
        invoice.belief = found[invoice.id]
    if outcome is None or kind == "one":
        return {}
    if kind == "full" and not behind:
        assert done(outcome)["missed"] == 0, "a false alarm, or something the feed overlooked"
    return done(outcome)


def differing(found: Belief, allowed: set[Belief]) -> str:
    """For whoever reads the failure."""
    return "\n".join(["found", f"  {found}", "allowed", *(f"  {each}" for each in allowed)])


@contextmanager
def playing(database_url: str) -> Iterator[Callable[..., None]]:
    """A function that plays one history on a database of the test's own."""
    with asyncio.Runner() as runner:
        store = runner.run(PointedStore.connect(database_url, size=2))

        async def once(ours: int, foreign: int, history: list[Any], skew: int = 0, zeros: int = 0) -> None:
            store.trouble = Trouble()
            world = World(store, skew)
            await world.begin(ours, foreign, zeros)
            try:
                await play(world, history)
            finally:
                await world.end()

        try:
            yield lambda *given: runner.run(once(*given))
        finally:
            runner.run(store.close())


@pytest.fixture
def play_one(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Small pages, so that a handful of documents fills several."""
    monkeypatch.setattr("worker.steps.pages.PAGE", PAGE)
    with playing(database_url) as one:
        yield one


QUICK = settings(
    max_examples=25, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
LONG = settings(QUICK, max_examples=1_500, derandomize=False)


PAID = ("book", Decimal(119))
PARTLY = ("book", Decimal(40))
REST = ("book", Decimal(79))
FEED = ("sync", "feed", 0, [], {})


def test_nothing_stays_owed_on_zero(play_one: Callable[..., None]) -> None:
    """Closed with a day and without, opened again, paid by mistake and paid back: a final invoice over 0 stays paid."""
    for act in (("close",), ("skonto", Decimal(0)), ("book", Decimal(40)), ("unlink",), ("touch",)):
        play_one(1, 0, [FEED, (act, 0), FEED, (("unlink",), 0)], 0, 1)


@pytest.mark.parametrize(
    "ours, foreign, history, skew",
    [
        # paid after the feed has read, in the second it has read up to: the sweep cries no alarm
        (1, 0, [FEED, (PARTLY, 0), ("sync", "full", 0, [], {})], 0),
        # more documents than a page holds are deleted between two pages: the reader goes back far enough
        (1, 12, [(PAID, 0), ("sync", "feed", 0, [(3, (("foreign_go", 6), 0))], {})], 0),
        # a slow run, and sevDesk's clock is behind: what changed on a page already read is for the next run
        (5, 0, [("sync", "feed", 0, [(2, (PAID, 4)), (2, (("wait", 300), 0)), (2, (PARTLY, 0))], {})], -600),
        # sevDesk's clock was ahead and is set right: what is dated before what was read is found all the same
        (1, 0, [FEED, (("skew", 0), 0), (PAID, 0)], 600),
        # a part is credited, and the rest comes: settled; then a part of it goes back
        (3, 0, [(PARTLY, 2), FEED, (("book", Decimal(-40)), 2), FEED, (PARTLY, 2), (PAID, 0)], 0),
        # all of it comes after a part was credited: too much, or what must go back anyway
        (6, 0, [(PARTLY, 2), (PARTLY, 5), FEED, (REST, 2), (REST, 5)], 0),
        # a change is read, and before it is looked at once more the invoice is deleted: the same sweep records that
        (1, 0, [(PARTLY, 0), FEED, (REST, 0), ("sync", "full", 0, [(2, (("delete",), 0))], {})], 0),
        # the same money on another day
        (1, 0, [(PAID, 0), FEED, (("rebook", Decimal(119), timedelta(days=3)), 0)], 0),
    ],
    ids=[
        "no false alarm",
        "many deletions",
        "slow run behind",
        "clock set right",
        "credited",
        "paid after credit",
        "deleted at once",
        "another day",
    ],
)
def test_known_histories_come_right(
    play_one: Callable[..., None], ours: int, foreign: int, history: list[Any], skew: int
) -> None:
    """What the model has found, or is too rare for chance, holds."""
    play_one(ours, foreign, history, skew)


@QUICK
@given(st.integers(1, 8), st.integers(0, 12), histories, skews, st.integers(0, 3))
def test_claims_follow_sevdesk(
    play_one: Callable[..., None], ours: int, foreign: int, history: list[Any], skew: int, zeros: int
) -> None:
    """After every run that succeeded, every claim, amount, day and event is the model's, and a sweep finds no more.

    Some of the invoices are final ones over 0.
    """
    play_one(ours, foreign, history, skew, zeros)


@pytest.mark.long
@LONG
@given(st.integers(1, 8), st.integers(0, 12), histories, skews, st.integers(0, 3))
def test_claims_follow_sevdesk_for_long(
    play_one: Callable[..., None], ours: int, foreign: int, history: list[Any], skew: int, zeros: int
) -> None:
    """The same, with other histories each time."""
    play_one(ours, foreign, history, skew, zeros)
