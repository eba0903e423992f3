"""Maps sevDesk's errors to the problems of the catalogue.

Error numbers, operations and texts are sevDesk's own (measured by peers, see `domain/problems/sevdesk.py`). The first
match decides: number, then operation, then text.
"""

from sevdesk_client import errors
from worker.domain.outcome import NotYet, Outcome, Parked, Retry
from worker.domain.problems import Problem, problem
from worker.gate.gate import LONGEST_PAUSE, HeldBack

_BY_NUMBER = {
    7100: "sevdesk_tax_refused",
    830: "e_invoice_data_missing",
    151: "sevdesk_object_gone",
    159: "not_a_draft",
    421: "sevdesk_already_cancelled",
    **dict.fromkeys((455, 456, 460), "credit_note_refused"),
}
_BY_OPERATION = {"PUT /Invoice/{id}/changeParameter": "template_refused"}
# Lists that sevDesk answered, and in which our own code did not find what it looked for; so there is no HTTP status.
_NOT_LISTED = {"GET /StaticCountry": "country_unknown", "GET /PaymentMethod": "payment_method_missing"}
_BY_TEXT = {
    "Missing iban and bic": "e_invoice_data_missing",
    "ZUGFeRD": "e_invoice_data_missing",
    "No Model_": "sevdesk_object_gone",
    "contactPerson": "contact_person_unknown",
}
NUMBER_LOCK = "Correct number abort"


def outcome_of(error: errors.SevDeskError) -> Outcome:
    """How the job's attempt ends after a failed read or a refused write."""
    match error:
        case HeldBack(retry_after=float(after)):
            return NotYet(after, error.problem)
        case errors.TokenRefused(status=401, retry_after=float(after)):
            return NotYet(after, problem("token_refused_waiting"))  # the first 401 parked its job
        case errors.TokenRefused():
            return Parked(problem("token_refused"))
        case errors.Refused():
            return Parked(refusal(error))
        case errors.Throttled():
            return Retry(_about("sevdesk_throttled", error), _wait(error))
        case errors.FilterIgnored():
            return Retry(_about("filter_ignored", error), _wait(error))
        case _:
            return Retry(_about("sevdesk_unavailable", error), _wait(error))


def _wait(error: errors.SevDeskError) -> float | None:
    """Seconds as sevDesk asked, and no more than one answer may stop the workers."""
    return None if error.retry_after is None else min(error.retry_after, LONGEST_PAUSE)


def refusal(error: errors.Refused) -> Problem:
    """The problem behind sevDesk's refusal; `sevdesk_refused` if it is not a known one."""
    by_text = (code for text, code in _BY_TEXT.items() if text in error.reason)
    by_operation = _NOT_LISTED if isinstance(error, errors.NotFound) and error.status is None else _BY_OPERATION
    # An unknown id is not always answered with 151: NOT_FOUND with HTTP 400 (one report).
    missing = isinstance(error, errors.NotFound) and "{id}" in error.operation
    other = "sevdesk_object_gone" if missing else "sevdesk_refused"
    code = _BY_NUMBER.get(error.code or 0) or by_operation.get(error.operation) or next(by_text, other)
    return _about(code, error)


def unknown_outcome(error: errors.SevDeskError) -> Problem:
    """A write that may have taken effect: no answer, or sevDesk's lock on numbers (four code bases read back then)."""
    return _about("number_lock" if NUMBER_LOCK in error.reason else "outcome_unknown", error)


def _about(code: str, error: errors.SevDeskError) -> Problem:
    return problem(code, operation=error.operation, answer=error.answer)
