-- Payment state: what we believe, how far the feed was read, what runs did.

-- name: claims_by_external_id
-- Finalized invoices of ours among a page of sevDesk's.
SELECT id, invoice_number, gross_amount, paid_amount, paid_at, cancelled_at, claim_status, document_status,
       accounting_sync_status, external_id, external_invoice_number, accounting_synced_at
FROM billing_invoices
WHERE accounting_provider = 'sevdesk' AND external_id = ANY (:external_ids::text[])
  AND accounting_sync_status = 'synced';

-- name: external_id_of^
-- Null for what is not ours in sevDesk, or only a draft there.
SELECT CASE WHEN accounting_provider = 'sevdesk' AND accounting_sync_status IN ('synced', 'cancelled')
            THEN external_id END AS external_id
FROM billing_invoices WHERE id = :invoice_id;

-- name: watermark$
SELECT watermark FROM sevdesk_sync_state;

-- name: move_watermark!
-- Only forward, and only after everything before it is stored.
UPDATE sevdesk_sync_state SET watermark = :watermark WHERE watermark IS NULL OR watermark < :watermark;

-- name: start_run^
INSERT INTO sevdesk_sync_runs (job_id, scope) VALUES (:job_id, :scope) RETURNING id, started_at;

-- name: note_page!
UPDATE sevdesk_sync_runs SET pages = pages + 1, seen = seen + :seen, changed = changed + :changed WHERE id = :run_id;

-- name: finish_run^
UPDATE sevdesk_sync_runs SET finished_at = clock_timestamp() WHERE id = :run_id
RETURNING pages, seen, changed, extract(epoch FROM finished_at - started_at)::float8 AS seconds;

-- name: note_sync!
-- updated_at stays: it tells when somebody last changed a setting.
UPDATE sevdesk_config SET last_sync_at = clock_timestamp();

-- name: contact_of_party$
SELECT contact_id FROM sevdesk_contacts WHERE party_id = :party_id;

-- name: synced_after
-- Our finalized invoices in a stable order, a batch at a time.
SELECT external_id FROM billing_invoices
WHERE accounting_provider = 'sevdesk' AND accounting_sync_status = 'synced' AND external_id > :last
ORDER BY external_id LIMIT :most;

-- name: run_to_join^
-- A run of the same scope that was still going when this job was asked for, and has come to its end since.
SELECT r.job_id, r.pages, r.seen, r.changed
FROM sevdesk_sync_runs r JOIN sevdesk_jobs j ON j.job_id = :job_id
WHERE r.scope = :scope AND r.job_id <> :job_id AND r.started_at < j.created_at AND r.finished_at > j.created_at
ORDER BY r.id DESC LIMIT 1;
