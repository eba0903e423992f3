"""Trouble on order: which requests fail how, and how often."""

import json
import re
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase

from sevdesk_client.sandbox.account.formats import Json, Object
from sevdesk_client.sandbox.endpoints.calls import Answer

KINDS = ("drop_before", "lose_answer", "late_commit", "status", "delay", "body")


@dataclass(slots=True)
class Fault:
    """One order. `path` is matched below /api/v1: a shell pattern (`*` crosses slashes), or a regex starting with ^."""

    kind: str
    method: str = "*"
    path: str = "*"
    times: int | None = 1  # how often it strikes; null for always
    skip: int = 0  # matching requests that pass unharmed first
    after_ms: int = 0
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Json = None
    commit: bool | None = None  # carry the request out and replace only the answer; default: body yes, status no
    hang: bool = False  # drop_before, lose_answer, late_commit: keep the connection open in silence, for a time-out

    @classmethod
    def read(cls, order: Object) -> "Fault":
        """From JSON; ValueError or TypeError says what is wrong with it."""
        fault = cls(**order)
        if fault.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if fault.kind == "status" and not isinstance(fault.status, int):
            raise ValueError("kind status needs a status")
        if fault.path.startswith("^"):
            re.compile(fault.path)
        return fault

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts down skip and times."""
        if self.times == 0 or self.method not in ("*", method) or not self._matches(path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times = None if self.times is None else self.times - 1
        return True

    def as_json(self) -> Object:
        """The order as it stands now."""
        return asdict(self)

    @property
    def carries_out(self) -> bool:
        """Whether a status or body fault still lets the request have its effect."""
        return self.kind == "body" if self.commit is None else self.commit

    def replaced(self, real: Answer | None) -> Answer:
        """The answer to show instead: what is not ordered stays as it really was."""
        status = self.status or (real.status if real else 200)
        if self.body is None:
            content, kind = (real.content, real.media_type) if real else (b"", "text/html")
        elif isinstance(self.body, str):
            content, kind = self.body.encode(), "text/html"
        else:
            content, kind = json.dumps(self.body).encode(), "application/json"
        headers = {key.lower(): value for key, value in self.headers.items()}
        return Answer(status, content, headers.pop("content-type", kind), headers)

    def _matches(self, path: str) -> bool:
        return bool(re.search(self.path, path)) if self.path.startswith("^") else fnmatchcase(path, self.path)
