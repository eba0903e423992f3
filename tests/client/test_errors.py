"""What an error says, and what it never says."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevdesk_client import errors

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.SevDeskError)]


def test_message_is_one_clear_sentence() -> None:
    """It names the operation, what sevDesk said, and what that means for the caller."""
    error = errors.Refused("POST /Invoice/{id}/cancelInvoice", "invoice already canceled", status=422, code=421)
    assert str(error) == (
        "POST /Invoice/{id}/cancelInvoice failed with “invoice already canceled” (HTTP 422, code 421): "
        "it was refused, so nothing happened and repeating it unchanged will not help."
    )


def test_message_does_without_an_answer() -> None:
    """Where no answer came, the sentence shows neither a status nor a code."""
    error = errors.NotSent("GET /SevUser", "ConnectError")
    assert str(error) == (
        "GET /SevUser failed with “ConnectError”: the request never reached sevDesk, so it is safe to repeat."
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_explains_itself(kind: type[errors.SevDeskError]) -> None:
    """The first line of the docstring is a whole sentence, because it ends the message."""
    meaning = (kind.__doc__ or "").splitlines()[0]
    assert meaning.endswith(".") and len(meaning) > 20
    assert kind("GET /x", "no").args[0].endswith(meaning[1:])


def test_docstring_draws_the_whole_tree() -> None:
    """A class missing from the picture, or drawn in another branch, fails here."""
    drawn: dict[str, int] = {}
    for line in (errors.__doc__ or "").splitlines():
        name = line.strip("│├└─ ").split(" ")[0]
        if name in {kind.__name__ for kind in KINDS} and name not in drawn:
            drawn[name] = (len(line) - len(line.lstrip("│├└─ "))) // 4
    assert drawn == {kind.__name__: len(kind.__mro__) - len(errors.SevDeskError.__mro__) + 1 for kind in KINDS}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Mail to anna.muster@kunde.de bounced", "Mail to [e-mail] bounced"),  # recipients
        ("toEmail=anna+x@kunde.de;", "toEmail=[e-mail];"),  # glued to a key
        ("IBAN DE89 3704 0044 0532 0130 00 is invalid", "IBAN [IBAN] is invalid"),  # as people write it
        ("IBAN DE89370400440532013000 is invalid", "IBAN [IBAN] is invalid"),  # as banks write it
        ("bad token 0123456789abcdef0123456789ABCDEF", "bad token [token]"),  # a token not ours
        ("header was my-secret!", "header was [token]"),  # ours, whatever it looks like
        ("first\r\n\tsecond\x00third\ud800", "first second third"),  # one printable line
        ("Template 57986aee6bd2d53306068da1 unknown", "Template 57986aee6bd2d53306068da1 unknown"),  # an id stays
    ],
)
def test_scrubbing_leaves_nothing_private(said: str, shown: str) -> None:
    """What a person may not read in a log is replaced by what it was."""
    assert errors.scrub(said, "my-secret!") == shown


@given(st.text(), st.integers(min_value=0, max_value=50))
def test_reasons_stay_short_lines(text: str, times: int) -> None:
    """Whatever sevDesk says, the reason is one bounded printable line without the token."""
    error = errors.Refused("GET /x", errors.scrub(f"s3cr3t{text}" * times, "s3cr3t"))
    assert len(error.reason) <= errors.MAX_REASON
    assert error.reason.isprintable() and "s3cr3t" not in error.reason


def test_hostile_text_is_scrubbed_quickly() -> None:
    """A pattern that backtracks without bound would take minutes here."""
    assert len(errors.scrub("x." * 1_000_000 + "@")) == errors.MAX_REASON
