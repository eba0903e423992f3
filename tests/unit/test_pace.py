"""The throttle's arithmetic: how speed is cut and comes back, and when a refused token is tried again."""

import asyncio
from itertools import count, pairwise

import pytest

from worker.gate.aimd import BURST, FORGET_SECONDS, RECOVER_SECONDS, SLOWEST, SLOWEST_FOR_LOAD, Pace
from worker.gate.breaker import AHEAD_SECONDS, FIRST_PROBE, LAST_PROBE, Breaker, Token


def busy(rate: int, now: float = 100.0) -> Pace:
    """A process that has made `rate` calls within the last second."""
    pace = Pace()
    for n in range(rate):
        pace.left(now - 1 + (n + 0.5) / rate)
    return pace


def test_without_trouble_nothing_waits() -> None:
    """A thousand calls at one instant: no limit, no wait."""
    pace = Pace()
    assert all(pace.free(5.0) and pace.reserve(5.0, most=0) == 0 for _ in range(1000))
    assert pace.limit(5.0) is None


def test_cut_halves_and_time_adds() -> None:
    """From 40 a second to 20; back after RECOVER_SECONDS, the same step every second; then forgotten."""
    pace = busy(40)
    assert pace.cut(100.0, left_at=99.9) == 20
    assert [pace.limit(100.0 + s) for s in (0, 1, 2, RECOVER_SECONDS)] == [20, 21, 22, 40]
    assert pace.cut(100.0 + RECOVER_SECONDS, left_at=100.0 + RECOVER_SECONDS) == 20
    assert pace.limit(100.0 + RECOVER_SECONDS + FORGET_SECONDS) is None


def test_one_trouble_is_one_cut() -> None:
    """Twenty calls in flight together are refused together; only one that left after the cut says more."""
    pace = busy(40)
    answers = [pace.cut(100.0 + n / 100, left_at=99.5) for n in range(20)]
    assert answers == [20, *[None] * 19]
    assert pace.cut(101.0, left_at=100.5) == pytest.approx(10.5)


def test_speed_has_a_floor() -> None:
    """However often sevDesk refuses, a call in five seconds is left; and mere load never costs that much."""
    pace = busy(2)
    for n in range(20):
        pace.cut(100.0 + n / 100, left_at=100.0 + n / 100)
    assert pace.limit(100.2) == pytest.approx(SLOWEST, rel=0.1)
    assert busy(2).cut(100.0, 99.9, SLOWEST_FOR_LOAD) == SLOWEST_FOR_LOAD
    assert pace.cut(101.0, 100.9, SLOWEST_FOR_LOAD) is None and pace.limit(101.0) == pytest.approx(SLOWEST, rel=0.1)


def test_places_in_line_keep_the_speed() -> None:
    """After a cut to 20 a second calls leave 50 ms apart, and none at once; a later lull allows a burst."""
    pace = busy(40)
    pace.cut(100.0, left_at=99.9)
    waits = [pace.reserve(100.0, most=10) for _ in range(21)]
    assert waits == pytest.approx([n / 20 for n in range(21)])
    rested = [pace.reserve(110.0, most=10) for _ in range(BURST + 1)]
    assert rested[:BURST] == [0] * BURST and rested[BURST] > 0


def test_long_waits_take_no_place() -> None:
    """Whoever is told to come back later holds up nobody meanwhile."""
    pace = busy(2)
    pace.cut(100.0, left_at=99.9)
    first = next(n for n in count() if pace.reserve(100.0, most=5) > 5)
    assert first == 6  # one a second
    assert {round(pace.reserve(100.0, most=5), 6) for _ in range(10)} == {6.0}


def test_pause_stops_all_then_lines_up() -> None:
    """Nobody leaves before the end of a Retry-After, and then not all at once."""
    pace = busy(40)
    pace.cut(100.0, left_at=99.9)
    assert pace.hold(100.0, 3.0) and not pace.hold(100.5, 2.4)
    waits = [pace.reserve(101.0, most=10) for _ in range(4)]
    assert waits[0] >= 2.0
    gaps = [later - earlier for earlier, later in pairwise(waits)]
    assert gaps[1:] == pytest.approx([1 / 21] * 2) and 0 < gaps[0] < 1 / 21


def test_busier_process_counts_for_all() -> None:
    """An idle worker that meets the 429 does not slow a busy one down to its own trickle."""
    idle, working = busy(1), busy(40)
    told = idle.cut(100.0, left_at=99.9)
    assert told == 0.5
    answer = working.adopt(100.1, told)
    assert answer == pytest.approx(20, abs=2)  # what left more than a second ago is no longer counted
    assert idle.adopt(100.2, answer) is None
    assert idle.limit(100.2) == working.limit(100.1) == answer


def test_later_cut_counts_for_all() -> None:
    """Once the speed is shared, whoever meets the next 429 speaks for everybody."""
    one, other = busy(40), busy(40)
    first = one.cut(100.0, left_at=99.9)
    assert first is not None and other.adopt(100.0, first) is None
    second = other.cut(103.0, left_at=102.0)
    assert second is not None and second < first
    assert one.adopt(103.0, second) is None and one.limit(103.0) == second


def test_newcomer_adopts_an_old_cut() -> None:
    """A worker that starts in mid-trouble goes as fast as the others do by now."""
    old, new = busy(40), Pace()
    rate = old.cut(100.0, left_at=99.9)
    assert rate is not None and new.adopt(107.0, rate, age=7.0) is None
    assert new.limit(107.0) == old.limit(107.0)


async def test_first_call_goes_ahead() -> None:
    """Until the token has been answered once, one call decides and the others wait for it."""
    breaker = Breaker()
    ahead, beside = await asyncio.gather(*(asyncio.create_task(asks(breaker, 1.0)) for _ in range(2)))
    assert (ahead, beside) == (True, False)
    assert not breaker.accepted(1.1, left_at=1.0)  # no news to the others, who have not been told otherwise
    assert breaker.token is Token.ACCEPTED


async def asks(breaker: Breaker, now: float) -> bool:
    return breaker.go_ahead(now)


async def test_silent_call_is_replaced() -> None:
    """A task that went ahead and never called does not keep everybody waiting."""
    breaker = Breaker()
    assert await asyncio.create_task(asks(breaker, 1.0))
    assert not await asyncio.create_task(asks(breaker, 1.0 + AHEAD_SECONDS - 0.1))
    assert await asyncio.create_task(asks(breaker, 1.0 + AHEAD_SECONDS))


def test_refusals_make_probes_rarer() -> None:
    """Each refused probe doubles the wait, up to the longest; what was in flight meanwhile does not."""
    breaker = Breaker()
    assert breaker.refused(0.0, left_at=0.0)
    now, waits = 0.0, []
    for _ in range(7):
        assert not breaker.refused(now + 0.1, left_at=now - 1)  # in flight when the first one came back
        waits.append(breaker.rest(now))
        now += breaker.rest(now)
        breaker.refused(now, left_at=now)
    assert waits == [FIRST_PROBE * 2**n for n in range(5)] + [LAST_PROBE] * 2


def test_only_a_later_answer_reopens() -> None:
    """An answer that left before the refusal proves nothing; the probe's does."""
    breaker = Breaker()
    breaker.refused(10.0, left_at=9.0)
    assert not breaker.accepted(10.5, left_at=9.5) and breaker.token is Token.REFUSED
    assert breaker.accepted(21.0, left_at=20.0)
    assert breaker.token is Token.ACCEPTED and breaker.rest(21.0) == 0


def test_probe_without_answer_is_repeated() -> None:
    """sevDesk was down: that says nothing of the token, and the wait does not grow."""
    breaker = Breaker()
    breaker.refused(0.0, left_at=0.0)
    breaker.nothing(FIRST_PROBE)
    assert breaker.token is Token.REFUSED and breaker.rest(FIRST_PROBE) == FIRST_PROBE


def test_pause_ends_when_it_was_to() -> None:
    """Cut and paused by one answer: after the pause the first leaves at once, however slow the speed had become."""
    pace = Pace()
    pace.left(99.9)
    pace.cut(100.0, 99.9)
    pace.hold(100.0, 60.0)
    assert pace.wait(160.0) == 0.0
