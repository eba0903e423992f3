"""What is wrong with an e-invoice, by the Finance Ministry's kinds of fault. Pure.

The letter of 2025-10-15 tells three kinds apart: a format fault (it is no e-invoice), a fault against a business rule
(it counts where it hits a field that VAT law wants), and a content fault (the data is wrong).
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """The three kinds; the second is split by whether a field of § 14 Abs. 4 UStG is hit."""

    FORMAT = "format"
    MANDATORY_FIELD = "business rule on a mandatory field"
    OTHER_FIELD = "business rule"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. `rule` is the rule's id, such as BR-CO-17; `text` holds no personal data. A warning is not fatal."""

    kind: FaultKind
    rule: str
    text: str
    fatal: bool = True
    coded: str = ""  # a content fault's code of `problems/words.py`, with what follows it

    @property
    def in_problem(self) -> str:
        """As problems name it: by a code, so that both languages have words for it."""
        return self.coded or f"xml_{self.kind.name.lower()} {self.rule}: {self.text}"

    def __str__(self) -> str:
        return f"{self.rule} ({self.kind}): {self.text}"


# Rules of EN 16931 on what § 14 Abs. 4 UStG wants: number, date, names and addresses, tax ids, positions, period,
# amounts and taxes by rate, reason for an exemption. A rule on a VAT category (BR-S-..., BR-AE-...) always is one.
_MANDATORY_NUMBERS = {*range(2, 4), *range(6, 16), *range(21, 31), *range(45, 49), 55}
_MANDATORY_CO = {3, 4, 10, 11, 12, 13, 14, 15, 17, 18, 26}
_CATEGORIES = "S|Z|E|AE|IC|G|O|AF|AG|B"


def kind_of_rule(rule: str) -> FaultKind:
    """The kind of a fault against a rule of the schematron, by the rule's id."""
    if re.fullmatch(rf"BR-(?:{_CATEGORIES})-\d+", rule):
        return FaultKind.MANDATORY_FIELD
    general, total = re.fullmatch(r"BR-(\d+)", rule), re.fullmatch(r"BR-CO-(\d+)", rule)
    mandatory = (general and int(general[1]) in _MANDATORY_NUMBERS) or (total and int(total[1]) in _MANDATORY_CO)
    return FaultKind.MANDATORY_FIELD if mandatory else FaultKind.OTHER_FIELD
