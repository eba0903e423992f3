-- Payment sync: what we know of payments, how far the changes in sevDesk were read, what each run did.

-- name: receivables_by_external_id
-- write_open: while the outcome of a mail is not known, sevDesk may show it and nobody can say whose it is.
SELECT id AS invoice_id, invoice_number AS number, gross_amount AS gross, paid_amount, paid_at, cancelled_at,
       claim_status, document_status, accounting_sync_status AS sync_status, external_id, external_invoice_number,
       accounting_synced_at,
       (SELECT coalesce(sum(k.gross_amount), 0) FROM sevdesk_credit_notes k
        WHERE k.invoice_id = i.id AND k.status = 'finalized') AS credited,
       (SELECT coalesce(sum(k.refund_due), 0) FROM sevdesk_credit_notes k
        WHERE k.invoice_id = i.id AND k.status = 'finalized') AS refund_due,
       i.document_status = 'approved'
           AND EXISTS (SELECT FROM sevdesk_intents s WHERE s.subject = 'invoice:' || i.id AND s.closed_at IS NULL) AS write_open,
       (SELECT b.send_date FROM sevdesk_bounces b
        WHERE b.invoice_id = i.id AND i.document_status = 'approved' ORDER BY b.id DESC LIMIT 1) AS bounced_send_date
FROM billing_invoices i
WHERE accounting_provider = 'sevdesk' AND external_id = ANY (:external_ids::text[])
  AND accounting_sync_status = 'synced';

-- name: given_to_other_provider
-- Invoices (or the one) that the worker has in sevDesk by its own record, and whose accounting_provider was emptied or
-- changed in the billing system since: no payment sync, comparison or export sees them any more. What another program
-- published, by `publish_only`, may be called that program's at any time.
SELECT i.id AS invoice_id, i.invoice_number AS number, i.external_id, coalesce(i.accounting_provider, '') AS provider
FROM sevdesk_invoices n JOIN billing_invoices i ON i.id = n.invoice_id AND i.external_id = n.external_id
CROSS JOIN sevdesk_config c LEFT JOIN deals d ON d.id = i.deal_id
WHERE i.accounting_provider IS DISTINCT FROM 'sevdesk' AND i.accounting_sync_status IN ('synced', 'cancelled')
  AND (NOT n.adopted OR sevdesk_publishes_v1(c.publish_only, d.deal_type, i.invoice_number))
  AND (:invoice_id::uuid IS NULL OR n.invoice_id = :invoice_id::uuid)
ORDER BY i.invoice_number;

-- name: external_id_of^
-- external_id is null for an invoice that is not in sevDesk, or only as a draft.
SELECT CASE WHEN accounting_provider = 'sevdesk' AND accounting_sync_status IN ('synced', 'cancelled')
            THEN external_id END AS external_id
FROM billing_invoices WHERE id = :invoice_id;

-- name: watermark$
SELECT watermark FROM sevdesk_sync_state;

-- name: move_watermark!
-- Only forward. To be called when all changes before the watermark are stored.
UPDATE sevdesk_sync_state SET watermark = :watermark WHERE watermark IS NULL OR watermark < :watermark;

-- name: start_run^
-- `shared`: another program publishes invoices too.
INSERT INTO sevdesk_sync_runs (job_id, scope) VALUES (:job_id, :scope)
RETURNING id, started_at, (SELECT publish_only IS NOT NULL FROM sevdesk_config) AS shared;

-- name: count_page!
UPDATE sevdesk_sync_runs SET pages = pages + 1, seen = seen + :seen, changed = changed + :changed WHERE id = :run_id;

-- name: count_changed!
UPDATE sevdesk_sync_runs SET changed = changed + :changed WHERE id = :run_id;

-- name: finish_run^
UPDATE sevdesk_sync_runs SET finished_at = clock_timestamp() WHERE id = :run_id
RETURNING pages, seen, changed, extract(epoch FROM finished_at - started_at)::float8 AS seconds;

-- name: set_last_sync!
-- Not updated_at, which tells when a setting was last changed.
UPDATE sevdesk_config SET last_sync_at = clock_timestamp();

-- name: contact_of_party$
SELECT contact_id FROM sevdesk_contacts WHERE party_id = :party_id;

-- name: synced_after
-- Our finalized invoices after the external id `last`, in batches.
SELECT external_id FROM billing_invoices
WHERE accounting_provider = 'sevdesk' AND accounting_sync_status = 'synced' AND external_id > :last
ORDER BY external_id LIMIT :most;

-- name: linked_invoices$
-- How many invoices of ours sevDesk has.
SELECT count(*) FROM billing_invoices WHERE accounting_provider = 'sevdesk' AND accounting_sync_status = 'synced';

-- name: parked_mass_changes
-- How many changes of each kind other payment syncs ask a person about.
SELECT r.asked
FROM sevdesk_queue q JOIN sevdesk_jobs j USING (job_id)
JOIN LATERAL (SELECT asked FROM sevdesk_sync_runs r WHERE r.job_id = q.job_id AND r.asked IS NOT NULL
              ORDER BY r.id DESC LIMIT 1) r ON true
WHERE q.phase = 'parked' AND q.kind = 'sync_payments' AND j.problem = :code AND q.job_id <> :job_id;

-- name: asked_mass_change$
-- How many changes of each kind a person was asked about by this job.
SELECT asked FROM sevdesk_sync_runs WHERE job_id = :job_id AND asked IS NOT NULL ORDER BY id DESC LIMIT 1;

-- name: ask_mass_change!
-- An earlier answer holds for earlier figures only.
WITH run AS (UPDATE sevdesk_sync_runs SET asked = :asked::jsonb WHERE id = :run_id RETURNING job_id)
UPDATE sevdesk_jobs j SET confirmed = array_remove(j.confirmed, :code) FROM run WHERE j.job_id = run.job_id;

-- name: taken_away_lately$
-- What payment syncs have taken away without a person's word within two days before now, or before the oldest question that
-- waits for an answer: it shall not fall under the limit by waiting. Not by this job: an attempt that ended between counting
-- and recording is repeated, and finds the same.
SELECT coalesce(sum(t.taken_away), 0)::int FROM sevdesk_sync_runs t
WHERE t.taken_away > 0 AND t.job_id IS DISTINCT FROM :job_id::text
  AND t.started_at > (SELECT least(clock_timestamp(), min(r.started_at))
                      FROM sevdesk_sync_runs r JOIN sevdesk_jobs j USING (job_id) JOIN sevdesk_queue q USING (job_id)
                      WHERE r.asked IS NOT NULL AND q.kind = 'sync_payments'
                        AND (q.job_id = :job_id OR (q.phase = 'parked' AND j.problem = :code))) - interval '2 days';

-- name: count_taken_away!
UPDATE sevdesk_sync_runs SET taken_away = :taken_away WHERE id = :run_id;

-- name: taken_away_confirmed!
-- A person has looked at sevDesk and said that it is right, which holds for what was taken away before, too.
UPDATE sevdesk_sync_runs SET taken_away = 0 WHERE taken_away > 0;

-- name: run_to_join^
-- A run of the same scope that was under way when this job was requested and has finished since.
SELECT r.job_id, r.pages, r.seen, r.changed
FROM sevdesk_sync_runs r JOIN sevdesk_jobs j ON j.job_id = :job_id
WHERE r.scope = :scope AND r.job_id <> :job_id AND r.started_at < j.created_at AND r.finished_at > j.created_at
ORDER BY r.id DESC LIMIT 1;

-- name: missing_for$
-- Seconds since the first look that found nothing; null if there was none. An old one does not count: it is months ago,
-- and the invoice was there in between.
SELECT extract(epoch FROM clock_timestamp() - first_seen_at)::float8 FROM sevdesk_missing
WHERE invoice_id = :invoice_id AND external_id = :external_id
  AND first_seen_at > clock_timestamp() - make_interval(secs => :gone_after::float8, days => 3);

-- name: store_missing!
INSERT INTO sevdesk_missing (invoice_id, external_id) VALUES (:invoice_id, :external_id)
ON CONFLICT (invoice_id) DO UPDATE SET external_id = excluded.external_id, first_seen_at = clock_timestamp();

-- name: forget_missing!
DELETE FROM sevdesk_missing WHERE external_id = :external_id;

-- name: due_second_looks
SELECT m.external_id FROM sevdesk_missing m JOIN billing_invoices i ON i.id = m.invoice_id
WHERE m.first_seen_at <= clock_timestamp() - make_interval(secs => :gone_after::float8)
  AND i.accounting_sync_status = 'synced' AND i.external_id = m.external_id
ORDER BY m.first_seen_at;

-- name: request_second_looks$
-- Requests one payment sync for all second looks that are due; null if none is, if one is at it, or while a person is
-- asked about many changes.
SELECT :job_id::text, sevdesk_enqueue_v1(:job_id, 'sync_payments', '{"missing": true}', 'system', NULL, NULL, NULL)
WHERE EXISTS (SELECT FROM sevdesk_missing m JOIN billing_invoices i ON i.id = m.invoice_id
              WHERE m.first_seen_at <= clock_timestamp() - make_interval(secs => :gone_after::float8)
                AND i.accounting_sync_status = 'synced' AND i.external_id = m.external_id)
  AND NOT EXISTS (SELECT FROM sevdesk_queue q JOIN sevdesk_jobs j USING (job_id)
                  WHERE q.kind = 'sync_payments'
                    AND (j.payload = '{"missing": true}' OR (q.phase = 'parked' AND j.problem = 'mass_change')));
