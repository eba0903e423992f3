"""Bank transactions behind payments: read, and delete what a reset left unbooked."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, ref, stamp, sum_text
from sevdesk_client.sandbox.account.records import CLIENT, Transaction
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import required
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import invalid, not_found
from sevdesk_client.sandbox.endpoints.paging import page


def render_transaction(each: Transaction) -> Object:
    """A transaction: status 100 unbooked, 400 booked (official)."""
    return {
        "id": str(each.id),
        "objectName": "CheckAccountTransaction",
        "additionalInformation": None,
        "create": stamp(each.create),
        "update": stamp(each.create),
        "sevClient": CLIENT,
        "valueDate": stamp(each.value_date),
        "entryDate": stamp(each.value_date),
        "amount": sum_text(each.amount),
        "checkAccount": ref(each.account_id, "CheckAccount"),
        "status": str(each.status),
        "enshrined": None,
        "paymtPurpose": None,
    }


def _find(account: Account, ident: int) -> Transaction:
    if ident not in account.transactions:
        raise not_found("CheckAccountTransaction", ident, account.switches.not_found)
    return account.transactions[ident]


def get_transaction(account: Account, call: Call) -> Answer:
    """GET /CheckAccountTransaction/{id}."""
    return objects([render_transaction(_find(account, call.ident))])


def list_transactions(account: Account, call: Call) -> Answer:
    """GET /CheckAccountTransaction: isBooked is ignored, as measured."""
    return page(account, list(account.transactions.values())[::-1], call, render_transaction)


def create_transaction(account: Account, call: Call) -> Answer:
    """POST /CheckAccountTransaction: refused on offline accounts (capture); online ones are not modelled."""
    required(account, call.body, "checkAccount", "CheckAccount", master_data.CHECK_ACCOUNTS)
    raise invalid(
        "You can only create transactions on online checkaccounts. "
        "Use document bookAmount to create transactions on other types."
    )


def delete_transaction(account: Account, call: Call) -> Answer:
    """DELETE /CheckAccountTransaction/{id}: unbooked ones only (inferred), so that an invoice can be booked again."""
    transaction = _find(account, call.ident)
    if transaction.status != 100:
        raise invalid("Booked transactions can not be deleted")
    del account.transactions[transaction.id]
    return objects([None])
