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
    correlation_id     text,
    order_key          text NOT NULL,  -- jobs with the same key run one after another, in the order of seq
    lock_key           bigint NOT NULL GENERATED ALWAYS AS (hashtextextended(order_key, 0)) STORED,  -- advisory lock
    state              text NOT NULL
        CHECK (state IN ('requested', 'queued', 'running', 'waiting', 'done', 'parked', 'rejected')),
    attempt            integer NOT NULL DEFAULT 0,  -- how often the job was started
    retries            integer NOT NULL DEFAULT 0,  -- how many of the attempts used up a retry
    not_before         timestamptz,                 -- earliest start of the next attempt
    worker             text,
    steps_done         text[] NOT NULL DEFAULT '{}',
    error              text,
    next_step          text,    -- what a person should do about a parked job
    problem            text,    -- code of worker/domain/problems that ended the last attempt; no personal data
    problem_parameters jsonb,   -- the named parameters of that problem; no personal data
    asks_about         bigint,  -- the open intent that a parked job asks a person about: did this write happen?
    confirmed          text[] NOT NULL DEFAULT '{}',  -- codes of problems that a person told the job to disregard
    result             jsonb,
    enqueued_at        timestamptz,
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at         timestamptz,
    finished_at        timestamptz,
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (state NOT IN ('waiting', 'parked', 'rejected') OR problem IS NOT NULL AND problem_parameters IS NOT NULL)
);
CREATE INDEX sevdesk_jobs_alive ON sevdesk_jobs (order_key, seq)
    WHERE state IN ('requested', 'queued', 'running', 'waiting');
CREATE INDEX sevdesk_jobs_state ON sevdesk_jobs (state, not_before, seq)
    WHERE state NOT IN ('done', 'rejected');
CREATE INDEX sevdesk_jobs_invoice ON sevdesk_jobs (invoice_id, seq) WHERE invoice_id IS NOT NULL;
CREATE INDEX sevdesk_jobs_person ON sevdesk_jobs (requested_by, started_at) WHERE requested_by IS NOT NULL;
-- For lists of the newest jobs, which must not read the whole ledger.
CREATE INDEX sevdesk_jobs_newest ON sevdesk_jobs (seq);

-- One row before each write to sevDesk. While closed_at is null, nobody knows whether the write happened.
CREATE TABLE sevdesk_intents (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject        text NOT NULL,  -- what is written: 'invoice:<id>', 'contact:<id>', ...
    job_id         text NOT NULL REFERENCES sevdesk_jobs (job_id),
    step           text NOT NULL,
    action         text NOT NULL,
    summary        jsonb NOT NULL DEFAULT '{}',
    request_sha256 text NOT NULL,
    worker         text NOT NULL,
    intent_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    answer         text CHECK (answer IN ('done', 'not-done')),  -- what a person found out, for the next attempt
    closed_at      timestamptz,
    -- moot: it does not matter whether the write happened, for repeating it changes nothing or its object is gone.
    outcome        text CHECK (outcome IN ('done', 'refused', 'not_sent', 'found_done', 'found_not_done', 'moot')),
    CHECK ((closed_at IS NULL) = (outcome IS NULL))
);
-- At most one open intent per subject, so that two processes cannot write the same thing.
CREATE UNIQUE INDEX sevdesk_intents_open ON sevdesk_intents (subject) WHERE closed_at IS NULL;
CREATE INDEX sevdesk_intents_job ON sevdesk_intents (job_id);
CREATE INDEX sevdesk_intents_subject ON sevdesk_intents (subject, id);

-- The two tables refer to each other, so this reference can only be added when both exist.
ALTER TABLE sevdesk_jobs ADD FOREIGN KEY (asks_about) REFERENCES sevdesk_intents (id);

-- Jobs of one invoice run one after another, and so do all jobs of a kind that concerns every invoice. Each export has
-- a key of its own, because exports run for hours; only their starts must not overlap.
CREATE FUNCTION sevdesk_order_key(kind text, invoice_id uuid, job_id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN kind = 'export_datev' THEN 'job:' || job_id
        WHEN invoice_id IS NULL OR kind = 'sync_payments' THEN 'kind:' || kind
        ELSE 'invoice:' || invoice_id
    END;

-- The text as a uuid; null if it is not one.
CREATE FUNCTION sevdesk_uuid_or_null(candidate text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN candidate ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN candidate::uuid
    END;

-- Transactional outbox: requests a job in the caller's transaction, so a rollback takes the request back too. Returns
-- the job id; repeating an idempotency_key returns the first job's id and changes nothing. Raises
-- invalid_parameter_value (SQLSTATE 22023) for input that no worker could read.
CREATE FUNCTION sevdesk_request_job(
    kind            text,
    payload         jsonb DEFAULT '{}',
    requested_by    uuid DEFAULT NULL,
    correlation_id  text DEFAULT NULL,
    idempotency_key text DEFAULT NULL
) RETURNS text LANGUAGE plpgsql AS $function$
DECLARE
    invoice uuid := sevdesk_uuid_or_null(payload ->> 'invoice_id');
    id      text := coalesce(idempotency_key, gen_random_uuid()::text);
BEGIN
    IF kind IS NULL OR kind !~ '^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$'
       OR id !~ '^[ -~]{1,200}$' OR length(correlation_id) > 200
       OR payload IS NULL OR jsonb_typeof(payload) <> 'object' OR length(payload::text) > 200000
       OR EXISTS (SELECT FROM jsonb_each(CASE jsonb_typeof(payload) WHEN 'object' THEN payload ELSE '{}' END)
                         AS o(name, value)
                  WHERE jsonb_typeof(o.value) IN ('object', 'array')
                     OR (jsonb_typeof(o.value) = 'number' AND length(o.value::text) > 40)) THEN
        RAISE EXCEPTION 'sevdesk_request_job: kind must be a name, payload a flat object of at most 200000 characters '
                        'with numbers of at most 40 digits, idempotency_key 1 to 200 printable ASCII characters, '
                        'correlation_id at most 200'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO sevdesk_jobs AS j
           (job_id, kind, payload, origin, invoice_id, requested_by, correlation_id, order_key, state)
    VALUES (id, sevdesk_request_job.kind, sevdesk_request_job.payload, 'outbox', invoice,
            sevdesk_request_job.requested_by, sevdesk_request_job.correlation_id,
            sevdesk_order_key(sevdesk_request_job.kind, invoice, id), 'requested')
    ON CONFLICT (job_id) DO NOTHING;
    PERFORM pg_notify('sevdesk_requests', id);
    RETURN id;
END $function$;

-- Tries once to start a job. On success the calling session holds an advisory lock on the job's order key, beyond this
-- transaction: Postgres frees it when the process dies, which is how others learn of its death.
-- `held`: the order keys that the calling process holds already. A session may take a lock of its own a second time, so
-- Postgres alone would let one process run two jobs of one invoice.
-- verdict: claimed (the job runs now)
--        | done    (finished, parked or rejected)
--        | gone    (no such job)
--        | early   (not_before has not come)
--        | behind  (an unfinished job with the same order key comes first)
--        | busy    (a process, maybe this one, holds the order key)
--        | limited (the person has started too many jobs lately; the job is put off)
-- Only claimed and limited change the row. wait_seconds: when to try again; null if there is no telling.
CREATE FUNCTION sevdesk_claim_job(
    wanted_id     text,
    worker_name   text,
    held          text[],
    limit_jobs    integer,
    limit_seconds double precision
) RETURNS TABLE (verdict text, wait_seconds double precision, claimed sevdesk_jobs)
    LANGUAGE plpgsql AS $function$
DECLARE
    j       sevdesk_jobs;
    nth     timestamptz;
    earlier timestamptz;
BEGIN
    SELECT * INTO j FROM sevdesk_jobs WHERE job_id = wanted_id;
    claimed := j;
    IF NOT FOUND THEN
        verdict := 'gone';
    ELSIF j.state IN ('done', 'parked', 'rejected') THEN
        verdict := 'done';
    ELSIF j.not_before > clock_timestamp() THEN
        verdict := 'early';
        wait_seconds := extract(epoch FROM j.not_before - clock_timestamp());
    ELSIF EXISTS (SELECT FROM sevdesk_jobs e
                  WHERE e.order_key = j.order_key AND e.seq < j.seq
                    AND e.state IN ('requested', 'queued', 'running', 'waiting')) THEN
        verdict := 'behind';
        -- A process that finishes a job wakes the next one of the same key, so a job whose predecessor has to wait
        -- itself need not try sooner than that.
        SELECT max(e.not_before) INTO earlier FROM sevdesk_jobs e
        WHERE e.order_key = j.order_key AND e.seq < j.seq AND e.state = 'waiting';
        wait_seconds := least(extract(epoch FROM earlier - clock_timestamp()), 60);
    ELSIF j.order_key = ANY (held) THEN
        verdict := 'busy';
    ELSE
        -- Of the person's starts, the one limit_jobs back decides: when it is limit_seconds old, one more may start. A
        -- job that was limited before goes first, so no later job may start before its not_before.
        IF j.requested_by IS NOT NULL AND j.started_at IS NULL THEN
            SELECT max(at) INTO nth FROM (
                (SELECT p.started_at + make_interval(secs => limit_seconds) AS at FROM sevdesk_jobs p
                 WHERE p.requested_by = j.requested_by
                   AND p.started_at > clock_timestamp() - make_interval(secs => limit_seconds)
                 ORDER BY p.started_at DESC OFFSET limit_jobs - 1 LIMIT 1)
                UNION ALL
                SELECT max(p.not_before) + interval '1 ms' FROM sevdesk_jobs p
                WHERE p.requested_by = j.requested_by AND p.seq < j.seq AND p.started_at IS NULL AND p.state = 'waiting'
            ) n;
        END IF;
        IF nth IS NOT NULL THEN
            verdict := 'limited';
            wait_seconds := greatest(extract(epoch FROM nth - clock_timestamp()), 0.05);
            UPDATE sevdesk_jobs u
            SET state = 'waiting', not_before = clock_timestamp() + make_interval(secs => wait_seconds),
                problem = 'person_limit',
                problem_parameters = jsonb_build_object('jobs', limit_jobs::text, 'seconds', limit_seconds::text),
                error = format('The person who asked may start %s jobs per %s s; this one waits its turn.',
                               limit_jobs, limit_seconds),
                next_step = 'Nothing to do; it goes on by itself.', updated_at = clock_timestamp()
            WHERE u.job_id = wanted_id AND u.state IN ('requested', 'queued', 'waiting')
            RETURNING u.* INTO claimed;
        ELSIF NOT pg_try_advisory_lock(j.lock_key) THEN
            verdict := 'busy';
        ELSE
            -- The state is checked again under the lock: the process that held it until now may have finished the job.
            UPDATE sevdesk_jobs u
            SET state = 'running', attempt = u.attempt + 1, worker = worker_name, not_before = NULL, problem = NULL,
                problem_parameters = NULL, error = NULL, next_step = NULL,
                started_at = coalesce(u.started_at, clock_timestamp()), updated_at = clock_timestamp()
            WHERE u.job_id = wanted_id AND u.state IN ('requested', 'queued', 'waiting', 'running')
            RETURNING u.* INTO j;
            IF FOUND THEN
                verdict := 'claimed';
                claimed := j;
            ELSE
                PERFORM pg_advisory_unlock(claimed.lock_key);
                verdict := 'done';
            END IF;
        END IF;
    END IF;
    RETURN NEXT;
END $function$;
