"""The entry point of `sevdesk-worker` and `python -m worker`; the commands live in `worker/cli/`."""

# Importing these modules adds their commands to `cli`.
from worker.cli import (  # noqa: F401
    adopt,
    database,
    evidence,
    first_steps,
    following,
    health,
    invoices,
    job_list,
    jobs,
    notices,
    readiness,
    reconcile,
    recover,
    reference,
    rehearse,
    report,
    results,
    services,
    status,
    top,
)
from worker.cli.base import cli
from worker.cli.output import guard_output


def main() -> None:
    """Entry point of the console script."""
    guard_output()
    cli()


if __name__ == "__main__":
    main()
