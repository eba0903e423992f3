"""Which handler runs which job kind. Jobs about one invoice are lists of steps instead: `steps/plan.py`."""

from collections.abc import Mapping

from worker.handlers.adopt import adopt
from worker.handlers.config import update_config
from worker.handlers.connection import test_connection
from worker.handlers.datev_export import export_datev
from worker.handlers.handler import Handler
from worker.handlers.payment_sync import sync_payments
from worker.handlers.templates import refresh_templates

HANDLERS: Mapping[str, Handler] = {
    "sync_payments": sync_payments,
    "export_datev": export_datev,
    "test_connection": test_connection,
    "refresh_templates": refresh_templates,
    "adopt": adopt,
    "update_config": update_config,
}
