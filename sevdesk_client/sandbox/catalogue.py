"""What every account comes with: users, countries, units, payment methods, layouts, bank accounts; their endpoints."""

from typing import Final

from sevdesk_client.sandbox.calls import Answer, Call, answer, objects
from sevdesk_client.sandbox.errors import Refusal, not_found
from sevdesk_client.sandbox.paging import page
from sevdesk_client.sandbox.records import CLIENT, CLIENT_ID, USER_ID
from sevdesk_client.sandbox.state import Account
from sevdesk_client.sandbox.values import Object

USERS: Final = {USER_ID: "Erika Beispiel", USER_ID + 1: "Max Beispiel"}
# 1 to 3 are live (two peers), the other ids are the sandbox's own; GB is duplicated (live). Codes in lower case.
COUNTRIES: Final = {
    1: ("de", "Deutschland"),
    2: ("at", "Österreich"),
    3: ("ch", "Schweiz"),
    4: ("be", "Belgien"),
    5: ("dk", "Dänemark"),
    6: ("es", "Spanien"),
    7: ("fr", "Frankreich"),
    8: ("gb", "Großbritannien"),
    9: ("it", "Italien"),
    10: ("lu", "Luxemburg"),
    11: ("nl", "Niederlande"),
    12: ("pl", "Polen"),
    13: ("se", "Schweden"),
    14: ("us", "USA"),
    15: ("cz", "Tschechien"),
    16: ("gb", "Vereinigtes Königreich"),
}
# 1 and 9 are live (two peers); the UN/ECE codes are those of the units.
UNITIES: Final = {
    1: ("Stk", "UNITY_PIECE", "C62"),
    2: ("m²", "UNITY_SQUARE_METER", "MTK"),
    3: ("m", "UNITY_METER", "MTR"),
    4: ("kg", "UNITY_KILOGRAM", "KGM"),
    7: ("pauschal", "UNITY_BLANKET", "LS"),
    9: ("Std", "UNITY_HOUR", "HUR"),
    13: ("Tag(e)", "UNITY_DAYS", "DAY"),
}
# Capture; ids are per account.
PAYMENT_METHODS: Final = {
    21919: ("SEPA Überweisung", "58", "58"),
    21920: ("SEPA Lastschrift", "59", "58"),
    21921: ("Bargeld", "10", "10"),
    21922: ("Schuldenausgleich zwischen beiden Parteien", "97", "97"),
    21923: ("Scheck", "20", "20"),
    114251: ("Online-Zahlung (z.B. PayPal)", "68", "68"),
}
# The first of each is official; the others are the sandbox's own, 24 hex digits like it.
TEMPLATES: Final = {
    "57986aee6bd2d53306068da1": ("SEVDOC_TEMPLATE_STANDARD", "0"),
    "573ef2706bd2d50366786471": ("SEVDOC_TEMPLATE_MODERN", "0"),
    "5a0b1c2d3e4f5a6b7c8d9e01": ("EB Abschlag", str(CLIENT_ID)),
    "5a0b1c2d3e4f5a6b7c8d9e02": ("EB Schlussrechnung", str(CLIENT_ID)),
    "5a0b1c2d3e4f5a6b7c8d9e03": ("KOP Abschlag", str(CLIENT_ID)),
    "5a0b1c2d3e4f5a6b7c8d9e04": ("KOP Schlussrechnung", str(CLIENT_ID)),
}
LETTERPAPERS: Final = {"57d7ff34f23ada297d265f21": "Blanko"}
CHECK_ACCOUNTS: Final = {5000001: ("Verrechnungskonto", "offline"), 5000002: ("Bank", "online")}
WAY_KEYS: Final = {
    1: "Privat",
    2: "Arbeit",
    3: "Fax",
    4: "Mobil",
    5: "",
    6: "Autobox",
    7: "Newsletter",
    8: "Rechnungsadresse",
}
CATEGORIES: Final = frozenset({2, 3, 4, 28})
ADDRESS_CATEGORIES: Final = frozenset({43, 44, 45, 47, 48, 49})


def user(ident: int) -> Object:
    """A SevUser; undocumented but used live by five peers."""
    return {
        "id": str(ident),
        "objectName": "SevUser",
        "additionalInformation": None,
        "username": USERS[ident],
        "fullname": USERS[ident],
        "email": f"user{ident}@example.com",
        "status": "100",
        "sevClient": CLIENT,
    }


def country(ident: int) -> Object:
    """A StaticCountry."""
    code, name = COUNTRIES[ident]
    return {
        "id": str(ident),
        "objectName": "StaticCountry",
        "additionalInformation": None,
        "code": code,
        "name": name,
        "translationCode": f"COUNTRY_{code.upper()}",
    }


def unity(ident: int) -> Object:
    """A Unity in full, as positions of the save answer carry it (capture)."""
    name, translation, code = UNITIES[ident]
    return {
        "id": str(ident),
        "objectName": "Unity",
        "additionalInformation": None,
        "create": None,
        "update": "1970-01-01T01:00:01+01:00",
        "name": name,
        "translationCode": translation,
        "unitySystem": "general",
        "uneceTradeUnitCode": code,
    }


def _payment_method(ident: int) -> Object:
    name, code, translation = PAYMENT_METHODS[ident]
    return {
        "id": str(ident),
        "objectName": "PaymentMethod",
        "additionalInformation": None,
        "create": None,
        "update": None,
        "name": name,
        "text": None,
        "electronicInvoiceId": code,
        "translationCode": f"PAYMENT_METHOD_{translation}",
    }


def _check_account(ident: int) -> Object:
    name, kind = CHECK_ACCOUNTS[ident]
    return {
        "id": str(ident),
        "objectName": "CheckAccount",
        "additionalInformation": None,
        "create": "2024-06-28T14:42:58+02:00",
        "update": "2024-06-28T14:42:58+02:00",
        "sevClient": CLIENT,
        "name": name,
        "type": kind,
        "importType": None if kind == "offline" else "CSV",
        "currency": "EUR",
        "defaultAccount": "1" if kind == "offline" else "0",
        "status": "100",
        "iban": None,
    }


def system_version(account: Account, call: Call) -> Answer:
    """Bookkeeping 2.0; refuses any X-Version (measured, one report; wording inferred)."""
    if "x-version" in call.headers:
        raise Refusal(400, "This version does not exist. Available versions: []")
    return objects({"version": "2.0"})


def list_users(account: Account, call: Call) -> Answer:
    """GET /SevUser; with embed=sevClient the account's name (inferred)."""
    users = [user(ident) for ident in USERS]
    if "sevClient" in call.query.get("embed", ""):
        client = {"id": str(CLIENT_ID), "objectName": "SevClient", "name": "Sandbox GmbH"}
        users = [{**each, "sevClient": client} for each in users]
    return page(account, users, call)


def list_countries(account: Account, call: Call) -> Answer:
    """GET /StaticCountry, narrowed by `code` in either case (live for 1 to 3)."""
    code = call.query.get("code")
    return page(
        account, [country(each) for each in COUNTRIES if code is None or COUNTRIES[each][0] == code.lower()], call
    )


def list_unities(account: Account, call: Call) -> Answer:
    """GET /Unity."""
    return page(account, [unity(each) for each in UNITIES], call)


def list_payment_methods(account: Account, call: Call) -> Answer:
    """GET /PaymentMethod (capture)."""
    return page(account, [_payment_method(each) for each in PAYMENT_METHODS], call)


def list_check_accounts(account: Account, call: Call) -> Answer:
    """GET /CheckAccount (official)."""
    return page(account, [_check_account(each) for each in CHECK_ACCOUNTS], call)


def list_way_keys(account: Account, call: Call) -> Answer:
    """GET /CommunicationWayKey (official)."""
    keys = [{"id": str(ident), "objectName": "CommunicationWayKey", "name": name} for ident, name in WAY_KEYS.items()]
    return page(account, keys, call)


def list_templates(account: Account, call: Call) -> Answer:
    """GET /DocServer/getTemplatesWithThumb, wrapped in `objects` (one live report; the spec shows it unwrapped)."""
    templates = [
        {
            "id": ident,
            "name": name,
            "translationCode": name if owner == "0" else None,
            "sevClient": owner,
            "type": call.query.get("type", "Invoice"),
            "html": "<html>" + "<p>Vorlage</p>" * 200 + "</html>",  # heavy, as the real one must be
            "default": int(position == 0),
            "premium": False,
        }
        for position, (ident, (name, owner)) in enumerate(TEMPLATES.items())
    ]
    return objects({"result": "1", "templates": templates})


def list_letterpapers(account: Account, call: Call) -> Answer:
    """GET /DocServer/getLetterpapersWithThumb, wrapped likewise."""
    papers = [
        {"id": ident, "pdf": "...", "sevClient": "0", "name": name, "default": 1, "img": "..."}
        for ident, name in LETTERPAPERS.items()
    ]
    return objects({"result": "1", "letterpapers": papers})


def sequence(account: Account, call: Call) -> Answer:
    """GET /SevSequence/Factory/getByType: the format with its placeholders, and the next count (test data)."""
    kind = (call.query.get("objectType"), call.query.get("type"))
    counts = {("Invoice", "RE"): account.next_number, ("CreditNote", "CN"): account.next_credit_note}
    if kind not in counts:
        raise not_found("SevSequence", call.query.get("type", ""), account.switches.not_found)
    form = account.switches.number_format if kind[0] == "Invoice" else "GU-%NUMBER"
    return objects(
        {
            "id": "13272523",
            "objectName": "SevSequence",
            "forObject": kind[0],
            "format": form,
            "nextSequence": str(counts[kind]),
            "type": kind[1],
        }
    )


def next_invoice_number(account: Account, call: Call) -> Answer:
    """GET /Invoice/Factory/getNextInvoiceNumber (undocumented); two drafts see the same number (live)."""
    return answer({"objects": account.peek_number()})
