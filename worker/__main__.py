"""The entry point of `sevdesk-worker` and `python -m worker`; the commands live in `worker/cli/`."""

from worker.cli import asking, books, checkup, invoice, look, services
from worker.cli.base import cli

__all__ = ["asking", "books", "checkup", "cli", "invoice", "look", "main", "services"]


def main() -> None:
    """Entry point of the console script."""
    cli()


if __name__ == "__main__":
    main()
