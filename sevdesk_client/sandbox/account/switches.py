"""One switch for each behaviour on which the sources disagree or are silent. README.md names the sources."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sevdesk_client.sandbox.account.formats import Object

CHOICES: dict[str, tuple[object, ...]] = {
    "send_by_enshrines": (True, False, "VPDF"),
    "duplicate_number": ("replace", "refuse"),
    "cancel_paid": ("credit_note", "storno", "refuse"),
    "partial_status": (750, 200),
    "missing_address": ("refuse", "blank"),
    "not_found": (404, 400),
    "tax_rule_check": ("send_by", "save"),
    "rounding": ("position", "total"),
    "repeat_send_by": ("again", "refuse"),
    "duplicate_customer_number": ("accept", "refuse"),
    "over_limit": ("cap", "refuse"),
    "delivery_dates": ("any", "later", "not_later"),
    "reset_enshrined": ("allow", "refuse"),
    "export_config_access": ("deny", "allow"),
    "datev_chart": ("SKR03", "SKR04"),
    "datev_accounts": ("automatic", "keyed"),
    "datev_layout": ("official", "observed"),
    "datev_job": ("run", "hold", "fail", "crash"),
    "datev_form": ("array", "object"),
    "datev_hash": ("hash", "progress"),
    "datev_not_ready": ("empty", "null", "not_found"),
    "datev_conflict": ("never", "running", "always"),
}
# Allowed items of list switches; those not named here take any text.
ITEMS: dict[str, frozenset[str]] = {
    "datev_faults": frozenset(
        [
            *("posting_missing", "posting_doubled", "posting_unknown"),
            *("wrong_amount", "wrong_account", "wrong_side", "wrong_date", "wrong_number"),
            *("wrong_chart", "wrong_version", "wrong_period", "wrong_encoding", "cut_csv"),
            *("no_stack", "extra_file", "evil_name", "bomb", "truncated", "not_a_zip"),
        ]
    )
}


@dataclass(slots=True)
class Switches:
    """Defaults follow the better source; between equal ones, the behaviour that a careless client handles worse."""

    send_by_enshrines: bool | str = True
    duplicate_number: str = "replace"
    cancel_paid: str = "credit_note"
    partial_status: int = 750
    pdf_raw: bool = False
    missing_address: str = "refuse"
    not_found: int = 404
    tax_rule_check: str = "send_by"
    small_business: bool = False
    rounding: str = "position"
    cent_off: bool = False
    repeat_send_by: str = "again"
    duplicate_customer_number: str = "accept"
    over_limit: str = "cap"
    reset_enshrined: str = "allow"
    trailing_keys_required: bool = False
    expand_references: bool = False
    contact_type_main_broken: bool = False
    number_format: str = "RE-%NUMBER"
    ignored_filters: list[str] = field(default_factory=list)
    e_invoice_missing: list[str] = field(default_factory=list)
    xml_backend_down: bool = False
    delivery_dates: str = "any"
    export_config_access: str = "deny"
    datev_chart: str = "SKR03"
    datev_accounts: str = "automatic"
    datev_layout: str = "official"
    datev_job: str = "run"
    datev_polls: int = 2
    datev_seconds: float = 0.0
    datev_form: str = "array"
    datev_hash: str = "hash"
    datev_not_ready: str = "empty"
    datev_conflict: str = "never"
    datev_link_seconds: int = 604_800
    datev_faults: list[str] = field(default_factory=list)

    def change(self, wanted: Object) -> None:
        """Set the given switches; ValueError names an unknown switch or value and changes nothing."""
        for name, value in wanted.items():
            self._check(name, value)
        for name, value in wanted.items():
            setattr(self, name, value)

    def _check(self, name: str, value: Any) -> None:
        known = {each.name for each in fields(self)}
        if name not in known:
            raise ValueError(f"unknown switch {name}; known: {', '.join(sorted(known))}")
        if name in CHOICES:
            # True == 1 in Python, so compare the type as well.
            if not any(value == each and type(value) is type(each) for each in CHOICES[name]):
                raise ValueError(f"{name} takes {CHOICES[name]}")
        elif type(value) is not type(getattr(self, name)) and not (name == "datev_seconds" and type(value) is int):
            raise ValueError(f"{name} takes a {type(getattr(self, name)).__name__}")
        elif name in ITEMS and not ITEMS[name].issuperset(value):
            raise ValueError(f"{name} takes {', '.join(sorted(ITEMS[name]))}")

    def as_json(self) -> Object:
        """All switches and their values."""
        return asdict(self)
