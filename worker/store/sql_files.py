"""Where the SQL files are."""

from pathlib import Path


def sql_dir() -> Path:
    """The folder `sql`: inside the package in an installed wheel, next to it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    carried = package / "sql"
    return carried if carried.is_dir() else package.parent / "sql"
