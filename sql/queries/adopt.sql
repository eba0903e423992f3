-- What the billing system has from before this worker, for `adopt`. Tables are read by pages in the order of their ids.

-- name: adoptable_invoices
-- The ids of invoices that are, or may be, in sevDesk. Those of another accounting provider are none of ours.
SELECT id FROM billing_invoices
WHERE id > :after::uuid AND (external_id IS NOT NULL OR document_status IN ('approved', 'sent'))
  AND coalesce(accounting_provider, 'sevdesk') = 'sevdesk'
ORDER BY id LIMIT :most;

-- name: published_by_other
-- The ids of approved invoices that another program publishes, by their number or sevDesk's id.
SELECT i.id FROM billing_invoices i CROSS JOIN sevdesk_config c LEFT JOIN deals d ON d.id = i.deal_id
WHERE NOT sevdesk_publishes_v1(c.publish_only, d.deal_type, i.invoice_number)
  AND (i.invoice_number = ANY (:names::text[]) OR i.external_id = ANY (:external_ids::text[]))
  AND i.document_status = 'approved' AND i.accounting_sync_status NOT IN ('synced', 'cancelled')
  AND coalesce(i.accounting_provider, 'sevdesk') = 'sevdesk';

-- name: old_invoices
SELECT i.id, i.invoice_number AS number, i.gross_amount AS gross, i.currency, i.issue_date AS day, i.deal_id, i.contact_id,
       i.accounting_provider AS provider, i.accounting_sync_status AS sync_status, i.document_status, i.claim_status,
       i.external_id, i.external_invoice_number, i.paid_amount, i.paid_at, i.cancelled_at,
       NOT sevdesk_publishes_v1(c.publish_only, d.deal_type, i.invoice_number) AS left_to_other,
       ARRAY(SELECT (a.from_type, a.from_id, a.to_type, a.to_id, a.label) FROM hubspot_associations a
             WHERE (a.from_type, a.from_id) IN (('deal', i.deal_id), ('invoice', i.id))
                OR (a.to_type, a.to_id) IN (('deal', i.deal_id), ('invoice', i.id)) ORDER BY a.id) AS associations
FROM billing_invoices i CROSS JOIN sevdesk_config c LEFT JOIN deals d ON d.id = i.deal_id
WHERE i.id = ANY (:ids::uuid[]) ORDER BY i.id;

-- name: odd_numbers
-- Invoice numbers with blanks or marks.
SELECT invoice_number AS number FROM billing_invoices
WHERE invoice_number ~ '[\s,;:()]' AND (external_id IS NOT NULL OR document_status IN ('approved', 'sent'));

-- name: adoptable_companies
SELECT p.id, p.name, NULL AS first_name, p.vat_id, p.email, p.street, p.zip, p.city, p.country_code, l.contact_id
FROM companies p LEFT JOIN sevdesk_contacts l ON l.party_kind = 'company' AND l.party_id = p.id
WHERE p.id > :after::uuid ORDER BY p.id LIMIT :most;

-- name: adoptable_people
-- Colleagues are no customers.
SELECT p.id, p.last_name AS name, p.first_name, NULL AS vat_id, p.email, p.street, p.zip, p.city, p.country_code, l.contact_id
FROM contacts p LEFT JOIN sevdesk_contacts l ON l.party_kind = 'contact' AND l.party_id = p.id
WHERE p.id > :after::uuid AND p.is_internal IS NOT TRUE ORDER BY p.id LIMIT :most;

-- name: link_adopted_contacts
-- Only while the attempt is its job's present one. A link that exists stays, and a contact gets one party. The empty digest
-- equals no other, so that the next invoice writes the party's present data to the contact. Returns the parties linked.
INSERT INTO sevdesk_contacts (party_kind, party_id, contact_id, contact_digest)
SELECT n.kind, n.party_id, n.contact_id, ''
FROM unnest(:kinds::text[], :party_ids::uuid[], :found::text[]) AS n(kind, party_id, contact_id)
WHERE EXISTS (SELECT FROM sevdesk_jobs WHERE job_id = :job_id::text AND state = 'running' AND attempt = :attempt)
ON CONFLICT DO NOTHING
RETURNING party_id;

-- name: known_contacts
-- Whose contacts these are, or all.
SELECT contact_id, party_kind, party_id FROM sevdesk_contacts
WHERE :contact_ids::text[] IS NULL OR contact_id = ANY (:contact_ids::text[]);

-- name: not_archived
-- Finalized invoices of which no PDF is stored, and e-invoices without XML.
SELECT i.id FROM billing_invoices i
WHERE i.id > :after::uuid AND i.accounting_provider = 'sevdesk' AND i.accounting_sync_status = 'synced'
  AND NOT ARRAY(SELECT d.kind FROM sevdesk_documents d WHERE d.invoice_id = i.id)
          @> CASE WHEN i.is_e_invoice THEN ARRAY['invoice_pdf', 'invoice_xml'] ELSE ARRAY['invoice_pdf'] END
ORDER BY i.id LIMIT :most;
