-- A database role with only the rights that the worker needs, and one with those that a billing system needs which does
-- not own the tables. Run as the owner of the tables, after every
-- `sevdesk-worker migrate`:
--
--     psql "$OWNER_URL" -f sql/roles.sql
--     ALTER ROLE sevdesk_worker LOGIN PASSWORD '...';      -- once; then DATABASE_URL names sevdesk_worker
--
-- Where views stand for the billing tables (BILLING_SCHEMA), their schema comes first:
--
--     psql "$OWNER_URL" -c "SET search_path = sevdesk_views, public" -f sql/roles.sql
--
-- The role then gets rights on the views only, and their schema first in its own search path in this database. That is
-- what holds through a pooler such as PgBouncer, where the worker cannot set it for its sessions; for a role of your
-- own: ALTER ROLE ... IN DATABASE ... SET search_path = sevdesk_views, public.
--
-- `migrate` itself must run as the owner. May be repeated: rights that are not granted here are taken away.

DO $$
BEGIN
    CREATE ROLE sevdesk_worker NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;

-- What the worker sets for each of its sessions, for those that go through a pooler, where it cannot.
DO $$
BEGIN
    ALTER ROLE sevdesk_worker SET default_transaction_isolation = 'read committed';
    ALTER ROLE sevdesk_worker SET statement_timeout = '25s';
    ALTER ROLE sevdesk_worker SET default_transaction_read_only = 'off';
    ALTER ROLE sevdesk_worker SET lock_timeout = '0';
    ALTER ROLE sevdesk_worker SET idle_in_transaction_session_timeout = '30s';
    ALTER ROLE sevdesk_worker SET idle_session_timeout = '0';
    ALTER ROLE sevdesk_worker SET TimeZone = 'UTC';
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'These settings of sevdesk_worker may be changed by its creator only; a pooler needs them.';
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM sevdesk_worker;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM sevdesk_worker;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM sevdesk_worker;
GRANT USAGE ON SCHEMA public TO sevdesk_worker;

-- The schema of the views.
DO $$
DECLARE
    views text := (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('billing_invoices'));
BEGIN
    IF views <> 'public' THEN
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %s FROM sevdesk_worker', views);
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO sevdesk_worker', views);
        EXECUTE format('ALTER ROLE sevdesk_worker IN DATABASE %I SET search_path = %s, public', current_database(), views);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'The search path of sevdesk_worker may be changed by its creator only; a pooler needs it.';
END $$;

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
              service_from, service_to, payment_term_days, head_text, foot_text, is_e_invoice, final_invoice_form,
              paid_at, cancelled_at, accounting_provider, external_id, external_invoice_number, accounting_sync_status,
              accounting_synced_at, updated_at) ON billing_invoices TO sevdesk_worker;
GRANT SELECT (skonto_percent, skonto_days) ON billing_invoices TO sevdesk_worker;
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

-- The worker's own tables, sequences and functions. Rows are never deleted, except layouts that sevDesk no longer has,
-- jobs in the queue that have ended, first looks that found nothing, workers that are gone, links to contacts when the
-- company moves to another account and, by
-- sevdesk_clean_v1 and sevdesk_drop_renderings_v1, ended jobs with their writes and sync runs, and PDFs that were replaced
-- unsent; rows of mails, bounces, config_log, reconciliations and datev_parts are never changed.
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
    FOR own IN SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences  -- `doctor` compares them with the rows
               WHERE schemaname = 'public' AND sequencename ~ '^sevdesk_.*_(id|seq)_seq$' LOOP
        EXECUTE format('GRANT SELECT ON SEQUENCE %s TO sevdesk_worker', own);
    END LOOP;
    FOR own IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
               WHERE n.nspname = 'public' AND p.proname LIKE 'sevdesk\_%' LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sevdesk_worker', own);
    END LOOP;
END $$;
GRANT DELETE ON sevdesk_contacts, sevdesk_missing, sevdesk_queue, sevdesk_templates, sevdesk_workers
    TO sevdesk_worker;
REVOKE INSERT, UPDATE ON sevdesk_migrations FROM sevdesk_worker;
REVOKE UPDATE ON sevdesk_mails, sevdesk_bounces, sevdesk_config_log, sevdesk_reconciliations, sevdesk_datev_parts
    FROM sevdesk_worker;

-- What asks for jobs and reads what became of them:
--
--     GRANT sevdesk_billing TO the_role_of_the_billing_system;
DO $$
BEGIN
    CREATE ROLE sevdesk_billing NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM sevdesk_billing;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM sevdesk_billing;
GRANT USAGE ON SCHEMA public TO sevdesk_billing;
GRANT EXECUTE ON FUNCTION sevdesk_request_job TO sevdesk_billing;
GRANT SELECT ON sevdesk_jobs, sevdesk_documents, sevdesk_cancellations, sevdesk_credit_notes, sevdesk_mails, sevdesk_bounces,
                sevdesk_datev_exports, sevdesk_datev_parts, sevdesk_templates, sevdesk_config, sevdesk_config_log
    TO sevdesk_billing;
