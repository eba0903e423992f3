"""Which settings workers contradict each other in, and how that is said."""

from worker.domain.agreement import Registered, contradictions, versions
from worker.domain.redis_url import redis_place

REASONS = {"GONE_AFTER": "The leader decides."}


def test_equal_settings_are_no_contradiction() -> None:
    """Nor is one that only a newer release has."""
    old, new = Registered("a", "1", {"X": "1"}), Registered("b", "2", {"X": "1", "NEW": "2"})
    assert contradictions([old, new], REASONS) == []
    assert versions([old, new]) == {"1": ["a"], "2": ["b"]}


def test_sentence_names_values_and_workers() -> None:
    """Three workers for each value, and how many more there are."""
    fleet = [Registered(f"w{number}", "1", {"GONE_AFTER": "900.0"}) for number in range(5)]
    [found] = contradictions([Registered("new", "1", {"GONE_AFTER": "0.0"}), *fleet], REASONS)
    assert found.sentence() == (
        "GONE_AFTER differs between workers: 0.0 in new; 900.0 in w0, w1, w2 and 2 more. The leader decides."
    )


def test_redis_is_named_without_account() -> None:
    """Server and database, however they are written."""
    assert redis_place("redis://user:geheim@redis.internal:6380/2") == "redis.internal:6380/2"
    assert redis_place("rediss://:p%40ss@redis.internal?ssl_cert_reqs=none&db=3") == "redis.internal:6379/3"
    assert redis_place("unix://:geheim@/run/redis.sock?db=1") == "/run/redis.sock/1"
