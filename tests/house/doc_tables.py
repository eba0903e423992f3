"""The tables in docs/ that come from the code. `make docs` writes them anew.

Each stands between `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from house.log_events import log_events
from house.log_events import table as log_table

from worker.domain.adoption import CODES as ADOPTION
from worker.domain.check_levels import DEFAULTS
from worker.domain.events import Event
from worker.domain.jobs import KINDS
from worker.domain.lifecycle import TABLE
from worker.domain.problems import CATALOGUE
from worker.domain.results import RESULTS
from worker.observability.metrics import Metrics
from worker.operator.interface_schema import event_type
from worker.settings import AGREED

ROOT = Path(__file__).resolve().parents[2]


def rows(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [list(head), ["---"] * len(head), *(list(row) for row in body)]
    text = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return text.replace("| --- | ", "|---|").replace("--- | ", "---|").replace("--- |", "---|")


def first_sentence(doc: str | None) -> str:
    """A docstring's first line, without its full stop; AssertionError if a sentence goes on behind it."""
    line = (doc or "").partition("\n")[0]
    assert line.endswith("."), line
    return line.removesuffix(".")


def problems() -> str:
    """The catalogue in English."""
    shown = ((f"`{e.code}`", e.actor.value, e.cause["en"].replace("{trace}", ""), e.next_step["en"])
             for e in CATALOGUE.values())  # fmt: skip
    return rows(("code", "who acts", "cause", "next step"), shown)


def adoption() -> str:
    """What a takeover finds, in English."""
    shown = ((f"`{e.code}`", e.actor.value, e.cause["en"], e.next_step["en"]) for e in ADOPTION.values())
    return rows(("code", "who acts", "cause", "next step"), shown)


def checks() -> str:
    """The checks whose level is a setting."""
    shown = ((f"`{code}`", level.value, CATALOGUE[code].cause["en"]) for code, level in DEFAULTS.items())
    return rows(("check", "default", "what it finds"), shown)


def agreed() -> str:
    """The settings that all workers of a database must have alike."""
    return rows(("setting", "what depends on it"), ((f"`{name}`", why) for name, why in AGREED.items()))


def kinds() -> str:
    """The job contract."""
    return rows(
        ("kind", "asked by", "payload (`?`: may be left out)", "result", "tried again after"),
        ((f"`{kind.name}`", kind.role.value, _payload(kind.payload.model_json_schema()), _names(RESULTS[kind.name]),
          ", ".join(_span(seconds) for seconds in kind.retry_delays)) for kind in KINDS.values()),
    )  # fmt: skip


def events() -> str:
    """What the event log tells."""
    return rows(
        ("event_type", "what happened", "payload"),
        ((f"`{event_type(kind)}`", first_sentence(kind.__doc__), ", ".join(_logged(kind))) for kind in TABLE),
    )


def lifecycle() -> str:
    """THE TABLE: which statuses an event may meet, and what it makes of them."""
    body = ((f"`{event_type(kind)}`", _moves(m.sync), _moves(m.document), _moves(m.claim)) for kind, m in TABLE.items()
            if m.sync or m.document or m.claim)  # fmt: skip
    return rows(("event", "accounting_sync_status", "document_status", "claim_status"), body)


def metrics() -> str:
    """Everything that can be scraped."""
    registry = Metrics().registry
    labels = {name: collector._labelnames for name, collector in registry._names_to_collectors.items()}
    found = sorted(registry.collect(), key=lambda metric: metric.name)
    body = ((f"`{m.name}{'_total' if m.type == 'counter' else ''}`", m.type, ", ".join(labels[m.name]), m.documentation)
            for m in found)  # fmt: skip
    return rows(("metric", "type", "labels", "what"), body)


def alerts() -> str:
    """The alert rules."""
    text = (ROOT / "worker/observability/alerts.yml").read_text()
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    told = ((f"`{rule['alert']}`", rule["labels"]["severity"], _plain(rule["annotations"]["summary"]),
             _plain(rule["annotations"]["next_step"])) for rule in rules)  # fmt: skip
    return rows(("alert", "severity", "what it means", "next step"), told)


def rooms() -> str:
    """The folders of the code, by their own first sentences."""
    packages = ("worker", "sevdesk_client")
    found = sorted(path.parent for package in packages for path in (ROOT / package).rglob("__init__.py"))
    return rows(("folder", "what it is for"),
                ((f"`{folder.relative_to(ROOT)}/`", _package_doc(folder)) for folder in found))  # fmt: skip


TABLES: Mapping[str, tuple[str, Callable[[], str]]] = {
    "log events": ("docs/operating.md", lambda: log_table(log_events())),
    "metrics": ("docs/operating.md", metrics),
    "alerts": ("docs/operating.md", alerts),
    "adoption": ("docs/operating.md", adoption),
    "checks": ("docs/operating.md", checks),
    "settings of all workers": ("docs/operating.md", agreed),
    "problems": ("docs/operating.md", problems),
    "kinds": ("docs/integrating.md", kinds),
    "events": ("docs/integrating.md", events),
    "rooms": ("docs/design.md", rooms),
    "lifecycle": ("docs/design.md", lifecycle),
}


def in_file(name: str, text: str) -> tuple[str, str, str]:
    """A file's text before, in and after the table `name`."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = text.partition(start)
    inside, closed, after = rest.partition(end)
    if not (found and closed) or text.count(start) > 1:
        raise ValueError(f"{TABLES[name][0]} must hold {start.strip()} and {end} once")
    return before + start, inside, end + after


def up_to_date(file: str, text: str) -> str:
    """The file's text with all of its tables made anew."""
    for name, (place, make) in TABLES.items():
        if place == file:
            before, _, after = in_file(name, text)
            text = f"{before}{make()}\n{after}"
    return text


def _payload(schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", ())
    return ", ".join(name if name in needed else f"{name}?" for name in schema.get("properties", {}))


def _names(result: type) -> str:
    return ", ".join(get_type_hints(result))


def _span(seconds: float) -> str:
    size, unit = next((size, unit) for size, unit in ((3600, "h"), (60, "min"), (1, "s")) if seconds >= size)
    return f"{seconds / size:.0f} {unit}"


def _logged(kind: type[Event]) -> list[str]:
    return [field.name for field in fields(kind) if field.metadata.get("log", True)]


def _moves(moves: Mapping[StrEnum, StrEnum]) -> str:
    kept = [old.value for old, new in moves.items() if old == new]
    changed: dict[str, list[str]] = {}
    for old, new in moves.items():
        if old != new:
            changed.setdefault(new.value, []).append(old.value)
    told = [f"{', '.join(olds)} → {new}" for new, olds in changed.items()]
    return "; ".join(told + ([f"unchanged: {', '.join(kept)}"] if kept else []))


def _plain(text: str) -> str:
    """An annotation without Prometheus' templates."""
    return re.sub(r"{{ \$(?:labels\.)?(\w+) }}", r"<\1>", text)


def _package_doc(folder: Path) -> str:
    doc = re.match(r'"""(.*?)(?:"""|\n\n)', (folder / "__init__.py").read_text(), re.S)
    assert doc is not None, f"{folder} does not say what it is for"
    return " ".join(doc[1].split()).removesuffix(".")


if __name__ == "__main__":
    for path in sorted({ROOT / file for file, _ in TABLES.values()}):
        path.write_text(up_to_date(str(path.relative_to(ROOT)), path.read_text()))
