"""GET of what every account comes with: users, countries, units, payment methods, layouts, bank accounts."""

from collections.abc import Callable, Iterable

from sevdesk_client.sandbox.account import master_data as data
from sevdesk_client.sandbox.account.formats import Object, berlin_day, decimal_text, head_json, parse_date
from sevdesk_client.sandbox.account.records import CLIENT
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import invalid, not_found
from sevdesk_client.sandbox.endpoints.lookup import Endpoint, find, page, read_one


def _payment_method(ident: int) -> Object:
    name, code, translation = data.PAYMENT_METHODS[ident]
    return {
        **head_json("PaymentMethod", ident),
        "create": None,
        "update": None,
        "name": name,
        "text": None,
        "electronicInvoiceId": code,
        "translationCode": f"PAYMENT_METHOD_{translation}",
    }


def _check_account(ident: int) -> Object:
    name, kind = data.CHECK_ACCOUNTS[ident]
    return {
        **head_json("CheckAccount", ident),
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


get_check_account = read_one("CheckAccount", lambda _: {each: each for each in data.CHECK_ACCOUNTS}, _check_account)


def balance(account: Account, call: Call) -> Answer:
    """GET /CheckAccount/{id}/getBalanceAtDate: the sum of the transactions up to the day, as text (official)."""
    find(account, data.CHECK_ACCOUNTS, call.ident, "CheckAccount")
    last = parse_date(call.query.get("date"))
    if last is None:
        raise invalid("date is required")  # official; wording inferred
    own = (each for each in account.transactions.values() if each.account_id == call.ident)
    amounts = (each.amount for each in own if each.value_date <= berlin_day(last))
    return objects(decimal_text(sum(amounts, ZERO)))


def no_guidance(account: Account, call: Call) -> Answer:
    """GET /ReceiptGuidance/forAccountNumber and forTaxRule: 422 where there is none (official; wording inferred)."""
    raise invalid("No account guides were found")


def _communication_way_key(ident: int) -> Object:
    return {"id": str(ident), "objectName": "CommunicationWayKey", "name": data.COMMUNICATION_WAY_KEYS[ident]}


def system_version(account: Account, call: Call) -> Answer:
    """GET /Tools/bookkeepingSystemVersion: "2.0"."""
    return objects({"version": "2.0"})


def list_users(account: Account, call: Call) -> Answer:
    """GET /SevUser; with embed=sevClient the account's name (inferred)."""
    client = {**CLIENT, "name": "Sandbox GmbH"} if "sevClient" in call.query.get("embed", "") else CLIENT
    return page(account, data.USERS, call, lambda ident: {**data.user(ident), "sevClient": client})


def list_countries(account: Account, call: Call) -> Answer:
    """GET /StaticCountry, filtered by `code` in upper or lower case (live for ids 1 to 3)."""
    code = call.query.get("code")
    chosen = [ident for ident, (own, _) in data.COUNTRIES.items() if code is None or own == code.lower()]
    return page(account, chosen, call, data.country)


def _list(idents: Iterable[int], render: Callable[[int], Object]) -> Endpoint:
    return lambda account, call: page(account, idents, call, render)


list_unities = _list(data.UNITIES, data.unity)
list_tax_rules = _list(sorted(data.TAX_RULES), data.tax_rule)  # capture, in no specification
list_payment_methods = _list(data.PAYMENT_METHODS, _payment_method)  # capture
list_check_accounts = _list(data.CHECK_ACCOUNTS, _check_account)  # official
list_communication_way_keys = _list(data.COMMUNICATION_WAY_KEYS, _communication_way_key)  # official


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
    shown = {"id": "13272523", "objectName": "SevSequence", "forObject": kind[0], "format": form}
    return objects({**shown, "nextSequence": str(counts[kind]), "type": kind[1]})


def next_invoice_number(account: Account, call: Call) -> Answer:
    """GET /Invoice/Factory/getNextInvoiceNumber (undocumented); does not reserve the number (live)."""
    return objects(account.peek_number())
