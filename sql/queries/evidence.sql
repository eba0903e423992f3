-- Everything recorded about one invoice, for the evidence bundle.

-- name: evidence_rows
-- One statement, so that all parts are of the same moment. Columns are named one by one, because the tables of the
-- billing system may have others that the worker has no right to read.
SELECT kind, body FROM (
    SELECT 1 AS part, NULL::timestamptz AS at, 0 AS id, 'invoice' AS kind, to_jsonb(r) AS body
    FROM (SELECT id, invoice_number, document_kind, document_status, claim_status, currency, net_amount::text,
                 tax_amount::text, gross_amount::text, paid_amount::text, issue_date, paid_at, cancelled_at,
                 accounting_provider, external_id, external_invoice_number, accounting_sync_status, accounting_synced_at
          FROM billing_invoices WHERE id = :invoice_id) r
    UNION ALL
    SELECT 2, r.created_at, 0, 'event', to_jsonb(r)
    FROM (SELECT id, event_type, payload, actor_contact_id, correlation_id, created_at
          FROM billing_invoice_event_log WHERE invoice_id = :invoice_id) r
    UNION ALL
    SELECT 3, NULL, r.seq, 'job', to_jsonb(r)
    FROM (SELECT seq, job_id, kind, origin, requested_by, correlation_id, state, attempt, problem,
                 problem_parameters, error, next_step, created_at, started_at, finished_at
          FROM sevdesk_jobs WHERE invoice_id = :invoice_id) r
    UNION ALL
    SELECT 4, NULL, r.id, 'request', to_jsonb(r)
    FROM (SELECT s.id, s.subject, s.job_id, s.step, s.action, s.summary, s.request_sha256, s.worker, s.intent_at,
                 s.closed_at, s.outcome, s.answer
          FROM sevdesk_jobs j
          -- OFFSET 0 keeps Postgres from reading all intents for a join where it has no statistics yet.
          CROSS JOIN LATERAL (SELECT * FROM sevdesk_intents i WHERE i.job_id = j.job_id OFFSET 0) s
          WHERE j.invoice_id = :invoice_id) r
    UNION ALL
    SELECT 5, NULL, r.id, 'document', to_jsonb(r)
    FROM (SELECT id, kind, filename, mimetype, sha256, length(content) AS bytes, fetched_at, verdict, rules, findings,
                 judged_at
          FROM sevdesk_documents WHERE invoice_id = :invoice_id) r
    UNION ALL
    SELECT 6, NULL, r.id, 'mail', to_jsonb(r)
    FROM (SELECT id, job_id, document, recipient, cc, bcc, subject, pdf_sha256, xml_sha256, sent_at
          FROM sevdesk_mails WHERE invoice_id = :invoice_id) r
    UNION ALL
    SELECT 6, NULL, r.id, 'bounce', to_jsonb(r)
    FROM (SELECT id, mail_job_id, job_id, address, reason, send_date, reported_at
          FROM sevdesk_bounces WHERE invoice_id = :invoice_id) r
    UNION ALL
    SELECT 7, NULL, 0, 'cancellation', to_jsonb(r)
    FROM (SELECT kind, cancellation_external_id, cancellation_number, net_amount::text, tax_amount::text,
                 gross_amount::text, document_day, refund_due::text, is_draft, recorded_at
          FROM sevdesk_cancellations WHERE invoice_id = :invoice_id) r
    UNION ALL
    SELECT 8, r.recorded_at, 0, 'credit_note', to_jsonb(r)
    FROM (SELECT marker, job_id, external_id, status, credit_note_number, document_day, net_amount::text, tax_amount::text,
                 gross_amount::text, subtotals, content, reason, refund_due::text, pdf_sha256, recorded_at
          FROM sevdesk_credit_notes WHERE invoice_id = :invoice_id) r
) AS everything
ORDER BY part, at, id, body ->> 'id';

-- name: document_content$
SELECT content FROM sevdesk_documents WHERE id = :id;
