"""What `doctor` says of a company's own tables."""

from flow.operators import Operator

from worker.demo.own_tables import VIEWS


async def checks(operator: Operator, code: int = 0, **changed: object) -> dict[str, dict[str, str]]:
    """Each check of `doctor` by its name."""
    found = await operator.json("doctor", code=code, BILLING_SCHEMA=VIEWS, **changed)
    return {check["name"]: check for check in found["checks"]}
