"""What belongs to a session of Postgres is asked of the lock session alone: the pool may go through a pooler."""

import re
from pathlib import Path

from worker.store.connection import QUERIES
from worker.store.sql_files import sql_dir

ROOT = Path(__file__).resolve().parents[2]
# Locks of a transaction (pg_try_advisory_xact_lock) and NOTIFY may go through a pooler.
SESSION = re.compile(r"pg_(?:try_)?advisory_(?:un)?lock|\bset_config\(|\A\s*(?:SET|LISTEN|UNLISTEN|PREPARE|DECLARE)\b")
FUNCTION = re.compile(r"CREATE FUNCTION (\w+).*?\$function\$(.*?)\$function\$", re.S)
# connection.py sets the search path of new connections that do not go through a pooler.
MAY = tuple(f"worker/store/{name}.py" for name in ("locks", "probe", "listener", "connection"))


def test_session_statements_stay_direct() -> None:
    """Statements that take session locks, also in a function, are run by the lock session and its probe only."""
    made = "".join(path.read_text() for path in sorted((sql_dir() / "migrations").glob("*.sql")))
    locking = {name for name, body in FUNCTION.findall(made) if re.search(r"pg_(try_)?advisory_(un)?lock", body)}
    statements = {
        name: getattr(QUERIES, name).sql for name in QUERIES.available_queries if not name.endswith("_cursor")
    }
    own = {
        name
        for name, sql in statements.items()
        if SESSION.search(re.sub(r"--[^\n]*", "", sql)) or any(function in sql for function in locking)
    }
    assert {"claim_jobs", "lock_subject", "unlock_subject"} <= own
    users = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "worker").rglob("*.py")
        if any(f'"{name}"' in path.read_text() for name in own)
    }
    assert users and users <= set(MAY)
