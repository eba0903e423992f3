-- depends: 0001_tables

-- The key by which jobs wait for one another: an invoice's jobs run one after another, and so do all jobs of a
-- kind that works on the whole book. Exports run for hours and only their starts exclude one another.
CREATE FUNCTION sevdesk_order_key(kind text, invoice_id uuid, job_id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN kind = 'export_datev' THEN 'job:' || job_id
        WHEN invoice_id IS NULL OR kind = 'sync_payments' THEN 'kind:' || kind
        ELSE 'invoice:' || invoice_id
    END;

CREATE FUNCTION sevdesk_uuid_or_null(candidate text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN candidate ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN candidate::uuid
    END;

-- Transactional outbox: asks for a job inside the caller's own transaction. Rolled back means never happened;
-- a repeated idempotency_key answers with the first job's id and changes nothing.
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
    -- What no worker could read back is refused to its author, here and now.
    IF kind !~ '^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$' OR id !~ '^[ -~]{1,200}$' OR length(correlation_id) > 200
       OR jsonb_typeof(payload) <> 'object' OR length(payload::text) > 200000
       OR EXISTS (SELECT FROM jsonb_each(CASE jsonb_typeof(payload) WHEN 'object' THEN payload ELSE '{}' END)
                         AS o(name, value)
                  WHERE jsonb_typeof(o.value) IN ('object', 'array')
                     OR (jsonb_typeof(o.value) = 'number' AND length(o.value::text) > 40)) THEN
        RAISE EXCEPTION 'sevdesk_request_job: kind must be a name, payload a flat object of at most 200000 characters, '
                        'idempotency_key 1 to 200 printable ASCII characters, correlation_id at most 200'
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

-- One attempt to take a job for the calling session. The session-level advisory lock outlives this statement and is
-- the proof of life: Postgres frees it when the process dies. `held` are the order keys the caller's process holds
-- already (session locks are re-entrant, so Postgres alone would let a process take the same invoice twice).
-- verdict: claimed | done | gone | early | behind | busy | limited. Only `claimed` changes anything.
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
        -- Whoever ends rings the next in line, so there is no hurry while the one before has a long wait of its own.
        SELECT max(e.not_before) INTO earlier FROM sevdesk_jobs e
        WHERE e.order_key = j.order_key AND e.seq < j.seq AND e.state = 'waiting';
        wait_seconds := least(extract(epoch FROM earlier - clock_timestamp()), 60);
    ELSIF j.order_key = ANY (held) THEN
        verdict := 'busy';
    ELSE
        -- The person's n-th youngest start decides: when it leaves the window, one more job may start. Only a job that
        -- was limited before waits without having started; nobody overtakes it.
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
                error = format('The person who asked may start %s job(s) per %s s; this one waits its turn.',
                               limit_jobs, limit_seconds), updated_at = clock_timestamp()
            WHERE u.job_id = wanted_id AND u.state IN ('requested', 'queued', 'waiting')
            RETURNING u.* INTO claimed;
        ELSIF NOT pg_try_advisory_lock(j.lock_key) THEN
            verdict := 'busy';
        ELSE
            -- The row is read again under the lock: whoever held it before us may have finished the job.
            UPDATE sevdesk_jobs u
            SET state = 'running', attempt = u.attempt + 1, worker = worker_name, not_before = NULL, error = NULL,
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
