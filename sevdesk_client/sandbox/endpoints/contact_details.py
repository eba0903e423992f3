"""ContactAddress and CommunicationWay: addresses of contacts, their e-mail addresses, telephone numbers, web pages."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, flag, is_true, parse_id, ref
from sevdesk_client.sandbox.account.indexed_table import IndexedTable, T
from sevdesk_client.sandbox.account.records import CLIENT, Address, CommunicationWay, Contact, record_json
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import optional_reference, reference, required_reference, texts
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.contacts import contact_json
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.lookup import find, page, read_one

ADDRESS_TEXTS = ("street", "zip", "city", "name", "name2", "name3", "name4")
WAY_TYPES = ("EMAIL", "PHONE", "WEB", "MOBILE", "FAX")


def address_json(address: Address, contact: Contact | None = None) -> Object:
    """The JSON of an address; answers to writes hold the whole `contact` (capture)."""
    return {
        **record_json("ContactAddress", address),
        "contact": contact_json(contact) if contact else ref(address.contact_id, "Contact"),
        **{key: address.fields.get(key) for key in ("street", "zip", "city")},
        "country": ref(address.country_id, "StaticCountry"),
        "category": ref(address.category_id, "Category"),
        "name": address.fields.get("name"),
        "sevClient": CLIENT,
    }


get_address = read_one("ContactAddress", lambda account: account.addresses, address_json)


def create_address(account: Account, call: Call) -> Answer:
    """POST /ContactAddress: contact, country and category are required (official)."""
    contact = required_reference(account, call.body, "contact", "Contact", account.contacts)
    country = required_reference(account, call.body, "country", "StaticCountry", master_data.COUNTRIES)
    category = required_reference(account, call.body, "category", "Category", master_data.ADDRESS_CATEGORIES)
    address = Address(*account.new_record(), contact, country, category, texts(call.body, ADDRESS_TEXTS))
    account.addresses.put(address)
    return objects(address_json(address, account.contacts[contact]), 201)


def update_address(account: Account, call: Call) -> Answer:
    """PUT /ContactAddress/{id}: partial (one report); the only update that answers 201 (official)."""
    address = find(account, account.addresses, call.ident, "ContactAddress")
    fields = texts(call.body, ADDRESS_TEXTS)
    country = optional_reference(account, call.body, "country", "StaticCountry", master_data.COUNTRIES)
    category = optional_reference(account, call.body, "category", "Category", master_data.ADDRESS_CATEGORIES)
    address.fields, address.category_id = {**address.fields, **fields}, category or address.category_id
    address.country_id, address.update = country or address.country_id, account.now()
    return objects(address_json(address, account.contacts.get(address.contact_id)), 201)


def delete_address(account: Account, call: Call) -> Answer:
    """DELETE /ContactAddress/{id}."""
    account.addresses.remove(find(account, account.addresses, call.ident, "ContactAddress"))
    return objects([None])


def list_addresses(account: Account, call: Call) -> Answer:
    """GET /ContactAddress, filtered by contact[id] with its objectName (general rule; not documented here)."""
    return page(account, _of_contact(account.addresses, call), call, address_json)


def _of_contact(records: IndexedTable[T], call: Call) -> list[T]:
    """The records of the contact in the query, or all."""
    contact = call.reference("contact", "Contact")
    return list(records.values()) if contact is None else records.with_key(parse_id(contact))


def way_json(way: CommunicationWay) -> Object:
    """The JSON of a communication way (capture)."""
    return {
        **record_json("CommunicationWay", way),
        "contact": ref(way.contact_id, "Contact"),
        "type": way.type,
        "value": way.value,
        "key": ref(way.key_id, "CommunicationWayKey"),
        "main": flag(way.main),
        "sevClient": CLIENT,
    }


get_way = read_one("CommunicationWay", lambda account: account.communication_ways, way_json)


def create_way(account: Account, call: Call) -> Answer:
    """POST /CommunicationWay: 500 without key (one report); type, value and contact are required (official)."""
    contact = required_reference(account, call.body, "contact", "Contact", account.contacts)
    key = _way_key(call.body)
    kind, value = _type_and_value(call.body)
    way = CommunicationWay(*account.new_record(), contact, key, kind, value, is_true(call.body.get("main")))
    return objects(way_json(account.communication_ways.put(way)), 201)


def update_way(account: Account, call: Call) -> Answer:
    """PUT /CommunicationWay/{id}: partial (one report)."""
    way = find(account, account.communication_ways, call.ident, "CommunicationWay")
    kind, value = _type_and_value({"type": way.type, "value": way.value, **call.body})
    way.key_id = _way_key({"key": ref(way.key_id, "CommunicationWayKey"), **call.body})
    way.type, way.value, way.update = kind, value, account.now()
    way.main = is_true(call.body.get("main", way.main))
    return objects(way_json(way))


def _way_key(body: Object) -> int:
    key = reference(body, "key", "CommunicationWayKey")
    if key is None or key not in master_data.COMMUNICATION_WAY_KEYS:
        raise Refusal(500, "CommunicationWayKey is missing")  # wording inferred
    return key


def _type_and_value(body: Object) -> tuple[str, str]:
    kind, value = body.get("type"), body.get("value")
    if kind not in WAY_TYPES or not isinstance(value, str) or not value:
        raise invalid("type and value are required")  # wording inferred
    return str(kind), value


def delete_way(account: Account, call: Call) -> Answer:
    """DELETE /CommunicationWay/{id}."""
    account.communication_ways.remove(find(account, account.communication_ways, call.ident, "CommunicationWay"))
    return objects([None])


def list_ways(account: Account, call: Call) -> Answer:
    """GET /CommunicationWay, filtered by type, value, main and contact.

    contact, type and main together find nothing in some tenants (one report; switch contact_type_main_broken).
    """
    wanted = {key: value for key, value in call.query.items() if key in ("type", "value", "main")}
    together = call.reference("contact", "Contact") and {"type", "main"} <= wanted.keys()
    chosen = _of_contact(account.communication_ways, call)
    if together and account.switches.contact_type_main_broken:
        chosen = []
    chosen = [each for each in chosen if wanted.items() <= way_json(each).items()]
    return page(account, chosen, call, way_json)
