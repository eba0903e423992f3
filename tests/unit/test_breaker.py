"""The breaker for a refused token: when it opens, who sends a probe, and when it closes."""

from worker.gate.breaker import FIRST_INTERVAL, LONGEST_INTERVAL, PROBE_SECONDS, TokenBreaker


def opened(now: float) -> TokenBreaker:
    """A breaker that a refusal has just opened."""
    breaker = TokenBreaker()
    assert breaker.record_refused(now, sent_at=now)
    return breaker


def test_new_breaker_admits_everybody() -> None:
    """Before any answer nothing is held back."""
    breaker = TokenBreaker()
    assert [breaker.admit(1.0, caller) for caller in ("one", "other")] == [0, 0]
    assert not breaker.record_accepted(1.1, sent_at=1.0)  # no news for the others


def test_nobody_calls_before_the_probe() -> None:
    """After a refusal every caller gets the seconds until the next probe."""
    breaker = opened(0.0)
    assert [breaker.admit(2.0, caller) for caller in ("one", "other")] == [FIRST_INTERVAL - 2] * 2


def test_one_caller_sends_the_probe() -> None:
    """The first who asks sends it and may ask again; the others come back when it should be answered."""
    breaker = opened(0.0)
    answers = [breaker.admit(FIRST_INTERVAL, caller) for caller in ("one", "other", "one")]
    assert answers == [0, PROBE_SECONDS, 0]


def test_silent_probe_is_replaced() -> None:
    """A caller that was admitted and never called does not keep the breaker open."""
    breaker = opened(0.0)
    assert breaker.admit(FIRST_INTERVAL, "silent") == 0
    assert breaker.admit(FIRST_INTERVAL + PROBE_SECONDS - 0.1, "other") > 0
    assert breaker.admit(FIRST_INTERVAL + PROBE_SECONDS, "other") == 0


def test_refused_probes_double_the_interval() -> None:
    """Up to LONGEST_INTERVAL; refusals of calls that were in flight before change nothing."""
    breaker = opened(0.0)
    now, waits = 0.0, []
    for _ in range(7):
        assert not breaker.record_refused(now + 0.1, sent_at=now - 1)
        waits.append(breaker.seconds_until_probe(now))
        now += breaker.seconds_until_probe(now)
        breaker.record_refused(now, sent_at=now)
    assert waits == [FIRST_INTERVAL * 2**n for n in range(5)] + [LONGEST_INTERVAL] * 2


def test_only_a_later_answer_closes() -> None:
    """An answer to a call sent before the refusal proves nothing; the probe's does."""
    breaker = opened(10.0)
    assert not breaker.record_accepted(10.5, sent_at=9.5) and breaker.is_open
    assert breaker.record_accepted(21.0, sent_at=20.0)
    assert not breaker.is_open and breaker.seconds_until_probe(21.0) == 0


def test_probe_without_answer_is_repeated() -> None:
    """sevDesk was down: that says nothing of the token, so the interval does not grow."""
    breaker = opened(0.0)
    breaker.record_no_answer(FIRST_INTERVAL)
    assert breaker.is_open and breaker.seconds_until_probe(FIRST_INTERVAL) == FIRST_INTERVAL
