"""Faults: which requests fail, how, and how often."""

import json
import re
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from sevdesk_client.sandbox.account.formats import Json
from sevdesk_client.sandbox.endpoints.calls import Answer

Kind = Literal["drop_before", "lose_answer", "late_commit", "status", "delay", "body"]


@dataclass(slots=True, config=ConfigDict(strict=True, extra="forbid"))
class Fault:
    """One fault. `path`, below /api/v1, is a shell pattern (`*` crosses slashes) or a regex that starts with ^."""

    kind: Kind
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

    def __post_init__(self) -> None:
        if self.kind == "status" and self.status is None:
            raise ValueError("kind status needs a status")
        if self.path.startswith("^"):
            re.compile(self.path)

    def applies_to(self, method: str, path: str) -> bool:
        """Whether this fault hits the request; counts down `skip` and `times`."""
        matches = re.search(self.path, path) if self.path.startswith("^") else fnmatchcase(path, self.path)
        if self.times == 0 or self.method not in ("*", method) or not matches:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times = None if self.times is None else self.times - 1
        return True

    @property
    def carries_out(self) -> bool:
        """Whether the request has its effect, which `commit` decides for the kinds status and body."""
        if self.kind in ("status", "body") and self.commit is not None:
            return self.commit
        return self.kind != "status"

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
