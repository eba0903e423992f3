"""Which release of the worker this is."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """The installed package's or, in a checkout that runs without being installed, pyproject.toml's."""
    try:
        return installed("sevdesk-worker")
    except PackageNotFoundError:
        import tomllib
        from pathlib import Path

        declared = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
        return str(declared["project"]["version"])
