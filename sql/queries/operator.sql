-- Questions of operators, and what `reconcile` reads and stores. None of these statements changes an invoice or a job.

-- name: find_subject^
-- An invoice, or a job with its invoice. Our number before sevDesk's, because the two number ranges may overlap.
SELECT invoice_id, job_id FROM (
    SELECT 1 AS place, id AS invoice_id, NULL AS job_id FROM billing_invoices WHERE invoice_number = :subject
    UNION ALL
    SELECT 2, id, NULL FROM billing_invoices WHERE id = sevdesk_uuid_or_null_v1(:subject)
    UNION ALL
    SELECT 3, id, NULL FROM billing_invoices WHERE external_invoice_number = :subject
    UNION ALL
    SELECT 4, id, NULL FROM billing_invoices WHERE external_id = :subject AND accounting_provider = 'sevdesk'
    UNION ALL
    SELECT 5, invoice_id, job_id FROM sevdesk_jobs WHERE job_id = :subject) AS found
ORDER BY place LIMIT 1;

-- name: parked_job_ids
-- Oldest request first; each condition that is null is none.
SELECT job_id FROM sevdesk_queue q JOIN sevdesk_jobs j USING (job_id)
WHERE q.phase = 'parked' AND (:invoice_id::uuid IS NULL OR j.invoice_id = :invoice_id::uuid)
  AND (:code::text IS NULL OR j.problem = :code::text) AND (:kind::text IS NULL OR j.kind = :kind::text)
  AND (:older::float8 IS NULL OR j.finished_at < clock_timestamp() - make_interval(secs => :older::float8))
ORDER BY j.seq;

-- name: leader^
-- Who leads, and for how many seconds its session has said nothing. Null seconds: the session is another role's.
SELECT replace(a.application_name, 'sevdesk-worker locks ', '') AS worker,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS silent
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database()
  AND l.database = a.datid
  AND (l.classid::bigint << 32 | l.objid::bigint) = sevdesk_lock_key_v1('leader');

-- name: backend_pid$
SELECT pg_backend_pid();

-- name: session_defaults^
-- What this session begins with; statement_timeout in ms, 0 for none; the first schema of its search path.
SELECT current_setting('default_transaction_isolation') AS isolation,
       (SELECT setting::integer FROM pg_settings WHERE name = 'statement_timeout') AS statement_timeout,
       current_schema() AS first_schema;

-- name: put_schema_first$
-- For the rest of the session.
SELECT set_config('search_path', quote_ident(:schema::text) || ', ' || current_setting('search_path'), false);

-- name: set_session_setting$
SELECT set_config(:name, :value, false);

-- name: recent_states
-- The states of the newest jobs. Counting all would take longer with every year.
SELECT state, count(*)::int AS jobs
FROM (SELECT state FROM sevdesk_jobs ORDER BY seq DESC LIMIT :most) AS newest GROUP BY state;

-- name: table_sizes^
-- Rows are estimates, from Postgres' last ANALYZE (of a view, those of its largest table); bytes: all tables of the worker with
-- their indexes, and the largest.
SELECT (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'sevdesk_jobs'::regclass) AS jobs,
       (SELECT greatest(max(c.reltuples), 0)::bigint FROM pg_class c
        WHERE c.oid = 'billing_invoices'::regclass
           OR c.oid IN (SELECT d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid
                        WHERE r.ev_class = 'billing_invoices'::regclass AND d.classid = 'pg_rewrite'::regclass
                          AND d.refclassid = 'pg_class'::regclass)) AS invoices,
       (SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c
        WHERE c.relkind = 'r' AND c.relname LIKE 'sevdesk\_%' AND pg_table_is_visible(c.oid)) AS bytes,
       ARRAY(SELECT jsonb_build_object('table', c.relname, 'bytes', pg_total_relation_size(c.oid)) FROM pg_class c
             WHERE c.relkind = 'r' AND c.relname LIKE 'sevdesk\_%' AND pg_table_is_visible(c.oid)
             ORDER BY pg_total_relation_size(c.oid) DESC LIMIT 5) AS largest,
       (SELECT created_at FROM sevdesk_jobs ORDER BY seq LIMIT 1) AS oldest_job;

-- name: running_jobs
SELECT j.job_id, j.kind, i.invoice_number, j.attempt, j.worker,
       extract(epoch FROM clock_timestamp() - j.updated_at)::float8 AS seconds
FROM sevdesk_queue q JOIN sevdesk_jobs j USING (job_id) LEFT JOIN billing_invoices i ON i.id = j.invoice_id
WHERE q.phase = 'running' ORDER BY j.updated_at LIMIT :most;

-- name: parked_jobs
SELECT j.job_id, j.kind, i.invoice_number, j.problem, j.error, j.next_step,
       extract(epoch FROM clock_timestamp() - j.finished_at)::float8 AS seconds
FROM sevdesk_queue q JOIN sevdesk_jobs j USING (job_id) LEFT JOIN billing_invoices i ON i.id = j.invoice_id
WHERE q.phase = 'parked' ORDER BY j.finished_at DESC LIMIT :most;

-- name: rejected_jobs
-- Those of which a person is told, with their number.
SELECT j.job_id, j.kind, i.invoice_number, j.problem, j.error, j.next_step,
       extract(epoch FROM clock_timestamp() - j.finished_at)::float8 AS seconds, count(*) OVER () AS in_all
FROM sevdesk_told_rejections_v1() t
CROSS JOIN LATERAL (SELECT * FROM sevdesk_jobs WHERE job_id = t.job_id OFFSET 0) j  -- by its key, however many there are
LEFT JOIN billing_invoices i ON i.id = j.invoice_id
ORDER BY j.seq DESC LIMIT :most;

-- name: rejected_job_ids
-- As `parked_job_ids`, of rejected ones.
SELECT j.job_id FROM sevdesk_rejections r CROSS JOIN LATERAL (SELECT * FROM sevdesk_jobs WHERE job_id = r.job_id OFFSET 0) j
WHERE j.state = 'rejected' AND (:invoice_id::uuid IS NULL OR j.invoice_id = :invoice_id::uuid)
  AND (:code::text IS NULL OR j.problem = :code::text) AND (:kind::text IS NULL OR j.kind = :kind::text)
  AND (:older::float8 IS NULL OR j.finished_at < clock_timestamp() - make_interval(secs => :older::float8))
ORDER BY j.seq;

-- name: oldest_waiting^
SELECT j.job_id, j.kind, j.state, i.invoice_number, j.error,
       extract(epoch FROM clock_timestamp() - j.created_at)::float8 AS seconds
FROM (SELECT job_id FROM sevdesk_queue WHERE phase NOT IN ('running', 'parked') ORDER BY seq LIMIT 1) q
JOIN sevdesk_jobs j USING (job_id)
LEFT JOIN billing_invoices i ON i.id = j.invoice_id;

-- name: account^
SELECT c.account_name, c.is_connected, c.token_configured, c.auto_transfer_invoices, c.publish_only,
       c.payment_sync_interval_minutes,
       c.last_sync_at, extract(epoch FROM clock_timestamp() - c.last_sync_at)::float8 AS sync_age,
       (SELECT next_run_at FROM sevdesk_schedules WHERE name = 'payments') AS next_sync_at,
       c.account_id, c.other_account_id, c.other_account_worker,
       extract(epoch FROM clock_timestamp() - c.other_account_at)::float8 AS other_account_age,
       (SELECT noticed_at FROM sevdesk_restores WHERE noticed_at > coalesce(recovered_at, '-infinity')) AS restored_at
FROM sevdesk_config c;

-- name: last_reconciliation^
SELECT finished_at, extract(epoch FROM clock_timestamp() - finished_at)::float8 AS age, invoices, documents, changing,
       drift
FROM sevdesk_reconciliations ORDER BY id DESC LIMIT 1;

-- name: list_jobs
-- Planned with its values (asyncpg's first execution), so a condition that is null costs nothing, and the index of an
-- invoice, a person or a correlation id is used.
SELECT j.job_id, j.kind, j.state, i.invoice_number, j.attempt, j.origin, j.requested_by, j.correlation_id, j.problem,
       j.error, j.next_step, j.created_at, j.finished_at,
       extract(epoch FROM clock_timestamp() - j.created_at)::float8 AS age,
       extract(epoch FROM j.not_before - clock_timestamp())::float8 AS again_in
FROM (SELECT * FROM sevdesk_jobs
      WHERE (:state::text IS NULL OR state = :state::text) AND (:kind::text IS NULL OR kind = :kind::text)
        AND (:code::text IS NULL OR problem = :code::text)
        AND (:invoice_id::uuid IS NULL OR invoice_id = :invoice_id::uuid)
        AND (:requested_by::uuid IS NULL OR requested_by = :requested_by::uuid)
        AND (:correlation_id::text IS NULL OR correlation_id = :correlation_id::text)
        AND (:since::timestamptz IS NULL OR created_at >= :since::timestamptz)
        AND (:until::timestamptz IS NULL OR created_at < :until::timestamptz)
      ORDER BY seq DESC LIMIT :most) j
LEFT JOIN billing_invoices i ON i.id = j.invoice_id
ORDER BY j.seq DESC;

-- name: deciding_job^
-- The job with the given id, or the job of an invoice that decides what happens next to it: an unfinished one; else a
-- parked one, unless a later job of its kind is done or parked; else a rejected one of which a person is told (`told`);
-- else the newest. Of several unfinished or parked ones
-- the first, of parked ones a publication before others, because the others may be parked for want of it.
-- parked_beside: how many jobs of the invoice are parked. locked: whether a process holds the lock of its order key.
SELECT j.job_id, j.kind, j.state, j.attempt, j.retries, j.worker, j.steps_done, j.problem, j.problem_parameters,
       j.error, j.next_step, j.asks_about, j.order_key, j.seq, j.requested_by, j.started_at, j.dismissed_by, j.dismissed_reason,
       i.invoice_number, told,
       extract(epoch FROM j.not_before - clock_timestamp())::float8 AS again_in,
       extract(epoch FROM clock_timestamp() - j.updated_at)::float8 AS since,
       extract(epoch FROM clock_timestamp() - coalesce(j.not_before, j.created_at))::float8 AS due_for,
       (SELECT count(*) FROM sevdesk_jobs p
        WHERE :job_id::text IS NULL AND p.invoice_id = j.invoice_id AND p.state = 'parked')::int AS parked_beside,
       EXISTS (SELECT FROM pg_locks l
               WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND (l.classid::bigint << 32 | l.objid::bigint) = sevdesk_lock_key_v1(j.order_key)) AS locked
FROM sevdesk_jobs j LEFT JOIN billing_invoices i ON i.id = j.invoice_id
CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM sevdesk_told_rejections_v1() t WHERE t.job_id = j.job_id)) AS r(told)
WHERE j.job_id = :job_id
   OR (:job_id::text IS NULL AND j.invoice_id = :invoice_id::uuid
       AND (j.state <> 'parked'
            OR NOT EXISTS (SELECT FROM sevdesk_jobs l
                           WHERE l.invoice_id = j.invoice_id AND l.kind = j.kind AND l.seq > j.seq
                             AND l.state IN ('done', 'parked'))))
ORDER BY CASE WHEN j.state IN ('requested', 'queued', 'running', 'waiting') THEN 0
              WHEN j.state = 'parked' THEN 1 WHEN told THEN 2 ELSE 3 END,
         j.state = 'parked' AND j.kind <> 'publish_invoice',
         CASE WHEN j.state IN ('done', 'rejected', 'dismissed') THEN -j.seq ELSE j.seq END
LIMIT 1;

-- name: is_locked$
-- Whether a process holds the subject's lock.
SELECT EXISTS (SELECT FROM pg_locks l
               WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND (l.classid::bigint << 32 | l.objid::bigint) = sevdesk_lock_key_v1(:subject));

-- name: job_ahead^
SELECT job_id, j.kind, j.state, count(*) OVER ()::int AS jobs_ahead
FROM sevdesk_queue q JOIN sevdesk_jobs j USING (job_id)
WHERE q.order_key = :order_key AND q.seq < :seq AND q.phase NOT IN ('scheduled', 'parked')
ORDER BY q.seq LIMIT 1;

-- name: limited_for$
-- Seconds until the person may start another job; null or negative if now. The rule is sevdesk_start_time_v1's.
SELECT extract(epoch FROM greatest(starts[cardinality(starts) - :limit_jobs::int + 1],
                                   given[cardinality(given) - :limit_jobs::int + 1]) - clock_timestamp())::float8
       + :limit_seconds::float8
FROM sevdesk_person_starts WHERE person_id = :person::uuid;

-- name: open_intent_about^
-- The open intent of the job itself, else the one on the subject.
SELECT action, step, extract(epoch FROM clock_timestamp() - intent_at)::float8 AS age,
       extract(epoch FROM settles_at - clock_timestamp())::float8 AS settles_in
FROM sevdesk_intents
WHERE closed_at IS NULL AND (job_id = :job_id OR subject = :subject)
ORDER BY job_id = :job_id DESC, id LIMIT 1;

-- name: invoice_head^
SELECT i.id, i.invoice_number, i.document_kind, i.document_status, i.claim_status, i.accounting_sync_status, i.currency,
       i.net_amount, i.tax_amount, i.gross_amount, i.paid_amount, i.paid_at, i.cancelled_at, i.issue_date::text AS issue_date, i.deal_id,
       i.external_id, i.external_invoice_number, i.accounting_synced_at, i.updated_at,
       (SELECT coalesce(e.payload ->> 'channel', e.event_type) FROM billing_invoice_event_log e
        WHERE e.invoice_id = i.id AND e.event_type IN ('drafted', 'mailed', 'marked_sent', 'sent_by_hand', 'mail_bounced')
        ORDER BY e.created_at DESC LIMIT 1) AS sending,
       (SELECT extract(epoch FROM clock_timestamp() - m.first_seen_at)::float8 FROM sevdesk_missing m
        WHERE m.invoice_id = i.id AND m.external_id = i.external_id) AS missing_for,
       NOT sevdesk_publishes_v1(c.publish_only, d.deal_type, i.invoice_number) AS left_to_other
FROM billing_invoices i CROSS JOIN sevdesk_config c LEFT JOIN deals d ON d.id = i.deal_id
WHERE i.id = :invoice_id;

-- name: timeline
-- Everything that happened to one invoice, from all tables. Contains personal data (recipients of mails), so it is
-- shown only to a person who asks for this invoice.
SELECT at, source, what, detail FROM (
    SELECT created_at AS at, 'event' AS source, event_type AS what, payload AS detail, id::text AS tie
    FROM billing_invoice_event_log WHERE invoice_id = :invoice_id
    UNION ALL
    SELECT created_at, 'job', kind || ' asked', jsonb_build_object('job_id', job_id, 'origin', origin,
           'requested_by', requested_by, 'correlation_id', correlation_id), '0'
    FROM sevdesk_jobs WHERE invoice_id = :invoice_id
    UNION ALL
    SELECT finished_at, 'job', kind || ' ' || state, jsonb_build_object('job_id', job_id, 'attempt', attempt,
           'problem', problem, 'error', error, 'next_step', next_step), 'z'
    FROM sevdesk_jobs WHERE invoice_id = :invoice_id AND finished_at IS NOT NULL
    UNION ALL
    SELECT intent_at, 'write', action, jsonb_build_object('job_id', job_id, 'outcome', coalesce(outcome, 'open'),
           'seconds', round(extract(epoch FROM closed_at - intent_at), 3)), '1'
    FROM sevdesk_intents WHERE subject = 'invoice:' || :invoice_id
    UNION ALL
    SELECT fetched_at, 'document', kind, jsonb_build_object('filename', filename, 'bytes', length(content),
           'sha256', sha256, 'verdict', verdict, 'rules', rules), '2'
    FROM sevdesk_documents WHERE invoice_id = :invoice_id
    UNION ALL
    SELECT sent_at, 'mail', document || ' mailed', jsonb_build_object('to', recipient, 'cc', cc, 'bcc', bcc, 'subject', subject,
           'attached', CASE WHEN xml_sha256 IS NULL THEN 'PDF' ELSE 'XML' END, 'job_id', job_id), '2'
    FROM sevdesk_mails WHERE invoice_id = :invoice_id
    UNION ALL
    SELECT reported_at, 'mail', 'invoice came back', jsonb_build_object('address', address, 'reason', reason,
           'mail_job_id', mail_job_id, 'job_id', job_id), '2'
    FROM sevdesk_bounces WHERE invoice_id = :invoice_id) AS happened
ORDER BY at, tie;

-- name: sequences_behind$
-- The tables whose next rows would get ids that are taken, as after a copy that left out the sequences; null if none.
SELECT string_agg(t.name, ', ' ORDER BY t.name)
FROM (VALUES ('sevdesk_jobs', 'seq', (SELECT max(seq) FROM sevdesk_jobs)),
             ('sevdesk_intents', 'id', (SELECT max(id) FROM sevdesk_intents)),
             ('sevdesk_config_log', 'id', (SELECT max(id) FROM sevdesk_config_log)),
             ('sevdesk_documents', 'id', (SELECT max(id) FROM sevdesk_documents)),
             ('sevdesk_mails', 'id', (SELECT max(id) FROM sevdesk_mails)),
             ('sevdesk_bounces', 'id', (SELECT max(id) FROM sevdesk_bounces)),
             ('sevdesk_sync_runs', 'id', (SELECT max(id) FROM sevdesk_sync_runs)),
             ('sevdesk_reconciliations', 'id', (SELECT max(id) FROM sevdesk_reconciliations))) t(name, identity, newest)
JOIN pg_sequences s ON s.schemaname = 'public' AND s.sequencename = t.name || '_' || t.identity || '_seq'
WHERE has_sequence_privilege('public.' || t.name || '_' || t.identity || '_seq', 'SELECT')
  AND t.newest > coalesce(s.last_value, 0);

-- name: jobs_of_invoice
SELECT job_id, kind, state, attempt, problem, problem_parameters, error, next_step, created_at, finished_at
FROM sevdesk_jobs WHERE invoice_id = :invoice_id ORDER BY seq;

-- name: invoices_to_compare
-- Invoices with what the worker recorded about them, ordered by id: those with the given ids; else those with the given
-- numbers that have no sevDesk id; else a page of those that have one. Every stored PDF is hashed and compared with its
-- recorded digest.
SELECT i.*, a.cancellation_external_id, a.kind AS cancellation_kind, r.recipient_id, l.contact_id, p.pdf_intact, p.pdf_as_logged,
       EXISTS (SELECT FROM sevdesk_queue q
               WHERE q.order_key = 'invoice:' || i.invoice_id AND q.phase NOT IN ('scheduled', 'parked')) AS job_alive
FROM (SELECT id AS invoice_id, invoice_number AS number, gross_amount AS gross, accounting_sync_status AS sync_status,
             document_status, claim_status, external_id, external_invoice_number, paid_amount, paid_at, cancelled_at,
             coalesce(updated_at, '-infinity') AS updated_at,
             (SELECT coalesce(sum(k.gross_amount), 0) FROM sevdesk_credit_notes k
              WHERE k.invoice_id = billing_invoices.id AND k.status = 'finalized') AS credited,
             (SELECT coalesce(sum(k.refund_due), 0) FROM sevdesk_credit_notes k
              WHERE k.invoice_id = billing_invoices.id AND k.status = 'finalized') AS refund_due,
             document_status = 'approved'
                 AND EXISTS (SELECT FROM sevdesk_intents s
                             WHERE s.subject = 'invoice:' || billing_invoices.id AND s.closed_at IS NULL) AS write_open,
             (SELECT b.send_date FROM sevdesk_bounces b WHERE b.invoice_id = billing_invoices.id
              ORDER BY b.id DESC LIMIT 1) AS bounced_send_date
      FROM billing_invoices
      WHERE CASE WHEN :ids::uuid[] IS NOT NULL THEN id = ANY (:ids::uuid[])
                 WHEN :numbers::text[] IS NOT NULL THEN invoice_number = ANY (:numbers::text[]) AND external_id IS NULL
                 ELSE accounting_provider = 'sevdesk' AND external_id IS NOT NULL END
        AND (:after::uuid IS NULL OR id > :after::uuid)
      ORDER BY id LIMIT :most::bigint) i
LEFT JOIN sevdesk_cancellations a ON a.invoice_id = i.invoice_id AND NOT a.is_draft
LEFT JOIN LATERAL (SELECT e.payload ->> 'recipient_kind' AS recipient_kind,
                          sevdesk_uuid_or_null_v1(e.payload ->> 'recipient_id') AS recipient_id
                   FROM billing_invoice_event_log e WHERE e.invoice_id = i.invoice_id AND e.event_type = 'drafted'
                   ORDER BY e.created_at DESC LIMIT 1) r ON true
LEFT JOIN sevdesk_contacts l ON l.party_kind = r.recipient_kind AND l.party_id = r.recipient_id
LEFT JOIN LATERAL (SELECT bool_and(encode(sha256(d.content), 'hex') = d.sha256) AS pdf_intact,
                          (SELECT e.payload ->> 'sha256' FROM billing_invoice_event_log e
                           WHERE e.invoice_id = i.invoice_id AND e.event_type = 'pdf_stored'
                           ORDER BY e.created_at DESC LIMIT 1) = ANY (array_agg(d.sha256)) IS NOT FALSE AS pdf_as_logged
                   FROM sevdesk_documents d WHERE d.invoice_id = i.invoice_id AND d.kind = 'invoice_pdf') p ON true
ORDER BY i.invoice_id;

-- name: finished_credit_notes
-- The credit notes on record that have their number, over a part or the whole of an invoice.
SELECT k.invoice_id, i.invoice_number, i.external_id AS invoice_external_id, k.external_id, k.number, k.gross
FROM (SELECT invoice_id, cancellation_external_id AS external_id, cancellation_number AS number, gross_amount AS gross
      FROM sevdesk_cancellations WHERE kind = 'credit_note' AND NOT is_draft
      UNION ALL
      SELECT invoice_id, external_id, credit_note_number, gross_amount
      FROM sevdesk_credit_notes WHERE status = 'finalized') k
JOIN billing_invoices i ON i.id = k.invoice_id
ORDER BY k.invoice_id, k.external_id;

-- name: adopted_documents
-- Published invoices whose document somebody else made, with its content when it was taken over.
SELECT i.id, i.invoice_number, i.external_id, n.content, n.seen_update
FROM sevdesk_invoices n JOIN billing_invoices i ON i.id = n.invoice_id AND i.external_id = n.external_id
WHERE n.adopted AND i.accounting_sync_status = 'synced'
ORDER BY i.id;

-- name: contact_history
-- Every sevDesk contact that was ever linked to these companies and contacts. An invoice may show an earlier one:
-- contacts are merged or replaced in sevDesk.
SELECT DISTINCT party_id, contact_id FROM (
    SELECT sevdesk_uuid_or_null_v1(payload ->> 'party_id') AS party_id, payload ->> 'contact_id' AS contact_id
    FROM billing_invoice_event_log
    WHERE event_type = 'contact_linked' AND payload ->> 'party_id' = ANY (:parties::uuid[]::text[])) AS linked;

-- name: insert_reconciliation$
INSERT INTO sevdesk_reconciliations (started_at, invoices, documents, changing, drift)
VALUES (:started_at, :invoices, :documents, :changing, :drift::jsonb)
RETURNING id;

-- name: billing_columns
-- The columns of the tables as they are, and what this role may do with each.
SELECT c.relname AS table_name, a.attname AS column_name, format_type(a.atttypid, NULL) AS type, c.relkind = 'v' AS is_view,
       has_column_privilege(c.oid, a.attnum, 'SELECT') AS may_select,
       has_column_privilege(c.oid, a.attnum, 'INSERT') AS may_insert,
       has_column_privilege(c.oid, a.attnum, 'UPDATE') AS may_update
FROM unnest(:tables::text[]) AS wanted(name)
JOIN pg_class c ON c.oid = to_regclass(wanted.name)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped;

-- name: number_is_unique$
-- Invoices are found again in sevDesk by their number, so no two may have the same.
SELECT EXISTS (SELECT FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
               WHERE x.indrelid = to_regclass('billing_invoices') AND x.indisunique AND x.indnkeyatts = 1
                 AND x.indpred IS NULL AND a.attname = 'invoice_number');

-- name: valid_indexes
-- The columns of each index on these tables, in order, and whether it holds every row.
SELECT c.relname AS table_name, x.indpred IS NULL AS complete,
       ARRAY(SELECT coalesce(a.attname, '') FROM unnest(x.indkey) WITH ORDINALITY AS k(number, place)
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number ORDER BY k.place)::text[] AS columns
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
WHERE x.indisvalid AND c.oid IN (SELECT to_regclass(name) FROM unnest(:tables::text[]) AS name);

-- name: tables_without_access
-- Tables of the worker that this role may not read or insert into; only migrate writes the log of migrations.
SELECT relname AS table_name FROM pg_class
WHERE relkind = 'r' AND relname LIKE 'sevdesk\_%' AND relname <> 'sevdesk_migrations' AND pg_table_is_visible(oid)
  AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT'))
ORDER BY relname;

-- name: migration_log^
-- Whether the log of applied migrations exists, and whether this role may read it.
SELECT to_regclass('sevdesk_migrations') IS NOT NULL AS there,
       coalesce(has_table_privilege(to_regclass('sevdesk_migrations'), 'SELECT'), false) AS readable;

-- name: applied_migrations
SELECT migration_id FROM sevdesk_migrations;

-- name: named_templates
-- Every template that invoices use, and where it is named.
SELECT c.named AS template_id, c.place
FROM sevdesk_config, LATERAL (VALUES (template_eb_ar, 'template_eb_ar'), (template_eb_sr, 'template_eb_sr'),
                                     (template_kop_ar, 'template_kop_ar'), (template_kop_sr, 'template_kop_sr'))
     AS c(named, place)
WHERE c.named IS NOT NULL
UNION ALL
SELECT sevdesk_template_id, 'billing_document_templates ' || id FROM billing_document_templates
WHERE sevdesk_template_id IS NOT NULL;

-- name: refused_before^
-- The problem of the job whose same request sevDesk refused, if nothing else has become of that request since.
SELECT problem, problem_parameters FROM (
    SELECT i.outcome, j.problem, j.problem_parameters
    FROM sevdesk_intents i JOIN sevdesk_jobs j USING (job_id)
    WHERE i.subject = :subject AND i.action = :action AND i.request_sha256 = :request_sha256 AND i.closed_at IS NOT NULL
    ORDER BY i.id DESC LIMIT 1) last
WHERE outcome = 'refused' AND problem IS NOT NULL;

-- name: draft_saved_before$
-- sevDesk's id of the invoice's draft, if the very same request made it; else null.
SELECT external_id FROM billing_invoices
WHERE id = :invoice_id AND :request_sha256 = (
    SELECT request_sha256 FROM sevdesk_intents
    WHERE subject = :subject AND action = 'save_invoice' AND outcome IN ('done', 'found_done')
    ORDER BY id DESC LIMIT 1);

-- name: last_publish_stop^
-- Why the invoice's latest job of publishing stopped, if that is parked.
SELECT job_id, problem, problem_parameters, finished_at FROM (
    SELECT job_id, state, problem, problem_parameters, finished_at FROM sevdesk_jobs
    WHERE invoice_id = :invoice_id AND kind = 'publish_invoice' ORDER BY seq DESC LIMIT 1) last
WHERE state = 'parked' AND problem IS NOT NULL;

-- name: invoices_to_rehearse
-- Approved and not published, in the order of their days; without those that another program publishes.
SELECT i.id, i.invoice_number, i.document_kind, i.deal_id
FROM billing_invoices i CROSS JOIN sevdesk_config c LEFT JOIN deals d ON d.id = i.deal_id
WHERE i.document_status = 'approved' AND i.accounting_sync_status NOT IN ('synced', 'cancelled')
  AND sevdesk_publishes_v1(c.publish_only, d.deal_type, i.invoice_number)
  AND (:since::date IS NULL OR i.issue_date >= :since) AND (:until::date IS NULL OR i.issue_date <= :until)
ORDER BY i.issue_date, i.invoice_number;

-- name: subjects_in_doubt
-- Which of these a write is open on or was refused of, so that a dry run must look closer.
SELECT DISTINCT subject FROM sevdesk_intents
WHERE subject = ANY (:subjects::text[]) AND (closed_at IS NULL OR outcome = 'refused');

-- name: readiness_companies
-- Companies in Germany, or without a country, that invoices lead to which would have to be e-invoices: by association of
-- the invoice or its deal. Ordered by name.
WITH named AS (
    SELECT from_id AS company_id, to_type AS kind, to_id AS id FROM hubspot_associations
    WHERE from_type = 'company' AND to_type IN ('deal', 'invoice') AND label IN ('invoice_recipient', 'primary')
    UNION
    SELECT to_id, from_type, from_id FROM hubspot_associations
    WHERE to_type = 'company' AND from_type IN ('deal', 'invoice') AND label IN ('invoice_recipient', 'primary')
), billed AS (
    SELECT id, deal_id, tax_rule, issue_date FROM billing_invoices
    WHERE tax_rule = ANY(:tax_rules::int[]) AND document_status <> 'cancelled'
      AND (gross_amount > :small_amount::numeric OR currency <> 'EUR' OR tax_rule = ANY(:never_small::int[]))
), invoices AS (
    SELECT n.company_id, b.id, b.tax_rule, b.issue_date FROM named n JOIN billed b ON b.id = n.id WHERE n.kind = 'invoice'
    UNION
    SELECT n.company_id, b.id, b.tax_rule, b.issue_date FROM named n JOIN billed b ON b.deal_id = n.id WHERE n.kind = 'deal'
)
SELECT c.id, c.name, c.email, c.street, c.zip, c.city, upper(c.country_code) AS country_code, c.vat_id, c.buyer_reference,
       count(*) AS invoices, max(i.issue_date) AS latest, array_agg(DISTINCT i.tax_rule) AS tax_rules
FROM invoices i JOIN companies c ON c.id = i.company_id
WHERE upper(coalesce(nullif(btrim(c.country_code), ''), 'DE')) = 'DE'
-- All columns: a view's id is no primary key, on which the others would depend.
GROUP BY c.id, c.name, c.email, c.street, c.zip, c.city, c.country_code, c.vat_id, c.buyer_reference
ORDER BY c.name, c.id;
