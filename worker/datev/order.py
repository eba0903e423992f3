"""What an export was asked for, and so which of its parts can be judged. Pure."""

from dataclasses import dataclass

from worker.datev.messages import Message, message


@dataclass(frozen=True, slots=True)
class Order:
    """The parameters of sevDesk's call, besides the period.

    `scope` holds some of the letters E earnings, X expenditure, T transactions, C cash register, D assets (official).
    With `by_pay_date` an export has only paid documents, by the day of payment (official).
    """

    scope: str = "ET"
    by_pay_date: bool = False
    images: bool = False
    enshrine: bool = False


ORDINARY = Order()


def judgements(order: Order, *, payments_known: bool, images: Message | None) -> dict[str, Message | None]:
    """Part of an export -> why it is not judged; None where it is compared to the cent.

    `images` is the reason for document images that were asked for.
    """
    not_asked = message("not_asked")

    def asked(letter: str, reason: Message | None) -> Message | None:
        return reason if letter in order.scope else not_asked

    foreign = message("not_our_data")
    return {
        "documents": asked("E", None),
        "payments": asked("T", None if payments_known else message("payments_unknown")),
        "expenditure": asked("X", foreign),
        "cash_register": asked("C", foreign),
        "assets": asked("D", foreign),
        "images": images if order.images else not_asked,
        "enshrined": message("enshrined_in_sevdesk") if order.enshrine else not_asked,
    }
