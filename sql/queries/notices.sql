-- Notices: what is on record about an invoice and wants a person. Events open and close them in `record_changes`.

-- name: count_notices
-- Open notices by code.
SELECT code, count(*)::int AS notices FROM sevdesk_notices WHERE closed_at IS NULL GROUP BY code ORDER BY code;

-- name: open_notices
-- The newest first; of one invoice, if it is given.
SELECT n.invoice_id, i.invoice_number, i.currency, n.code, n.parameters,
       extract(epoch FROM clock_timestamp() - n.opened_at)::float8 AS seconds
FROM (SELECT * FROM sevdesk_notices
      WHERE closed_at IS NULL AND (:invoice_id::uuid IS NULL OR invoice_id = :invoice_id::uuid)
      ORDER BY opened_at DESC LIMIT :most) n
JOIN billing_invoices i ON i.id = n.invoice_id
ORDER BY n.opened_at DESC;

-- name: notices_opened
-- Those of a time that are still open, by code.
SELECT code, count(*)::int AS notices FROM sevdesk_notices
WHERE closed_at IS NULL AND opened_at BETWEEN :since AND :until GROUP BY code ORDER BY code;

-- name: notice_left_draft$
-- Opens a notice if a job was dismissed or rejected while the draft of a credit note that it made lies in sevDesk, which
-- nobody deletes then. Returns sevDesk's id of that draft.
WITH draft AS (
    SELECT j.invoice_id, k.external_id FROM sevdesk_jobs j JOIN sevdesk_credit_notes k USING (invoice_id, job_id)
    WHERE j.job_id = :job_id AND j.state IN ('dismissed', 'rejected') AND k.status = 'drafted'
    UNION ALL
    SELECT j.invoice_id, c.cancellation_external_id FROM sevdesk_jobs j JOIN sevdesk_cancellations c USING (invoice_id)
    WHERE j.job_id = :job_id AND j.state IN ('dismissed', 'rejected') AND j.kind = 'cancel_invoice' AND c.is_draft
), noticed AS (
    INSERT INTO sevdesk_notices (invoice_id, code, parameters)
    SELECT invoice_id, 'credit_draft_left', jsonb_build_object('ids', external_id) FROM draft
    ON CONFLICT (invoice_id, code) DO UPDATE
    SET parameters = CASE WHEN sevdesk_notices.closed_at IS NULL  -- one draft more
                          THEN jsonb_build_object('ids', concat_ws(', ', sevdesk_notices.parameters ->> 'ids',
                                                                   excluded.parameters ->> 'ids'))
                          ELSE excluded.parameters END,
        opened_at = excluded.opened_at, closed_at = NULL
)
SELECT external_id FROM draft;

-- name: acknowledge_notices
-- A person closes the open notices of an invoice, which the event log keeps. Returns their codes.
WITH closed AS (
    UPDATE sevdesk_notices SET closed_at = clock_timestamp()
    WHERE invoice_id = :invoice_id AND closed_at IS NULL RETURNING code
), logged AS (
    INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload)
    SELECT :invoice_id, 'acknowledged',
           jsonb_build_object('codes', jsonb_agg(code ORDER BY code), 'by', :by::text, 'reason', :reason::text)
    FROM closed HAVING count(*) > 0
)
SELECT code FROM closed ORDER BY code;

-- name: replace_drift!
-- What a comparison of the whole book found takes the place of what the one before found.
WITH found AS (
    SELECT f.* FROM jsonb_to_recordset(:findings::jsonb) AS f(invoice_id uuid, parameters jsonb)
), opened AS (
    INSERT INTO sevdesk_notices (invoice_id, code, parameters)
    SELECT invoice_id, 'drift', parameters FROM found
    ON CONFLICT (invoice_id, code) DO UPDATE
    SET parameters = excluded.parameters, closed_at = NULL,
        opened_at = CASE WHEN sevdesk_notices.closed_at IS NULL THEN sevdesk_notices.opened_at
                         ELSE excluded.opened_at END
)
UPDATE sevdesk_notices SET closed_at = clock_timestamp()
WHERE code = 'drift' AND closed_at IS NULL AND invoice_id NOT IN (SELECT invoice_id FROM found);

-- name: replace_export_findings!
-- The findings of an export about single invoices take the place of those of the last export of the same period.
WITH export AS (
    SELECT start_date, end_date, report, jsonb_build_object(
               'period', start_date || '/' || end_date, 'start_date', start_date, 'end_date', end_date) AS period
    FROM sevdesk_datev_exports WHERE export_id = :export_id
), found AS (
    SELECT i.id AS invoice_id, e.period || jsonb_build_object('findings', string_agg(f.text_en, ' ')) AS parameters
    FROM export e, jsonb_to_recordset(e.report -> 'findings') AS f(number text, text_en text)
    JOIN billing_invoices i ON i.external_invoice_number = f.number
    GROUP BY i.id, e.period
), opened AS (
    INSERT INTO sevdesk_notices (invoice_id, code, parameters)
    SELECT invoice_id, 'export_finding', parameters FROM found
    ON CONFLICT (invoice_id, code) DO UPDATE
    SET parameters = excluded.parameters, opened_at = excluded.opened_at, closed_at = NULL
)
UPDATE sevdesk_notices n SET closed_at = clock_timestamp()
FROM export e
WHERE n.code = 'export_finding' AND n.closed_at IS NULL AND n.parameters ->> 'period' = e.period ->> 'period'
  AND n.invoice_id NOT IN (SELECT invoice_id FROM found);

-- name: export_with_findings^
-- The newest export that was not accepted as it is, if neither a person nor a later one of its period has settled that; or this one, if that holds of it.
SELECT e.export_id, e.start_date, e.end_date, e.status, coalesce(jsonb_array_length(e.report -> 'findings'), 0) AS findings
FROM sevdesk_datev_exports e
WHERE e.status IN ('accepted_with_findings', 'refused') AND e.acknowledged_at IS NULL
  AND (:export_id::uuid IS NULL OR e.export_id = :export_id::uuid)
  AND NOT EXISTS (SELECT FROM sevdesk_datev_exports l
                  WHERE l.start_date = e.start_date AND l.end_date = e.end_date AND l.status <> 'failed'
                    AND l.created_at > e.created_at)
ORDER BY e.created_at DESC LIMIT 1;

-- name: acknowledge_export$
-- With it, what the exports of its period have said of single invoices.
WITH export AS (
    UPDATE sevdesk_datev_exports
    SET acknowledged_at = clock_timestamp(), acknowledged_by = :by::text, acknowledged_reason = :reason::text
    WHERE export_id = :export_id AND status IN ('accepted_with_findings', 'refused') AND acknowledged_at IS NULL
    RETURNING export_id, start_date || '/' || end_date AS period
), closed AS (
    UPDATE sevdesk_notices n SET closed_at = clock_timestamp() FROM export e
    WHERE n.code = 'export_finding' AND n.closed_at IS NULL AND n.parameters ->> 'period' = e.period
    RETURNING n.invoice_id
), logged AS (
    INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload)
    SELECT invoice_id, 'acknowledged',
           jsonb_build_object('codes', jsonb_build_array('export_finding'), 'by', :by::text, 'reason', :reason::text)
    FROM closed
)
SELECT export_id FROM export;
