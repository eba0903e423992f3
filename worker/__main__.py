"""The entry point of `sevdesk-worker` and `python -m worker`; the commands live in `worker/cli/`."""

from worker.cli import database, evidence, health, invoices, jobs, reconcile, reference, services, status
from worker.cli.base import cli

__all__ = [
    "cli",
    "database",
    "evidence",
    "health",
    "invoices",
    "jobs",
    "main",
    "reconcile",
    "reference",
    "services",
    "status",
]


def main() -> None:
    """Entry point of the console script."""
    cli()


if __name__ == "__main__":
    main()
