"""Sentences that name commands, filled in so that a person can copy each command as it stands. Pure."""

import re
import shlex

# Commands that several sentences name.
PUBLISH = "sevdesk-worker enqueue publish_invoice invoice_id={number}"
SEND = "sevdesk-worker enqueue send_invoice invoice_id={number}"
SYNC = "sevdesk-worker enqueue sync_payments invoice_id={number}"
FETCH = "sevdesk-worker enqueue fetch_invoice_pdf invoice_id={number}"
CANCEL = "sevdesk-worker enqueue cancel_invoice invoice_id={number} reason=TEXT"
DISMISS = "sevdesk-worker dismiss {job} --reason TEXT"
# From the program's name to the mark that ends the command, or the part of the sentence that goes on behind it.
COMMAND = re.compile(r"(sevdesk-worker [^.,:;()]*)")


def filled(template: str, /, **values: object) -> str:
    """The template with its values; within a command each is quoted, where a shell would read it as something else."""
    quoted = {name: shlex.quote(str(value)) for name, value in values.items()}
    parts = COMMAND.split(template)
    return "".join(part.format_map(quoted if place % 2 else values) for place, part in enumerate(parts))
