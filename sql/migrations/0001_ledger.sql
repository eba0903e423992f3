-- The job ledger and the log of writes to sevDesk. All tables of the worker are named sevdesk_*; none refers to a table
-- of the billing system, so these migrations run on any database. There is no way back to an older version.

-- One row per job, inserted when a worker reads the job from Redis or when the billing system asks for it here.
CREATE TABLE sevdesk_jobs (
    seq                bigint GENERATED ALWAYS AS IDENTITY,
    job_id             text PRIMARY KEY,
    kind               text NOT NULL,
    payload            jsonb NOT NULL,
    origin             text NOT NULL CHECK (origin IN ('redis', 'outbox', 'system', 'operator')),
    invoice_id         uuid,
    requested_by       uuid,  -- contacts.id of the person who asked
    database_user      name,  -- who called sevdesk_request_job, as Postgres knows them; null for jobs from Redis
    correlation_id     text,
    traceparent        text,  -- the trace of whoever asked: W3C Trace Context, version 00
    order_key          text NOT NULL,  -- jobs with the same key run one after another
    state              text NOT NULL
        CHECK (state IN ('requested', 'queued', 'running', 'waiting', 'done', 'parked', 'rejected', 'dismissed')),
    attempt            integer NOT NULL DEFAULT 0,  -- how often the job was started
    retries            integer NOT NULL DEFAULT 0,  -- how many of the attempts used up a retry
    not_before         timestamptz,                 -- earliest start of the next attempt
    worker             text,
    steps_done         text[] NOT NULL DEFAULT '{}',
    error              text,
    next_step          text,    -- what a person should do about a parked job
    problem            text,    -- code of worker/domain/problems that ended the last attempt; no personal data
    problem_parameters jsonb,   -- the named parameters of that problem; no personal data
    earlier_problem    text,    -- the code that ended the attempt before the running one
    -- The open intent that a parked job asks a person about: did this write happen? No REFERENCES, for which Postgres would
    -- read the whole ledger at each intent that is deleted.
    asks_about         bigint,
    confirmed          text[] NOT NULL DEFAULT '{}',  -- codes of problems that a person told the job to disregard
    result             jsonb,
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    asked_at           timestamptz NOT NULL DEFAULT clock_timestamp(),  -- before created_at, if it waited in Redis
    started_at         timestamptz,
    finished_at        timestamptz,
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    dismissed_by       text,    -- who ended a job that was not done, and why
    dismissed_reason   text,
    CHECK (state NOT IN ('waiting', 'parked', 'rejected') OR problem IS NOT NULL AND problem_parameters IS NOT NULL)
) WITH (
    fillfactor = 70,
    -- By default a ledger of millions would be vacuumed once in years: this keeps its pages known as all visible and
    -- frozen bit by bit, instead of all at once, and its statistics no older than a busy week.
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
-- No index names a column that changes during a job's life, and a page keeps room for three versions of its rows, so
-- updates of a job touch no index (HOT). What workers search is in sevdesk_queue.
CREATE INDEX sevdesk_jobs_invoice ON sevdesk_jobs (invoice_id, seq) WHERE invoice_id IS NOT NULL;
-- For lists of the newest jobs, which must not read the whole ledger.
CREATE INDEX sevdesk_jobs_newest ON sevdesk_jobs (seq);
-- For `sevdesk-worker jobs`.
CREATE INDEX sevdesk_jobs_person ON sevdesk_jobs (requested_by, seq) WHERE requested_by IS NOT NULL;
CREATE INDEX sevdesk_jobs_correlation ON sevdesk_jobs (correlation_id, seq) WHERE correlation_id IS NOT NULL;

-- One row per job that was rejected and that a person is told of, however many others the ledger has. It lasts as long
-- as its job; the job's state says whether a person has dealt with it.
CREATE TABLE sevdesk_rejections (
    job_id text PRIMARY KEY REFERENCES sevdesk_jobs (job_id) ON DELETE CASCADE
);

-- Those that a person is told of now: neither dismissed, nor asked for again since. Jobs are looked up by their keys, however
-- many the ledger has.
CREATE FUNCTION sevdesk_told_rejections_v1() RETURNS TABLE (job_id text) LANGUAGE sql STABLE AS $function$
    SELECT r.job_id
    FROM sevdesk_rejections r CROSS JOIN LATERAL (SELECT * FROM sevdesk_jobs WHERE job_id = r.job_id OFFSET 0) j
    WHERE j.state = 'rejected'
      AND NOT EXISTS (SELECT FROM sevdesk_jobs l
                      WHERE l.invoice_id = j.invoice_id AND l.kind = j.kind AND l.seq > j.seq OFFSET 0)
$function$;

-- One row before each write to sevDesk. While closed_at is null, nobody knows whether the write happened.
CREATE TABLE sevdesk_intents (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject        text NOT NULL,  -- what is written: 'invoice:<id>', 'contact:<id>', ...
    job_id         text NOT NULL REFERENCES sevdesk_jobs (job_id),
    step           text NOT NULL,
    action         text NOT NULL,
    summary        jsonb NOT NULL DEFAULT '{}',
    request_sha256 text NOT NULL,
    addresses      jsonb,  -- to whom a mail goes; personal data, kept only while the intent is open
    worker         text NOT NULL,
    intent_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    settles_at     timestamptz NOT NULL,  -- set by the writer: before, nobody reads or writes the subject
    answer         text CHECK (answer IN ('done', 'not-done')),  -- what a person found out, for the next attempt
    closed_at      timestamptz,
    -- moot: it does not matter whether the write happened, for repeating it changes nothing or its object is gone.
    outcome        text CHECK (outcome IN ('done', 'refused', 'not_sent', 'found_done', 'found_not_done', 'moot')),
    CHECK ((closed_at IS NULL) = (outcome IS NULL))
) WITH (
    -- Each row is updated once, when it is closed, which leaves a dead row and dead entries in four indexes.
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02
);
-- At most one open intent per subject, so that two processes cannot write the same thing.
CREATE UNIQUE INDEX sevdesk_intents_open ON sevdesk_intents (subject) WHERE closed_at IS NULL;
-- At most one credit note is finished with a number, for open drafts have the same one in sevDesk.
CREATE UNIQUE INDEX sevdesk_intents_credit_number ON sevdesk_intents ((summary ->> 'credit_note_number'))
    WHERE action = 'finalize_credit_note' AND (closed_at IS NULL OR outcome IN ('done', 'found_done'));
CREATE INDEX sevdesk_intents_job ON sevdesk_intents (job_id);
CREATE INDEX sevdesk_intents_subject ON sevdesk_intents (subject, id);

-- Jobs of one invoice run one after another, and so do all jobs of a kind that concerns every invoice. Each export has
-- a key of its own, because exports run for hours; only their starts must not overlap.
CREATE FUNCTION sevdesk_order_key_v1(kind text, invoice_id uuid, job_id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN kind = 'export_datev' THEN 'job:' || job_id
        WHEN invoice_id IS NULL OR kind = 'sync_payments' THEN 'kind:' || kind
        ELSE 'invoice:' || invoice_id
    END;

-- The trace that a payload names, as W3C Trace Context writes it (https://www.w3.org/TR/trace-context/, Recommendation of
-- 2021), in its version 00: of a later version what 00 knows, of the flags `sampled` only. Null if it names none or is
-- malformed, for whoever receives such a one has to begin a trace of its own.
CREATE FUNCTION sevdesk_traceparent_v1(payload jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN payload ->> 'traceparent' ~ '^(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|(?!00|ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?)$'
             AND payload ->> 'traceparent' !~ '^..-(0{32}|[0-9a-f]{32}-0{16})-'
        THEN '00' || substr(payload ->> 'traceparent', 3, 51)
             || CASE WHEN substr(payload ->> 'traceparent', 55, 1) ~ '[13579bdf]' THEN '01' ELSE '00' END
    END;

-- What is kept of an ended job's payload. Personal data is not: sevDesk has the mail, sevdesk_bounces what came back.
CREATE FUNCTION sevdesk_kept_payload_v1(kind text, payload jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN payload - CASE kind WHEN 'mail_bounced' THEN '{email,reason}'::text[] ELSE '{subject,text}'::text[] END;

-- The text as a uuid; null if it is not one.
CREATE FUNCTION sevdesk_uuid_or_null_v1(candidate text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN candidate ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN candidate::uuid
    END;

-- The text as a number; null if it is not one. Programs of the billing system write into the event log, too.
CREATE FUNCTION sevdesk_number_or_null_v1(candidate text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN candidate ~ '^-?[0-9]{1,40}([.][0-9]{1,40})?([eE][+-]?[0-9]{1,3})?$' THEN candidate::numeric
    END;
