"""What the tests take from the flow and chaos tests: a worker in the test's loop, and workers as processes."""

from chaos.conftest import home  # noqa: F401
from flow.conftest import (  # noqa: F401
    billing,
    no_scheduled_sync,
    run_worker,
    settings,
    sevdesk,
    stage,
)
