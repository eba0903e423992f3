-- The indexes that the worker's statements need on the billing system's tables. An installation that lacks one (`doctor`
-- says so) runs this file outside a transaction, where it blocks no writes. An index of another name with the same first
-- columns does as well.

CREATE INDEX CONCURRENTLY IF NOT EXISTS hubspot_associations_from ON hubspot_associations (from_type, from_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS hubspot_associations_to ON hubspot_associations (to_type, to_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS billing_invoices_deal ON billing_invoices (deal_id, document_kind);
CREATE INDEX CONCURRENTLY IF NOT EXISTS billing_invoices_external_id ON billing_invoices (external_id)
    WHERE external_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS billing_invoices_external_number ON billing_invoices (external_invoice_number)
    WHERE external_invoice_number IS NOT NULL;
-- The leader asks every few seconds for invoices that nobody has requested yet.
CREATE INDEX CONCURRENTLY IF NOT EXISTS billing_invoices_to_publish ON billing_invoices (updated_at)
    WHERE document_status = 'approved' AND accounting_sync_status IN ('queued', 'not_synced');
CREATE INDEX CONCURRENTLY IF NOT EXISTS billing_invoice_event_log_invoice
    ON billing_invoice_event_log (invoice_id, created_at);
-- A DATEV export is compared with the documents and payments of its period; a report counts a month's invoices.
CREATE INDEX CONCURRENTLY IF NOT EXISTS billing_invoices_issue_date ON billing_invoices (issue_date);
-- The leader and reports add up what is owed.
CREATE INDEX CONCURRENTLY IF NOT EXISTS billing_invoices_open_claims ON billing_invoices (issue_date)
    WHERE claim_status IN ('open', 'partially_paid') AND external_invoice_number IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS billing_invoices_paid_at ON billing_invoices (paid_at)
    WHERE paid_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS billing_invoice_event_log_payments
    ON billing_invoice_event_log ((payload ->> 'paid_on'), created_at)
    WHERE event_type IN ('partially_paid', 'paid', 'overpaid', 'discounted', 'payment_reversed', 'nothing_owed',
                         'settled_by_credit');
