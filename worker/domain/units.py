"""Which unit of the sevDesk account a position's unit means. Pure.

sevDesk's stock units are known by their `translationCode`; an account may add units of its own, known by their name
(captures). No stock unit exists for a week, month or year, so those are found only if the account has one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

PIECE_CODE = "UNITY_PIECE"
# translationCode of a stock unit, or a name for what has none -> what billing systems write for it.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    PIECE_CODE: ("stk", "st", "stück", "stueck", "stücke", "stck", "piece", "pieces", "pc", "pcs", "einheit"),
    "UNITY_HOUR": ("h", "std", "stunde", "stunden", "stunde(n)", "hour", "hours", "hr", "hrs"),
    "UNITY_DAYS": ("tag", "tage", "tag(e)", "day", "days", "d"),
    "UNITY_SQUARE_METER": ("m²", "m2", "qm", "quadratmeter"),
    "UNITY_CUBIC_METER": ("m³", "m3", "cbm", "kubikmeter"),
    "UNITY_METER": ("m", "meter"),
    "UNITY_RUNNING_METER": ("lfm", "lfdm", "lfd m", "lfd. m", "lfd. meter", "laufmeter", "laufender meter"),
    "UNITY_KILOMETER": ("km", "kilometer"),
    "UNITY_KILOGRAM": ("kg", "kilo", "kilogramm"),
    "UNITY_TON": ("t", "to", "tonne", "tonnen"),
    "UNITY_L": ("l", "liter"),
    "UNITY_BLANKET": ("pauschal", "pauschale", "psch", "pausch", "flat", "flat rate"),
    "UNITY_PERCENT": ("%", "prozent", "percent"),
    "week": ("woche", "wochen", "woche(n)", "wo", "week", "weeks", "wee"),
    "month": ("monat", "monate", "monat(e)", "mon", "mt", "month", "months"),
    "year": ("jahr", "jahre", "jahr(e)", "year", "years", "a", "ann"),
}


# translationCode -> the code that e-invoices bear for it (UN/ECE Recommendation 20, as GET /Unity shows; capture).
UNECE: Mapping[str, str] = {
    PIECE_CODE: "C62",
    "UNITY_SQUARE_METER": "MTK",
    "UNITY_METER": "MTR",
    "UNITY_KILOGRAM": "KGM",
    "UNITY_TON": "TNE",
    "UNITY_RUNNING_METER": "LM",
    "UNITY_BLANKET": "LS",
    "UNITY_CUBIC_METER": "MTQ",
    "UNITY_HOUR": "HUR",
    "UNITY_KILOMETER": "KMT",
    "UNITY_PERCENT": "C62",
    "UNITY_DAYS": "DAY",
    "UNITY_L": "LTR",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the account. `code` is sevDesk's translationCode, None for the account's own units."""

    id: str
    name: str
    code: str | None


# The stock units with a name; ids up to 13 are the same in all accounts (official for 1 and 9, the others a capture).
STOCK = tuple(
    Unit(id, name, code)
    for id, name, code in (
        ("1", "Stk", PIECE_CODE),
        ("2", "m²", "UNITY_SQUARE_METER"),
        ("3", "m", "UNITY_METER"),
        ("4", "kg", "UNITY_KILOGRAM"),
        ("5", "t", "UNITY_TON"),
        ("6", "lfm", "UNITY_RUNNING_METER"),
        ("7", "pauschal", "UNITY_BLANKET"),
        ("8", "m³", "UNITY_CUBIC_METER"),
        ("9", "Std", "UNITY_HOUR"),
        ("10", "km", "UNITY_KILOMETER"),
        ("11", "%", "UNITY_PERCENT"),
        ("13", "Tag(e)", "UNITY_DAYS"),
        ("15", "L", "UNITY_L"),
    )
)


def find_unit(written: str, units: Iterable[Unit]) -> Unit | None:
    """The account's unit that a text means: by its name or code, else by a synonym or UNECE code; None if it has none.

    Upper and lower case, a final full stop and blanks around do not matter.
    """
    units, wanted = tuple(units), _normal(written)
    for unit in units:
        if wanted in (_normal(unit.name), _normal(unit.code or "")):
            return unit
    for code, synonyms in SYNONYMS.items():
        if wanted in (*synonyms, UNECE.get(code, "").casefold()):
            return next((unit for unit in units if unit.code == code or _normal(unit.name) in synonyms), None)
    return None


@lru_cache(maxsize=1000)  # of an account's units, for each position
def _normal(text: str) -> str:
    return " ".join(text.split()).casefold().removesuffix(".")
