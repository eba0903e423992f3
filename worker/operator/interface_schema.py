"""JSON Schema of everything that other programs write to the worker or read from it."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from pydantic import TypeAdapter, create_model

from worker.domain.events import Acknowledged, Event
from worker.domain.jobs import KINDS
from worker.domain.ledger import JobState
from worker.domain.lifecycle import TABLE
from worker.domain.problems import CATALOGUE
from worker.domain.problems.words import CODED, WORDS
from worker.domain.results import RESULTS

Schema = dict[str, Any]

_TEXT, _TEXT_OR_NULL = {"type": "string"}, {"type": ["string", "null"]}
# Sent on the channel sevdesk_events.
_ENDED = {
    "invoice_id": _TEXT_OR_NULL,
    "outcome": {"enum": [state.value for state in JobState if state not in (JobState.REQUESTED, JobState.RUNNING)]},
    "problem": {"enum": [None, *sorted(CATALOGUE)]},
}
_CHANGED = {
    "invoice_id": _TEXT,
    "outcome": {"const": "changed"},
    "events": {"type": "array", "items": _TEXT},
}
_PROGRESS = {
    "kind": {"const": "export_datev"},
    "export_id": _TEXT,
    "outcome": {"const": "progress"},
    "progress": {"type": "integer", "minimum": 0, "maximum": 100},
}


def interface_schema() -> dict[str, Any]:
    """`jobs` (payload and result by kind), `events` (payload by event_type), `notifications`, and `problem_words`."""
    return {
        "jobs": {
            kind.name: {
                "asked_by": kind.role.value,
                "payload": kind.payload.model_json_schema(),
                "result": TypeAdapter(RESULTS[kind.name]).json_schema(),
            }
            for kind in KINDS.values()
        },
        "events": {event_type(kind): _event(kind) for kind in TABLE},
        "notifications": {"oneOf": [_notification(each) for each in (_ENDED, _CHANGED, _PROGRESS)]},
        "problem_words": {"parameters": sorted(CODED), "words": WORDS},
    }


def event_type(kind: type[Event]) -> str:
    """The `event_type` in the log."""
    return kind.__new__(kind).type


def _event(kind: type[Event]) -> Schema:
    """The fields that the log keeps, and the job that caused the event. Money is text, times are ISO 8601."""
    hints = get_type_hints(kind)
    logged = {field.name: (hints[field.name], ...) for field in fields(kind) if field.metadata.get("log", True)}
    cause = {} if kind is Acknowledged else {"job_id": (str, ...)}  # a person's word, without a job
    model: Any = create_model(kind.__name__, **{**cause, **logged})  # type: ignore[call-overload]
    schema: Schema = model.model_json_schema(mode="serialization")
    return {**schema, "description": (kind.__doc__ or "").partition("\n")[0]}


def _notification(properties: Mapping[str, Any]) -> Schema:
    properties = {"job_id": _TEXT, "kind": _TEXT, **properties}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
