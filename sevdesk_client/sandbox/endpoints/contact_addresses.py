"""Addresses of contacts."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, ident_of, ref, stamp
from sevdesk_client.sandbox.account.records import CLIENT, Address
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import known, required
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.contacts import render_contact
from sevdesk_client.sandbox.endpoints.errors import not_found
from sevdesk_client.sandbox.endpoints.paging import page


def render_address(account: Account, address: Address, *, full: bool = False) -> Object:
    """An address; the answer to a write holds the whole contact (capture)."""
    contact: Object | None = ref(address.contact_id, "Contact")
    if full and address.contact_id in account.contacts:
        contact = render_contact(account.contacts[address.contact_id])
    return {
        "id": str(address.id),
        "objectName": "ContactAddress",
        "additionalInformation": None,
        "create": stamp(address.create),
        "update": stamp(address.update),
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
    """POST /ContactAddress: contact, country and category are needed (official)."""
    contact = required(account, call.body, "contact", "Contact", account.contacts)
    country = required(account, call.body, "country", "StaticCountry", master_data.COUNTRIES)
    category = required(account, call.body, "category", "Category", master_data.ADDRESS_CATEGORIES)
    now = account.now()
    address = Address(account.new_id(), now, now, contact, country, category, _fields(call.body))
    account.addresses.put(address)
    return objects(render_address(account, address, full=True), 201)


def update_address(account: Account, call: Call) -> Answer:
    """PUT /ContactAddress/{id}: partial (one report), and 201, the only change that answers so (official)."""
    address = _find(account, call.ident)
    fields = _fields(call.body)
    country = known(account, call.body, "country", "StaticCountry", master_data.COUNTRIES)
    category = known(account, call.body, "category", "Category", master_data.ADDRESS_CATEGORIES)
    address.fields, address.category_id = {**address.fields, **fields}, category or address.category_id
    address.country_id, address.update = country or address.country_id, account.now()
    return objects(render_address(account, address, full=True), 201)


def get_address(account: Account, call: Call) -> Answer:
    """GET /ContactAddress/{id}."""
    return objects([render_address(account, _find(account, call.ident))])


def delete_address(account: Account, call: Call) -> Answer:
    """DELETE /ContactAddress/{id}."""
    account.addresses.drop(_find(account, call.ident))
    return objects([None])


def list_addresses(account: Account, call: Call) -> Answer:
    """GET /ContactAddress, narrowed by contact[id] with its objectName (general rule; not documented here)."""
    contact = call.reference("contact", "Contact")
    chosen = list(account.addresses) if contact is None else account.addresses.having(ident_of(contact))
    return page(account, chosen, call, lambda each: render_address(account, each))
