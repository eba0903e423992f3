"""The entry point of `sevdesk-worker` and `python -m worker`; the commands live in `worker/cli/`."""

# Importing these modules adds their commands to `cli`.
from worker.cli import (  # noqa: F401
    database,
    evidence,
    health,
    invoices,
    jobs,
    notices,
    reconcile,
    reference,
    services,
    status,
)
from worker.cli.base import cli


def main() -> None:
    """Entry point of the console script."""
    cli()


if __name__ == "__main__":
    main()
