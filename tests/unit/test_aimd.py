"""The call rate: how it decreases and recovers, and how long calls wait."""

from itertools import count, pairwise

import pytest

from worker.gate.aimd import BURST, FORGET_SECONDS, MIN_RATE, MIN_RATE_5XX, RECOVER_SECONDS, CallRate


def busy(calls: int, now: float = 100.0) -> CallRate:
    """A process that has made `calls` calls within the last second."""
    rate = CallRate()
    for n in range(calls):
        rate.record_call(now - 1 + (n + 0.5) / calls)
    return rate


def test_without_trouble_nothing_waits() -> None:
    """A thousand calls at one instant: no limit, no wait."""
    rate = CallRate()
    assert all(rate.is_unlimited(5.0) and rate.reserve(5.0, max_wait=0) == 0 for _ in range(1000))
    assert rate.limit(5.0) is None


def test_rate_is_halved_and_recovers() -> None:
    """From 40 a second to 20, back to 40 after RECOVER_SECONDS in equal steps, no limit after FORGET_SECONDS."""
    rate = busy(40)
    assert rate.decrease(100.0, sent_at=99.9) == 20
    assert [rate.limit(100.0 + s) for s in (0, 1, 2, RECOVER_SECONDS)] == [20, 21, 22, 40]
    assert rate.decrease(100.0 + RECOVER_SECONDS, sent_at=100.0 + RECOVER_SECONDS) == 20
    assert rate.limit(100.0 + RECOVER_SECONDS + FORGET_SECONDS) is None


def test_one_overload_is_one_decrease() -> None:
    """Twenty 429s for calls in flight together are one decrease; only a call sent after it decreases the rate again."""
    rate = busy(40)
    answers = [rate.decrease(100.0 + n / 100, sent_at=99.5) for n in range(20)]
    assert answers == [20, *[None] * 19]
    assert rate.decrease(101.0, sent_at=100.5) == pytest.approx(10.5)


def test_rate_has_a_minimum() -> None:
    """Any number of 429s leaves a call in five seconds; 5xx never go below MIN_RATE_5XX."""
    rate = busy(2)
    for n in range(20):
        rate.decrease(100.0 + n / 100, sent_at=100.0 + n / 100)
    assert rate.limit(100.2) == pytest.approx(MIN_RATE, rel=0.1)
    assert busy(2).decrease(100.0, 99.9, MIN_RATE_5XX) == MIN_RATE_5XX
    assert rate.decrease(101.0, 100.9, MIN_RATE_5XX) is None and rate.limit(101.0) == pytest.approx(MIN_RATE, rel=0.1)


def test_places_in_line_keep_the_rate() -> None:
    """At 20 a second calls are 50 ms apart, right after the decrease too; after a lull BURST calls may go together."""
    rate = busy(40)
    rate.decrease(100.0, sent_at=99.9)
    waits = [rate.reserve(100.0, max_wait=10) for _ in range(21)]
    assert waits == pytest.approx([n / 20 for n in range(21)])
    rested = [rate.reserve(110.0, max_wait=10) for _ in range(BURST + 1)]
    assert rested[:BURST] == [0] * BURST and rested[BURST] > 0


def test_long_waits_take_no_place() -> None:
    """A caller that has to come back later does not delay the others."""
    rate = busy(2)
    rate.decrease(100.0, sent_at=99.9)
    first = next(n for n in count() if rate.reserve(100.0, max_wait=5) > 5)
    assert first == 6  # one a second
    assert {round(rate.reserve(100.0, max_wait=5), 6) for _ in range(10)} == {6.0}


def test_calls_line_up_after_pause() -> None:
    """No call is sent before the end of a Retry-After, and then not all at once."""
    rate = busy(40)
    rate.decrease(100.0, sent_at=99.9)
    assert rate.pause(100.0, 3.0) and not rate.pause(100.5, 2.4)
    waits = [rate.reserve(101.0, max_wait=10) for _ in range(4)]
    assert waits[0] >= 2.0
    gaps = [later - earlier for earlier, later in pairwise(waits)]
    assert gaps[1:] == pytest.approx([1 / 21] * 2) and 0 < gaps[0] < 1 / 21


def test_busier_process_counts_for_all() -> None:
    """An idle worker that gets the 429 does not impose its own low rate on a busy one."""
    idle, working = busy(1), busy(40)
    told = idle.decrease(100.0, sent_at=99.9)
    assert told == 0.5
    answer = working.adopt(100.1, told)
    assert answer == pytest.approx(20, abs=2)  # calls older than a second no longer count
    assert idle.adopt(100.2, answer) is None
    assert idle.limit(100.2) == working.limit(100.1) == answer


def test_later_decrease_counts_for_all() -> None:
    """Once the rate is shared, any process's next decrease is adopted by the others."""
    one, other = busy(40), busy(40)
    first = one.decrease(100.0, sent_at=99.9)
    assert first is not None and other.adopt(100.0, first) is None
    second = other.decrease(103.0, sent_at=102.0)
    assert second is not None and second < first
    assert one.adopt(103.0, second) is None and one.limit(103.0) == second


def test_newcomer_adopts_an_old_decrease() -> None:
    """A worker that starts seven seconds after a decrease has the rate the others have by now."""
    old, new = busy(40), CallRate()
    decreased = old.decrease(100.0, sent_at=99.9)
    assert decreased is not None and new.adopt(107.0, decreased, age=7.0) is None
    assert new.limit(107.0) == old.limit(107.0)


def test_first_call_follows_pause_at_once() -> None:
    """Decreased and paused by one answer: the first call after the pause does not wait, however low the rate."""
    rate = CallRate()
    rate.record_call(99.9)
    rate.decrease(100.0, 99.9)
    rate.pause(100.0, 60.0)
    assert rate.wait(160.0) == 0.0
