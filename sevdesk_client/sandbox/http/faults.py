"""Faults: which requests fail, how, and how often."""

import json
import re
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase

from sevdesk_client.sandbox.account.formats import Json, Object
from sevdesk_client.sandbox.endpoints.calls import Answer

KINDS = ("drop_before", "lose_answer", "late_commit", "status", "delay", "body")


@dataclass(slots=True)
class Fault:
    """One fault. `path`, below /api/v1, is a shell pattern (`*` crosses slashes) or a regex that starts with ^."""

    kind: str
    method: str = "*"
    path: str = "*"
    times: int | None = 1  # how many requests it hits; None for all
    skip: int = 0  # matching requests that pass first
    after_ms: int = 0
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Json = None
    commit: bool | None = None  # whether kinds status and body have the effect; default: body yes, status no
    hang: bool = False  # kinds without an answer: keep the connection open until the client gives up

    @classmethod
    def from_json(cls, data: Object) -> "Fault":
        """A fault from JSON; ValueError or TypeError for a wrong one."""
        fault = cls(**data)
        if fault.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if fault.kind == "status" and not isinstance(fault.status, int):
            raise ValueError("kind status needs a status")
        if fault.path.startswith("^"):
            re.compile(fault.path)
        return fault

    def applies_to(self, method: str, path: str) -> bool:
        """Whether this fault hits the request; counts down `skip` and `times`."""
        if self.times == 0 or self.method not in ("*", method) or not self._path_matches(path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times = None if self.times is None else self.times - 1
        return True

    def as_json(self) -> Object:
        """The fault with its remaining `times` and `skip`."""
        return asdict(self)

    @property
    def carries_out(self) -> bool:
        """Whether the request has its effect under a status or body fault."""
        return self.kind == "body" if self.commit is None else self.commit

    def replacement(self, real: Answer | None) -> Answer:
        """The answer sent instead; what the fault does not set is taken from the real one."""
        status = self.status or (real.status if real else 200)
        if self.body is None:
            content, kind = (real.content, real.media_type) if real else (b"", "text/html")
        elif isinstance(self.body, str):
            content, kind = self.body.encode(), "text/html"
        else:
            content, kind = json.dumps(self.body).encode(), "application/json"
        headers = {key.lower(): value for key, value in self.headers.items()}
        return Answer(status, content, headers.pop("content-type", kind), headers)

    def _path_matches(self, path: str) -> bool:
        return bool(re.search(self.path, path)) if self.path.startswith("^") else fnmatchcase(path, self.path)
