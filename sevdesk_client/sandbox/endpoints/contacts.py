"""Contact: organisations and persons."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, flag, is_true, ref
from sevdesk_client.sandbox.account.records import CLIENT, Contact, record_json
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import optional_reference, required_reference, texts
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.lookup import find, page, read_one

TEXTS = (
    *("name", "customerNumber", "surename", "familyname", "titel", "description", "academicTitle", "gender", "name2"),
    *("birthday", "vatNumber", "bankAccount", "bankNumber", "mandateReference", "defaultCashbackTime"),
    *("defaultCashbackPercent", "defaultTimeToPay", "taxNumber", "taxOffice", "taxType", "defaultDiscountAmount"),
    *("buyerReference", "exemptVat", "governmentAgency"),
)


def contact_json(contact: Contact) -> Object:
    """The JSON of a contact, with the keys of the capture."""
    shown: Object = {
        **record_json("Contact", contact),
        "status": "1000",
        "category": ref(contact.category_id, "Category"),
        "sevClient": CLIENT,
        **{key: contact.fields.get(key) for key in TEXTS},
        **{key: flag(is_true(contact.fields.get(key))) for key in ("exemptVat", "governmentAgency")},
        "defaultDiscountPercentage": "1",
        "defaultShowVat": "1",
    }
    return shown if contact.parent_id is None else {**shown, "parent": ref(contact.parent_id, "Contact")}


get_contact = read_one("Contact", lambda account: account.contacts, contact_json)


def create_contact(account: Account, call: Call) -> Answer:
    """POST /Contact: only category is required (live, three peers); an omitted number is assigned (one report)."""
    category = required_reference(account, call.body, "category", "Category", master_data.CATEGORIES)
    fields = texts(call.body, TEXTS)
    if not fields.get("customerNumber"):
        fields["customerNumber"] = _peek_customer_number(account)
        account.next_customer += 1
    _refuse_taken_number(account, str(fields["customerNumber"]), 0)
    parent = optional_reference(account, call.body, "parent", "Contact", account.contacts)
    if parent is not None and account.contacts[parent].is_person:
        raise invalid("The parent must be an organization")  # official; wording inferred
    contact = account.contacts.put(Contact(*account.new_record(), fields, category, parent))
    return objects(contact_json(contact), 201)


def update_contact(account: Account, call: Call) -> Answer:
    """PUT /Contact/{id}: partial (one report)."""
    contact = find(account, account.contacts, call.ident, "Contact")
    fields = texts(call.body, TEXTS)
    category = optional_reference(account, call.body, "category", "Category", master_data.CATEGORIES)
    if "customerNumber" in fields and fields["customerNumber"] != contact.fields.get("customerNumber"):
        _refuse_taken_number(account, str(fields["customerNumber"]), contact.id)
    contact.fields, contact.category_id = {**contact.fields, **fields}, category or contact.category_id
    contact.update = account.now()
    return objects(contact_json(account.contacts.put(contact)))


def delete_contact(account: Account, call: Call) -> Answer:
    """DELETE /Contact/{id}; 422 while an invoice refers to it (inferred)."""
    contact = find(account, account.contacts, call.ident, "Contact")
    if any(each.fields.contact_id == contact.id for each in account.invoices.values()):
        raise invalid("Contact is used by documents")
    account.contacts.remove(contact)
    return objects([None])


def count_documents(account: Account, call: Call) -> Answer:
    """GET /Contact/{id}/getTabsItemCount (official): how many documents of each kind the contact has."""
    contact = find(account, account.contacts, call.ident, "Contact")
    invoices = sum(each.fields.contact_id == contact.id for each in account.invoices.values())
    kinds = ("orders", "creditNotes", "documents", "persons", "vouchers", "letters", "parts", "invoicePos")
    return objects({**dict.fromkeys(kinds, 0), "invoices": invoices})


def list_contacts(account: Account, call: Call) -> Answer:
    """GET /Contact: without depth=1 organisations only (official); customerNumber matches exactly (one report)."""
    number, name = call.query.get("customerNumber"), call.query.get("name", "").lower()
    category, depth = call.reference("category", "Category"), call.query.get("depth")
    chosen = [
        each
        for each in (account.contacts.values() if number is None else account.contacts.with_key(number))
        if (depth == "1" or not each.is_person)
        and name in str(each.fields.get("name") or "").lower()
        and category in (None, str(each.category_id))
    ]
    return page(account, chosen[::-1], call, contact_json)


def next_customer_number(account: Account, call: Call) -> Answer:
    """GET /Contact/Factory/getNextCustomerNumber (official)."""
    return objects(_peek_customer_number(account))


def customer_number_free(account: Account, call: Call) -> Answer:
    """GET /Contact/Mapper/checkCustomerNumberAvailability; 500 without the parameter (one report)."""
    if "customerNumber" not in call.query:
        raise Refusal(500, "An unexpected error occured")  # wording inferred
    return objects(not _taken(account, call.query["customerNumber"]))


def _taken(account: Account, number: str, own_id: int = 0) -> bool:
    return any(each.id != own_id for each in account.contacts.with_key(number))


def _refuse_taken_number(account: Account, number: str, own_id: int) -> None:
    """Refuse a duplicate number if switch duplicate_customer_number says so (not established)."""
    if account.switches.duplicate_customer_number == "refuse" and _taken(account, number, own_id):
        raise invalid("Customer number already exists")


def _peek_customer_number(account: Account) -> str:
    while _taken(account, str(account.next_customer)):
        account.next_customer += 1
    return str(account.next_customer)
