"""One switch for each behaviour on which the sources disagree or are silent. README.md names the sources."""

from dataclasses import asdict, field, fields
from typing import Literal, get_args, get_origin

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from sevdesk_client.sandbox.account.formats import Object

PostingFault = Literal["posting_missing", "posting_doubled", "posting_unknown"]
ValueFault = Literal["wrong_amount", "wrong_account", "wrong_side", "wrong_date", "wrong_number"]  # of one posting
FileFault = Literal["wrong_chart", "wrong_version", "wrong_period", "wrong_encoding", "cut_csv", "line_breaks"]
# What is spoilt in an e-invoice's XML: its form, a rule of EN 16931, what it says, or how it is to be paid; `pdf_...`:
# in the PDF only.
FormFault = Literal["not_well_formed", "entity_bomb", "unknown_element", "guideline_unknown", "byte_order_mark"]
RuleFault = Literal[
    "number_missing", "gross_wrong", "tax_wrong", "line_lost", "period_reversed", "seller_ids_missing",
    "zero_group_missing",
]  # fmt: skip
ContentFault = Literal[
    "other_number", "other_buyer", "other_place", "other_vat_id", "other_quantity", "other_unit", "other_date",
    "other_country", "other_reference", "self_billed", "pdf_differs", "pdf_other_iban", "pdf_other_seller",
]  # fmt: skip
PaymentFault = Literal["direct_debit", "other_payee", "iban_wrong", "prepaid", "other_skonto", "exempt"]
ArchiveFault = Literal["no_stack", "extra_file", "evil_name", "bomb", "truncated", "not_a_zip"]


@dataclass(slots=True, config=ConfigDict(strict=True, extra="forbid"))
class Switches:
    """Defaults follow the better source; between equal ones, the behaviour that a careless client handles worse."""

    send_by_enshrines: Literal[True, False, "VPDF"] = True
    duplicate_number: Literal["replace", "refuse"] = "replace"
    taken_credit_number: Literal["keep", "replace"] = "keep"
    cancel_paid: Literal["credit_note", "storno", "refuse"] = "credit_note"
    partial_status: Literal[750, 200] = 750
    zero_sum: Literal["open", "paid", "closed"] = "open"
    pdf_raw: bool = False
    missing_address: Literal["refuse", "blank"] = "refuse"
    not_found: Literal[404, 400] = 404
    tax_rule_check: Literal["send_by", "save"] = "send_by"
    small_business: bool = False
    rounding: Literal["position", "total"] = "position"
    cent_off: bool = False
    skonto_decimals: Literal["kept", "cut"] = "kept"
    foreign_sums: Literal["account", "document"] = "account"
    foreign_paid: Literal["account", "document"] = "account"
    repeat_send_by: Literal["again", "refuse"] = "again"
    duplicate_customer_number: Literal["accept", "refuse"] = "accept"
    over_limit: Literal["refuse", "cap"] = "refuse"
    reset_enshrined: Literal["allow", "refuse"] = "allow"
    trailing_keys_required: bool = False
    sql_faults: Literal[500, 400] = 500
    value_types: Literal["usual", "swapped"] = "usual"
    reminders_listed: bool = True
    expand_references: bool = False
    contact_type_main_broken: bool = False
    number_format: str = "RE-%NUMBER"
    ignored_filters: list[str] = field(default_factory=list)
    e_invoice_missing: list[str] = field(default_factory=list)
    xml_backend_down: bool = False
    credit_note_xml: bool = True
    e_invoice_faults: list[Literal[FormFault, RuleFault, ContentFault, PaymentFault]] = field(default_factory=list)
    delivery_dates: Literal["any", "later", "not_later"] = "any"
    final_dates: Literal["contact", "any"] = "contact"
    export_config_access: Literal["deny", "allow"] = "deny"
    datev_chart: Literal["SKR03", "SKR04"] = "SKR03"
    datev_accounts: Literal["automatic", "keyed"] = "automatic"
    datev_layout: Literal["official", "observed", "folder"] = "official"
    datev_job: Literal["run", "hold", "fail", "crash"] = "run"
    datev_polls: int = 2
    datev_seconds: float = 0.0
    datev_form: Literal["array", "object"] = "array"
    datev_hash: Literal["hash", "progress"] = "hash"
    datev_not_ready: Literal["empty", "null", "not_found"] = "empty"
    datev_conflict: Literal["never", "running", "always"] = "never"
    datev_link_seconds: int = 604_800
    datev_faults: list[Literal[PostingFault, ValueFault, FileFault, ArchiveFault]] = field(default_factory=list)

    def change(self, wanted: Object) -> None:
        """Set the given switches; ValidationError names an unknown switch or value, and nothing is changed."""
        changed = Switches(**{**asdict(self), **wanted})
        for each in fields(self):
            setattr(self, each.name, getattr(changed, each.name))


# The values of each switch that takes one of several.
CHOICES = {each.name: get_args(each.type) for each in fields(Switches) if get_origin(each.type) is Literal}
