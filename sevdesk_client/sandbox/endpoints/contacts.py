"""Contacts: organisations and persons."""

from collections.abc import Iterator

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, flag, ref, stamp, truthy
from sevdesk_client.sandbox.account.records import CLIENT, Contact
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import known, required
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid, not_found
from sevdesk_client.sandbox.endpoints.paging import page

# Every scalar key of a contact's answer with its default (capture), in the order of the capture.
_BEFORE_CATEGORY = {"surename": None, "familyname": None, "titel": None}
_TEXTS_AFTER = ("name2", "birthday", "vatNumber", "bankAccount", "bankNumber", "mandateReference")
_TEXTS_LAST = ("defaultCashbackTime", "defaultCashbackPercent", "defaultTimeToPay", "taxNumber", "taxOffice")
_TEXTS = (
    "name",
    "customerNumber",
    *_BEFORE_CATEGORY,
    "description",
    "academicTitle",
    "gender",
    *_TEXTS_AFTER,
    *_TEXTS_LAST,
)
_TEXTS_END = ("taxType", "defaultDiscountAmount", "buyerReference")


def render_contact(contact: Contact) -> Object:
    """A contact in full (capture)."""
    get = contact.fields.get
    shown: Object = {
        "id": str(contact.id),
        "objectName": "Contact",
        "additionalInformation": None,
        "create": stamp(contact.create),
        "update": stamp(contact.update),
        "name": get("name"),
        "status": "1000",
        "customerNumber": get("customerNumber"),
        **{key: get(key) for key in _BEFORE_CATEGORY},
        "category": ref(contact.category_id, "Category"),
        **{key: get(key) for key in ("description", "academicTitle", "gender")},
        "sevClient": CLIENT,
        **{key: get(key) for key in _TEXTS_AFTER + _TEXTS_LAST},
        "exemptVat": flag(truthy(get("exemptVat"))),
        "taxType": get("taxType"),
        "defaultDiscountAmount": get("defaultDiscountAmount"),
        "defaultDiscountPercentage": "1",
        "buyerReference": get("buyerReference"),
        "governmentAgency": flag(truthy(get("governmentAgency"))),
        "defaultShowVat": "1",
    }
    return shown if contact.parent_id is None else {**shown, "parent": ref(contact.parent_id, "Contact")}


def find(account: Account, ident: int) -> Contact:
    """The contact, or 404/151."""
    if ident not in account.contacts:
        raise not_found("Contact", ident, account.switches.not_found)
    return account.contacts[ident]


def create_contact(account: Account, call: Call) -> Answer:
    """POST /Contact: only category is needed (live, three peers); the number is drawn when omitted (one report)."""
    category = required(account, call.body, "category", "Category", master_data.CATEGORIES)
    fields = _texts(call.body)
    if not fields.get("customerNumber"):
        fields["customerNumber"] = _draw_customer_number(account)
    _check_free(account, str(fields["customerNumber"]), 0)
    now = account.now()
    parent = known(account, call.body, "parent", "Contact", account.contacts)
    contact = Contact(account.new_id(), now, now, fields, category, parent)
    account.contacts.put(contact)
    return objects(render_contact(contact), 201)


def update_contact(account: Account, call: Call) -> Answer:
    """PUT /Contact/{id}: partial (one report)."""
    contact = find(account, call.ident)
    fields = _texts(call.body)
    category = known(account, call.body, "category", "Category", master_data.CATEGORIES) or contact.category_id
    if "customerNumber" in fields and fields["customerNumber"] != contact.fields.get("customerNumber"):
        _check_free(account, str(fields["customerNumber"]), contact.id)
    contact.fields, contact.category_id, contact.update = {**contact.fields, **fields}, category, account.now()
    return objects(render_contact(account.contacts.put(contact)))


def get_contact(account: Account, call: Call) -> Answer:
    """GET /Contact/{id}: a list of one."""
    return objects([render_contact(find(account, call.ident))])


def delete_contact(account: Account, call: Call) -> Answer:
    """DELETE /Contact/{id}; one that an invoice names stays (inferred)."""
    contact = find(account, call.ident)
    if any(each.letter.contact_id == contact.id for each in account.invoices.values()):
        raise invalid("Contact is used by documents")
    account.contacts.drop(contact)
    return objects([None])


def list_contacts(account: Account, call: Call) -> Answer:
    """GET /Contact: organisations only without depth=1 (official); customerNumber exact (one report)."""
    return page(account, list(_chosen(account, call)), call, render_contact)


def _chosen(account: Account, call: Call) -> Iterator[Contact]:
    name, category = call.query.get("name"), call.reference("category", "Category")
    number = call.query.get("customerNumber")
    for contact in reversed(list(account.contacts) if number is None else account.contacts.having(number)):
        if contact.is_person and call.query.get("depth") != "1":
            continue
        if name is not None and name.lower() not in str(contact.fields.get("name") or "").lower():
            continue
        if category is None or str(contact.category_id) == category:
            yield contact


def next_customer_number(account: Account, call: Call) -> Answer:
    """GET /Contact/Factory/getNextCustomerNumber (official)."""
    return objects(_peek_customer_number(account))


def customer_number_free(account: Account, call: Call) -> Answer:
    """GET /Contact/Mapper/checkCustomerNumberAvailability; 500 without the parameter (one report)."""
    if "customerNumber" not in call.query:
        raise Refusal(500, "An unexpected error occured")  # wording inferred
    return objects(not _taken(account, call.query["customerNumber"]))


def _taken(account: Account, number: str, but: int = 0) -> bool:
    return any(each.id != but for each in account.contacts.having(number))


def _check_free(account: Account, number: str, but: int) -> None:
    """Whether duplicates are refused is not established: switch duplicate_customer_number."""
    if account.switches.duplicate_customer_number == "refuse" and _taken(account, number, but):
        raise invalid("Customer number already exists")


def _peek_customer_number(account: Account) -> str:
    while _taken(account, str(account.next_customer)):
        account.next_customer += 1
    return str(account.next_customer)


def _draw_customer_number(account: Account) -> str:
    number = _peek_customer_number(account)
    account.next_customer += 1
    return number


def _texts(body: Object) -> Object:
    keys = (*_TEXTS, *_TEXTS_AFTER, *_TEXTS_LAST, *_TEXTS_END, "exemptVat", "governmentAgency")
    return {key: body[key] if body[key] is None else str(body[key]) for key in keys if key in body}
