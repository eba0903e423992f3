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

-- name: export_found$
-- Whether a person has found in sevDesk what this job ordered: an attempt may have ended after it closed the intent.
SELECT EXISTS (SELECT FROM sevdesk_intents
               WHERE job_id = :job_id AND action = 'create_datev_export' AND outcome = 'found_done');

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
-- By pay date: the invoices paid in it, and as optional those that an export may have as well, because what sevDesk does
-- with them is not established: paid ones of which sevDesk has no pay date, those that a credit note over the whole has
-- cancelled since, and credit notes made up to three months before. A cancellation invoice is never paid. `party`: id of the recipient the draft was made for; null for an invoice that the worker found in sevDesk.
-- `subtotals`: of a credit note over a part of an invoice (`sevdesk_credit_notes`); all others have the invoice's
-- positions. Each part begins with an index on its day.
SELECT d.kind, d.number, d.day, d.issue_day, d.optional, d.tax_rule, d.currency, d.cancels, d.gross, d.account_gross,
       d.document_kind, d.subtotals,
       ARRAY(SELECT (p.position, p.name, p.description, p.quantity, p.unit, p.unit_price, p.tax_rate)
             FROM billing_invoice_items p WHERE p.invoice_id = d.invoice_id ORDER BY p.position) AS items,
       (SELECT e.payload ->> 'recipient_id' FROM billing_invoice_event_log e
        WHERE e.invoice_id = d.invoice_id AND e.event_type = 'drafted' ORDER BY e.created_at DESC LIMIT 1) AS party
FROM (SELECT i.id AS invoice_id, 'invoice' AS kind, i.external_invoice_number AS number, i.issue_date AS day,
             NULL::date AS issue_day, false AS optional, NULL AS cancels, i.gross_amount AS gross,
             (SELECT n.account_gross FROM sevdesk_invoices n
              WHERE n.invoice_id = i.id AND n.external_id = i.external_id) AS account_gross,
             NULL::jsonb AS subtotals, i.tax_rule, i.currency, i.document_kind
      FROM billing_invoices i
      WHERE NOT :by_pay_date::boolean AND i.accounting_provider = 'sevdesk' AND i.external_invoice_number IS NOT NULL
        AND i.issue_date BETWEEN :first AND :last
      UNION ALL
      SELECT i.id, 'invoice', i.external_invoice_number, (i.paid_at AT TIME ZONE 'Europe/Berlin')::date, i.issue_date,
             NOT EXISTS (SELECT FROM billing_invoice_event_log e
                         WHERE e.invoice_id = i.id AND e.payload ->> 'paid_on'
                               = to_char(i.paid_at AT TIME ZONE 'Europe/Berlin', 'YYYY-MM-DD')),
             NULL, i.gross_amount,
             (SELECT n.account_gross FROM sevdesk_invoices n
              WHERE n.invoice_id = i.id AND n.external_id = i.external_id),
             NULL, i.tax_rule, i.currency, i.document_kind
      FROM billing_invoices i
      WHERE :by_pay_date::boolean AND i.accounting_provider = 'sevdesk' AND i.external_invoice_number IS NOT NULL
        -- The bounds are converted, not the column: at the end of Postgres' years its conversion would be an error.
        AND i.paid_at >= :first::date::timestamp AT TIME ZONE 'Europe/Berlin'
        AND i.paid_at < (:last::date + 1)::timestamp AT TIME ZONE 'Europe/Berlin'
      UNION ALL
      -- Cancelled by a credit note over the whole, so that nothing counts as paid here any more; sevDesk may show the
      -- invoice as paid all the same.
      SELECT i.id, 'invoice', i.external_invoice_number, p.day, i.issue_date, true, NULL, i.gross_amount,
             (SELECT n.account_gross FROM sevdesk_invoices n
              WHERE n.invoice_id = i.id AND n.external_id = i.external_id),
             NULL, i.tax_rule, i.currency, i.document_kind
      FROM (SELECT e.invoice_id, max((e.payload ->> 'paid_on')::date) AS day FROM billing_invoice_event_log e
            WHERE e.event_type IN ('partially_paid', 'paid', 'overpaid', 'discounted', 'payment_reversed',
                                   'nothing_owed', 'settled_by_credit')
              AND e.payload ->> 'paid_on' BETWEEN to_char(:first::date, 'YYYY-MM-DD')
                                              AND to_char(:last::date, 'YYYY-MM-DD')
            GROUP BY e.invoice_id) p
      CROSS JOIN LATERAL (SELECT 1 FROM sevdesk_cancellations a WHERE a.invoice_id = p.invoice_id
                            AND a.kind = 'credit_note' AND NOT a.is_draft LIMIT 1) a
      CROSS JOIN LATERAL (SELECT b.id, b.external_invoice_number, b.external_id, b.issue_date, b.gross_amount, b.paid_at,
                                 b.accounting_provider, b.tax_rule, b.currency, b.document_kind
                          FROM billing_invoices b WHERE b.id = p.invoice_id LIMIT 1) i
      WHERE :by_pay_date::boolean AND i.accounting_provider = 'sevdesk'
        AND i.external_invoice_number IS NOT NULL AND i.paid_at IS NULL
      UNION ALL
      SELECT i.id, 'cancellation', a.cancellation_number, a.document_day, NULL, false, i.external_invoice_number,
             a.gross_amount, NULL, NULL, i.tax_rule, i.currency, i.document_kind
      FROM sevdesk_cancellations a JOIN billing_invoices i ON i.id = a.invoice_id
      WHERE NOT :by_pay_date::boolean AND a.kind = 'cancellation_invoice' AND a.cancellation_number IS NOT NULL
        AND a.document_day BETWEEN :first AND :last
      UNION ALL
      SELECT i.id, 'credit_note', c.number, c.document_day, NULL, :by_pay_date::boolean, NULL, -c.gross_amount, NULL,
             c.subtotals, i.tax_rule, i.currency, i.document_kind
      FROM (SELECT invoice_id, cancellation_number AS number, document_day, gross_amount, NULL::jsonb AS subtotals
            FROM sevdesk_cancellations
            WHERE kind = 'credit_note' AND NOT is_draft AND cancellation_number IS NOT NULL
              AND document_day BETWEEN :first::date - CASE WHEN :by_pay_date::boolean THEN 92 ELSE 0 END AND :last
            UNION ALL
            SELECT invoice_id, credit_note_number, document_day, gross_amount, subtotals
            FROM sevdesk_credit_notes
            WHERE status = 'finalized'
              AND document_day BETWEEN :first::date - CASE WHEN :by_pay_date::boolean THEN 92 ELSE 0 END AND :last) c
      -- With a limit each invoice is looked up by its id; a join might read the whole book.
      CROSS JOIN LATERAL (SELECT b.id, b.tax_rule, b.currency, b.document_kind FROM billing_invoices b
                          WHERE b.id = c.invoice_id LIMIT 1) i) AS d;

-- name: payments_of_period
-- Payments and repayments of our invoices, by the day that sevDesk gave. Where it gave none (day null) they may be of any
-- day near the one when the worker learned of them: value dates are usually earlier, those of post-dated payments later.
SELECT i.external_invoice_number AS number, i.currency, a.amount, (e.payload ->> 'paid_on')::date AS day
FROM billing_invoice_event_log e JOIN billing_invoices i ON i.id = e.invoice_id
-- An event of another program that is called like ours has no such amounts.
CROSS JOIN LATERAL (SELECT sevdesk_number_or_null_v1(e.payload ->> 'paid_now')
                           - sevdesk_number_or_null_v1(e.payload ->> 'paid_before') AS amount) a
WHERE e.event_type IN ('partially_paid', 'paid', 'overpaid', 'discounted', 'payment_reversed', 'nothing_owed',
                       'settled_by_credit')
  -- As text, which an index may hold; ISO 8601 is in order as text, too.
  AND (e.payload ->> 'paid_on' BETWEEN to_char(:first::date, 'YYYY-MM-DD') AND to_char(:last::date, 'YYYY-MM-DD')
       OR (e.payload ->> 'paid_on' IS NULL
           AND e.created_at >= (:first::date - 31)::timestamp AT TIME ZONE 'Europe/Berlin'
           AND e.created_at < (:last::date + 93)::timestamp AT TIME ZONE 'Europe/Berlin'))
  -- These two also come without money: when the invoice is published, and when the credit note is finished.
  AND a.amount IS NOT NULL AND (e.event_type NOT IN ('nothing_owed', 'settled_by_credit') OR a.amount <> 0)
  AND i.external_invoice_number IS NOT NULL;
