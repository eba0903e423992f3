"""Starts and controls the sandbox in the demo: payments that arrive, a payment that the bank returns, and its state.

All of it goes through the sandbox's control endpoints, which a real account does not have.
"""

import re
import time
from decimal import Decimal
from typing import Any

import httpx

from worker.demo.process import DemoError, DemoProcess

API = "/api/v1"
START_TIMEOUT = 30.0  # seconds; a start takes one


class SandboxControl:
    """A running sandbox. Any method may raise `DemoError`, `httpx.InvalidURL` or `httpx.HTTPError`."""

    def __init__(self, url: str, token: str) -> None:
        if not re.match("https?://[^/]", url):
            raise DemoError(f"{url!r} is no URL of a sandbox; it must look like http://127.0.0.1:8080/api/v1")
        self.base_url = url.rstrip("/").removesuffix(API) + API
        self.token = token
        self._http = httpx.Client(base_url=httpx.URL(url).join("/_sandbox"), trust_env=False, timeout=30)

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def check(self) -> None:
        """Raises `DemoError` unless a sandbox answers and accepts the token, which is sent to nothing else."""
        try:
            self.state("counts")["counts"].items()
            answer = self._http.get(f"{self.base_url}/SevUser", headers={"Authorization": self.token})
        except httpx.TransportError as error:
            raise DemoError(f"nothing answers at {self.base_url} ({type(error).__name__})") from None
        except (DemoError, ValueError, LookupError, TypeError, AttributeError):
            raise DemoError(f"what answers at {self.base_url} is no sandbox, and the demo uses nothing else") from None
        if answer.status_code == 401:
            raise DemoError(f"the sandbox at {self.base_url} refuses the token in SEVDESK_API_TOKEN")

    def state(self, part: str | None = None) -> Any:
        """Everything in the sandbox by kind of object, or one part of it."""
        return self._request("GET", "/state", params={} if part is None else {"only": part})

    def receive_payment(self, invoice_id: str, amount: Decimal, day: str) -> None:
        """A customer's payment arrives, in the invoice's currency, on a Berlin day (ISO 8601)."""
        self._request("POST", "/payments", json={"invoice_id": invoice_id, "amount": str(amount), "date": day})

    def return_payments(self, invoice_id: str) -> None:
        """The bank returns all payments of an invoice (Rücklastschrift)."""
        self._request("POST", "/unlink", json={"invoice_id": invoice_id})

    def _request(self, method: str, path: str, **options: Any) -> Any:
        answer = self._http.request(method, path, **options)
        if not answer.is_success:
            raise DemoError(f"the sandbox answers {answer.status_code} to {method} {path}: {answer.text[:200]}")
        return answer.json()


def wait_for_address(process: DemoProcess) -> tuple[str, str]:
    """Base URL and token, which a sandbox prints when it has started. Raises `DemoError` after `START_TIMEOUT`."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        process.check_running()
        log = process.log.read_text(errors="replace")
        if printed := re.search(r"^SEVDESK_BASE_URL=(.+)\nSEVDESK_API_TOKEN=(.+)\n", log, re.M):
            return printed[1], printed[2]
        time.sleep(0.01)
    raise DemoError(f"the sandbox did not start within {START_TIMEOUT:.0f} s")
