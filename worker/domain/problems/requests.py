"""What is wrong with a job as it was asked for: the entry in Redis, the payload, the person."""

from worker.domain.problems.problem_type import Actor, ProblemType, entry

_AGAIN = "Mend the producer (docs/integrating.md), then ask again with a new job."
_NOCHMAL = "Das aufrufende Programm berichtigen (docs/integrating.md), dann mit einem neuen Auftrag erneut anfordern."


def _misplaced(code: str, cause: str, ursache: str) -> ProblemType:
    """There are no bytes to look at."""
    return entry(code, Actor.DEVELOPER, cause, _AGAIN, ursache, _NOCHMAL)


def _unreadable(code: str, cause: str, ursache: str) -> ProblemType:
    """The digest names the raw bytes without repeating them."""
    trace, spur = "(SHA-256 of the raw payload: {sha256})", "(SHA-256 des rohen Inhalts: {sha256})"
    return _misplaced(code, f"{cause} {trace}", f"{ursache} {spur}")


ENTRIES = (
    _misplaced("job_id_not_utf8", "The job id is not UTF-8.", "Die Auftragskennung ist kein UTF-8."),
    _misplaced("job_id_invalid", "The job id must have 1 to {max} printable characters.",
               "Die Auftragskennung muss 1 bis {max} druckbare Zeichen haben."),
    _misplaced("entry_payload_missing", "The payload is missing: expired, of the wrong type, or never written.",
               "Der Inhalt fehlt: abgelaufen, vom falschen Typ oder nie geschrieben."),
    _unreadable("entry_too_large", "The payload has {bytes} bytes; at most {max} are read.",
                "Der Inhalt hat {bytes} Bytes; höchstens {max} werden gelesen."),
    _unreadable("entry_not_json",
                "The payload is not valid JSON. arq's own client writes a pickle unless it is given a job_serializer, "
                "and a pickle is never loaded.",
                "Der Inhalt ist kein gültiges JSON. arqs eigener Client schreibt ohne job_serializer ein Pickle, und "
                "das wird nie geladen."),
    _unreadable("entry_holds_nul", "The payload contains a NUL character.", "Der Inhalt enthält ein NUL-Zeichen."),
    _unreadable("entry_too_deep", "The payload is nested deeper than {max} levels.",
                "Der Inhalt ist tiefer als {max} Ebenen verschachtelt."),
    _unreadable("entry_keys_wrong", "The job must be a JSON object with exactly the keys t, f, a, k, et.",
                "Der Auftrag muss ein JSON-Objekt mit genau den Schlüsseln t, f, a, k, et sein."),
    _unreadable("entry_f_invalid", "f must be the name of a job kind, a string.",
                "f muss der Name einer Auftragsart sein, eine Zeichenkette."),
    _unreadable("entry_t_invalid", "t must be null or an integer.", "t muss null oder eine ganze Zahl sein."),
    _unreadable("entry_et_invalid", "et must be the enqueue time in epoch milliseconds, an integer.",
                "et muss der Zeitpunkt der Anforderung in Millisekunden seit 1970 sein, eine ganze Zahl."),
    _unreadable("entry_a_invalid", "a must be an empty list; all options go into k.",
                "a muss eine leere Liste sein; alle Angaben gehören in k."),
    _unreadable("entry_k_invalid", "k must be an object.", "k muss ein Objekt sein."),
    _misplaced("entry_score_invalid", "The queue score must be epoch milliseconds; this one lies years ahead.",
               "Der Wert in der Warteschlange muss in Millisekunden seit 1970 sein; dieser liegt Jahre voraus."),
    _unreadable("entry_requester_invalid", "requested_by must be the id of a contact, a UUID.",
                "requested_by muss die Kennung eines Kontakts sein, eine UUID."),
    _unreadable("entry_correlation_invalid", "correlation_id must be a string of at most {max} characters.",
                "correlation_id muss eine Zeichenkette von höchstens {max} Zeichen sein."),
    _unreadable("signature_missing",
                "JOB_SIGNING_KEYS is set, so k must have the key signed and no other; this entry is not signed.",
                "JOB_SIGNING_KEYS ist gesetzt, also muss k den Schlüssel signed haben und keinen anderen; dieser "
                "Eintrag ist nicht unterschrieben."),
    _unreadable("signature_invalid",
                "signed is no token (HS256) that a key of JOB_SIGNING_KEYS has signed, with kid as the key's name.",
                "signed ist kein Token (HS256), das ein Schlüssel aus JOB_SIGNING_KEYS unterschrieben hat, mit kid als "
                "dessen Namen."),
    _unreadable("signature_of_other_job", "The token's jti, kind or payload is not that of this entry.",
                "jti, kind oder payload des Tokens gehört nicht zu diesem Eintrag."),
    _unreadable("signature_time_wrong", "The token's iat must be epoch seconds, at most seven days ago.",
                "iat des Tokens muss in Sekunden seit 1970 sein und höchstens sieben Tage zurückliegen."),
    entry("kind_unknown", Actor.DEVELOPER,
          "Unknown job kind {kind}. Known kinds: {known}.",
          "Use a kind that sevdesk-worker schema lists, then ask again with a new job.",
          "Unbekannte Auftragsart {kind}. Bekannt sind: {known}.",
          "Eine Art verwenden, die sevdesk-worker schema nennt, dann mit einem neuen Auftrag erneut anfordern."),
    entry("payload_invalid", Actor.DEVELOPER,
          "The payload of {kind} is not valid: {faults}.",
          "Correct the named fields (sevdesk-worker schema), then ask again with a new job.",
          "Die Angaben zu {kind} sind ungültig: {faults}.",
          "Die genannten Felder berichtigen (sevdesk-worker schema), dann mit einem neuen Auftrag erneut anfordern."),
    entry("requester_missing", Actor.DEVELOPER,
          "The job names no requested_by. Jobs that come through Redis must say who asks.",
          "Enqueue it with requested_by, the id of the contact who asks, as a new job.",
          "Der Auftrag nennt kein requested_by. Aufträge über Redis müssen sagen, wer anfordert.",
          "Mit requested_by, der Kennung des anfordernden Kontakts, als neuen Auftrag einreihen."),
    entry("requester_unknown", Actor.DEVELOPER,
          "requested_by {requested_by} is not a known contact.",
          "Use the id of a row in contacts as requested_by, then ask again with a new job.",
          "requested_by {requested_by} ist kein bekannter Kontakt.",
          "Als requested_by die Kennung einer Zeile in contacts verwenden, dann mit einem neuen Auftrag erneut "
          "anfordern."),
    entry("requester_not_internal", Actor.REQUESTER,
          "{kind} may only be asked for by an internal user; {requested_by} is not one.",
          "Let an internal user ask, or set is_internal of this contact and ask again with a new job.",
          "{kind} dürfen nur interne Benutzer anfordern; {requested_by} ist keiner.",
          "Einen internen Benutzer anfordern lassen, oder is_internal dieses Kontakts setzen und mit einem neuen "
          "Auftrag erneut anfordern."),
    entry("requester_not_admin", Actor.REQUESTER,
          "{kind} may only be asked for by an admin; {requested_by} is not one.",
          "Let an admin ask, or set is_admin of this contact and ask again with a new job.",
          "{kind} dürfen nur Administratoren anfordern; {requested_by} ist keiner.",
          "Einen Administrator anfordern lassen, oder is_admin dieses Kontakts setzen und mit einem neuen Auftrag "
          "erneut anfordern."),
    entry("invoice_not_found", Actor.DEVELOPER,
          "There is no invoice {invoice_id}.",
          "Check the invoice's id in the billing system, then ask again with a new job.",
          "Es gibt keine Rechnung {invoice_id}.",
          "Die Kennung der Rechnung im Abrechnungssystem prüfen, dann mit einem neuen Auftrag erneut anfordern."),
    entry("templates_not_fetched", Actor.REQUESTER,
          "sevDesk's templates are not known yet.",
          "Ask for them: sevdesk-worker enqueue refresh_templates; then change the setting again.",
          "Die Vorlagen von sevDesk sind noch nicht bekannt.",
          "Sie abrufen: sevdesk-worker enqueue refresh_templates; dann die Einstellung erneut ändern."),
    entry("template_unknown", Actor.REQUESTER,
          "sevDesk has no template for {wanted}. Known are {known}.",
          "Choose one of the known templates, then change the setting again.",
          "sevDesk hat keine Vorlage für {wanted}. Bekannt sind {known}.",
          "Eine der bekannten Vorlagen wählen, dann die Einstellung erneut ändern."),
)  # fmt: skip
