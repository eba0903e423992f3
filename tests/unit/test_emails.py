"""Which texts pass as one e-mail address, and who gets a mail for which several addresses are named."""

from typing import Any

import pytest

from worker.domain.emails import Addressees, address_fault, addressees, several

PLAIN = [
    "rechnung@example.com",
    "Vor.Nach-Name+2026@mail.firma.example.de",
    "o'brien_1@example.co.uk",
    # A domain with umlauts has an ASCII form; the part before it has none.
    "info@müller-söhne.de",
    "info@xn--mller-shne-kcb9d.de",
]
FAULTY = [
    # Line breaks and other controls, which could become headers of the mail.
    ("a@example.com\n", "U+000A"),
    ("a@example.com\r\nBcc: b@example.com", "U+000D"),
    ("a@exam\0ple.com", "U+0000"),
    # Blanks, and what nobody sees.
    (" a@example.com", "U+0020"),
    ("a@example.com\N{NO-BREAK SPACE}", "U+00A0"),
    ("a@example.com\N{ZERO WIDTH SPACE}", "U+200B"),
    ("a@example.com\N{ZERO WIDTH NO-BREAK SPACE}", "U+FEFF"),
    ("\N{RIGHT-TO-LEFT MARK}a@example.com", "U+200F"),
    # Lists, and names around an address.
    ("a@example.com,b@example.com", ","),
    ("a@example.com;b@example.com", ";"),
    ("Jörg<a@example.com>", "<"),
    ('"Jörg"@example.com', '"'),
    ("a@example.com(privat)", "("),
    # Parts that are missing or twice there.
    ("rechnung", "@"),
    ("a@b@example.com", "@"),
    ("@example.com", "Local-Part"),
    ("a@", "Domain"),
    ("a@localhost", "Domain"),
    ("a@example", "Domain"),
    ("a@.com", "Domain"),
    ("a@example..com", "Domain"),
    ("a@-example.com", "Domain"),
    ("a@192.0.2.1", "Domain"),
    ("a..b@example.com", "Local-Part"),
    (".a@example.com", "Local-Part"),
    ("jörg@example.com", "Local-Part"),
    ("x" * 65 + "@example.com", "Local-Part"),
    # Letters of full width look like others and are others.
    ("a@\N{FULLWIDTH LATIN SMALL LETTER E}xample.com", "Domain"),
    # Names that no mail reaches.
    ("a@firma.invalid", "Domain"),
    ("a@firma.local", "Domain"),
]


@pytest.mark.parametrize("address", PLAIN)
def test_plain_addresses_pass(address: str) -> None:
    """What a mail server takes as one recipient."""
    assert address_fault(address) is None


@pytest.mark.parametrize(("text", "fault"), FAULTY)
def test_faulty_addresses_name_the_fault(text: str, fault: str) -> None:
    """A sign, a code point or one word that both languages have; never the address."""
    assert address_fault(text) == fault


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # The recipient's own address, if the job names none.
        (("own@x.de", None, None, None), ("own@x.de", None, None)),
        (("own@x.de", None, "a@x.de,b@x.de", "c@x.de"), ("own@x.de", "a@x.de,b@x.de", "c@x.de")),
        # Named ones replace it; the first is sevDesk's one recipient, the others get copies before those of `cc`.
        (("own@x.de", "a@x.de", None, None), ("a@x.de", None, None)),
        ((None, "a@x.de, b@x.de", "c@x.de", None), ("a@x.de", "b@x.de,c@x.de", None)),
        # Nobody gets the mail twice; an open copy comes before a blind one.
        (("own@x.de", None, "OWN@x.de,a@x.de,A@x.de", "a@x.de,own@x.de"), ("own@x.de", "A@x.de", None)),
        (("own@x.de", "a@x.de,b@x.de", "a@x.de", "B@x.de,c@x.de"), ("a@x.de", "b@x.de", "c@x.de")),
        (
            (None, "info@müller.de", "Info@xn--mller-kva.de", "info@muller.de"),
            ("info@müller.de", None, "info@muller.de"),
        ),
    ],
)
def test_each_addressee_gets_one_mail(given: tuple[str | None, ...], expected: tuple[Any, ...]) -> None:
    """To, CC and BCC as sevDesk takes them."""
    own, to, cc, bcc = given
    assert addressees(own, to, cc, bcc) == Addressees(*expected)


def test_mail_without_address_is_an_error() -> None:
    """The check before it has parked the job."""
    with pytest.raises(ValueError, match="needs an address"):
        addressees(None, None, "a@x.de", None)


def test_lists_are_read_without_blanks() -> None:
    """None and nothing are no addresses."""
    assert several(" a@x.de , b@x.de,") == ("a@x.de", "b@x.de")
    assert several(None) == several("") == ()
