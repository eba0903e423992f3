"""doctor's checks of views that stand for the billing tables; what is missing is said as DDL."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

from worker.domain.health_check import Check, check_that
from worker.domain.invoice import ClaimStatus, DocumentStatus, SyncStatus
from worker.store import Store
from worker.store.probe import AccessDenied, PostgresError
from worker.store.rows import Row
from worker.store.sql_files import sql_dir
from worker.store.views import SAMPLE_ROWS, ViewTrial, lookups, trial, why

TABLE = re.compile(r"CREATE TABLE (\w+) \((.*?)^\);", re.M | re.S)
NEVER_NULL = re.compile(r"^ +(\w+) +\w+ (?:PRIMARY KEY|NOT NULL)", re.M)
ONE_OF = re.compile(r"CHECK \((\w+) IN\s+\(([^)]*)\)\)")
# A type that a column of the company often has -> what to write in the view.
IN_VIEW = {
    "timestamp without time zone": "write \"column\" AT TIME ZONE 'UTC', if its times are UTC",
    "numeric from integer": 'write "column" * 0.01, if it holds cents, or "column"::numeric',
    "uuid from text": 'write "column"::uuid, and index that expression',
    "uuid from integer": (
        "the worker's keys are uuids. Give the table a uuid column beside it (ALTER TABLE ... ADD COLUMN uuid uuid "
        "NOT NULL DEFAULT gen_random_uuid() UNIQUE), one to the tables that refer to it, and show those in the view; "
        "or show md5('table:' || \"column\"::text)::uuid everywhere, with an index on that expression"
    ),
    "text from text": 'write "column"::text',
    "boolean from number": 'write "column" <> 0',
    # An enum's cast to text is not immutable, so no index could hold it.
    "text from enum": "write CASE \"column\" WHEN 'YOURS' THEN 'ours' ... END, which an index can hold",
}
WHOLE_NUMBERS = ("integer", "bigint", "smallint")
TEXTS = ("text", "character varying", "character")
MOMENT = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
# How far the host's clock and Postgres' may be apart; a time of another zone is off by half an hour at least.
OWN_CLOCK = timedelta(minutes=10)
# What is unique in a view without ids.
KEYS = {"billing_invoice_items": ("invoice_id", "position")}
INSERT, UPDATE = 4, 16  # of a trigger, in pg_trigger
EXAMPLE = "See the examples in sql/billing/examples."


def advice_about(type_: str, found: str) -> str | None:
    """What to write in a view in the place of a column of the type `found`, where `type_` is wanted."""
    if type_ == "uuid" and found in WHOLE_NUMBERS:
        return IN_VIEW["uuid from integer"]
    if type_ == "uuid" and found in TEXTS:
        return IN_VIEW["uuid from text"]
    if type_ == "numeric" and found in WHOLE_NUMBERS:
        return IN_VIEW["numeric from integer"]
    if type_ == "text":
        return IN_VIEW["text from text" if found in (*WHOLE_NUMBERS, *TEXTS, "uuid") else "text from enum"]
    if type_ == "boolean" and found in WHOLE_NUMBERS:
        return IN_VIEW["boolean from number"]
    if type_ == "timestamptz":
        return IN_VIEW.get(found)
    return f'write "column"::{type_}'


async def view_checks(
    store: Store, needed: Mapping[tuple[str, str], str], columns: Mapping[tuple[str, str], Row], faults: Sequence[str]
) -> list[Check]:
    """`needed`: the types of the columns that the worker uses; `faults`: which of those are missing or of another type.

    Raises one of `CONNECTION_LOST`. Whatever it writes is rolled back.
    """
    async with trial(store) as views:
        if faults:
            more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
            bad = f"{'; '.join(faults[:5])}{more}. Compare with sql/billing/tables.sql. {EXAMPLE}"
            ddl = [line async for line in _missing_columns(views, needed, columns)]
            return [Check("billing tables", "fail", bad, "\n".join(ddl) or None)]
        return [
            check_that("billing tables", True, f"{len(needed)} columns of views and tables are as expected.", ""),
            await _values(views),
            *await _arrivals(views),
            *await _lookups(views),
        ]


async def _missing_columns(
    views: ViewTrial, needed: Mapping[tuple[str, str], str], columns: Mapping[tuple[str, str], Row]
) -> AsyncIterator[str]:
    """DDL for views that are not there, and for tables whose view lacks a column."""
    place = (await views.rows("place"))[0]["name"]
    for table in dict.fromkeys(table for table, _ in needed):
        wanted = {name: type_ for (owner, name), type_ in needed.items() if owner == table}
        missing = {name: type_ for name, type_ in wanted.items() if (table, name) not in columns}
        if missing == wanted:
            shown = ", ".join(f"...::{type_} AS {name}" for name, type_ in wanted.items())
            yield f"CREATE VIEW {place}.{table} AS SELECT {shown}"
            yield "    FROM ...;"
        elif missing:
            base = [row["name"] for row in await views.rows("base_tables", table)]
            for name, type_ in missing.items():
                yield (
                    f"ALTER TABLE {base[0] if len(base) == 1 else '...'} ADD COLUMN {name} {type_};  "
                    f"-- unless it has one under another name; then show it in the view {table} AS {name}"
                )


def reference_tables() -> list[tuple[str, str]]:
    """Name and columns of each table of the reference schema, as text."""
    return TABLE.findall((sql_dir() / "billing" / "tables.sql").read_text())


def never_null() -> set[tuple[str, str]]:
    """(table, column) of the reference schema that hold no null."""
    return {(table, name) for table, body in reference_tables() for name in NEVER_NULL.findall(body)}


def one_of() -> dict[tuple[str, str], set[str]]:
    """(table, column) -> the values that it may hold besides null."""
    return {
        (table, name): set(re.findall("'(\\w+)'", values))
        for table, body in reference_tables()
        for name, values in ONE_OF.findall(body)
    }


async def _values(views: ViewTrial) -> Check:
    """Nulls and words that the worker would stop at, in some rows of each view."""
    try:
        sample = await views.rows("sample", SAMPLE_ROWS)
    except PostgresError as error:
        return Check("billing values", "fail", f"The views cannot be read: {why(error)}. Look at their expressions.")
    nulls, words = never_null(), one_of()
    found: dict[str, None] = {}
    unique = {each["table_name"]: KEYS.get(each["table_name"], ("id",)) for each in sample}
    rows = Counter((table := each["table_name"], *map(each["row"].get, unique[table])) for each in sample)
    for table in dict.fromkeys(key[0] for key, times in rows.items() if times > 1):
        found[f"{table} shows rows twice, by {' and '.join(unique[table])}"] = None
    for each in sample:
        for name, value in each["row"].items():
            key = (each["table_name"], name)
            if value is None and key in nulls:
                found[f"{key[0]}.{name} is null in some rows"] = None
            elif value is not None and key in words and value not in words[key]:
                found[f"{key[0]}.{name} holds a word that is none of {', '.join(sorted(words[key]))}"] = None
    good = f"{len(sample)} rows hold what they should."
    bad = f"{'; '.join(found)}. Mend the rows, or the view (coalesce, CASE)."
    return check_that("billing values", not found, good, bad)


def hand_backs() -> Iterator[dict[str, Any]]:
    """Values to write, so that each status occurs; the last ones with nulls."""
    for sync, document, claim in zip(SyncStatus, cycle(DocumentStatus), cycle(ClaimStatus), strict=False):
        known = sync is not SyncStatus.CANCELLED
        yield {
            "accounting_sync_status": sync.value,
            "document_status": document.value,
            "claim_status": claim.value,
            "external_id": "1999999999" if known else None,  # digits, for who keeps sevDesk's ids as numbers
            "external_invoice_number": "doctor-2" if known else None,
            "paid_amount": Decimal("12.34"),
            "paid_at": MOMENT if known else None,
            "cancelled_at": MOMENT if known else None,
            "accounting_provider": "sevdesk",
            "accounting_synced_at": MOMENT,
            "updated_at": MOMENT,
        }


async def _arrivals(views: ViewTrial) -> list[Check]:
    """Whether what the worker writes is what the views show then, and nothing else changes."""
    names = ("hand-back", "event log")
    try:
        found = await views.rows("invoice_to_try")
    except PostgresError as error:
        bad = f"Rows of billing_invoices cannot be locked: {why(error)}. Make the view of one table, without outer "
        bad += "joins."
        return [Check("hand-back", "fail", bad)]
    if not found:
        none = "There is no invoice, or others hold it, so that writing could not be tried. Run doctor again with one."
        return [Check(name, "unknown", none) for name in names]
    return [await _hand_back(views, found[0]), await _event_log(views, found[0])]


async def _hand_back(views: ViewTrial, invoice: Row) -> Check:
    lost: dict[str, None] = {}
    for values in hand_backs():
        states = ", ".join(values[name] for name in ("accounting_sync_status", "document_status", "claim_status"))
        try:
            counted, rows = await views.write(invoice["id"], values)
        except PostgresError as error:
            bad = f"billing_invoices takes no hand-back with {states}: {why(error)}. {EXAMPLE}"
            ddl = await _trigger(views, "billing_invoices", UPDATE, "hand_back", error)
            return Check("hand-back", "fail", bad, ddl)
        if (other := _not_one_row(rows, states, counted=counted)) is not None:
            return Check("hand-back", "fail", other)
        [shown] = rows
        lost |= dict.fromkeys(name for name, value in values.items() if shown[name] != value)
        if shown["updated_at"] is not None and abs(shown["updated_at"] - datetime.now(UTC)) < OWN_CLOCK:
            lost.pop("updated_at", None)  # a trigger of the company's sets it to the present, as the worker does
        if shown["untouched"] != invoice["untouched"]:
            lost["columns that are not the worker's"] = None
    bad = f"Written and read again, other values stand in {', '.join(lost)}. Look at the trigger of billing_invoices."
    return check_that("hand-back", not lost, "Every status, sum and time arrives (tried, and rolled back).", bad)


def _not_one_row(rows: Sequence[Row], states: str, *, counted: bool) -> str | None:
    """What is wrong if one hand-back did not change exactly one row."""
    if len(rows) != 1:
        how = "no longer shows an invoice" if not rows else f"shows an invoice {len(rows)} times"
        return f"billing_invoices {how} with {states}. Show each invoice once, whatever its status."
    if rows[0]["strays"]:
        return "A hand-back changes other invoices, too. The trigger's UPDATE needs a WHERE with the key of OLD."
    return None if counted else "Postgres counts no row as changed. The trigger of billing_invoices must RETURN NEW."


async def _event_log(views: ViewTrial, invoice: Row) -> Check:
    try:
        for statement in ("write_events", "write_short_event"):
            await views.rows(statement, invoice["id"])
        found = await views.rows("read_events", invoice["id"])
    except PostgresError as error:
        bad = f"billing_invoice_event_log takes no event: {why(error)}. {EXAMPLE}"
        ddl = await _trigger(views, "billing_invoice_event_log", INSERT, "log_event", error)
        return Check("event log", "fail", bad, ddl)
    right = [row["place"] for row in found] == ["1", "2", "3"] and all(row["has_id"] for row in found)
    if right and not all(row["in_time"] for row in found):
        bad = "Times in billing_invoice_event_log are shifted, or not kept to the microsecond: events that are "
        bad += "recorded together would lose their order. Make the column timestamp(6) or timestamptz; mind its zone."
        return Check("event log", "fail", bad)
    bad = "Not every event arrives whole: fill id, created_at and payload where they are null. Look at the trigger."
    return check_that("event log", right, "Events arrive whole (tried, and rolled back).", bad)


async def _trigger(views: ViewTrial, view: str, action: int, function: str, error: PostgresError) -> str | None:
    """DDL for the trigger if there is none, or for the rights of its function if it lacks them."""
    if there := await views.rows("instead_of", view, action):
        denied = isinstance(error, AccessDenied)
        secure = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
        return f"ALTER FUNCTION {there[0]['name']} {secure};" if denied else None
    place = (await views.rows("place"))[0]["name"]
    when = f"INSTEAD OF {'UPDATE' if action == UPDATE else 'INSERT'} ON {place}.{view}"
    return f"CREATE TRIGGER {function} {when}\n    FOR EACH ROW EXECUTE FUNCTION {place}.{function}();"


async def _lookups(views: ViewTrial) -> list[Check]:
    names = lookups()
    found = {name: await views.lookup(name) for name in names}
    missing = {name: lookup for name, lookup in found.items() if not lookup.indexed}
    bad = f"No index serves {', '.join(missing)} (sql/billing/checks.sql): statements get slow as the tables grow."
    if computed := [name for name, lookup in missing.items() if not lookup.ddl]:
        bad += f" For {', '.join(computed)} no index can: the view takes the value from another table. Make it of "
        bad += "columns of the row itself, as sql/billing/examples/integer_keys.sql does."
    ddl = "\n".join(lookup.ddl for lookup in missing.values() if lookup.ddl) or None
    indexes = check_that(
        "billing indexes", not missing, f"All {len(names)} lookups have an index.", bad, level="warn", next_step=ddl
    )
    doubtful = [name for name in ("invoices_by_id", "invoices_by_number") if not found[name].unique]
    bad = f"No unique index serves {', '.join(doubtful)}: two invoices could share a marker. Add one."
    unique = [await views.index_for(name, "UNIQUE INDEX") for name in doubtful]
    good, step = "invoice_number is unique.", "\n".join(filter(None, unique)) or None
    return [indexes, check_that("invoice numbers", not doubtful, good, bad, next_step=step)]
