"""What is wrong with an invoice's dates or its payment term."""

from worker.domain.problems.problem_type import ERNEUT, RETRY, Actor, entry

ENTRIES = (
    entry("date_out_of_range", Actor.BILLING,
          "These dates of the invoice do not lie between {first} and {last}: {columns}.",
          f"Correct them in the billing system, {RETRY}",
          "Diese Daten der Rechnung liegen nicht zwischen {first} und {last}: {columns}.",
          f"Sie im Abrechnungssystem berichtigen, {ERNEUT}"),
    entry("service_date_missing", Actor.BILLING,
          "Final invoice {number} does not say when the service was rendered (§ 14 (4) no. 6 UStG).",
          f"Set service_from, or service_from and service_to, in the billing system, {RETRY}",
          "Die Schlussrechnung {number} sagt nicht, wann geleistet wurde (§ 14 Abs. 4 Nr. 6 UStG).",
          f"Im Abrechnungssystem service_from setzen, oder service_from und service_to, {ERNEUT}"),
    entry("service_dates_reversed", Actor.BILLING,
          "The service period begins on {service_from} and ends before that, on {service_to}.",
          f"Correct service_from or service_to in the billing system, {RETRY}",
          "Der Leistungszeitraum beginnt am {service_from} und endet davor, am {service_to}.",
          f"Im Abrechnungssystem service_from oder service_to berichtigen, {ERNEUT}"),
    entry("issue_date_in_future", Actor.BILLING,
          "The issue date {issue_date} is later than the day of the attempt, {today} in Berlin.",
          f"Correct the issue date in the billing system, or wait for that day; {RETRY}",
          "Das Rechnungsdatum {issue_date} liegt nach dem Tag des Versuchs, dem {today} in Berlin.",
          f"Das Rechnungsdatum im Abrechnungssystem berichtigen oder jenen Tag abwarten; {ERNEUT}"),
    entry("issue_date_too_old", Actor.BILLING,
          "The issue date {issue_date} was {age} days back when it was tried; the limit is {limit} "
          "(setting ISSUE_DATE_MAX_AGE).",
          f"Correct the issue date in the billing system, {RETRY} If it is right: sevdesk-worker retry {{job}} "
          "--as confirmed.",
          "Das Rechnungsdatum {issue_date} lag beim Versuch {age} Tage zurück; die Grenze ist {limit} "
          "(Einstellung ISSUE_DATE_MAX_AGE).",
          f"Das Rechnungsdatum im Abrechnungssystem berichtigen, {ERNEUT} Stimmt es: sevdesk-worker retry {{job}} "
          "--as confirmed.", confirmable=True),
    entry("payment_term_invalid", Actor.BILLING,
          "The payment term is {days} days; 0 to {longest} are possible.",
          f"Correct payment_term_days in the billing system, {RETRY}",
          "Das Zahlungsziel beträgt {days} Tage; möglich sind 0 bis {longest}.",
          f"Im Abrechnungssystem payment_term_days berichtigen, {ERNEUT}"),
)  # fmt: skip
