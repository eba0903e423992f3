"""Ticks of the payment sync: every allowed interval, also through the nights in which Berlin changes its clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.schedule import is_allowed, is_scheduled, next_run

BERLIN = ZoneInfo("Europe/Berlin")
ALLOWED = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440]
HOURS = [minutes for minutes in ALLOWED if minutes >= 60]
SPRING = datetime(2026, 3, 28, 20, tzinfo=UTC)  # the evening before 02:00 becomes 03:00
AUTUMN = datetime(2026, 10, 24, 20, tzinfo=UTC)  # the evening before 03:00 becomes 02:00
SUMMER = datetime(2026, 7, 15, 20, tzinfo=UTC)


def wall_clock(minutes: int, start: datetime, hours: int) -> list[datetime]:
    """Every minute later than `start` at which a clock on a Berlin wall shows a multiple of the interval."""
    instants = (start + timedelta(minutes=n) for n in range(1, hours * 60 + 1))
    shown = ((instant, instant.astimezone(BERLIN)) for instant in instants)
    return [instant for instant, local in shown if (local.hour * 60 + local.minute) % minutes == 0]


def chain(minutes: int, start: datetime, hours: int) -> list[datetime]:
    """The ticks, each found from the one before."""
    ticks, tick = list[datetime](), start
    while (tick := next_run(minutes, tick)) <= start + timedelta(hours=hours):
        ticks.append(tick)
    return ticks


def local_times(ticks: list[datetime]) -> list[str]:
    return [f"{tick.astimezone(BERLIN):%H:%M}" for tick in ticks]


def test_only_even_intervals_allowed() -> None:
    """Those that fall on the same minutes each hour or the same hours each day, and no others."""
    assert [minutes for minutes in range(-60, 3000) if is_allowed(minutes)] == ALLOWED


@pytest.mark.parametrize("minutes", [0, -10, 7, 45, 59, 61, 90, 300, 1000, 2880])
def test_refused_interval_raises_plainly(minutes: int) -> None:
    """The error names the setting, its value and what is allowed."""
    with pytest.raises(ValueError, match=f"payment_sync_interval_minutes is {minutes}; allowed are 1 to 59 minutes"):
        next_run(minutes, SUMMER)


@pytest.mark.parametrize("minutes", [*HOURS, 10])
@pytest.mark.parametrize("start", [SPRING, AUTUMN, SUMMER], ids=["spring", "autumn", "summer"])
def test_ticks_follow_berlin_clock(minutes: int, start: datetime) -> None:
    """Through the night and the day after: the times a Berlin clock shows, none missed, none doubled."""
    expected = wall_clock(minutes, start, hours=30)
    assert len(expected) >= 1
    assert chain(minutes, start, hours=30) == expected


@pytest.mark.parametrize("minutes", ALLOWED[:11])
@pytest.mark.parametrize("change", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_minutes_stay_even_at_change(minutes: int, change: datetime) -> None:
    """A minute interval keeps its distance while the clock jumps: in the four hours around it no gap, no pair."""
    start = change + timedelta(hours=3)
    ticks = chain(minutes, start, hours=4)
    assert ticks == [start + timedelta(minutes=minutes * n) for n in range(1, 240 // minutes + 1)]


def test_missing_hour_has_no_tick() -> None:
    """Two o'clock does not exist in the spring night: the next even hour is four."""
    assert local_times(chain(120, SPRING, hours=6)) == ["22:00", "00:00", "04:00"]
    assert local_times(chain(60, SPRING, hours=6)) == ["22:00", "23:00", "00:00", "01:00", "03:00", "04:00"]


def test_doubled_hour_has_two_ticks() -> None:
    """Two o'clock comes twice in the autumn night."""
    assert local_times(chain(120, AUTUMN, hours=6)) == ["00:00", "02:00", "02:00"]
    assert local_times(chain(1440, AUTUMN, hours=30)) == ["00:00", "00:00"]


@pytest.mark.parametrize("minutes", ALLOWED)
@given(
    after=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.sampled_from([UTC, BERLIN])),
)
def test_next_run_is_next_beat(minutes: int, after: datetime) -> None:
    """A tick is later than the moment asked from, in UTC, on the beat, and at most one interval away."""
    tick = next_run(minutes, after)
    assert tick.tzinfo is UTC
    distance = tick - after.astimezone(UTC)
    # Hours may be left out or shown twice when the clock changes; minutes never are.
    assert timedelta(0) < distance <= timedelta(minutes=minutes if minutes < 60 else 2 * minutes)
    assert is_scheduled(minutes, tick)


def test_moment_itself_is_past() -> None:
    """Asked at a tick, the next one is meant."""
    tick = datetime(2026, 7, 15, 20, 10, tzinfo=UTC)
    assert next_run(10, tick) == tick + timedelta(minutes=10)
    assert next_run(10, tick - timedelta(microseconds=1)) == tick


@pytest.mark.parametrize(
    "minutes, moment, expected",
    [
        # on the ten minutes
        (10, datetime(2026, 7, 15, 20, 20, tzinfo=UTC), True),
        # a tick of 10, but none of 15
        (15, datetime(2026, 7, 15, 20, 20, tzinfo=UTC), False),
        # 22:00 in Berlin is no multiple of three hours, 21:00 is
        (180, datetime(2026, 7, 15, 20, 0, tzinfo=UTC), False),
        (180, datetime(2026, 7, 15, 19, 0, tzinfo=UTC), True),
        # the same instants by Berlin's winter clock
        (180, datetime(2026, 1, 15, 20, 0, tzinfo=UTC), True),
        # the full hour is no beat of hours when minutes are left
        (60, datetime(2026, 7, 15, 20, 30, tzinfo=UTC), False),
        # seconds and less are never on the beat
        (10, datetime(2026, 7, 15, 20, 20, 1, tzinfo=UTC), False),
        (10, datetime(2026, 7, 15, 20, 20, 0, 1, tzinfo=UTC), False),
    ],
)
def test_beat_is_told_from_moment(minutes: int, moment: datetime, expected: bool) -> None:
    """Whether a stored tick belongs to the present interval."""
    assert is_scheduled(minutes, moment) is expected
