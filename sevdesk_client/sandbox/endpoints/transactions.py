"""CheckAccountTransaction: the bank transactions of payments."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, decimal_text, ref, timestamp
from sevdesk_client.sandbox.account.records import CLIENT, Transaction, record_json
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import required_reference
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import invalid
from sevdesk_client.sandbox.endpoints.lookup import find, page, read_one


def transaction_json(each: Transaction) -> Object:
    """The JSON of a transaction: status 100 unbooked, 400 booked (official)."""
    return {
        **record_json("CheckAccountTransaction", each),
        "sevClient": CLIENT,
        "valueDate": timestamp(each.value_date),
        "entryDate": timestamp(each.value_date),
        "amount": decimal_text(each.amount),
        "checkAccount": ref(each.account_id, "CheckAccount"),
        "status": str(each.status),
        "enshrined": None,
        "paymtPurpose": None,
    }


get_transaction = read_one("CheckAccountTransaction", lambda account: account.transactions, transaction_json)


def list_transactions(account: Account, call: Call) -> Answer:
    """GET /CheckAccountTransaction: the filter isBooked is ignored (measured)."""
    return page(account, list(account.transactions.values())[::-1], call, transaction_json)


def create_transaction(account: Account, call: Call) -> Answer:
    """POST /CheckAccountTransaction: refused on offline accounts (capture); online ones are not modelled."""
    required_reference(account, call.body, "checkAccount", "CheckAccount", master_data.CHECK_ACCOUNTS)
    raise invalid(
        "You can only create transactions on online checkaccounts. "
        "Use document bookAmount to create transactions on other types."
    )


def delete_transaction(account: Account, call: Call) -> Answer:
    """DELETE /CheckAccountTransaction/{id}: unbooked ones only (inferred)."""
    transaction = find(account, account.transactions, call.ident, "CheckAccountTransaction")
    if transaction.status != 100:
        raise invalid("Booked transactions can not be deleted")
    del account.transactions[transaction.id]
    return objects([None])
