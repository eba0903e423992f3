"""The entry point of `sevdesk-worker` and `python -m worker`; the commands live in `worker/cli/`."""

# Importing these modules adds their commands to `cli`.
from worker.cli import database, evidence, health, invoices, jobs, reconcile, reference, rehearse, services, status  # noqa: F401
from worker.cli.base import cli


def main() -> None:
    """Entry point of the console script."""
    cli()


if __name__ == "__main__":
    main()
