"""Lies about sevDesk, one line each, and the test that has to notice each of them. Pure data."""

from dataclasses import dataclass

TESTS = "tests/client"
SANDBOX_TESTS = "tests/sandbox"


@dataclass(frozen=True)
class Lie:
    """`truth` stands once in `file` (below sevdesk_client/); with `lie` in its place, `test` has to fail."""

    name: str
    file: str
    truth: str
    lie: str
    test: str


LIES = (
    # -- told by the client --------------------------------------------------------------------------------------------
    Lie(
        "the marker is asked for as the specification spells it, which finds everything",
        "client.py",
        'params={"customerInternalNote": marker}',
        'params={"customerIntenalNote": marker}',
        f"{TESTS}/test_client.py::test_marker_finds_invoice_and_cancellation",
    ),
    Lie(
        "fetching the PDF gives a draft its number",
        "client.py",
        '{"preventSendBy": "true"}',
        '{"preventSendBy": "false"}',
        f"{TESTS}/test_client.py::test_pdf_leaves_the_draft_alone",
    ),
    Lie(
        "HTTP 200 is success, whatever stands in it",
        "wire.py",
        "if not 200 <= answer.status < 300 or (said and said.enveloped):",
        "if not 200 <= answer.status < 300:",
        f"{TESTS}/test_wire.py::test_refusals_mean_the_same_everywhere",
    ),
    Lie(
        "a write without an answer did not happen",
        "wire.py",
        "(errors.OutcomeUnknown if request.writes else errors.Unavailable)(",
        "errors.Unavailable(",
        f"{TESTS}/test_wire.py::test_no_answer_depends_on_the_call",
    ),
    Lie(
        "what is no list is an empty one",
        "readers.py",
        'raise ValueError("the answer holds no list")',
        "return []",
        f"{TESTS}/test_wire.py::test_list_is_never_silently_empty",
    ),
    Lie(
        "a day begins at midnight in Greenwich",
        "record.py",
        "return None if _is_impossible(value) else date.fromisoformat(value[:10])",
        'return None if _is_impossible(value) else datetime.fromisoformat(value).astimezone(ZoneInfo("UTC")).date()',
        f"{TESTS}/test_models.py::test_dates_stay_berlin_days",
    ),
    Lie(
        "saveInvoice takes a key of our own",
        "bodies.py",
        '"discount": _plain_number(draft.discount),',
        '"discount": _plain_number(draft.discount), "ourNumber": draft.customer_internal_note,',
        f"{TESTS}/test_contract_requests.py::test_requests_follow_specification",
    ),
    # -- told by the sandbox -------------------------------------------------------------------------------------------
    Lie(
        "paidAmount is text like all other sums",
        "sandbox/endpoints/invoice_json.py",
        '"paidAmount": number(paid)',
        '"paidAmount": decimal_text(paid)',
        f"{SANDBOX_TESTS}/test_answers.py::test_reads_answer_strings_throughout",
    ),
    Lie(
        "sums are rounded once, on the total",
        "sandbox/endpoints/save_positions.py",
        'account.switches.rounding == "total"',
        'account.switches.rounding != "total"',
        f"{SANDBOX_TESTS}/test_sums.py::test_sums_follow_the_notes",
    ),
    Lie(
        "a draft has its number already",
        "sandbox/endpoints/invoices.py",
        "saved.note, saved.number, type=saved.type)",
        "saved.note, saved.number or account.take_number(), type=saved.type)",
        f"{SANDBOX_TESTS}/test_finalising.py::test_numbers_run_without_gaps",
    ),
    Lie(
        "the marker is found by the specification's spelling",
        "sandbox/endpoints/invoice_filters.py",
        "chosen = _candidates(account, query)",
        'chosen = _candidates(account, {key.replace("Intenal", "Internal"): each for key, each in query.items()})',
        f"{SANDBOX_TESTS}/test_lists.py::test_notes_match_exactly",
    ),
    Lie(
        "a partly paid invoice can be cancelled",
        "sandbox/endpoints/cancelling.py",
        "if invoice.status < 1000 and invoice.paid != 0:",
        "if False:",
        f"{SANDBOX_TESTS}/test_paying.py::test_partly_paid_cancel_hides_error",
    ),
    Lie(
        "midnight in Berlin is an hour before midnight, all year",
        "sandbox/account/formats.py",
        'as_datetime(moment).astimezone(BERLIN).isoformat(timespec="seconds")',
        'as_datetime(moment).astimezone(ZoneInfo("Etc/GMT-1")).isoformat(timespec="seconds")',
        f"{SANDBOX_TESTS}/test_answers.py::test_dates_carry_berlin_offset",
    ),
    Lie(
        "an invoice has a key that neither specification nor recordings know",
        "sandbox/endpoints/invoice_json.py",
        '"payDate": timestamp(invoice.pay_date),',
        '"payDate": timestamp(invoice.pay_date), "paid": invoice.status == 1000,',
        f"{TESTS}/test_contract_answers.py::test_answers_deviate_as_listed",
    ),
)
