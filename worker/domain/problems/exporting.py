"""What keeps a DATEV export from coming about."""

from worker.domain.problems.problem_type import Actor, entry

ENTRIES = (
    entry("export_not_found", Actor.DEVELOPER,
          "There is no DATEV export {export_id}.",
          "Insert its row into sevdesk_datev_exports first, or give a period; then ask again with a new job.",
          "Es gibt keinen DATEV-Export {export_id}.",
          "Zuerst seine Zeile in sevdesk_datev_exports anlegen oder einen Zeitraum angeben; dann mit einem neuen "
          "Auftrag erneut anfordern."),
    entry("export_taken", Actor.DEVELOPER,
          "Export {export_id} belongs to job {other_job} already.",
          "Read that job's result, or ask for an export of its own with start_date and end_date.",
          "Der Export {export_id} gehört schon zu Auftrag {other_job}.",
          "Das Ergebnis jenes Auftrags lesen, oder mit start_date und end_date einen eigenen Export anfordern."),
    entry("export_overlaps", Actor.REQUESTER,
          "Export {other_export} of an overlapping period is still running.",
          "Wait until it has ended, then ask again with a new job.",
          "Der Export {other_export} mit überlappendem Zeitraum läuft noch.",
          "Warten, bis er beendet ist, dann mit einem neuen Auftrag erneut anfordern."),
    entry("export_start_unknown", Actor.OPERATOR,
          "Whether sevDesk has started the export of {period} cannot be told: its answer was lost.",
          "Look under exports in sevDesk, then answer: sevdesk-worker retry {job} --as done, or sevdesk-worker retry "
          "{job} --as not-done.",
          "Ob sevDesk den Export für {period} begonnen hat, lässt sich nicht erkennen: seine Antwort ging verloren.",
          "In sevDesk unter Exporte nachsehen, dann antworten: sevdesk-worker retry {job} --as done oder "
          "sevdesk-worker retry {job} --as not-done."),
    entry("export_before_restore", Actor.OPERATOR,
          "The export of {period} may have been asked for before the database was restored from a backup: sevDesk may "
          "have made it already.",
          "Look under exports in sevDesk. If it is not there, or another one does no harm: sevdesk-worker retry {job} "
          "--as confirmed; else: sevdesk-worker dismiss {job} --reason TEXT.",
          "Der Export für {period} wurde vielleicht angefordert, bevor die Datenbank aus einer Sicherung "
          "wiederhergestellt wurde: sevDesk hat ihn vielleicht schon erstellt.",
          "In sevDesk unter Exporte nachsehen. Ist er nicht da, oder schadet ein weiterer nicht: sevdesk-worker retry "
          "{job} --as confirmed; sonst: sevdesk-worker dismiss {job} --reason TEXT.", confirmable=True),
    entry("export_job_id_lost", Actor.ACCOUNTANT,
          "sevDesk runs the export of {period}, but its job id was lost.",
          "Download it in sevDesk, or ask for a new export.",
          "sevDesk führt den Export für {period} aus, aber seine Auftragskennung ging verloren.",
          "Ihn in sevDesk herunterladen oder einen neuen Export anfordern."),
    entry("export_not_configured", Actor.ACCOUNTANT,
          "sevDesk cannot make a DATEV export yet: {answer}.",
          "Set adviser number, client number and the begin of the accounting year under Settings, Accounting, DATEV in "
          "sevDesk (an API token may not), then: sevdesk-worker retry {job}.",
          "sevDesk kann noch keinen DATEV-Export erstellen: {answer}.",
          "In sevDesk unter Einstellungen, Buchhaltung, DATEV Berater- und Mandantennummer und Beginn des "
          "Wirtschaftsjahres setzen (ein API-Token darf das nicht), dann: sevdesk-worker retry {job}."),
    entry("export_never_finished", Actor.ACCOUNTANT,
          "sevDesk has not finished the export within {hours} hours.",
          "Look under exports in sevDesk, ask for a new one if it is not there, then: sevdesk-worker dismiss {job} "
          "--reason TEXT.",
          "sevDesk hat den Export nicht innerhalb von {hours} Stunden fertiggestellt.",
          "In sevDesk unter Exporte nachsehen, einen neuen anfordern, wenn er nicht da ist, dann: "
          "sevdesk-worker dismiss {job} --reason TEXT."),
    entry("export_download_refused", Actor.ACCOUNTANT,
          "The export's archive cannot be downloaded: {answer}.",
          "Fetch the archive in sevDesk by hand, or take a new link: sevdesk-worker retry {job}.",
          "Das Archiv des Exports lässt sich nicht herunterladen: {answer}.",
          "Das Archiv in sevDesk von Hand holen, oder mit einem neuen Link: sevdesk-worker retry {job}."),
)  # fmt: skip
