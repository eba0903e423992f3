-- DATEV exports, and the invoices and payments that an export must contain.

-- name: find_or_insert_export^
-- The export that a job works on: the one named, else a new one. An export belongs to the first job that asks for it.
WITH own AS (
    INSERT INTO sevdesk_datev_exports (start_date, end_date, scope, by_pay_date, include_images, enshrine, job_id,
                                       requested_by)
    SELECT :start_date::date, :end_date::date, :scope, :by_pay_date, :include_images, :enshrine, :job_id,
           :requested_by::uuid
    WHERE :export_id::uuid IS NULL
    ON CONFLICT (job_id) DO NOTHING
    RETURNING *
), named AS (
    UPDATE sevdesk_datev_exports e SET job_id = coalesce(e.job_id, :job_id)
    WHERE e.export_id = :export_id::uuid OR (:export_id::uuid IS NULL AND e.job_id = :job_id)
    RETURNING e.*
)
SELECT export_id, start_date, end_date, scope, by_pay_date, include_images, enshrine, status, job_id, sevdesk_job_id,
       extract(epoch FROM clock_timestamp() - coalesce(started_at, clock_timestamp()))::float8 AS age
FROM (SELECT * FROM own UNION ALL SELECT * FROM named) e;

-- name: overlapping_export$
-- The oldest other running export that has a day in common with this one.
SELECT export_id FROM sevdesk_datev_exports
WHERE status = 'running' AND export_id <> :export_id AND start_date <= :end_date AND end_date >= :start_date
ORDER BY created_at LIMIT 1;

-- name: export_started!
-- Stores sevDesk's job id, and closes the intent.
WITH started AS (
    UPDATE sevdesk_datev_exports
    SET sevdesk_job_id = :sevdesk_job_id, status = 'running', started_at = clock_timestamp(), error = NULL
    WHERE export_id = :export_id AND sevdesk_job_id IS NULL
)
UPDATE sevdesk_intents SET closed_at = clock_timestamp(), outcome = 'done' WHERE id = :intent_id AND closed_at IS NULL;

-- name: export_progress$
-- Stores the progress and sends a notification, if it has grown.
WITH moved AS (
    UPDATE sevdesk_datev_exports SET progress = :progress
    WHERE export_id = :export_id AND progress < :progress
    RETURNING export_id, job_id, progress
)
SELECT pg_notify('sevdesk_events', json_build_object('job_id', job_id, 'kind', 'export_datev', 'export_id', export_id,
                                                     'outcome', 'progress', 'progress', progress)::text)
FROM moved;

-- name: export_failed!
UPDATE sevdesk_datev_exports SET status = 'failed', error = :error, finished_at = clock_timestamp()
WHERE export_id = :export_id AND status IN ('requested', 'running');

-- name: export_finished$
-- Stores the result, and keeps others from it until the parts are there, too; null if it has been stored already.
UPDATE sevdesk_datev_exports
SET status = :status, progress = 100, filename = :filename, archive_sha256 = :archive_sha256,
    archive_bytes = :archive_bytes, package_sha256 = :package_sha256, package_bytes = :package_bytes,
    report = :report::jsonb, error = NULL, finished_at = clock_timestamp()
WHERE export_id = :export_id AND status IN ('requested', 'running', 'failed')
RETURNING export_id;

-- name: store_part!
INSERT INTO sevdesk_datev_parts (export_id, part, original, content)
VALUES (:export_id, :part, :original, :content);

-- name: documents_of_period
-- The finalized invoices with an invoice date in the period, and the cancellation invoices and credit notes made in it.
-- `party`: id of the recipient the draft was made for; null for an invoice that the worker found in sevDesk. `subtotals`:
-- of a credit note over a part of an invoice (`sevdesk_credit_notes`); all others have the invoice's positions.
SELECT d.kind, d.number, d.day, i.tax_rule, i.currency, d.cancels, d.gross, d.account_gross, i.document_kind, d.subtotals,
       ARRAY(SELECT (p.position, p.name, p.description, p.quantity, p.unit, p.unit_price, p.tax_rate)
             FROM billing_invoice_items p WHERE p.invoice_id = i.id ORDER BY p.position) AS items,
       (SELECT e.payload ->> 'recipient_id' FROM billing_invoice_event_log e
        WHERE e.invoice_id = i.id AND e.event_type = 'drafted' ORDER BY e.created_at DESC LIMIT 1) AS party
FROM (SELECT id AS invoice_id, 'invoice' AS kind, external_invoice_number AS number, issue_date AS day, NULL AS cancels,
             gross_amount AS gross, NULL::jsonb AS subtotals,
             (SELECT n.account_gross FROM sevdesk_invoices n
              WHERE n.invoice_id = billing_invoices.id AND n.external_id = billing_invoices.external_id) AS account_gross
      FROM billing_invoices
      WHERE accounting_provider = 'sevdesk' AND external_invoice_number IS NOT NULL
        AND issue_date BETWEEN :first AND :last
      UNION ALL
      SELECT a.invoice_id, 'cancellation', a.cancellation_number, (c.cancelled_at AT TIME ZONE 'Europe/Berlin')::date,
             c.external_invoice_number, a.gross_amount, NULL, NULL
      FROM sevdesk_cancellations a JOIN billing_invoices c ON c.id = a.invoice_id
      WHERE a.kind = 'cancellation_invoice' AND a.cancellation_number IS NOT NULL
        -- The bounds are converted, not the column: at the end of Postgres' years its conversion would be an error.
        AND c.cancelled_at >= :first::date::timestamp AT TIME ZONE 'Europe/Berlin'
        AND c.cancelled_at < (:last::date + 1)::timestamp AT TIME ZONE 'Europe/Berlin'
      UNION ALL
      SELECT invoice_id, 'credit_note', cancellation_number, document_day, NULL, -gross_amount, NULL, NULL
      FROM sevdesk_cancellations
      WHERE kind = 'credit_note' AND NOT is_draft AND document_day BETWEEN :first AND :last
      UNION ALL
      SELECT invoice_id, 'credit_note', credit_note_number, document_day, NULL, -gross_amount, subtotals, NULL
      FROM sevdesk_credit_notes
      WHERE status = 'finalized' AND document_day BETWEEN :first AND :last) AS d
JOIN billing_invoices i ON i.id = d.invoice_id;

-- name: payments_of_period
-- Payments and repayments of our invoices, by the day that sevDesk gave; without one (day null) by the day when the
-- worker learned of them.
SELECT i.external_invoice_number AS number, i.currency,
       (e.payload ->> 'paid_now')::numeric - (e.payload ->> 'paid_before')::numeric AS amount,
       (e.payload ->> 'paid_on')::date AS day
FROM billing_invoice_event_log e JOIN billing_invoices i ON i.id = e.invoice_id
WHERE e.event_type IN ('partially_paid', 'paid', 'overpaid', 'discounted', 'payment_reversed', 'nothing_owed',
                       'settled_by_credit')
  -- These two also come without money: when the invoice is published, and when the credit note is finished.
  AND (e.event_type NOT IN ('nothing_owed', 'settled_by_credit')
       OR (e.payload ->> 'paid_now')::numeric <> (e.payload ->> 'paid_before')::numeric)
  AND i.external_invoice_number IS NOT NULL
  AND coalesce((e.payload ->> 'paid_on')::date, (e.created_at AT TIME ZONE 'Europe/Berlin')::date)
      BETWEEN :first AND :last;
