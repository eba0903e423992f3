"""ContactAddress: the addresses of contacts."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, parse_id, ref, timestamp
from sevdesk_client.sandbox.account.records import CLIENT, Address
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import optional_reference, required_reference
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.contacts import contact_json
from sevdesk_client.sandbox.endpoints.errors import not_found
from sevdesk_client.sandbox.endpoints.paging import page


def address_json(account: Account, address: Address, *, full: bool = False) -> Object:
    """The JSON of an address; with `full`, as in answers to writes, it holds the whole contact (capture)."""
    contact: Object | None = ref(address.contact_id, "Contact")
    if full and address.contact_id in account.contacts:
        contact = contact_json(account.contacts[address.contact_id])
    return {
        "id": str(address.id),
        "objectName": "ContactAddress",
        "additionalInformation": None,
        "create": timestamp(address.create),
        "update": timestamp(address.update),
        "contact": contact,
        **{key: address.fields.get(key) for key in ("street", "zip", "city")},
        "country": ref(address.country_id, "StaticCountry"),
        "category": ref(address.category_id, "Category"),
        "name": address.fields.get("name"),
        "sevClient": CLIENT,
    }


def _find(account: Account, ident: int) -> Address:
    if ident not in account.addresses:
        raise not_found("ContactAddress", ident, account.switches.not_found)
    return account.addresses[ident]


def _fields(body: Object) -> Object:
    keys = ("street", "zip", "city", "name", "name2", "name3", "name4")
    return {key: body[key] if body[key] is None else str(body[key]) for key in keys if key in body}


def create_address(account: Account, call: Call) -> Answer:
    """POST /ContactAddress: contact, country and category are required (official)."""
    contact = required_reference(account, call.body, "contact", "Contact", account.contacts)
    country = required_reference(account, call.body, "country", "StaticCountry", master_data.COUNTRIES)
    category = required_reference(account, call.body, "category", "Category", master_data.ADDRESS_CATEGORIES)
    now = account.now()
    address = Address(account.new_id(), now, now, contact, country, category, _fields(call.body))
    account.addresses.put(address)
    return objects(address_json(account, address, full=True), 201)


def update_address(account: Account, call: Call) -> Answer:
    """PUT /ContactAddress/{id}: partial (one report); the only update that answers 201 (official)."""
    address = _find(account, call.ident)
    fields = _fields(call.body)
    country = optional_reference(account, call.body, "country", "StaticCountry", master_data.COUNTRIES)
    category = optional_reference(account, call.body, "category", "Category", master_data.ADDRESS_CATEGORIES)
    address.fields, address.category_id = {**address.fields, **fields}, category or address.category_id
    address.country_id, address.update = country or address.country_id, account.now()
    return objects(address_json(account, address, full=True), 201)


def get_address(account: Account, call: Call) -> Answer:
    """GET /ContactAddress/{id}."""
    return objects([address_json(account, _find(account, call.ident))])


def delete_address(account: Account, call: Call) -> Answer:
    """DELETE /ContactAddress/{id}."""
    account.addresses.remove(_find(account, call.ident))
    return objects([None])


def list_addresses(account: Account, call: Call) -> Answer:
    """GET /ContactAddress, filtered by contact[id] with its objectName (general rule; not documented here)."""
    contact = call.reference("contact", "Contact")
    chosen = list(account.addresses) if contact is None else account.addresses.with_key(parse_id(contact))
    return page(account, chosen, call, lambda each: address_json(account, each))
