"""How long the client waits between the attempts of a call."""

import httpx
import pytest
from pytest_httpx import HTTPXMock

from sevdesk_client import errors
from sevdesk_client.client import SevDeskClient
from sevdesk_client.sending import _waits
from tests.sandbox.sandbox_client import NO_TLS, TOKEN


def test_waits_are_1_to_30_seconds() -> None:
    """1, 2, 4 ... seconds and up to one more; what sevDesk asks for comes on top; never more than the most."""
    asked = errors.Throttled("GET /x", "slow down", retry_after=20.0)
    for _ in range(200):
        steps = _waits(30.0)
        next(steps)
        drawn = [steps.send(errors.NotSent("GET /x", "no")) for _ in range(8)]
        for wait, least in zip(drawn, [1, 2, 4, 8, 16, 30, 30, 30], strict=True):
            assert least <= wait <= min(least + 1, 30)
        assert steps.send(asked) == 30.0
        steps = _waits(30.0)
        next(steps)
        assert 21.0 <= steps.send(asked) <= 22.0


@pytest.mark.parametrize(
    ("headers", "ranges"),
    [({}, [(1, 2), (2, 3)]), ({"retry-after": "5"}, [(6, 7), (7, 8)]), ({"retry-after": "30"}, [(30, 30), (30, 30)]),
     ({"retry-after": "31"}, [])],
)  # fmt: skip
async def test_waits_lie_between_attempts(
    httpx_mock: HTTPXMock,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    ranges: list[tuple[int, int]],
) -> None:
    """Read from what the client would sleep; at most three attempts, one if sevDesk asks for more than the most."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("backoff._async.asyncio.sleep", sleep)
    httpx_mock.add_response(status_code=429, headers=headers, is_reusable=True)
    async with httpx.AsyncClient(verify=NO_TLS) as http:
        with pytest.raises(errors.Throttled):
            await SevDeskClient(http, TOKEN).bookkeeping_system_version()
    assert len(httpx_mock.get_requests()) == len(slept) + 1 == len(ranges) + 1
    assert all(least <= wait <= most for wait, (least, most) in zip(slept, ranges, strict=True))
