"""What every account comes with: users, countries, units, payment methods, layouts, bank accounts."""

from typing import Final

from sevdesk_client.sandbox.account.formats import Object, head_json, ref
from sevdesk_client.sandbox.account.records import CLIENT, CLIENT_ID, USER_ID

# A made-up company: an expanded sevClient in real write answers holds these keys, so log scrubbing can be tested.
FULL_CLIENT: Final = {
    "id": str(CLIENT_ID),
    "objectName": "SevClient",
    "name": "Sandbox GmbH",
    "taxNumber": "12/345/67890",
    "bankIban": "DE02100500000054540402",
    "bankBic": "BELADEBEXXX",
    "lastLoginIp": "192.0.2.7",
}
USERS: Final = {USER_ID: "Erika Beispiel", USER_ID + 1: "Max Beispiel"}
# Ids 1 to 3 and that GB exists twice are live (two peers); the other ids are invented. Codes in lower case.
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
# Capture: all stock units.
UNITIES: Final = {
    1: ("Stk", "UNITY_PIECE", "C62"),
    2: ("m²", "UNITY_SQUARE_METER", "MTK"),
    3: ("m", "UNITY_METER", "MTR"),
    4: ("kg", "UNITY_KILOGRAM", "KGM"),
    5: ("t", "UNITY_TON", "TNE"),
    6: ("lfm", "UNITY_RUNNING_METER", "LM"),
    7: ("pauschal", "UNITY_BLANKET", "LS"),
    8: ("m³", "UNITY_CUBIC_METER", "MTQ"),
    9: ("Std", "UNITY_HOUR", "HUR"),
    10: ("km", "UNITY_KILOMETER", "KMT"),
    11: ("%", "UNITY_PERCENT", "C62"),
    13: ("Tag(e)", "UNITY_DAYS", "DAY"),
    15: ("L", "UNITY_L", "LTR"),
    37: ("", "UNITY_EMPTY", "C62"),
}
# Tax rules and whom they are meant for (capture; of the others no such word is known).
TAX_RULES: Final = {
    **dict.fromkeys((8, 9, 10, 12, 13, 14, 15, 16), None),
    **dict.fromkeys((1, 4, 11, 22), "DE"),
    **dict.fromkeys((3, 5, 18, 19, 20, 21), "EU"),
    **dict.fromkeys((2, 17), "NOT_EU"),
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
# The first template and the letter paper are official; the others are invented, 24 hex digits like them.
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
COMMUNICATION_WAY_KEYS: Final = dict(
    enumerate(["Privat", "Arbeit", "Fax", "Mobil", "", "Autobox", "Newsletter", "Rechnungsadresse"], 1)
)
CATEGORIES: Final = frozenset({2, 3, 4, 28})
ADDRESS_CATEGORIES: Final = frozenset({43, 44, 45, 47, 48, 49})


def user(ident: int) -> Object:
    """A SevUser; undocumented but used live by five peers."""
    return {
        **head_json("SevUser", ident),
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
        **head_json("StaticCountry", ident),
        "code": code,
        "name": name,
        "translationCode": f"COUNTRY_{code.upper()}",
    }


def tax_rule(ident: int) -> Object:
    """A TaxRule in full; name and code of the others were not recorded, so they have neither."""
    usual = ident == 1
    return {
        **head_json("TaxRule", ident),
        "name": "Umsatzsteuerpflichtige Umsätze" if usual else None,
        "description": "Umsatzsteuerpflichtige Umsätze" if usual else None,
        "code": "USTPFL_UMS_EINN" if usual else None,
        "countryClient": ref(1, "StaticCountry"),
        "countryContactType": TAX_RULES[ident],
    }


def unity(ident: int) -> Object:
    """A Unity in full, as positions of the save answer carry it (capture)."""
    name, translation, code = UNITIES[ident]
    return {
        **head_json("Unity", ident),
        "create": None,
        "update": "1970-01-01T01:00:01+01:00",
        "name": name,
        "translationCode": translation,
        "unitySystem": "general",
        "uneceTradeUnitCode": code,
    }
