"""Why a job waits although nothing is wrong with it: it goes on by itself."""

from worker.domain.problems.problem_type import Actor, ProblemType, entry


def _waits(code: str, cause: str, ursache: str) -> ProblemType:
    return entry(code, Actor.WORKER, cause, "Nothing to do; it goes on by itself.",
                 ursache, "Nichts zu tun; es geht von selbst weiter.")  # fmt: skip


ENTRIES = (
    _waits("handed_back", "The worker was stopped and handed the job back.",
           "Der Worker wurde beendet und hat den Auftrag zurückgegeben."),
    _waits("quarantine", "The write {action} may still take effect.",
           "Der Schreibvorgang {action} kann noch wirksam werden."),
    _waits("contact_busy", "Another job writes the same contact.", "Ein anderer Auftrag schreibt denselben Kontakt."),
    _waits("invoice_changed", "The billing system changed the invoice meanwhile.",
           "Das Abrechnungssystem hat die Rechnung inzwischen geändert."),
    _waits("deal_invoice_under_way",
           "Invoice {other} of the same deal is being published; {number} waits for it, because one of them must "
           "account for the other.",
           "Die Rechnung {other} desselben Geschäfts wird gerade veröffentlicht; {number} wartet darauf, weil eine von "
           "beiden die andere berücksichtigen muss."),
    _waits("deal_invoice_of_other_program",
           "Another program publishes invoice {other} of the same deal; {number} waits for the next payment sync, "
           "which tells whether it has, because one of them must account for the other.",
           "Die Rechnung {other} desselben Geschäfts veröffentlicht ein anderes Programm; {number} wartet auf den "
           "nächsten Zahlungsabgleich, der zeigt, ob das geschehen ist, weil eine von beiden die andere "
           "berücksichtigen muss."),
    entry("other_program_read_first", Actor.OPERATOR,
          "Payment sync {sync_job} must first have read what the other program has published, or it would be published "
          "again.",
          "If it goes on, nothing; else: sevdesk-worker why {sync_job}. If somebody dismissed it, ask again with a "
          "new job.",
          "Der Zahlungsabgleich {sync_job} muss erst gelesen haben, was das andere Programm veröffentlicht hat; sonst "
          "würde es noch einmal veröffentlicht.",
          "Läuft er weiter, nichts; sonst: sevdesk-worker why {sync_job}. Hat ihn jemand beendet, einen neuen Auftrag "
          "stellen."),
    _waits("earlier_invoice_under_way",
           "Invoice {number} gets its number after {other}, which is being published (setting PUBLISH_IN_ORDER).",
           "Die Rechnung {number} bekommt ihre Nummer nach {other}, die gerade veröffentlicht wird (Einstellung "
           "PUBLISH_IN_ORDER)."),
    _waits("credit_note_number_busy", "Another credit note with the number {credit_note} is being finished.",
           "Eine andere Gutschrift mit der Nummer {credit_note} wird gerade fertiggestellt."),
    _waits("worker_stalled", "The worker stalled before the call.", "Der Worker stockte vor dem Aufruf."),
    entry("no_room", Actor.OPERATOR,
          "There was no room for the job ({where}: {error}): disk, memory, open files or another limit.",
          "The log line {where}.no_room says of what. Give it room; then it goes on by itself.",
          "Für den Auftrag fehlte Platz ({where}: {error}): Platte, Speicher, offene Dateien oder eine andere Grenze.",
          "Die Protokollzeile {where}.no_room sagt, woran. Platz schaffen; dann geht es von selbst weiter."),
    _waits("person_limit", "The person who asked may start {jobs} jobs per {seconds} s; this one waits its turn.",
           "Wer angefordert hat, darf {jobs} Aufträge je {seconds} s starten; dieser wartet, bis er an der Reihe ist."),
    _waits("export_starting", "Another export is being started.", "Ein anderer Export wird gerade begonnen."),
    _waits("export_in_progress", "sevDesk is making the export.", "sevDesk erstellt den Export."),
    _waits("sevdesk_pause", "sevDesk asked for a pause.", "sevDesk hat um eine Pause gebeten."),
    _waits("sevdesk_slowed", "sevDesk is being asked more slowly, because it could not keep up.",
           "sevDesk wird langsamer befragt, weil es nicht nachkam."),
    entry("account_differs", Actor.OPERATOR,
          "The worker's token belongs to sevDesk account {other}, but this database to account {account}: nothing "
          "is asked of the other one.",
          "Set the token of account {account}, or the right DATABASE_URL, and restart the worker; then it goes on by "
          "itself. To move the company to account {other}: sevdesk-worker enqueue test_connection move_account=true",
          "Das Token des Workers gehört zum sevDesk-Konto {other}, diese Datenbank aber zum Konto {account}: das "
          "andere wird nichts gefragt.",
          "Das Token des Kontos {account} oder die richtige DATABASE_URL setzen und den Worker neu starten; dann geht "
          "es von selbst weiter. Um die Firma in das Konto {other} umzuziehen: sevdesk-worker enqueue test_connection "
          "move_account=true"),
    _waits("missing_in_sevdesk",
           "sevDesk did not have invoice {number} at a first look; a second one decides.",
           "sevDesk hatte die Rechnung {number} bei einer ersten Nachschau nicht; eine zweite entscheidet."),
    entry("database_restored", Actor.OPERATOR,
          "The database was restored from a backup: Redis knows of later writes to sevDesk. Nothing is written there.",
          "sevdesk-worker recover --since TIME, TIME before the backup was made; then it goes on by itself.",
          "Die Datenbank wurde aus einer Sicherung wiederhergestellt: Redis weiß von späteren Schreibvorgängen in "
          "sevDesk. Dort wird nichts geschrieben.",
          "sevdesk-worker recover --since ZEIT, ZEIT vor der Sicherung; dann geht es von selbst weiter."),
    _waits("error_budget_used",
           "Many calls to sevDesk ended in errors lately, for which it may block the API token; this job waits until "
           "fewer have.",
           "Viele Aufrufe bei sevDesk endeten zuletzt mit Fehlern, wofür es das API-Token sperren kann; dieser Auftrag "
           "wartet, bis es weniger sind."),
    entry("token_refused_waiting", Actor.OPERATOR,
          "sevDesk refuses the API token, so nothing is asked of it but one call now and then.",
          "Set a valid SEVDESK_API_TOKEN and restart the worker; then it goes on by itself.",
          "sevDesk lehnt das API-Token ab, daher wird es nur noch gelegentlich mit einem Aufruf befragt.",
          "Ein gültiges SEVDESK_API_TOKEN setzen und den Worker neu starten; dann geht es von selbst weiter."),
)  # fmt: skip
