"""sevDesk's refusals: status, code and literal message, as peers recorded them.

Codes are sevDesk's own numbers. "Wording inferred" marks a message that is the sandbox's own: the refusal is known
or likely, its text is not.
"""

from sevdesk_client.sandbox.account.formats import Json, Object

NO_UUID = "00000000-0000-0000-0000-000000000000"


class Refusal(Exception):
    """sevDesk refuses the call; nothing was changed."""

    def __init__(
        self, status: int, message: str, code: int | str | None = None, data: Json = None, *, short: bool = False
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.data, self.short = status, message, code, data, short

    def envelope(self) -> Object:
        """The JSON body: the usual envelope, or the short one of reference errors (one capture each)."""
        error = {"exceptionUUID": NO_UUID, "message": self.message, "code": self.code, "data": self.data}
        if not self.short:
            error |= {"errorCode": 0, "data": self.data or [], "responseCode": self.status}
        return {"error": error, "objects": None}


def not_found(model: str, ident: object, status: int = 404) -> Refusal:
    """404/151 (captured); one peer saw 400 with the code NOT_FOUND instead (switch not_found)."""
    code: int | str = 151 if status == 404 else "NOT_FOUND"
    return Refusal(status, f"No Model_{model} with the id {ident} was found", code)


def bad_reference(key: str, kind: str) -> Refusal:
    """400 in the short envelope, also when only objectName or mapAll is missing (live, three peers)."""
    return Refusal(400, f"{key} expected array with 'id' and 'objectName'. {kind} given", short=True)


class SqlFault(Refusal):
    """A required column is missing: 500 with the SQL state (live, two peers; full wording inferred).

    Or 400 "Bad Request" with the state in errorCode (captures); switch sql_faults.
    """

    def __init__(self, column: str) -> None:
        message = f"SQLSTATE[23000]: Integrity constraint violation: 1048 Column '{column}' cannot be null"
        super().__init__(500, message)

    def as_bad_request(self) -> Object:
        """The body of the answer with status 400."""
        error = {"exceptionUUID": NO_UUID, "message": "Bad Request", "errorCode": 23000, "code": None}
        return {"error": {**error, "data": None, "responseCode": 400}, "objects": None}


def invalid(message: str, code: int | None = None, data: Json = None) -> Refusal:
    """422, the status of nearly all validation refusals."""
    return Refusal(422, message, code, data)
