"""Communication ways: e-mail addresses, telephone numbers and web pages of contacts."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, flag, ident_of, ref, stamp, truthy
from sevdesk_client.sandbox.account.records import CLIENT, Way
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import reference, required
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid, not_found
from sevdesk_client.sandbox.endpoints.paging import page

WAY_TYPES = ("EMAIL", "PHONE", "WEB", "MOBILE", "FAX")


def render_way(way: Way) -> Object:
    """A communication way (capture)."""
    return {
        "id": str(way.id),
        "objectName": "CommunicationWay",
        "additionalInformation": None,
        "create": stamp(way.create),
        "update": stamp(way.update),
        "contact": ref(way.contact_id, "Contact"),
        "type": way.type,
        "value": way.value,
        "key": ref(way.key_id, "CommunicationWayKey"),
        "main": flag(way.main),
        "sevClient": CLIENT,
    }


def _find(account: Account, ident: int) -> Way:
    if ident not in account.ways:
        raise not_found("CommunicationWay", ident, account.switches.not_found)
    return account.ways[ident]


def create_way(account: Account, call: Call) -> Answer:
    """POST /CommunicationWay: 500 without key (one report); type, value and contact are needed (official)."""
    contact = required(account, call.body, "contact", "Contact", account.contacts)
    key = reference(call.body, "key", "CommunicationWayKey")
    if key is None or key not in master_data.WAY_KEYS:
        raise Refusal(500, "CommunicationWayKey is missing")  # wording inferred
    kind, value = call.body.get("type"), call.body.get("value")
    if kind not in WAY_TYPES or not isinstance(value, str) or not value:
        raise invalid("type and value are required")  # wording inferred
    now = account.now()
    main = truthy(call.body.get("main"))
    way = Way(account.new_id(), now, now, contact, key, str(kind), value, main)
    account.ways.put(way)
    return objects(render_way(way), 201)


def update_way(account: Account, call: Call) -> Answer:
    """PUT /CommunicationWay/{id}: partial (one report)."""
    way = _find(account, call.ident)
    kind, value = call.body.get("type", way.type), call.body.get("value", way.value)
    if kind not in WAY_TYPES or not isinstance(value, str) or not value:
        raise invalid("type and value are required")
    key = reference(call.body, "key", "CommunicationWayKey")
    way.type, way.value, way.key_id, way.update = kind, value, key or way.key_id, account.now()
    way.main = truthy(call.body["main"]) if "main" in call.body else way.main
    return objects(render_way(way))


def get_way(account: Account, call: Call) -> Answer:
    """GET /CommunicationWay/{id}."""
    return objects([render_way(_find(account, call.ident))])


def delete_way(account: Account, call: Call) -> Answer:
    """DELETE /CommunicationWay/{id}."""
    account.ways.drop(_find(account, call.ident))
    return objects([None])


def list_ways(account: Account, call: Call) -> Answer:
    """GET /CommunicationWay by type, value, main and contact; all of the latter three fail in some tenants (switch)."""
    wanted = {key: value for key, value in call.query.items() if key in ("type", "value", "main")}
    contact = call.reference("contact", "Contact")
    if account.switches.contact_type_main_broken and contact and {"type", "main"} <= wanted.keys():
        return page(account, [], call)
    ways = list(account.ways) if contact is None else account.ways.having(ident_of(contact))
    return page(account, [way for way in ways if _has(way, wanted)], call, render_way)


def _has(way: Way, wanted: dict[str, str]) -> bool:
    return wanted.items() <= {"type": way.type, "value": way.value, "main": flag(way.main)}.items()
