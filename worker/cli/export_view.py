"""How exports looks in a terminal."""

from typing import Any

from rich.console import Group, RenderableType

from worker.cli.tables import Sentence, facts, local_time, short_commands, table
from worker.domain.commands import filled
from worker.domain.notices import NOTICES
from worker.operator.results import findings_of
from worker.operator.rows import ExportFindingsRow
from worker.store.rows import Row

# Findings shown of one export; --json and --csv have all that were kept.
MAX_SHOWN = 20


def export_list(rows: list[Row]) -> RenderableType:
    """One line per export, newest first."""
    if not rows:
        return "No export has been asked for. sevdesk-worker enqueue export_datev start_date=... end_date=..."
    cells = [
        (f"{row['start_date']} to {row['end_date']}", row["scope"], row["status"], _counts(row["findings"]),
         local_time(row["created_at"]), row["export_id"])
        for row in rows
    ]  # fmt: skip
    return table(("period", "scope", "status", "findings", "asked", "export"), cells)


def findings_step(export: ExportFindingsRow) -> str:
    """What to do about an export whose findings nobody has dealt with."""
    return short_commands(filled(NOTICES["export_finding"].next_step, **export, number=export["export_id"]))


def export_view(found: dict[str, Any], unsettled: ExportFindingsRow | None) -> RenderableType:
    """One export: its result and its findings; and what to do about them, if nobody has."""
    report = found["report"] or {}
    size = f"{found['package_bytes'] / 1e6:.1f} MB" if found["package_bytes"] is not None else "-"
    head = facts(
        ("export", str(found["export_id"])),
        ("period", f"{found['start_date']} to {found['end_date']}, scope {found['scope']}"),
        ("status", f"{found['status']}, {found['progress']}%" + (f": {found['error']}" if found["error"] else "")),
        ("asked", local_time(found["created_at"])),
        ("ended", local_time(found["finished_at"]) if found["finished_at"] else "-"),
        ("job", found["job_id"] or "-"),
        ("package", f"{found['filename'] or '-'}, {size}"),
        ("postings", str(report.get("postings", "-"))),
        ("findings", _counts(report.get("counts"))),
        *([("next step", Sentence(findings_step(unsettled)))] if unsettled else []),
    )
    findings = findings_of(report)
    cells = [(each["kind"], each["text_en"], each["file"], each["number"]) for each in findings[:MAX_SHOWN]]
    more = [f"+{len(findings) - MAX_SHOWN} more"] if len(findings) > MAX_SHOWN else []
    return Group(head, table(("finding", "text", "file", "document"), cells), *more) if cells else head


def _counts(counts: dict[str, int] | None) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted((counts or {}).items())) or "none"
