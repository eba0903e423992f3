"""ContactAddress: the addresses of contacts."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, parse_id, record_json, ref
from sevdesk_client.sandbox.account.records import CLIENT, Address
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import optional_reference, required_reference, texts
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.contacts import contact_json
from sevdesk_client.sandbox.endpoints.lookup import find, page

_TEXTS = ("street", "zip", "city", "name", "name2", "name3", "name4")


def address_json(account: Account, address: Address, *, full: bool = False) -> Object:
    """The JSON of an address; with `full`, as in answers to writes, it holds the whole contact (capture)."""
    contact: Object | None = ref(address.contact_id, "Contact")
    if full and address.contact_id in account.contacts:
        contact = contact_json(account.contacts[address.contact_id])
    return {
        **record_json("ContactAddress", address.id, address.create, address.update),
        "contact": contact,
        **{key: address.fields.get(key) for key in ("street", "zip", "city")},
        "country": ref(address.country_id, "StaticCountry"),
        "category": ref(address.category_id, "Category"),
        "name": address.fields.get("name"),
        "sevClient": CLIENT,
    }


def create_address(account: Account, call: Call) -> Answer:
    """POST /ContactAddress: contact, country and category are required (official)."""
    contact = required_reference(account, call.body, "contact", "Contact", account.contacts)
    country = required_reference(account, call.body, "country", "StaticCountry", master_data.COUNTRIES)
    category = required_reference(account, call.body, "category", "Category", master_data.ADDRESS_CATEGORIES)
    now = account.now()
    address = Address(account.new_id(), now, now, contact, country, category, texts(call.body, _TEXTS))
    account.addresses.put(address)
    return objects(address_json(account, address, full=True), 201)


def update_address(account: Account, call: Call) -> Answer:
    """PUT /ContactAddress/{id}: partial (one report); the only update that answers 201 (official)."""
    address = find(account, account.addresses, call.ident, "ContactAddress")
    fields = texts(call.body, _TEXTS)
    country = optional_reference(account, call.body, "country", "StaticCountry", master_data.COUNTRIES)
    category = optional_reference(account, call.body, "category", "Category", master_data.ADDRESS_CATEGORIES)
    address.fields, address.category_id = {**address.fields, **fields}, category or address.category_id
    address.country_id, address.update = country or address.country_id, account.now()
    return objects(address_json(account, address, full=True), 201)


def get_address(account: Account, call: Call) -> Answer:
    """GET /ContactAddress/{id}."""
    return objects([address_json(account, find(account, account.addresses, call.ident, "ContactAddress"))])


def delete_address(account: Account, call: Call) -> Answer:
    """DELETE /ContactAddress/{id}."""
    account.addresses.remove(find(account, account.addresses, call.ident, "ContactAddress"))
    return objects([None])


def list_addresses(account: Account, call: Call) -> Answer:
    """GET /ContactAddress, filtered by contact[id] with its objectName (general rule; not documented here)."""
    contact = call.reference("contact", "Contact")
    chosen = list(account.addresses) if contact is None else account.addresses.with_key(parse_id(contact))
    return page(account, chosen, call, lambda each: address_json(account, each))
