"""duty: what the duty to issue e-invoices says about an ordinary invoice (`domain/e_invoice_duty.py`)."""

from worker.domain.problems import Problem, problem
from worker.steps.step import StepContext


def duty_findings(context: StepContext) -> list[Problem]:
    """One finding for an ordinary invoice under the duty, else none."""
    if context.duty_since is None or context.invoice.is_e_invoice:
        return []
    return [problem("e_invoice_required", number=context.invoice.number, since=context.duty_since)]
