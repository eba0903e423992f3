"""What the calls of some workers show of sevDesk, from what each has counted."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from worker.gate.breaker import TokenBreaker
from worker.gate.call_log import CallLog
from worker.operator.sevdesk_health import SevdeskHealth, combined

NOW = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)  # 23:00 in Berlin


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine of whoever reads it."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def seen(now: float, *calls: tuple[float, int | None], refused: bool = False) -> dict[str, object]:
    """The report at `now` of a worker that made these calls: when, and with which status."""
    log, breaker = CallLog(), TokenBreaker()
    for at, status in calls:
        log.record(at, status)
        if refused and status == 401:
            breaker.record_refused(at, at)
    return log.report(now, breaker)


def test_no_call_says_so() -> None:
    """A worker that has called nobody, and no worker at all."""
    assert combined([]).sentence(NOW) == combined([(seen(5.0), 1.0)]).sentence(NOW) == "no call in the last hour"


def test_good_calls_are_counted() -> None:
    """Over all workers, with the age of the last one; a refusal of ours is an answer as well."""
    found = combined([(seen(100.0, (40, 200), (80, 422)), 2.0), (seen(100.0, (10, 200)), 30.0)])
    assert found == SevdeskHealth(calls=3, ok_age=22.0)
    assert found.sentence(NOW) == "3 calls in the last hour, the last ok 22 s ago" and found.check(NOW).level == "ok"


def test_old_calls_are_forgotten() -> None:
    """What lies back more than an hour is not counted."""
    assert combined([(seen(4000.0, (0, 200), (3990, 200)), 5.0)]).calls == 1
    assert combined([(seen(100.0, (0, 200)), 3590.0)]).calls == 0


def test_refused_token_is_told() -> None:
    """Since when, over a change of workers, and when the next try is."""
    ended = (seen(700.0, (600, 200), (640, 401)), 400.0)
    found = combined([ended, (seen(500.0, (490, 401), refused=True), 2.0)])
    assert found.refused_for == 460.0 and found.next_try == 0.0 and found.silent_for is None
    assert found.sentence(NOW).startswith("token refused since 22:52 CET, next try in 0 s; 3 calls in the last hour")
    assert found.check(NOW).level == "warn" and "Set a valid SEVDESK_API_TOKEN" in str(found.check(NOW).next_step)


def test_new_token_ends_it() -> None:
    """A worker with another token was answered later."""
    refused = (seen(700.0, (640, 401), refused=True), 30.0)
    found = combined([refused, (seen(50.0, (49, 200)), 1.0)])
    assert (found.refused_for, found.next_try, found.ok_age) == (None, None, 2.0)


def test_silence_is_told() -> None:
    """No answer, 429 and 5xx since the last good call; a good call of another worker ends it."""
    silent = (seen(100.0, (10, 200), (20, 503), (70, None), (90, 429)), 0.0)
    found = combined([silent])
    assert (found.silent_for, found.ok_age) == (80.0, 90.0)
    assert found.sentence(NOW) == "no answer since 22:58 CET; 4 calls in the last hour, the last ok 90 s ago"
    assert combined([silent, (seen(100.0, (99, 200)), 0.0)]).silent_for is None


def test_yesterday_has_its_day() -> None:
    """A time without a day would be wrong."""
    assert "since 2026-11-23 21:00 CET" in SevdeskHealth(calls=1, refused_for=26 * 3600.0).sentence(NOW)
