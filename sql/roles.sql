-- A database role with only the rights that the worker needs. Run as the owner of the tables, after every
-- `sevdesk-worker migrate`:
--
--     psql "$OWNER_URL" -f sql/roles.sql
--     ALTER ROLE sevdesk_worker LOGIN PASSWORD '...';      -- once; then DATABASE_URL names sevdesk_worker
--
-- `migrate` itself must run as the owner. May be repeated: rights that are not granted here are taken away.

DO $$
BEGIN
    CREATE ROLE sevdesk_worker NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM sevdesk_worker;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM sevdesk_worker;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM sevdesk_worker;
GRANT USAGE ON SCHEMA public TO sevdesk_worker;

-- Reading tables of the billing system: only these columns, so that columns it adds later stay unreadable.
GRANT SELECT (id, first_name, last_name, email, street, zip, city, country_code, is_internal, is_admin)
    ON contacts TO sevdesk_worker;
GRANT SELECT (id, name, vat_id, email, street, zip, city, country_code, buyer_reference)
    ON companies TO sevdesk_worker;
GRANT SELECT (id, deal_type) ON deals TO sevdesk_worker;
GRANT SELECT (id, from_type, from_id, to_type, to_id, label) ON hubspot_associations TO sevdesk_worker;
GRANT SELECT (id, sevdesk_template_id) ON billing_document_templates TO sevdesk_worker;
GRANT SELECT (id, invoice_number, deal_id, contact_id, document_template_id, document_kind, document_status,
              claim_status, currency, net_amount, tax_amount, gross_amount, paid_amount, tax_rule, issue_date,
              service_from, service_to, payment_term_days, head_text, foot_text, is_e_invoice, paid_at, cancelled_at,
              accounting_provider, external_id, external_invoice_number, accounting_sync_status, accounting_synced_at,
              updated_at) ON billing_invoices TO sevdesk_worker;
GRANT SELECT (invoice_id, position, name, description, quantity, unit, unit_price, tax_rate)
    ON billing_invoice_items TO sevdesk_worker;
GRANT SELECT (id, invoice_id, event_type, payload, actor_contact_id, correlation_id, created_at)
    ON billing_invoice_event_log TO sevdesk_worker;

-- Writing into tables of the billing system: the result columns of an invoice, and new rows of its event log.
GRANT UPDATE (accounting_sync_status, document_status, claim_status, external_id, external_invoice_number, paid_amount,
              paid_at, cancelled_at, accounting_provider, accounting_synced_at, updated_at)
    ON billing_invoices TO sevdesk_worker;
GRANT INSERT (invoice_id, event_type, payload, actor_contact_id, correlation_id, created_at)
    ON billing_invoice_event_log TO sevdesk_worker;

-- The worker's own tables, sequences and functions. Rows are never deleted, except layouts that sevDesk no longer has and
-- jobs in the queue that have ended; rows of mails, bounces, config_log and reconciliations are never changed.
DO $$
DECLARE
    own text;
BEGIN
    FOR own IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
               WHERE schemaname = 'public' AND tablename LIKE 'sevdesk\_%' LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %s TO sevdesk_worker', own);
    END LOOP;
    FOR own IN SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences
               WHERE schemaname = 'public' AND sequencename LIKE 'sevdesk\_%\_rank' LOOP
        EXECUTE format('GRANT SELECT, UPDATE ON SEQUENCE %s TO sevdesk_worker', own);
    END LOOP;
    FOR own IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
               WHERE n.nspname = 'public' AND p.proname LIKE 'sevdesk\_%' LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sevdesk_worker', own);
    END LOOP;
END $$;
GRANT DELETE ON sevdesk_templates, sevdesk_queue TO sevdesk_worker;
GRANT SELECT ON _yoyo_migration TO sevdesk_worker;  -- `doctor` reads which migrations were applied
REVOKE UPDATE ON sevdesk_mails, sevdesk_bounces, sevdesk_config_log, sevdesk_reconciliations FROM sevdesk_worker;
