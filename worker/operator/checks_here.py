"""doctor's checks of this installation, which ask nobody else."""

from worker.domain.health_check import Check, CheckLevel, check_that
from worker.einvoice.validation import missing_packages
from worker.settings import Settings


def installation_checks(settings: Settings) -> list[Check]:
    """Whether e-invoices are judged by the official rules; it counts where the duty to issue them is looked after."""
    missing = missing_packages()
    good = "The official rules for e-invoices are installed."
    bad = f"E-invoices would not be judged by the official rules ({', '.join(missing)} not installed here)."
    level: CheckLevel = "ok" if settings.e_invoice_from is None else "warn"
    return [check_that("e-invoice rules", not missing, good, bad, level, next_step="Install sevdesk-worker[einvoice].")]
