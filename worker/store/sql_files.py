"""The folder of SQL files that travels with the code."""

from pathlib import Path


def sql_dir() -> Path:
    """The folder of our SQL: inside the package in an installed wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    carried = package / "sql"
    return carried if carried.is_dir() else package.parent / "sql"
