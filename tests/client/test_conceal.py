"""What sevDesk repeats of a customer is taken out of an error before anybody reads it."""

import pytest

from sevdesk_client import errors

WORDS = {"Müller & Söhne GmbH", "Müller", "Hauptstraße 5"}


def concealed(reason: str) -> errors.Refused:
    error = errors.Refused("POST /Contact", reason, status=422, code=42)
    error.redact(WORDS)
    return error


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Contact Müller & Söhne GmbH exists", "Contact […] exists"),  # the longest first
        ("contact MÜLLER & SÖHNE GMBH exists", "contact […] exists"),
        ("Müller, Hauptstraße 5", "[…], […]"),
        ("Müller &\n  Söhne GmbH", "[…]"),
        ("No address", "No address"),
    ],
)
def test_words_are_taken_out(said: str, shown: str) -> None:
    """From the reason and from the whole sentence, in either case; the rest stays readable."""
    error = concealed(said)
    assert error.reason == shown
    assert f"“{shown}” (HTTP 422, code 42)" in str(error)
    assert error.status == 422


@pytest.mark.parametrize("left", range(4, 13))
def test_cut_word_is_taken_out(left: int) -> None:
    """A long message ends in the middle of a word; the beginning would tell enough."""
    said = "x" * (errors.MAX_REASON - 1 - left) + "Hauptstraße 5 in Berlin"
    reason = concealed(said).reason
    assert "Haup" not in reason
    assert reason.endswith("[…]") or reason.endswith("[…]…")
