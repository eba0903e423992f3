"""GET of what every account comes with: users, countries, units, payment methods, layouts, bank accounts."""

from sevdesk_client.sandbox.account import master_data as data
from sevdesk_client.sandbox.account.formats import Object, record_json
from sevdesk_client.sandbox.account.records import CLIENT, CLIENT_ID
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, not_found
from sevdesk_client.sandbox.endpoints.lookup import page


def _payment_method(ident: int) -> Object:
    name, code, translation = data.PAYMENT_METHODS[ident]
    return {
        **record_json("PaymentMethod", ident, None, None),
        "name": name,
        "text": None,
        "electronicInvoiceId": code,
        "translationCode": f"PAYMENT_METHOD_{translation}",
    }


def _check_account(ident: int) -> Object:
    name, kind = data.CHECK_ACCOUNTS[ident]
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
    """GET /Tools/bookkeepingSystemVersion: "2.0"; refuses any X-Version (measured, one report; wording inferred)."""
    if "x-version" in call.headers:
        raise Refusal(400, "This version does not exist. Available versions: []")
    return objects({"version": "2.0"})


def list_users(account: Account, call: Call) -> Answer:
    """GET /SevUser; with embed=sevClient the account's name (inferred)."""
    users = [data.user(ident) for ident in data.USERS]
    if "sevClient" in call.query.get("embed", ""):
        client = {"id": str(CLIENT_ID), "objectName": "SevClient", "name": "Sandbox GmbH"}
        users = [{**each, "sevClient": client} for each in users]
    return page(account, users, call)


def list_countries(account: Account, call: Call) -> Answer:
    """GET /StaticCountry, filtered by `code` in upper or lower case (live for ids 1 to 3)."""
    code = call.query.get("code")
    chosen = [ident for ident, (own, _) in data.COUNTRIES.items() if code is None or own == code.lower()]
    return page(account, [data.country(ident) for ident in chosen], call)


def list_unities(account: Account, call: Call) -> Answer:
    """GET /Unity."""
    return page(account, [data.unity(each) for each in data.UNITIES], call)


def list_payment_methods(account: Account, call: Call) -> Answer:
    """GET /PaymentMethod (capture)."""
    return page(account, [_payment_method(each) for each in data.PAYMENT_METHODS], call)


def list_check_accounts(account: Account, call: Call) -> Answer:
    """GET /CheckAccount (official)."""
    return page(account, [_check_account(each) for each in data.CHECK_ACCOUNTS], call)


def list_communication_way_keys(account: Account, call: Call) -> Answer:
    """GET /CommunicationWayKey (official)."""
    keys = [
        {"id": str(ident), "objectName": "CommunicationWayKey", "name": name}
        for ident, name in data.COMMUNICATION_WAY_KEYS.items()
    ]
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
            "html": "<html>" + "<p>Vorlage</p>" * 200 + "</html>",  # large on purpose: real answers hold whole layouts
            "default": int(position == 0),
            "premium": False,
        }
        for position, (ident, (name, owner)) in enumerate(data.TEMPLATES.items())
    ]
    return objects({"result": "1", "templates": templates})


def list_letterpapers(account: Account, call: Call) -> Answer:
    """GET /DocServer/getLetterpapersWithThumb, wrapped in the same way."""
    papers = [
        {"id": ident, "pdf": "...", "sevClient": "0", "name": name, "default": 1, "img": "..."}
        for ident, name in data.LETTERPAPERS.items()
    ]
    return objects({"result": "1", "letterpapers": papers})


def sequence(account: Account, call: Call) -> Answer:
    """GET /SevSequence/Factory/getByType: the number format with placeholders and the next count (test data)."""
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
    """GET /Invoice/Factory/getNextInvoiceNumber (undocumented); does not reserve the number (live)."""
    return objects(account.peek_number())
