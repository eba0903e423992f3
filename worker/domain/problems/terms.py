"""What is wrong with an invoice's terms: Skonto, and who its contact person is."""

from worker.domain.problems.problem_type import ERNEUT, RETRY, Actor, entry

FIRST_USER = (
    "sevdesk-worker enqueue update_config contact_person_id=null contact_person_eb=null contact_person_kop=null"
)

ENTRIES = (
    entry("skonto_invalid", Actor.BILLING,
          "Skonto of {percent} % within {days} days is not possible: the percentage lies above 0 and below 100 with at "
          "most two decimals, the days between 0 and the payment term ({term}), and both are given or none.",
          f"Correct skonto_percent and skonto_days in the billing system, {RETRY} If the job named them, ask with a "
          "new job.",
          "Skonto von {percent} % innerhalb von {days} Tagen ist nicht möglich: der Prozentsatz liegt über 0 und unter "
          "100 mit höchstens zwei Nachkommastellen, die Tage zwischen 0 und dem Zahlungsziel ({term}), und beides ist "
          "angegeben oder keines.",
          f"skonto_percent und skonto_days im Abrechnungssystem berichtigen, {ERNEUT} Hat der Auftrag sie genannt, neu "
          "anfordern."),
    entry("skonto_not_kept", Actor.BILLING,
          "sevDesk did not keep the Skonto of invoice {number}: sent were {percent} % within {days} days, the draft "
          "has {kept_percent} % within {kept_days} days.",
          f"Choose terms that sevDesk keeps, such as whole per cents, {RETRY} The draft is then made anew.",
          "sevDesk hat das Skonto der Rechnung {number} nicht übernommen: gesendet waren {percent} % innerhalb von "
          "{days} Tagen, der Entwurf hat {kept_percent} % innerhalb von {kept_days} Tagen.",
          f"Bedingungen wählen, die sevDesk übernimmt, etwa ganze Prozente, {ERNEUT} Der Entwurf wird dann neu "
          "angelegt."),
    entry("contact_person_not_listed", Actor.OPERATOR,
          "Invoice {number} is to name sevDesk user {wanted} as contact person; the account's users are {known}.",
          f"Take the account's first user: {FIRST_USER}; or name another, {RETRY} If the job named it, ask with a new "
          "job.",
          "Die Rechnung {number} soll den sevDesk-Benutzer {wanted} als Ansprechpartner nennen; die Benutzer des "
          "Kontos sind {known}.",
          f"Den ersten Benutzer des Kontos nehmen: {FIRST_USER}; oder einen anderen nennen, {ERNEUT} Hat der Auftrag "
          "ihn genannt, neu anfordern."),
)  # fmt: skip
