-- What `doctor` asks of views that stand for the billing tables (BILLING_SCHEMA). Apart from sql/queries/, because no job needs
-- these statements. Values are $1, $2 and so on.

-- name: sample
-- Some rows of each view, with the columns that the worker reads.
SELECT 'contacts' AS table_name, to_jsonb(r) AS row FROM (
    SELECT id, first_name, last_name, email, street, zip, city, country_code, is_internal, is_admin
    FROM contacts LIMIT $1::bigint) r
UNION ALL
SELECT 'companies' AS table_name, to_jsonb(r) AS row FROM (
    SELECT id, name, vat_id, email, street, zip, city, country_code, buyer_reference
    FROM companies LIMIT $1::bigint) r
UNION ALL
SELECT 'deals' AS table_name, to_jsonb(r) AS row FROM (
    SELECT id, deal_type
    FROM deals LIMIT $1::bigint) r
UNION ALL
SELECT 'hubspot_associations' AS table_name, to_jsonb(r) AS row FROM (
    SELECT id, from_type, from_id, to_type, to_id, label
    FROM hubspot_associations LIMIT $1::bigint) r
UNION ALL
SELECT 'billing_document_templates' AS table_name, to_jsonb(r) AS row FROM (
    SELECT id, sevdesk_template_id
    FROM billing_document_templates LIMIT $1::bigint) r
UNION ALL
SELECT 'billing_invoices' AS table_name, to_jsonb(r) AS row FROM (
    SELECT id, invoice_number, deal_id, contact_id, document_template_id, document_kind, document_status, claim_status,
        currency, net_amount, tax_amount, gross_amount, paid_amount, tax_rule, issue_date, service_from,
        service_to, payment_term_days, head_text, foot_text, is_e_invoice, final_invoice_form, paid_at,
        cancelled_at, accounting_provider, external_id, external_invoice_number, accounting_sync_status,
        accounting_synced_at, updated_at, skonto_percent, skonto_days
    FROM billing_invoices LIMIT $1::bigint) r
UNION ALL
SELECT 'billing_invoice_items' AS table_name, to_jsonb(r) AS row FROM (
    SELECT invoice_id, position, name, description, quantity, unit, unit_price, tax_rate
    FROM billing_invoice_items LIMIT $1::bigint) r
UNION ALL
SELECT 'billing_invoice_event_log' AS table_name, to_jsonb(r) AS row FROM (
    SELECT id, invoice_id, event_type, payload, actor_contact_id, correlation_id, created_at
    FROM billing_invoice_event_log LIMIT $1::bigint) r;

-- name: base_tables
-- The tables that a view is made of.
SELECT DISTINCT d.refobjid::regclass::text AS name
FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p')
WHERE r.ev_class = to_regclass($1::text) AND d.refclassid = 'pg_class'::regclass ORDER BY 1;

-- name: is_unique
-- Whether the index of this schema and name holds every row once, by so many columns. Its own condition, if it has one, holds
-- for all rows of the view: otherwise Postgres would not have used it.
SELECT EXISTS (SELECT FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
               WHERE c.relnamespace = to_regnamespace(quote_ident($1::text)) AND c.relname = $2::text
                 AND x.indisunique AND x.indnkeyatts <= $3::integer);

-- name: invoice_to_try
-- An invoice that nobody else holds, locked as record_changes locks it; what the worker never writes as one text.
SELECT i.id,
       (i.invoice_number, i.deal_id, i.contact_id, i.document_template_id, i.document_kind, i.currency,
       i.net_amount, i.tax_amount, i.gross_amount, i.tax_rule, i.issue_date, i.service_from, i.service_to,
       i.payment_term_days, i.head_text, i.foot_text, i.is_e_invoice, i.final_invoice_form,
       i.skonto_percent, i.skonto_days)::text AS untouched
FROM billing_invoices i LIMIT 1 FOR UPDATE OF i SKIP LOCKED;

-- name: place
-- The schema in which views are made, quoted.
SELECT quote_ident(current_schema()) AS name;

-- name: instead_of
-- The function that stands for inserts (4) or updates (16) of a view, if there is one.
SELECT format('%s.%I()', p.pronamespace::regnamespace, p.proname) AS name
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid = to_regclass($1::text) AND t.tgtype & 64 > 0 AND t.tgtype & $2::integer > 0;

-- name: write_hand_back
UPDATE billing_invoices i
SET accounting_sync_status = n.accounting_sync_status, document_status = n.document_status,
    claim_status = n.claim_status, external_id = n.external_id, external_invoice_number = n.external_invoice_number,
    paid_amount = n.paid_amount, paid_at = n.paid_at, cancelled_at = n.cancelled_at,
    accounting_provider = n.accounting_provider, accounting_synced_at = n.accounting_synced_at,
    updated_at = n.updated_at
FROM jsonb_to_record($2::jsonb) AS n(
    accounting_sync_status text, document_status text, claim_status text, external_id text,
    external_invoice_number text, paid_amount numeric, paid_at timestamptz, cancelled_at timestamptz,
    accounting_provider text, accounting_synced_at timestamptz, updated_at timestamptz)
WHERE i.id = $1::uuid;

-- name: read_hand_back
SELECT i.accounting_sync_status, i.document_status, i.claim_status, i.external_id, i.external_invoice_number,
       i.paid_amount, i.paid_at, i.cancelled_at, i.accounting_provider, i.accounting_synced_at, i.updated_at,
       EXISTS (SELECT FROM billing_invoices o WHERE o.external_invoice_number = 'doctor-2' AND o.id <> i.id) AS strays,
       (i.invoice_number, i.deal_id, i.contact_id, i.document_template_id, i.document_kind, i.currency,
       i.net_amount, i.tax_amount, i.gross_amount, i.tax_rule, i.issue_date, i.service_from, i.service_to,
       i.payment_term_days, i.head_text, i.foot_text, i.is_e_invoice, i.final_invoice_form,
       i.skonto_percent, i.skonto_days)::text AS untouched
FROM billing_invoices i WHERE i.id = $1::uuid;

-- name: write_events
-- Two a microsecond apart, as record_changes writes them.
INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload, actor_contact_id, correlation_id, created_at)
SELECT $1::uuid, 'doctor', jsonb_build_object('place', place), NULL, 'doctor',
       '2001-02-03 04:05:06.789012Z'::timestamptz + place * interval '1 microsecond'
FROM generate_series(1, 2) AS place;

-- name: write_short_event
-- As dismiss_job writes it: id, time, person and correlation id are left to the view.
INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload) VALUES ($1::uuid, 'doctor', '{"place": 3}');

-- name: read_events
SELECT id IS NOT NULL AS has_id, payload ->> 'place' AS place, correlation_id,
       CASE WHEN correlation_id IS NULL THEN abs(extract(epoch FROM created_at - clock_timestamp())) < 60
            ELSE created_at = '2001-02-03 04:05:06.789012Z'::timestamptz
                              + (payload ->> 'place')::integer * interval '1 microsecond' END AS in_time
FROM billing_invoice_event_log WHERE invoice_id = $1::uuid AND event_type = 'doctor' ORDER BY created_at;

-- Lookups, each by an index of its own. Never run: `doctor` looks at their plans. Those of sql/billing/indexes.sql have the
-- names of the indexes.

-- name: invoices_by_id
SELECT FROM billing_invoices WHERE id = '00000000-0000-0000-0000-000000000000';

-- name: invoices_by_number
SELECT FROM billing_invoices WHERE invoice_number = 'x';

-- name: items_by_invoice
SELECT FROM billing_invoice_items WHERE invoice_id = '00000000-0000-0000-0000-000000000000';

-- name: contacts_by_id
SELECT FROM contacts WHERE id = '00000000-0000-0000-0000-000000000000';

-- name: companies_by_id
SELECT FROM companies WHERE id = '00000000-0000-0000-0000-000000000000';

-- name: deals_by_id
SELECT FROM deals WHERE id = '00000000-0000-0000-0000-000000000000';

-- name: hubspot_associations_from
SELECT FROM hubspot_associations WHERE from_type = 'deal' AND from_id = '00000000-0000-0000-0000-000000000000';

-- name: hubspot_associations_to
SELECT FROM hubspot_associations WHERE to_type = 'deal' AND to_id = '00000000-0000-0000-0000-000000000000';

-- name: billing_invoices_deal
SELECT FROM billing_invoices WHERE deal_id = '00000000-0000-0000-0000-000000000000';

-- name: billing_invoices_external_id
SELECT FROM billing_invoices WHERE external_id = 'x';

-- name: billing_invoices_external_number
SELECT FROM billing_invoices WHERE external_invoice_number = 'x';

-- name: billing_invoices_to_publish
SELECT FROM billing_invoices
WHERE document_status = 'approved' AND accounting_sync_status IN ('queued', 'not_synced') ORDER BY updated_at LIMIT 1;

-- name: billing_invoice_event_log_invoice
SELECT FROM billing_invoice_event_log WHERE invoice_id = '00000000-0000-0000-0000-000000000000';

-- name: billing_invoices_issue_date
SELECT FROM billing_invoices WHERE issue_date = '2001-02-03';

-- name: billing_invoices_open_claims
SELECT FROM billing_invoices
WHERE claim_status IN ('open', 'partially_paid') AND external_invoice_number IS NOT NULL ORDER BY issue_date LIMIT 1;

-- name: billing_invoices_paid_at
SELECT FROM billing_invoices WHERE paid_at = '2001-02-03 04:05:06Z';

-- name: billing_invoice_event_log_payments
SELECT FROM billing_invoice_event_log
WHERE event_type IN ('partially_paid', 'paid', 'overpaid', 'discounted', 'payment_reversed', 'nothing_owed',
                     'settled_by_credit') AND payload ->> 'paid_on' = '2001-02-03';
