-- Records what happened to invoices. These are the only statements that change tables of the billing system, besides
-- dismiss_job (queue.sql), which logs its event.

-- name: record_changes
-- Changes invoices and logs their events. An invoice whose values differ from the ones the worker read (before) is left
-- out, with its events; with `all_or_nothing` one such invoice leaves all of them out. Returns the invoices recorded.
-- Where no value changes, only the events are logged. If anything is recorded, or
-- no change is given, the intent is closed and the step added to the job as well. No change is recorded for an attempt
-- that is not the job's present one: its worker has lost its locks, and another worker has started the job since.
-- `documents`: what sevDesk was told about the invoices and when it changed last; without content only the latter.
-- `notices`: those that open; without parameters those that close, `*` for all that do not open.
WITH wanted AS (
    SELECT n.* FROM unnest(:changes::jsonb[]) AS c(change), jsonb_to_record(change)
        AS n(id uuid, before jsonb, sync_status text, document_status text, claim_status text, external_id text,
             external_invoice_number text, paid_amount numeric, paid_at timestamptz, cancelled_at timestamptz)
), present_attempt AS (
    SELECT job_id FROM sevdesk_jobs WHERE job_id = :job_id::text AND state = 'running' AND attempt = :attempt FOR UPDATE
), unchanged AS (
    SELECT i.id
    FROM billing_invoices i JOIN wanted n ON n.id = i.id
    WHERE EXISTS (SELECT FROM present_attempt)
      AND i.accounting_sync_status = n.before ->> 'sync_status' AND i.document_status = n.before ->> 'document_status'
      AND i.claim_status = n.before ->> 'claim_status' AND i.paid_amount = (n.before ->> 'paid_amount')::numeric
      AND i.external_id IS NOT DISTINCT FROM n.before ->> 'external_id'
    ORDER BY i.id FOR UPDATE OF i  -- so that two calls never wait for each other
), recorded AS (
    SELECT id FROM unchanged
    WHERE NOT :all_or_nothing::boolean OR (SELECT count(*) FROM unchanged) = (SELECT count(*) FROM wanted)
), changed AS (
    UPDATE billing_invoices i
    SET accounting_sync_status = n.sync_status, document_status = n.document_status, claim_status = n.claim_status,
        external_id = n.external_id, external_invoice_number = n.external_invoice_number,
        paid_amount = n.paid_amount, paid_at = n.paid_at, cancelled_at = n.cancelled_at,
        accounting_provider = CASE WHEN n.external_id IS NULL THEN i.accounting_provider ELSE 'sevdesk' END,
        accounting_synced_at = clock_timestamp(), updated_at = clock_timestamp()
    FROM wanted n
    WHERE i.id = n.id AND i.id IN (SELECT id FROM recorded)
      AND ((i.accounting_sync_status, i.document_status, i.claim_status, i.external_id, i.external_invoice_number,
           i.paid_amount, i.paid_at, i.cancelled_at)
          IS DISTINCT FROM
          (n.sync_status, n.document_status, n.claim_status, n.external_id, n.external_invoice_number,
           n.paid_amount, n.paid_at, n.cancelled_at)
           OR n.external_id IS NOT NULL AND i.accounting_provider IS NULL)
), logged AS (
    INSERT INTO billing_invoice_event_log
           (invoice_id, event_type, payload, actor_contact_id, correlation_id, created_at)
    SELECT e.invoice_id, e.event_type, e.payload, (SELECT c.id FROM contacts c WHERE c.id = :actor::uuid),
           :correlation_id,
           clock_timestamp() + e.place * interval '1 microsecond'  -- so that ordering by time keeps their order
    FROM unnest(:event_ids::uuid[], :event_types::text[], :event_payloads::jsonb[])
         WITH ORDINALITY AS e(invoice_id, event_type, payload, place)
    WHERE e.invoice_id IN (SELECT id FROM recorded)
    ORDER BY e.place
), closed AS (
    UPDATE sevdesk_intents SET closed_at = clock_timestamp(), outcome = :outcome, addresses = NULL
    WHERE id = :intent_id::bigint AND closed_at IS NULL
      AND (EXISTS (SELECT FROM recorded) OR NOT EXISTS (SELECT FROM wanted))
), documents AS (
    SELECT d.* FROM jsonb_to_recordset(:documents::jsonb) AS d(
        invoice_id uuid, external_id text, recipient_kind text, recipient_id uuid, content jsonb, adopted boolean,
        seen_update timestamptz, account_gross numeric)
    WHERE d.invoice_id IN (SELECT id FROM recorded)
), made AS (
    INSERT INTO sevdesk_invoices (invoice_id, external_id, party_kind, party_id, content, adopted, seen_update,
                                  account_gross)
    SELECT invoice_id, external_id, recipient_kind, recipient_id, content, adopted, seen_update, account_gross
    FROM documents WHERE content IS NOT NULL
    ON CONFLICT (invoice_id) DO UPDATE
    SET external_id = excluded.external_id, party_kind = excluded.party_kind, party_id = excluded.party_id,
        content = excluded.content, adopted = excluded.adopted, seen_update = excluded.seen_update,
        account_gross = excluded.account_gross, recorded_at = excluded.recorded_at
), seen AS (
    UPDATE sevdesk_invoices s SET seen_update = d.seen_update, account_gross = d.account_gross
    FROM documents d WHERE d.content IS NULL AND s.invoice_id = d.invoice_id AND s.external_id = d.external_id
), notices AS (
    SELECT n.* FROM jsonb_to_recordset(:notices::jsonb) AS n(invoice_id uuid, code text, parameters jsonb)
    WHERE n.invoice_id IN (SELECT id FROM recorded)
), opened AS (
    INSERT INTO sevdesk_notices (invoice_id, code, parameters)
    SELECT invoice_id, code, parameters FROM notices WHERE parameters IS NOT NULL
    ON CONFLICT (invoice_id, code) DO UPDATE
    SET parameters = CASE WHEN excluded.code = 'refund_due' AND sevdesk_notices.closed_at IS NULL  -- for one document more
                          THEN jsonb_build_object(
                              'document', concat_ws(', ', sevdesk_notices.parameters ->> 'document',
                                                    excluded.parameters ->> 'document'),
                              'paid', ((sevdesk_notices.parameters ->> 'paid')::numeric
                                       + (excluded.parameters ->> 'paid')::numeric)::text)
                          ELSE excluded.parameters END,
        opened_at = excluded.opened_at, closed_at = NULL
), settled AS (
    UPDATE sevdesk_notices s SET closed_at = clock_timestamp()
    FROM notices n
    WHERE n.parameters IS NULL AND s.invoice_id = n.invoice_id AND n.code IN (s.code, '*') AND s.closed_at IS NULL
      AND NOT EXISTS (SELECT FROM notices o
                      WHERE o.invoice_id = s.invoice_id AND o.code = s.code AND o.parameters IS NOT NULL)
), stepped AS (
    UPDATE sevdesk_jobs SET steps_done = steps_done || :step::text, updated_at = clock_timestamp()
    WHERE job_id = (SELECT job_id FROM present_attempt) AND :step::text IS NOT NULL
      AND (EXISTS (SELECT FROM recorded) OR NOT EXISTS (SELECT FROM wanted))
)
SELECT id FROM recorded;

-- name: link_contact!
-- With another contact, what was written to the old one (address, e-mail) does not count any more.
INSERT INTO sevdesk_contacts (party_kind, party_id, contact_id, contact_digest)
VALUES (:party_kind, :party_id, :contact_id, :digest)
ON CONFLICT (party_kind, party_id) DO UPDATE
SET contact_id = excluded.contact_id, contact_digest = excluded.contact_digest, updated_at = now(),
    address_digest = CASE WHEN sevdesk_contacts.contact_id = excluded.contact_id
                          THEN sevdesk_contacts.address_digest END,
    email_id = CASE WHEN sevdesk_contacts.contact_id = excluded.contact_id THEN sevdesk_contacts.email_id END,
    email_digest = CASE WHEN sevdesk_contacts.contact_id = excluded.contact_id THEN sevdesk_contacts.email_digest END;

-- name: link_address!
UPDATE sevdesk_contacts SET address_digest = :digest, updated_at = now()
WHERE party_kind = :party_kind AND party_id = :party_id;

-- name: link_email!
UPDATE sevdesk_contacts SET email_id = :email_id, email_digest = :digest, updated_at = now()
WHERE party_kind = :party_kind AND party_id = :party_id;

-- name: store_document!
-- The same bytes are stored once; what is there already is only written anew if it was damaged. Renderings of the present
-- document that this one replaces go, unless they were mailed; files of an earlier document of the invoice stay.
WITH stored AS (
    INSERT INTO sevdesk_documents AS d (invoice_id, kind, filename, mimetype, sha256, content)
    VALUES (:invoice_id, :document, :filename, :mimetype, :sha256, :content)
    ON CONFLICT (invoice_id, kind, sha256) DO UPDATE
    SET content = CASE WHEN d.content = excluded.content THEN d.content ELSE excluded.content END,
        filename = excluded.filename, fetched_at = clock_timestamp()
)
SELECT sevdesk_drop_renderings_v1(:invoice_id, :document, :sha256, (
    SELECT min(e.created_at)
    FROM billing_invoice_event_log e JOIN billing_invoices i ON i.id = e.invoice_id
    WHERE e.invoice_id = :invoice_id AND e.event_type IN ('drafted', 'finalized')
      AND e.payload ->> 'external_id' = i.external_id));

-- name: store_verdict!
-- With the file that was judged, beside the event: whoever copies the file finds with it by which rules it passed.
UPDATE sevdesk_documents SET verdict = :verdict, rules = :rules, findings = to_jsonb(:findings::text[]),
                             judged_at = clock_timestamp()
WHERE invoice_id = :invoice_id AND kind IN ('invoice_xml', 'credit_note_pdf', 'cancellation_pdf') AND sha256 = :sha256;

-- name: store_mail!
INSERT INTO sevdesk_mails (invoice_id, job_id, document, recipient, cc, bcc, subject, pdf_sha256, xml_sha256)
VALUES (:invoice_id, :job_id, :document, :recipient, :cc, :bcc, :subject, :pdf_sha256, :xml_sha256)
ON CONFLICT (job_id) DO NOTHING;

-- name: store_bounce!
INSERT INTO sevdesk_bounces (invoice_id, mail_job_id, job_id, address, reason, send_date)
VALUES (:invoice_id, :mail_job_id, :job_id, :bounced_address, :bounce_reason, :send_date)
ON CONFLICT (mail_job_id) DO NOTHING;

-- name: store_cancellation!
INSERT INTO sevdesk_cancellations
       (invoice_id, kind, cancellation_external_id, cancellation_number, net_amount, tax_amount, gross_amount, document_day,
        refund_due, is_draft)
VALUES (:invoice_id, :kind, :external_id, :number, :net, :tax, :gross, :day, :refund_due, :is_draft)
ON CONFLICT (invoice_id) DO UPDATE
SET kind = excluded.kind, cancellation_external_id = excluded.cancellation_external_id,
    cancellation_number = excluded.cancellation_number, net_amount = excluded.net_amount,
    tax_amount = excluded.tax_amount, gross_amount = excluded.gross_amount, document_day = excluded.document_day,
    refund_due = excluded.refund_due, is_draft = excluded.is_draft, recorded_at = clock_timestamp();

-- name: store_credit_draft!
INSERT INTO sevdesk_credit_notes
       (marker, invoice_id, job_id, external_id, status, net_amount, tax_amount, gross_amount, subtotals, content, reason)
VALUES (:marker, :invoice_id, :job_id, :external_id, 'drafted', :net, :tax, :gross, :subtotals::jsonb, :content::jsonb,
        :reason)
ON CONFLICT (marker) DO UPDATE
SET external_id = excluded.external_id, status = excluded.status, net_amount = excluded.net_amount,
    tax_amount = excluded.tax_amount, gross_amount = excluded.gross_amount, subtotals = excluded.subtotals,
    content = excluded.content, reason = excluded.reason, recorded_at = clock_timestamp();

-- name: store_credit_deleted!
UPDATE sevdesk_credit_notes SET status = 'deleted', recorded_at = clock_timestamp()
WHERE marker = :marker AND external_id = :external_id;

-- name: store_credit!
UPDATE sevdesk_credit_notes
SET status = 'finalized', credit_note_number = :number, document_day = :day, refund_due = :refund_due,
    recorded_at = clock_timestamp()
WHERE marker = :marker AND external_id = :external_id;

-- name: store_credit_pdf!
UPDATE sevdesk_credit_notes SET pdf_sha256 = :sha256 WHERE marker = :marker;
