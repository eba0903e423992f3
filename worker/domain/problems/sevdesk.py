"""What sevDesk refuses or fails to do. `answer` is what it said, with HTTP status and its own error number.

sevDesk's error numbers and texts were measured by peers (field notes 3.5 to 3.8, 12.2, 15.8).
"""

from worker.domain.problems.problem_type import ERNEUT, RETRY, Actor, ProblemType, entry


def _refused(code: str, meaning: str, next_step: str, bedeutung: str, abhilfe: str, actor: Actor) -> ProblemType:
    """sevDesk said no to one call; its own words follow what they mean."""
    return entry(code, actor,
                 f"{meaning} sevDesk's answer to {{operation}}: “{{answer}}”.", f"{next_step}, {RETRY}",
                 f"{bedeutung} Antwort von sevDesk auf {{operation}}: „{{answer}}“.", f"{abhilfe}, {ERNEUT}",
                 )  # fmt: skip


ENTRIES = (
    entry("token_missing", Actor.OPERATOR,
          "SEVDESK_API_TOKEN is not set, so nothing can be asked of sevDesk.",
          f"Set the token in the worker's environment and restart it, {RETRY}",
          "SEVDESK_API_TOKEN ist nicht gesetzt, daher kann sevDesk nicht gefragt werden.",
          f"Das Token in der Umgebung des Workers setzen und ihn neu starten, {ERNEUT}"),
    entry("token_refused", Actor.OPERATOR,
          "sevDesk refuses the API token.",
          f"Set a valid SEVDESK_API_TOKEN and restart the worker, {RETRY}",
          "sevDesk lehnt das API-Token ab.",
          f"Ein gültiges SEVDESK_API_TOKEN setzen und den Worker neu starten, {ERNEUT}"),
    _refused("sevdesk_refused", "sevDesk refused the call, so nothing happened.", "Correct what sevDesk names",
             "sevDesk hat den Aufruf abgelehnt, also ist nichts geschehen.", "Berichtigen, was sevDesk nennt",
             Actor.ACCOUNTANT),
    _refused("sevdesk_tax_refused",
             "sevDesk does not accept the tax rule, a tax rate or the sums when the invoice gets its number.",
             "Compare the invoice's tax rule and rates with the account's settings in sevDesk",
             "sevDesk lehnt beim Vergeben der Nummer die Steuerregel, einen Steuersatz oder die Summen ab.",
             "Steuerregel und Steuersätze der Rechnung mit den Einstellungen in sevDesk vergleichen", Actor.ACCOUNTANT),
    _refused("e_invoice_data_missing",
             "An e-invoice lacks data: the company's own (address, IBAN, BIC, tax number) or the customer's.",
             "Complete what sevDesk names in its company settings or at the contact",
             "Einer E-Rechnung fehlen Angaben: die der eigenen Firma (Anschrift, IBAN, BIC, Steuernummer) oder die des "
             "Kunden.",
             "Was sevDesk nennt in den Firmeneinstellungen oder beim Kontakt ergänzen", Actor.ACCOUNTANT),
    _refused("sevdesk_object_gone", "sevDesk no longer has what the worker refers to: it was deleted there.",
             "The invoice's document: sevdesk-worker enqueue sync_payments full=true notices that, and sevdesk-worker "
             "why INVOICE then says how to replace it. A contact: restore it in sevDesk, or delete its row in "
             "sevdesk_contacts",
             "sevDesk hat nicht mehr, worauf der Worker sich bezieht: es wurde dort gelöscht.",
             "Der Beleg der Rechnung: sevdesk-worker enqueue sync_payments full=true bemerkt es, und sevdesk-worker "
             "why INVOICE sagt dann, wie er ersetzt wird. Ein Kontakt: ihn in sevDesk wiederherstellen, oder seine "
             "Zeile in sevdesk_contacts löschen", Actor.ACCOUNTANT),
    _refused("not_a_draft", "sevDesk deletes drafts only, and this document has its number already.",
             "Look at it in sevDesk (the job goes on with what is there)",
             "sevDesk löscht nur Entwürfe, und dieser Beleg hat schon seine Nummer.",
             "Ihn in sevDesk ansehen (der Auftrag geht von dem aus, was dort steht)",
             Actor.ACCOUNTANT),
    _refused("sevdesk_already_cancelled", "The invoice is cancelled in sevDesk already.", "Look at it there",
             "Die Rechnung ist in sevDesk schon storniert.", "Sie dort ansehen", Actor.ACCOUNTANT),
    _refused("number_lock",
             "sevDesk could not draw a number: its number circle is locked or a number is used twice.",
             "Wait some minutes; if it comes back, check the number circle in sevDesk's settings",
             "sevDesk konnte keine Nummer vergeben: der Nummernkreis ist gesperrt oder eine Nummer doppelt benutzt.",
             "Einige Minuten warten; kommt es wieder, den Nummernkreis in sevDesks Einstellungen prüfen",
             Actor.ACCOUNTANT),
    _refused("contact_person_unknown",
             "sevDesk wants one of the account's users as contact person, and does not know the one given.",
             "Take the account's first user: sevdesk-worker enqueue update_config contact_person_id=null; or name "
             "another",
             "sevDesk verlangt einen Benutzer des Kontos als Ansprechpartner und kennt den angegebenen nicht.",
             "Den ersten Benutzer des Kontos nehmen: sevdesk-worker enqueue update_config contact_person_id=null; oder "
             "einen anderen nennen",
             Actor.OPERATOR),
    _refused("country_unknown", "sevDesk has no country with the recipient's code.",
             "Correct country_code (ISO 3166-1, two letters) of the recipient in the billing system",
             "sevDesk hat kein Land mit dem Kürzel des Empfängers.",
             "country_code (ISO 3166-1, zwei Buchstaben) des Empfängers im Abrechnungssystem berichtigen",
             Actor.BILLING),
    _refused("payment_method_missing",
             "An e-invoice names its payment method, and the account has none for credit transfer (code 58).",
             "Add the payment method in sevDesk",
             "Eine E-Rechnung nennt ihre Zahlungsart, und das Konto hat keine für Überweisung (Code 58).",
             "Die Zahlungsart in sevDesk anlegen", Actor.ACCOUNTANT),
    _refused("template_refused", "sevDesk does not accept the template.",
             "Compare the configured template with sevDesk's (sevdesk-worker doctor does)",
             "sevDesk nimmt die Vorlage nicht an.",
             "Die eingestellte Vorlage mit denen von sevDesk vergleichen (sevdesk-worker doctor tut das)",
             Actor.OPERATOR),
    entry("sevdesk_unavailable", Actor.OPERATOR,
          "sevDesk gave no usable answer to {operation}: “{answer}”.",
          f"Check the network and sevDesk's state (sevdesk-worker doctor asks it), {RETRY}",
          "sevDesk hat auf {operation} keine brauchbare Antwort gegeben: „{answer}“.",
          f"Netzwerk und Zustand von sevDesk prüfen (sevdesk-worker doctor fragt es), {ERNEUT}"),
    entry("sevdesk_throttled", Actor.OPERATOR,
          "sevDesk asked the worker to slow down: it answered {operation} with “{answer}”.",
          f"Run fewer workers or lower WORKER_MAX_JOBS, {RETRY}",
          "sevDesk will langsamer befragt werden: auf {operation} antwortete es „{answer}“.",
          f"Weniger Worker laufen lassen oder WORKER_MAX_JOBS senken, {ERNEUT}"),
    entry("filter_ignored", Actor.OPERATOR,
          "sevDesk ignored the filter of {operation}, so its list proves nothing: “{answer}”.",
          f"sevDesk may have changed its filters: report it, {RETRY}",
          "sevDesk hat den Filter von {operation} nicht beachtet, seine Liste besagt daher nichts: „{answer}“.",
          f"sevDesk hat vielleicht seine Filter geändert: melden, {ERNEUT}"),
    entry("outcome_unknown", Actor.OPERATOR,
          "Whether {operation} took effect is not known: “{answer}”.",
          "sevDesk is asked what became of it before anything is repeated. If it does not come back, check the network "
          f"and sevDesk's state, {RETRY}",
          "Ob {operation} gewirkt hat, ist nicht bekannt: „{answer}“.",
          "sevDesk wird gefragt, was daraus wurde, ehe etwas wiederholt wird. Kommt es nicht wieder, Netzwerk und "
          f"Zustand von sevDesk prüfen, {ERNEUT}"),
    entry("database_slow", Actor.OPERATOR,
          "Postgres ended a statement that took longer than {seconds} s, or somebody cancelled it.",
          f"Look for long transactions and missing indexes in Postgres (sevdesk-worker doctor), {RETRY}",
          "Postgres hat eine Anweisung beendet, die länger als {seconds} s dauerte, oder jemand hat sie abgebrochen.",
          f"In Postgres nach langen Transaktionen und fehlenden Indizes suchen (sevdesk-worker doctor), {ERNEUT}"),
    entry("database_conflict", Actor.WORKER,
          "Another transaction in Postgres changed the same rows at the same time.",
          f"Nothing to do. If it does not end, look for what writes these rows all the time, {RETRY}",
          "Eine andere Transaktion in Postgres hat zur selben Zeit dieselben Zeilen geändert.",
          f"Nichts zu tun. Hört es nicht auf, nachsehen, was diese Zeilen ständig ändert, {ERNEUT}"),
    entry("unexpected_error", Actor.OPERATOR,
          "Unexpected {error} in the worker.",
          f"The log line job.unexpected_error has the traceback: report it, {RETRY}",
          "Unerwarteter Fehler {error} im Worker.",
          f"Die Protokollzeile job.unexpected_error enthält die Einzelheiten: melden, {ERNEUT}"),
)  # fmt: skip
