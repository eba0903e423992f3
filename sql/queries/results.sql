-- What operators look at and take away: one job whole, the files of an invoice, DATEV exports. Nothing is changed.

-- name: find_by_prefix
-- Jobs, invoices and exports whose ids begin with these hexadecimal digits and hyphens; `low` and `high` are the ends of
-- that range of uuids. In every collation an id that begins so, and goes on in such characters, lies before prefix || 'g'.
SELECT * FROM (SELECT 'job' AS what, j.job_id AS id, j.invoice_id FROM sevdesk_jobs j
               WHERE j.job_id >= :prefix::text AND j.job_id < :prefix::text || 'g' AND starts_with(j.job_id, :prefix::text)
               LIMIT :most::bigint) AS jobs
UNION ALL
SELECT * FROM (SELECT 'invoice', i.id::text, i.id FROM billing_invoices i
               WHERE i.id BETWEEN :low::uuid AND :high::uuid LIMIT :most::bigint) AS invoices
UNION ALL
SELECT * FROM (SELECT 'export', e.export_id::text, NULL::uuid FROM sevdesk_datev_exports e
               WHERE e.export_id BETWEEN :low::uuid AND :high::uuid LIMIT :most::bigint) AS exports;

-- name: whole_job^
SELECT j.job_id, j.kind, j.state, i.invoice_number, j.invoice_id, j.origin, j.requested_by, j.correlation_id, j.traceparent,
       j.payload, j.result, j.attempt, j.retries, j.not_before, j.worker, j.steps_done, j.problem, j.error, j.next_step, j.confirmed,
       j.created_at, j.started_at, j.finished_at, j.dismissed_by, j.dismissed_reason
FROM sevdesk_jobs j LEFT JOIN billing_invoices i ON i.id = j.invoice_id WHERE j.job_id = :job_id;

-- name: job_history
-- The writes of a job, and what happened to its invoice from its first start to its end, oldest first. Event payloads
-- are left out: they may contain personal data.
SELECT at, source, what, outcome FROM (
    SELECT intent_at AS at, 'write' AS source, action AS what, coalesce(outcome, 'open') AS outcome
    FROM sevdesk_intents WHERE job_id = :job_id
    UNION ALL
    SELECT e.created_at, 'event', e.event_type, NULL
    FROM sevdesk_jobs j JOIN billing_invoice_event_log e
         ON e.invoice_id = j.invoice_id AND e.created_at BETWEEN j.started_at AND coalesce(j.finished_at, 'infinity')
    WHERE j.job_id = :job_id) AS happened
ORDER BY at;

-- name: files_of_invoice
-- Without their contents, oldest first.
SELECT id, kind, filename, mimetype, length(content) AS bytes, sha256, fetched_at
FROM sevdesk_documents WHERE invoice_id = :invoice_id ORDER BY id;

-- name: file_content$
SELECT content FROM sevdesk_documents WHERE id = :file_id;

-- name: list_exports
SELECT export_id, start_date, end_date, scope, status, progress, filename, package_bytes, job_id, error, created_at,
       finished_at, report -> 'counts' AS findings
FROM sevdesk_datev_exports ORDER BY created_at DESC LIMIT :most::bigint;

-- name: whole_export^
SELECT export_id, start_date, end_date, scope, by_pay_date, include_images, enshrine, status, progress, job_id,
       sevdesk_job_id, requested_by, error, filename, archive_sha256, archive_bytes, package_sha256, package_bytes,
       report, created_at, started_at, finished_at
FROM sevdesk_datev_exports WHERE export_id = :export_id::uuid;

-- name: export_part^
-- One part of the package, by its place.
SELECT original, content FROM sevdesk_datev_parts WHERE export_id = :export_id::uuid AND part = :part;

-- name: newest_events
-- What happened to one invoice last, newest first, without payloads.
SELECT created_at AS at, event_type, correlation_id FROM billing_invoice_event_log
WHERE invoice_id = :invoice_id ORDER BY created_at DESC LIMIT :most::bigint;
