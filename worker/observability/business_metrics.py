"""The gauges of the business, which the leader measures for all workers."""

from prometheus_client import CollectorRegistry, Gauge

from worker.store.rows import BusinessRow

STAGES = ("published", "sent", "paid")
DUE = ("not_due", "overdue")


class BusinessMetrics:
    """In a worker that does not lead, those with labels have no samples and the others are 0."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"sevdesk_worker_{name}", what, labels, registry=registry)

        self.leader = gauge("leader", "1 in the worker that does the maintenance for all, else 0.")
        self._invoices = gauge(
            "month_invoices",
            "Invoices of this month (issue date, Berlin) that are published, sent, paid.",
            "stage",
        )
        self._euros = gauge("month_euros", "Gross sum of those in EUR.", "stage")
        self._claims = gauge("open_claims", "Published invoices of any month that are not paid in full.", "due")
        self._claims_euros = gauge("open_claims_euros", "What is owed on those in EUR.", "due")
        self._overpaid = gauge(
            "overpaid_euros", "By how much invoices in EUR are overpaid, as noticed and not settled."
        )
        self._exports = gauge("exports_with_findings", "DATEV exports that are not settled: with findings, or refused.")
        self.contradictions = gauge(
            "contradicting_settings", "Settings in which living workers contradict each other (status names them)."
        )
        self._sweep_age = gauge(
            "full_sweep_age_seconds", "Time since a payment sync last read the whole book, else since the first sync."
        )

    def measured(self, row: BusinessRow) -> None:
        """Figures read from Postgres."""
        for stage in STAGES:
            self._invoices.labels(stage).set(row[stage])  # type: ignore[literal-required]
            self._euros.labels(stage).set(row[f"{stage}_euros"])  # type: ignore[literal-required]
        for due in DUE:
            self._claims.labels(due).set(row[f"claims_{due}"])  # type: ignore[literal-required]
            self._claims_euros.labels(due).set(row[f"claims_{due}_euros"])  # type: ignore[literal-required]
        self._overpaid.set(row["overpaid_euros"])
        self._exports.set(row["exports_with_findings"])
        self._sweep_age.set(row["sweep_age"])

    def not_measured(self) -> None:
        """Another worker leads from now on."""
        for labelled in (self._invoices, self._euros, self._claims, self._claims_euros):
            labelled.clear()
        for single in (self.leader, self._overpaid, self._exports, self._sweep_age, self.contradictions):
            single.set(0)
