"""The catalogue of problems: complete in both languages, and used with the right parameters."""

import ast
import re
from pathlib import Path

import pytest

from sevdesk_client import errors
from worker.domain.invoice import PartyKind
from worker.domain.outcome import NotYet, Parked, Retry
from worker.domain.problems import CATALOGUE, Actor, Problem, ProblemType, problem
from worker.domain.problems.words import PERCENTAGES, WORDS, in_words
from worker.einvoice import comparison
from worker.einvoice.finding import FaultKind
from worker.einvoice.reading import Address
from worker.operator.interface_schema import interface_schema
from worker.steps import document
from worker.steps.sevdesk_refusals import outcome_of, refusal, unknown_outcome

WORKER = Path(__file__).resolve().parents[2] / "worker"
ENTRIES = list(CATALOGUE.values())
# Calls that make a problem, and at which argument its code stands.
MAKERS = {"problem": 0, "sums_problem": 0, "_ask": 0, "HeldBack": 1, "Unreadable": 0, "_about": 0}


def test_every_difference_has_its_words() -> None:
    """What may differ in sevDesk's document, and who may receive it, is named by codes that both languages know."""
    code = Path(comparison.__file__).read_text()
    in_xml = {f"xml_{each}" for each in re.findall(r'"xml_(\w+)', code)} - {"xml_line_", "xml_buyer_", "xml_"}
    in_xml |= {f"xml_buyer_{field}" for field in Address.__dataclass_fields__}
    in_xml |= {f"xml_line_{each}" for each in re.findall(r'yield "(\w+)"', code) if not each.startswith("xml_")}
    in_xml |= {f"xml_{kind.name.lower()}" for kind in FaultKind if kind is not FaultKind.CONTENT}
    codes = {*document.HEAD.values(), *document.POSITION.values(), *PartyKind, *in_xml}
    assert codes <= WORDS.keys() and len(in_xml) > 35
    assert interface_schema()["problem_words"]["words"].keys() == WORDS.keys()
    english, german = in_words("position_price 3, city", "en"), in_words("position_price 3, city", "de")
    assert (english, german) == ("price of position 3, city", "Preis der Position 3, Ort")
    differs = problem("e_invoice_differs", number="R1", count=2, differences="xml_line_net 2, xml_buyer_zip (PDF)")
    assert "(2): net amount of line 2, buyer's zip (PDF)." in differs.cause()
    assert "(2): Nettobetrag der Position 2, Postleitzahl des Käufers (PDF)." in differs.cause("de")
    rule = "xml_mandatory_field BR-08: The Seller's name, city; xml_seller"
    invalid = problem("credit_note_invalid", credit_note="G1", number="R1", count=2, findings=rule)
    assert "Geschäftsregel zu einer Pflichtangabe, BR-08: The Seller's name, city; " in invalid.cause("de")
    assert in_words("name of line 2, country of delivery", "en") == "name of line 2, country of delivery"


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return set(re.findall(r"\{(\w+)\}", text))


def named_codes() -> dict[str, list[set[str]]]:
    """Code -> the keyword names of each call that makes such a problem in the worker's code."""
    found: dict[str, list[set[str]]] = {}
    for path in WORKER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for code in node.args[MAKERS[name] : MAKERS[name] + 1] if name in MAKERS else []:
                for each in ast.walk(code):
                    if isinstance(each, ast.Constant) and each.value in CATALOGUE:
                        names = {keyword.arg or "**" for keyword in node.keywords}
                        found.setdefault(each.value, []).append(names)
    return found


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.code)
def test_entry_is_whole_in_both_languages(entry: ProblemType) -> None:
    """Both languages say the same: sentences with the same parameters and the same commands."""
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", entry.code)
    for texts in (entry.cause, entry.next_step):
        assert placeholders(texts["en"]) == placeholders(texts["de"])
        assert texts["en"] != texts["de"] and all(len(text) > 15 for text in texts.values())
        commands = [sorted(re.findall(r"sevdesk-worker \w+", text)) for text in texts.values()]
        assert commands[0] == commands[1]
    assert "{job}" not in "".join(entry.cause.values())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.code)
def test_sentences_take_their_parameters(entry: ProblemType) -> None:
    """No brace is left over, whatever the parameters hold, and a missing or extra one is refused."""
    made = problem(entry.code, **dict.fromkeys(entry.parameters, "{x}"))
    for lang in ("en", "de"):
        text = (made.cause(lang) + made.next_step(lang, job="j1")).replace("{x}", "")
        assert "{" not in text and "}" not in text
    with pytest.raises(TypeError):
        problem(entry.code, **dict.fromkeys(entry.parameters, "x"), extra="x")


def test_every_code_is_used_somewhere() -> None:
    """No entry is left that nothing can end with. The person limit is found out in SQL."""
    paths = [path for path in WORKER.rglob("*.py") if "problems" not in path.parts]
    paths += (WORKER.parent / "sql/migrations").glob("*.sql")
    code = "".join(path.read_text() for path in paths)
    assert {code_ for code_ in CATALOGUE if not re.search(rf"[\"']{code_}[\"']", code)} == set()


def test_calls_give_the_right_parameters() -> None:
    """A call that names its parameters names the catalogue's."""
    added = {"**", "number", "seconds", "sha256", "job"}  # by `_ask`, `HeldBack` and `Unreadable` themselves
    calls = [(code, names - added) for code, calls in named_codes().items() for names in calls]
    assert len(calls) > 100
    assert [call for call in calls if not call[1] <= CATALOGUE[call[0]].parameters] == []


def test_percentages_are_written_in_the_reader_s_language() -> None:
    """A decimal point in English, a comma in German; amounts beside them stay as they are."""
    found = problem("tax_rate_not_allowed", position=1, rate="19.001%", tax_rule=1, allowed="0% / 5.5%")
    assert found.cause() == "Position 1 carries 19.001% tax, but sevDesk's tax rule 1 allows only 0% / 5.5%."
    assert "19,001%" in found.cause("de") and "0% / 5,5%" in found.cause("de")
    kept = problem("skonto_not_kept", number="R1", percent="2.5", days=10, kept_percent="2", kept_days=10)
    assert "2.5 %" in kept.cause() and "2,5 %" in kept.cause("de")
    taxes = problem("advance_tax_differs", number="R1", taxes="5.5%: 1.00 / 1.01 EUR")
    assert "5.5%: 1.00 / 1.01 EUR" in taxes.cause() and "5,5%: 1.00 / 1.01 EUR" in taxes.cause("de")
    assert {name for entry in CATALOGUE.values() for name in entry.parameters} >= PERCENTAGES


def test_given_up_is_added() -> None:
    """The tries stand in the sentence, and the code stays."""
    last = problem("sevdesk_unavailable", operation="GET /Invoice", answer="no").given_up(8)
    assert last.cause().endswith(" Given up after 8 tries.") and last.code == "sevdesk_unavailable"
    assert last.cause("de").endswith(" Nach 8 Versuchen aufgegeben.")


def refused(reason: str, code: int | None = None, operation: str = "POST /Invoice/{id}") -> errors.Refused:
    """An error as the client makes it."""
    return errors.Refused(operation, reason, status=422, code=code)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (refused("no", 7100), "sevdesk_tax_refused"),
        (refused("no", 830), "e_invoice_data_missing"),
        (refused("Missing iban and bic"), "e_invoice_data_missing"),
        (refused("No Model_Invoice with the id 1 was found", 151), "sevdesk_object_gone"),
        (refused("No Model_Contact with the id 1 was found"), "sevdesk_object_gone"),
        (refused("Invoice can only be deleted in status 100", 159), "not_a_draft"),
        (refused("invoice already canceled", 421), "sevdesk_already_cancelled"),
        (refused("contactPerson is missing or invalid"), "contact_person_unknown"),
        (refused("none", operation="GET /StaticCountry"), "sevdesk_refused"),  # it says nothing about what is missing
        (refused("none", operation="GET /PaymentMethod"), "sevdesk_refused"),
        (refused("none", operation="PUT /Invoice/{id}/changeParameter"), "template_refused"),
        (refused("teapot"), "sevdesk_refused"),
    ],
)
def test_refusals_map_to_codes(error: errors.Refused, code: str) -> None:
    """Plain words first, sevDesk's own after them."""
    found = refusal(error)
    assert found.code == code
    assert error.reason in found.cause() and "HTTP 422" in found.cause("de")


def test_lost_writes_map_to_codes() -> None:
    """sevDesk's lock on numbers says more than silence does; both are read back first."""
    for reason, code in (("Invoice: Correct number abort. Timeout", "number_lock"), ("no answer", "outcome_unknown")):
        assert unknown_outcome(errors.OutcomeUnknown("POST /Invoice/Factory/saveInvoice", reason)).code == code


def test_other_errors_map_to_outcomes() -> None:
    """A refused token waits for a person; what may pass is retried, after the time sevDesk asked for."""
    token = errors.TokenRefused("GET /Invoice", "no", status=401)
    assert outcome_of(token) == Parked(Problem("token_refused"))
    waiting = errors.TokenRefused("GET /Invoice", "no", status=401, retry_after=9.0)
    assert outcome_of(waiting) == NotYet(9.0, Problem("token_refused_waiting"))
    slow = outcome_of(errors.Throttled("GET /Invoice", "slow", status=429, retry_after=7.0))
    assert isinstance(slow, Retry) and slow.after == 7.0 and slow.problem.type.actor is Actor.OPERATOR
    for error, code in ((errors.Throttled, "sevdesk_throttled"), (errors.FilterIgnored, "filter_ignored")):
        again = outcome_of(error("GET /Invoice", "no"))
        assert isinstance(again, Retry) and again.problem.code == code
