"""How sevDesk answers, as the calls of all workers within the last hour show (`worker/gate/call_log.py`). Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from worker.domain.health_check import Check

HOUR = 3600.0
REFUSED_STEP = "Set a valid SEVDESK_API_TOKEN and restart the worker."


@dataclass(frozen=True, slots=True)
class SevdeskHealth:
    """Ages in seconds; None: no such call within the hour, or a good one has come after it."""

    calls: int = 0
    ok_age: float | None = None
    refused_for: float | None = None  # since the first call whose token was refused
    silent_for: float | None = None  # since the first call that was not answered
    next_try: float | None = None  # seconds until the next call with a refused token

    def sentence(self, now: datetime) -> str:
        """What the calls show; `now` is aware."""
        last_ok = "none was answered" if self.ok_age is None else f"the last ok {self.ok_age:.0f} s ago"
        counted = f"{self.calls} calls in the last hour, {last_ok}"
        if self.refused_for is not None:
            again = "" if self.next_try is None else f", next try in {self.next_try:.0f} s"
            return f"token refused since {_clock(now, self.refused_for)}{again}; {counted}"
        if self.silent_for is not None:
            return f"no answer since {_clock(now, self.silent_for)}; {counted}"
        return counted if self.calls else "no call in the last hour"

    def check(self, now: datetime) -> Check:
        """Never a failure: a restart of the worker would not mend it."""
        well = self.refused_for is None and self.silent_for is None
        step = REFUSED_STEP if self.refused_for is not None else None
        return Check("sevdesk calls", "ok" if well else "warn", f"{self.sentence(now)}.", step)


def _clock(now: datetime, age: float) -> str:
    """The time in the zone of this machine, which it names; with the day if it is another."""
    then = (now - timedelta(seconds=age)).astimezone()
    return f"{then:%H:%M %Z}" if then.date() == now.astimezone().date() else f"{then:%Y-%m-%d %H:%M %Z}"


def combined(reports: Iterable[tuple[Mapping[str, Any], float]]) -> SevdeskHealth:
    """One answer from the reports of the workers, each with its age: the latest call decides."""
    calls, ok, tries = 0, list[float](), list[float]()
    trouble: dict[str, list[tuple[float, float]]] = {"refused": [], "unanswered": []}
    for report, age in reports:
        calls += sum(count for since, count in report["minutes"] if since + age <= HOUR)
        ok += [report["ok"] + age] if report["ok"] is not None else []
        tries += [max(report["next_try"] - age, 0.0)] if report["next_try"] is not None else []
        for name, seen in trouble.items():
            if (ages := report[name]) is not None:
                seen.append((ages[0] + age, ages[1] + age))
    ok_age = min(ok, default=None)
    since = {name: _since(seen, ok_age) for name, seen in trouble.items()}
    refused = since["refused"]
    return SevdeskHealth(calls, ok_age, refused, since["unanswered"], min(tries, default=None) if refused else None)


def _since(seen: list[tuple[float, float]], ok_age: float | None) -> float | None:
    """The age of the first such call, if there was one after the last good call; a call before that does not count."""
    after = [(first, last) for first, last in seen if ok_age is None or last < ok_age]
    if not after:
        return None
    first = max(first for first, _ in after)
    return first if ok_age is None else min(first, ok_age)
