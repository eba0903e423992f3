"""The people on sevDesk's side of the demo: customers who pay, a bank that takes back, and an auditor who looks.

Everything goes through the sandbox's control endpoints, so none of it can happen to a real account.
"""

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from worker.demo.child import Child, DemoError

API = "/api/v1"
START_TIMEOUT = 30.0  # seconds; a start takes one


class SevDesk:
    """A running sandbox: its base URL as the worker gets it, its token, and its control endpoints."""

    def __init__(self, url: str, token: str) -> None:
        try:
            host = httpx.URL(url)
        except httpx.InvalidURL:
            host = httpx.URL()
        if host.scheme not in ("http", "https") or not host.host:
            raise DemoError(f"{url!r} is no URL of a sandbox; it must look like http://127.0.0.1:8080/api/v1")
        self.base_url = url.rstrip("/").removesuffix(API) + API
        self.token = token
        self._http = httpx.Client(base_url=host.copy_with(raw_path=b"/_sandbox"), trust_env=False, timeout=30)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def prove(self) -> None:
        """DemoError unless a sandbox answers there and takes the token, which is shown to nobody else."""
        try:
            counts = self.state("counts")["counts"]
            assert isinstance(counts, dict)
            answer = self._http.get(f"{self.base_url}/SevUser", headers={"Authorization": self.token})
        except httpx.TransportError as error:
            raise DemoError(f"nothing answers at {self.base_url} ({type(error).__name__})") from None
        except (DemoError, ValueError, LookupError, TypeError, AssertionError):
            raise DemoError(f"what answers at {self.base_url} is no sandbox, and the demo uses nothing else") from None
        if answer.status_code == 401:
            raise DemoError(f"the sandbox at {self.base_url} refuses the token in SEVDESK_API_TOKEN")

    def state(self, only: str | None = None) -> dict[str, Any]:
        """What it remembers; `only` names some parts of it."""
        found = self._ask("GET", "/state", params={} if only is None else {"only": only})
        assert isinstance(found, dict)
        return found

    def pay(self, invoice_id: str, amount: Decimal, day: str) -> None:
        """A customer's money arrives, in the invoice's currency, on a Berlin day."""
        self._ask("POST", "/payments", json={"invoice_id": invoice_id, "amount": str(amount), "date": day})

    def take_back(self, invoice_id: str) -> None:
        """The bank takes an invoice's payments back."""
        self._ask("POST", "/unlink", json={"invoice_id": invoice_id})

    def _ask(self, method: str, path: str, **how: Any) -> Any:
        answer = self._http.request(method, path, **how)
        if not answer.is_success:
            raise DemoError(f"the sandbox answers {answer.status_code} to {method} {path}: {answer.text[:200]}")
        return answer.json()


def address_of(child: Child) -> tuple[str, str]:
    """Base URL and token, as a starting sandbox prints them; DemoError when it ends or stays silent."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        child.check()
        said = _lines(child.log)
        if "SEVDESK_API_TOKEN" in said:
            return said["SEVDESK_BASE_URL"], said["SEVDESK_API_TOKEN"]
        time.sleep(0.01)
    raise DemoError(f"the sandbox did not start within {START_TIMEOUT:.0f} s")


def _lines(log: Path) -> dict[str, str]:
    """NAME=value of every finished line."""
    finished = log.read_text(errors="replace").rpartition("\n")[0]
    return dict(line.split("=", 1) for line in finished.splitlines() if "=" in line)
