-- The settings of the worker, sevDesk's document layouts, and the figures for the metrics.

-- name: config^
SELECT account_id, contact_person_id, contact_person_eb, contact_person_kop, template_eb_ar, template_eb_sr,
       template_kop_ar, template_kop_sr,
       payment_sync_interval_minutes, datev_chart_of_accounts
FROM sevdesk_config;

-- name: account_on_record$
-- Writes down whose account the database belongs to, the first time, and returns what is on record. Null if another
-- process wrote it down at this moment.
WITH first AS (
    UPDATE sevdesk_config SET account_id = :account_id
    WHERE account_id IS NULL RETURNING account_id
), logged AS (
    INSERT INTO sevdesk_config_log (job_id, field, old_value, new_value)
    SELECT :job_id, 'account_id', 'null', to_jsonb(account_id) FROM first
)
SELECT coalesce((SELECT account_id FROM first), c.account_id) FROM sevdesk_config c;

-- name: note_other_account!
-- A worker has a token of another account; `health` fails for some minutes.
UPDATE sevdesk_config
SET other_account_id = :account_id, other_account_worker = :worker, other_account_at = clock_timestamp();

-- name: set_token_configured!
-- The token itself is nowhere but in the environment. Without one the account is not connected.
UPDATE sevdesk_config SET token_configured = :configured, is_connected = is_connected AND :configured
WHERE token_configured IS DISTINCT FROM :configured;

-- name: token_elsewhere$
-- Whether a living worker has a token; each puts on record whether it has.
SELECT EXISTS (SELECT FROM sevdesk_living_workers_v1() WHERE settings ->> 'SEVDESK_API_TOKEN' <> 'none');

-- name: change_config
-- Applies the fields of the patch whose value differs, logs each of them, and returns them. With another account the links
-- to contacts go, for there they have other ids: they are found or made anew.
WITH before AS (
    SELECT * FROM sevdesk_config FOR UPDATE
), changes AS (
    SELECT p.field, to_jsonb(b) -> p.field AS old_value, p.value AS new_value
    FROM before b, jsonb_each(:patch::jsonb) AS p(field, value)
    WHERE to_jsonb(b) -> p.field IS DISTINCT FROM p.value
), changed AS (
    UPDATE sevdesk_config c
    SET account_name = n.account_name, account_id = n.account_id, contact_person_id = n.contact_person_id,
        contact_person_eb = n.contact_person_eb, contact_person_kop = n.contact_person_kop,
        template_eb_ar = n.template_eb_ar, template_eb_sr = n.template_eb_sr, template_kop_ar = n.template_kop_ar,
        template_kop_sr = n.template_kop_sr, payment_sync_interval_minutes = n.payment_sync_interval_minutes,
        datev_chart_of_accounts = n.datev_chart_of_accounts, auto_transfer_invoices = n.auto_transfer_invoices,
        publish_only = n.publish_only, is_connected = n.is_connected, connected_by = n.connected_by, updated_at = clock_timestamp()
    FROM before b, jsonb_populate_record(NULL::sevdesk_config, to_jsonb(b) || :patch::jsonb) n
    WHERE EXISTS (SELECT FROM changes)
), moved AS (
    DELETE FROM sevdesk_contacts
    WHERE EXISTS (SELECT FROM changes WHERE field = 'account_id' AND old_value <> 'null')
)
INSERT INTO sevdesk_config_log (job_id, field, old_value, new_value, changed_by)
SELECT :job_id, field, old_value, new_value, :changed_by::uuid FROM changes ORDER BY field
RETURNING field, old_value, new_value;

-- name: publish_only_unmatched$
-- The names in `publish_only` that no deal type and no invoice number has; null if the worker publishes all.
SELECT ARRAY(SELECT n FROM unnest(c.publish_only) n
             WHERE NOT EXISTS (SELECT FROM deals d WHERE d.deal_type = n)
               AND NOT EXISTS (SELECT FROM billing_invoices i WHERE i.invoice_number = n) ORDER BY n)
FROM sevdesk_config c WHERE c.publish_only IS NOT NULL;

-- name: takes_over$
-- Whether the worker would publish, with this `publish_only`, approved invoices that it leaves to another program now.
SELECT EXISTS (
    SELECT FROM billing_invoices i CROSS JOIN sevdesk_config c LEFT JOIN deals d ON d.id = i.deal_id
    WHERE c.publish_only IS NOT NULL AND i.document_status = 'approved'
      AND i.accounting_sync_status NOT IN ('synced', 'cancelled')
      AND NOT sevdesk_publishes_v1(c.publish_only, d.deal_type, i.invoice_number)
      AND sevdesk_publishes_v1(:publish_only::text[], d.deal_type, i.invoice_number));

-- name: full_sync_state$
-- `read` if this full payment sync has read the whole book, though it may ask about what it found.
SELECT CASE WHEN state = 'done' OR (state = 'parked' AND problem = 'mass_change') THEN 'read' ELSE state END
FROM sevdesk_jobs WHERE job_id = :job_id;

-- name: templates
SELECT template_id, name, extract(epoch FROM clock_timestamp() - fetched_at)::float8 AS age
FROM sevdesk_templates ORDER BY name, template_id;

-- name: store_templates$
-- Replaces the list by the one from sevDesk. Returns how many layouts were deleted.
WITH gone AS (
    DELETE FROM sevdesk_templates WHERE template_id <> ALL (:template_ids::text[]) RETURNING template_id
), there AS (
    INSERT INTO sevdesk_templates (template_id, name, translation_code, is_default)
    SELECT * FROM unnest(:template_ids::text[], :names::text[], :translation_codes::text[], :defaults::boolean[])
    ON CONFLICT (template_id) DO UPDATE
    SET name = excluded.name, translation_code = excluded.translation_code, is_default = excluded.is_default,
        fetched_at = clock_timestamp()
)
SELECT count(*) FROM gone;
