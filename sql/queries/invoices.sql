-- What the steps of a job need to know about one invoice.

-- name: load_invoice^
-- Tuples hold the columns in the order of the fields of Item, Association and Cancellation.
-- An invoice that was deleted in sevDesk is published and mailed again, so mails and documents count from the time when
-- the present sevDesk document was recorded (known_since).
SELECT i.id, i.invoice_number AS number, i.document_kind, i.document_status, i.claim_status, i.deal_id, d.deal_type,
       i.contact_id, i.currency, i.net_amount, i.tax_amount, i.gross_amount, i.paid_amount, i.tax_rule, i.issue_date, i.service_from,
       i.service_to, i.payment_term_days, i.head_text, i.foot_text, i.is_e_invoice, i.final_invoice_form, i.paid_at, i.cancelled_at,
       i.external_id, i.external_invoice_number, i.accounting_sync_status AS sync_status,
       coalesce(t.sevdesk_template_id,
                CASE d.deal_type || i.document_kind
                    WHEN 'EBAR' THEN c.template_eb_ar WHEN 'EBSR' THEN c.template_eb_sr
                    WHEN 'KOPAR' THEN c.template_kop_ar WHEN 'KOPSR' THEN c.template_kop_sr END) AS template_id,
       i.skonto_percent, i.skonto_days,
       coalesce(CASE d.deal_type WHEN 'EB' THEN c.contact_person_eb WHEN 'KOP' THEN c.contact_person_kop END,
                c.contact_person_id) AS contact_person_id,
       NOT sevdesk_publishes_v1(c.publish_only, d.deal_type, i.invoice_number) AS left_to_other,
       clock_timestamp() AS began, (clock_timestamp() AT TIME ZONE 'Europe/Berlin')::date AS today,
       ARRAY(SELECT (p.position, p.name, p.description, p.quantity, p.unit, p.unit_price, p.tax_rate)
             FROM billing_invoice_items p WHERE p.invoice_id = i.id ORDER BY p.position) AS items,
       ARRAY(SELECT (a.from_type, a.from_id, a.to_type, a.to_id, a.label) FROM hubspot_associations a
             WHERE (a.from_type, a.from_id) IN (('deal', i.deal_id), ('invoice', i.id))
                OR (a.to_type, a.to_id) IN (('deal', i.deal_id), ('invoice', i.id)) ORDER BY a.id) AS associations,
       ARRAY(SELECT (m.job_id, m.recipient, m.cc, m.bcc, b.job_id)
             FROM sevdesk_mails m LEFT JOIN sevdesk_bounces b ON b.mail_job_id = m.job_id
             WHERE m.invoice_id = i.id AND m.document = 'invoice' AND m.sent_at > h.known_since
             ORDER BY m.id) AS mail_ledger,
       (SELECT (e.event_type, e.payload ->> 'channel', e.payload ->> 'job_id') FROM billing_invoice_event_log e
        WHERE e.invoice_id = i.id AND e.event_type IN ('mailed', 'marked_sent', 'sent_by_hand', 'mail_bounced')
          AND e.created_at > h.known_since ORDER BY e.created_at DESC LIMIT 1) AS sending,
       (SELECT extract(epoch FROM clock_timestamp() - m.first_seen_at)::float8 FROM sevdesk_missing m
        WHERE m.invoice_id = i.id AND m.external_id = i.external_id) AS missing_for,
       o.restored,
       (SELECT p.job_id FROM sevdesk_jobs p
        WHERE p.invoice_id = i.id AND p.kind = 'publish_invoice' AND p.state = 'parked'
        ORDER BY p.seq DESC LIMIT 1) AS publication_parked,
       -- What was only found does not count: it may be another mail than the one that sevDesk shows by now.
       -- sevDesk's clock may be ahead: the sendDate of a mail that came back is known, whatever it is.
       greatest(
           (SELECT max(e.created_at) FROM billing_invoice_event_log e
            WHERE e.invoice_id = i.id AND e.event_type IN ('mailed', 'marked_sent', 'sent_by_hand', 'mail_bounced')
              AND e.payload ->> 'how' IS DISTINCT FROM 'found_earlier'
              AND NOT (o.restored AND e.payload ->> 'how' IS NOT DISTINCT FROM 'found_sent')
              AND e.created_at > h.known_since),
           (SELECT max(b.send_date) FROM sevdesk_bounces b
            WHERE b.invoice_id = i.id AND b.reported_at > h.known_since)) AS sendings_until,
       (SELECT count(*) FROM sevdesk_mails m WHERE m.invoice_id = i.id AND m.document = 'cancellation')
           AS cancellation_mails,
       (SELECT s.sha256 FROM sevdesk_documents s
        WHERE s.invoice_id = i.id AND s.kind = 'invoice_pdf' AND s.fetched_at > h.known_since
        ORDER BY s.fetched_at DESC LIMIT 1) AS pdf_sha256,
       (SELECT s.sha256 FROM sevdesk_documents s
        WHERE s.invoice_id = i.id AND s.kind = 'invoice_xml' AND s.fetched_at > h.known_since
        ORDER BY s.fetched_at DESC LIMIT 1) AS xml_sha256,
       CASE WHEN coalesce(n.content ->> 'is_e_invoice' = 'true', i.is_e_invoice) THEN (
           SELECT e.payload ->> 'verdict' FROM billing_invoice_event_log e
           WHERE e.invoice_id = i.id AND e.event_type = 'e_invoice_checked'
             AND e.payload ->> 'document' = 'invoice'
             AND e.payload ->> 'verdict' IN ('valid', 'let_pass', 'compared') AND e.created_at > h.known_since
           ORDER BY e.created_at DESC LIMIT 1) END AS e_invoice_verdict,
       (SELECT s.request_sha256 FROM sevdesk_intents s
        WHERE s.subject = 'invoice:' || i.id AND s.action = 'save_invoice' AND s.outcome IN ('done', 'found_done')
        ORDER BY s.id DESC LIMIT 1) AS draft_sha256,
       EXISTS (SELECT FROM sevdesk_intents s WHERE s.subject = 'invoice:' || i.id)
           OR EXISTS (SELECT FROM sevdesk_restores r WHERE r.noticed_at IS NOT NULL) AS attempted,
       (SELECT (a.kind, a.cancellation_external_id, a.cancellation_number, a.net_amount, a.tax_amount, a.gross_amount,
                a.document_day, a.refund_due, a.is_draft)
        FROM sevdesk_cancellations a WHERE a.invoice_id = i.id) AS cancellation,
       (SELECT jsonb_agg(to_jsonb(k) - 'content'
                         || jsonb_build_object('amounts', k.content -> 'amounts', 'mailed',
                                               EXISTS (SELECT FROM sevdesk_mails m WHERE m.job_id = k.job_id))
                         ORDER BY k.recorded_at)
        FROM sevdesk_credit_notes k WHERE k.invoice_id = i.id) AS credit_notes,
       ARRAY(SELECT e.payload ->> 'problem' FROM billing_invoice_event_log e
             WHERE e.invoice_id = i.id AND e.event_type IN ('legal_warning', 'legal_warning_settled')
             GROUP BY 1
             HAVING max(e.created_at) = max(e.created_at) FILTER (WHERE e.event_type = 'legal_warning')) AS warned,
       ARRAY(SELECT e.payload ->> 'columns' FROM billing_invoice_event_log e
             WHERE e.invoice_id = i.id AND e.event_type = 'changed_after_publication' AND e.created_at > h.known_since)
           AS changes_told,
       CASE WHEN n.invoice_id IS NOT NULL THEN to_jsonb(n) END AS document,
       (SELECT s.sha256 FROM sevdesk_documents s WHERE s.invoice_id = i.id AND s.kind = 'cancellation_pdf'
        ORDER BY s.id DESC LIMIT 1) AS cancellation_pdf_sha256
FROM billing_invoices i
CROSS JOIN sevdesk_config c
LEFT JOIN deals d ON d.id = i.deal_id
LEFT JOIN billing_document_templates t ON t.id = i.document_template_id
LEFT JOIN sevdesk_invoices n ON n.invoice_id = i.id AND n.external_id = i.external_id
CROSS JOIN LATERAL (SELECT coalesce(min(e.created_at), '-infinity') AS known_since
                    FROM billing_invoice_event_log e
                    WHERE e.invoice_id = i.id AND e.event_type IN ('drafted', 'finalized')
                      AND e.payload ->> 'external_id' = i.external_id) h
CROSS JOIN (SELECT coalesce((SELECT sevdesk_restored_v1(asked_at) FROM sevdesk_jobs WHERE job_id = :job_id), false)
                   AS restored) o
WHERE i.id = :invoice_id;

-- name: credit_number_use$
-- Whether a credit note has this number: true if one on record is finished with it, false if one of another invoice is
-- being finished with it, null if none.
SELECT bool_or(finished) FROM (
    SELECT closed_at IS NOT NULL AS finished FROM sevdesk_intents
    WHERE summary ->> 'credit_note_number' = :number
      AND action = 'finalize_credit_note' AND (closed_at IS NULL OR outcome IN ('done', 'found_done'))
      AND (closed_at IS NOT NULL OR subject <> 'invoice:' || :invoice_id::uuid)
    UNION ALL
    SELECT true FROM sevdesk_credit_notes WHERE credit_note_number = :number AND status = 'finalized'
    UNION ALL
    SELECT true FROM sevdesk_cancellations
    WHERE cancellation_number = :number AND kind = 'credit_note' AND NOT is_draft) n;

-- name: load_deal_invoices
-- The other invoices of a deal, of these kinds, that are published and not cancelled, or that a job is publishing; an
-- invoice with a write of unknown outcome may be published, whatever its job waits for.
-- Positions are those of the document in sevDesk, as it was saved; where that is not on record, the billing system's.
-- begun_before compares the jobs' first starts: a job that is claimed sees all others that came in before, so one that
-- began first may have missed this one, and one that began later has not. A job with such a write has begun before.
-- A job that is not there (`preview`, `rehearse`) counts as the last one that came in.
-- An approved invoice that another program publishes counts as being published until a payment sync that began after the
-- job's first start has ended: what the other program has published before is linked then.
SELECT o.id, o.deal_id, o.invoice_number AS number, o.document_kind, o.issue_date,
       coalesce(o.currency, '') AS currency,
       o.accounting_sync_status = 'synced' AS published,
       coalesce(other.writes OR other.seq < coalesce(own.seq, 9223372036854775807), false) AS asked_before,
       coalesce(other.writes OR (other.phase = 'running'
                                 AND other.started_at < coalesce(own.started_at, 'infinity')), false) AS begun_before,
       CASE other.phase WHEN 'parked' THEN 'Infinity'
            ELSE coalesce(greatest(extract(epoch FROM other.due_at - clock_timestamp()), 0), 0) END::float8 AS due_in,
       coalesce(other.phase = 'left', false) AS left_to_other,
       coalesce(n.content -> 'positions',
                (SELECT jsonb_agg(jsonb_build_object('position_number', p.position,  -- of a view there may be nulls
                                                     'quantity', coalesce(p.quantity::text, 'NaN'),
                                                     'price', coalesce(p.unit_price::text, 'NaN'),
                                                     'tax_rate', coalesce(p.tax_rate::text, 'NaN')))
                 FROM billing_invoice_items p WHERE p.invoice_id = o.id),
                '[]') AS positions,
       coalesce((SELECT jsonb_agg(k.content) FROM sevdesk_credit_notes k
                 WHERE k.invoice_id = o.id AND k.status = 'finalized'), '[]') AS credited
FROM billing_invoices o
LEFT JOIN sevdesk_jobs own ON own.job_id = :job_id
LEFT JOIN sevdesk_invoices n ON n.invoice_id = o.id AND n.external_id = o.external_id
LEFT JOIN LATERAL (
    SELECT c.* FROM (
        SELECT q.seq, q.phase, q.due_at, j.started_at, true AS writes
        FROM sevdesk_intents w JOIN sevdesk_queue q USING (job_id) JOIN sevdesk_jobs j USING (job_id)
        WHERE w.subject = 'invoice:' || o.id AND w.closed_at IS NULL
        UNION ALL
        SELECT q.seq, q.phase, q.due_at, j.started_at, false
        FROM sevdesk_queue q JOIN sevdesk_jobs j USING (job_id)
        WHERE q.order_key = 'invoice:' || o.id AND q.phase NOT IN ('scheduled', 'parked')
          AND q.kind = 'publish_invoice'
        UNION ALL
        SELECT 0, 'left', clock_timestamp() + interval '10 seconds', NULL, false
        FROM sevdesk_config f JOIN deals d ON d.id = o.deal_id
        WHERE o.document_status = 'approved' AND NOT sevdesk_publishes_v1(f.publish_only, d.deal_type, o.invoice_number)
          AND own.started_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM sevdesk_sync_runs r
                          WHERE r.started_at > own.started_at AND r.finished_at IS NOT NULL
                            AND r.scope IN ('feed', 'full'))) c
    ORDER BY NOT c.writes, c.seq LIMIT 1) other ON o.accounting_sync_status NOT IN ('synced', 'cancelled')
WHERE o.deal_id = :deal_id AND o.document_kind = ANY (:document_kinds::text[]) AND o.id <> :invoice_id
  AND (o.accounting_sync_status = 'synced' OR other.seq IS NOT NULL)
ORDER BY o.issue_date, o.invoice_number;

-- name: publications_ahead^
-- The nearest earlier invoice that a job is publishing and that has no number yet, and how many there are. Numbers of ours
-- with fewer digits come first. What is put off for long, or waits for an invoice of its deal, holds nobody up.
SELECT i.invoice_number AS nearest, count(*) OVER ()::int AS invoices
FROM billing_invoices own, sevdesk_queue q
JOIN sevdesk_jobs j USING (job_id)
JOIN billing_invoices i ON i.id = j.invoice_id
WHERE own.id = :invoice_id AND q.kind = 'publish_invoice' AND q.phase NOT IN ('scheduled', 'parked')
  AND i.accounting_sync_status NOT IN ('synced', 'cancelled')
  AND (i.issue_date, length(i.invoice_number), i.invoice_number)
      < (own.issue_date, length(own.invoice_number), own.invoice_number)
  AND NOT (q.phase = 'waiting' AND (coalesce(j.problem LIKE 'deal_invoice_%', false)
                                    OR q.due_at > clock_timestamp() + interval '5 minutes'))
ORDER BY i.issue_date DESC, length(i.invoice_number) DESC, i.invoice_number DESC LIMIT 1;

-- name: load_handback^
SELECT id AS invoice_id, accounting_sync_status AS sync_status, document_status, claim_status, external_id, external_invoice_number, paid_amount,
       paid_at, cancelled_at
FROM billing_invoices WHERE id = :invoice_id;

-- name: load_parties
-- Country codes are compared and sent in capitals, however they are written.
SELECT 'company' AS kind, id, name, NULL AS first_name, email, street, zip, city, upper(btrim(country_code)) AS country_code,
       vat_id, buyer_reference
FROM companies WHERE id = ANY (:company_ids::uuid[])
UNION ALL
SELECT 'contact', id, last_name, first_name, email, street, zip, city, upper(btrim(country_code)), NULL, NULL
FROM contacts WHERE id = ANY (:contact_ids::uuid[]);

-- name: load_contact_link^
-- While nobody knows whether a write to the contact, its address or its e-mail happened, the digest of that one equals
-- no other, for sevDesk may hold either the old or the new data; that of a contact which we never wrote stays empty.
SELECT c.party_kind, c.party_id, c.contact_id,
       CASE WHEN o.step = 'contact' AND c.contact_digest <> '' THEN 'in doubt' ELSE c.contact_digest END AS contact_digest,
       CASE WHEN o.step IS DISTINCT FROM 'contact_address' THEN c.address_digest END AS address_digest,
       c.email_id, CASE WHEN o.step IS DISTINCT FROM 'contact_email' THEN c.email_digest END AS email_digest
FROM sevdesk_contacts c
LEFT JOIN sevdesk_intents o ON o.subject = 'contact:' || c.party_id AND o.closed_at IS NULL
WHERE c.party_kind = :party_kind AND c.party_id = :party_id;
