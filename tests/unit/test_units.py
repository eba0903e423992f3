"""Which unit of sevDesk's a text means."""

import pytest

from worker.domain.units import STOCK, SYNONYMS, Unit, find_unit

OWN = (*STOCK, Unit("4711", "Monat", None), Unit("4712", "Lizenz", None))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Stk.", "Stk"), ("Stück", "Stk"), ("h", "Std"), ("Std.", "Std"), ("Stunde(n)", "Std"), ("STUNDEN", "Std"),
        ("Tag", "Tag(e)"), ("Tage", "Tag(e)"), ("Tag(e)", "Tag(e)"), ("m²", "m²"), ("qm", "m²"), ("m2", "m²"),
        ("m³", "m³"), ("cbm", "m³"), ("kg", "kg"), ("t", "t"), ("km", "km"), ("lfm", "lfm"), ("lfd. m", "lfm"),
        ("pauschal", "pauschal"), ("psch.", "pauschal"), ("%", "%"), ("l", "L"), (" Std . ".replace(" .", "."), "Std"),
        ("UNITY_HOUR", "Std"), ("Monate", "Monat"), ("Monat(e)", "Monat"), ("lizenz", "Lizenz"),
        ("C62", "Stk"), ("HUR", "Std"), ("DAY", "Tag(e)"), ("LS", "pauschal"), ("KMT", "km"), ("TNE", "t"),
    ],
)  # fmt: skip
def test_text_means_a_unit(written: str, name: str) -> None:
    """By name, code or synonym; capitals, blanks around and a full stop at the end do not matter."""
    found = find_unit(written, OWN)
    assert found is not None and found.name == name


@pytest.mark.parametrize("written", ["Monat", "Woche", "Fass", "x", ""])
def test_unknown_text_means_none(written: str) -> None:
    """sevDesk has no stock unit for a month or a week, and what nobody knows is not guessed."""
    assert find_unit(written, STOCK) is None


def test_own_unit_comes_before_a_synonym() -> None:
    """An account that named a unit of its own "Stück" means that one."""
    own = Unit("99", "Stück", None)
    assert find_unit("Stück", (*STOCK, own)) == own


def test_synonyms_name_one_unit_each() -> None:
    """No text stands for two units, and all are written as they are compared."""
    every = [text for texts in SYNONYMS.values() for text in texts]
    assert len(every) == len(set(every))
    assert every == [text.casefold() for text in every]
