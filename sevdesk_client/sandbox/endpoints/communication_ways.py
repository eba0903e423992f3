"""CommunicationWay: e-mail addresses, telephone numbers and web pages of contacts."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, flag, is_true, parse_id, record_json, ref
from sevdesk_client.sandbox.account.records import CLIENT, CommunicationWay
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import reference, required_reference
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.lookup import find, page

TYPES = ("EMAIL", "PHONE", "WEB", "MOBILE", "FAX")


def communication_way_json(way: CommunicationWay) -> Object:
    """The JSON of a communication way (capture)."""
    return {
        **record_json("CommunicationWay", way.id, way.create, way.update),
        "contact": ref(way.contact_id, "Contact"),
        "type": way.type,
        "value": way.value,
        "key": ref(way.key_id, "CommunicationWayKey"),
        "main": flag(way.main),
        "sevClient": CLIENT,
    }


def create_communication_way(account: Account, call: Call) -> Answer:
    """POST /CommunicationWay: 500 without key (one report); type, value and contact are required (official)."""
    contact = required_reference(account, call.body, "contact", "Contact", account.contacts)
    key = reference(call.body, "key", "CommunicationWayKey")
    if key is None or key not in master_data.COMMUNICATION_WAY_KEYS:
        raise Refusal(500, "CommunicationWayKey is missing")  # wording inferred
    kind, value = call.body.get("type"), call.body.get("value")
    if kind not in TYPES or not isinstance(value, str) or not value:
        raise invalid("type and value are required")  # wording inferred
    now = account.now()
    main = is_true(call.body.get("main"))
    way = CommunicationWay(account.new_id(), now, now, contact, key, str(kind), value, main)
    account.communication_ways.put(way)
    return objects(communication_way_json(way), 201)


def update_communication_way(account: Account, call: Call) -> Answer:
    """PUT /CommunicationWay/{id}: partial (one report)."""
    way = find(account, account.communication_ways, call.ident, "CommunicationWay")
    kind, value = call.body.get("type", way.type), call.body.get("value", way.value)
    if kind not in TYPES or not isinstance(value, str) or not value:
        raise invalid("type and value are required")
    key = reference(call.body, "key", "CommunicationWayKey")
    way.type, way.value, way.key_id, way.update = kind, value, key or way.key_id, account.now()
    way.main = is_true(call.body["main"]) if "main" in call.body else way.main
    return objects(communication_way_json(way))


def get_communication_way(account: Account, call: Call) -> Answer:
    """GET /CommunicationWay/{id}."""
    return objects([communication_way_json(find(account, account.communication_ways, call.ident, "CommunicationWay"))])


def delete_communication_way(account: Account, call: Call) -> Answer:
    """DELETE /CommunicationWay/{id}."""
    account.communication_ways.remove(find(account, account.communication_ways, call.ident, "CommunicationWay"))
    return objects([None])


def list_communication_ways(account: Account, call: Call) -> Answer:
    """GET /CommunicationWay, filtered by type, value, main and contact.

    contact, type and main together find nothing in some tenants (one report; switch contact_type_main_broken).
    """
    wanted = {key: value for key, value in call.query.items() if key in ("type", "value", "main")}
    contact = call.reference("contact", "Contact")
    if account.switches.contact_type_main_broken and contact and {"type", "main"} <= wanted.keys():
        return page(account, [], call)
    stored = account.communication_ways
    chosen = list(stored) if contact is None else stored.with_key(parse_id(contact))
    return page(account, [way for way in chosen if _has(way, wanted)], call, communication_way_json)


def _has(way: CommunicationWay, wanted: dict[str, str]) -> bool:
    return wanted.items() <= {"type": way.type, "value": way.value, "main": flag(way.main)}.items()
