-- How jobs come in: from Redis in pages, or through the outbox.

-- Records a job and puts it into the queue. A job id that exists already is left as it is.
CREATE FUNCTION sevdesk_enqueue_v1(
    job_id text, kind text, payload jsonb, origin text, invoice_id uuid, requested_by uuid, correlation_id text
) RETURNS void LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    added sevdesk_jobs;
BEGIN
    INSERT INTO sevdesk_jobs AS j
           (job_id, kind, payload, origin, invoice_id, requested_by, correlation_id, traceparent, order_key,
            database_user, state)
    VALUES ($1, $2, $3 - 'traceparent', $4, $5, $6, $7, sevdesk_traceparent_v1($3), sevdesk_order_key_v1($2, $5, $1),
            session_user, 'requested')
    ON CONFLICT (job_id) DO NOTHING
    RETURNING * INTO added;
    IF added.job_id IS NOT NULL THEN
        INSERT INTO sevdesk_queue (job_id, seq, kind, order_key, requested_by, phase, rank)
        VALUES (added.job_id, added.seq, added.kind, added.order_key, added.requested_by, 'ready',
                sevdesk_next_rank_v1(added.requested_by));
    END IF;
END $function$;

-- Records jobs that were read from Redis, in the order in which they were requested. Jobs with a problem are rejected at
-- once; a job with a later time waits for it. Jobs that the ledger has already are left as they are. Of several new jobs
-- with one order key only the first is ready, for it cannot end before they are there. Returns the new rows.
CREATE FUNCTION sevdesk_take_in_v1(
    job_ids text[], kinds text[], payloads jsonb[], invoice_ids uuid[], requesters uuid[], correlation_ids text[],
    scheduled_ats timestamptz[], problems text[], parameters jsonb[], errors text[],
    next_steps text[]
) RETURNS SETOF sevdesk_jobs LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH incoming AS MATERIALIZED (
        SELECT n.*, CASE WHEN n.problem IS NULL AND n.scheduled > (SELECT clock_timestamp()) THEN n.scheduled END AS later
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             WITH ORDINALITY AS n(job_id, kind, payload, invoice_id, requested_by, correlation_id, scheduled,
                                  problem, parameters, error, next_step, place)
    ), recorded AS (
        INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, invoice_id, requested_by, correlation_id, traceparent,
                                  order_key, state, not_before, problem, problem_parameters, error, next_step,
                                  finished_at, asked_at)
        SELECT n.job_id, n.kind, n.payload - 'traceparent', 'redis', n.invoice_id, n.requested_by, n.correlation_id,
               sevdesk_traceparent_v1(n.payload), sevdesk_order_key_v1(n.kind, n.invoice_id, n.job_id),
               CASE WHEN n.problem IS NULL THEN 'queued' ELSE 'rejected' END, n.later, n.problem,
               n.parameters, n.error, n.next_step, CASE WHEN n.problem IS NOT NULL THEN clock_timestamp() END,
               least(n.scheduled, clock_timestamp())
        FROM incoming n ORDER BY n.place
        ON CONFLICT (job_id) DO NOTHING
        RETURNING *
    ), told AS (
        INSERT INTO sevdesk_rejections (job_id) SELECT r.job_id FROM recorded r WHERE r.state = 'rejected'
    ), requesters AS MATERIALIZED (
        SELECT r.requested_by, sevdesk_next_rank_v1(r.requested_by) AS first_rank
        FROM (SELECT DISTINCT requested_by FROM recorded) r
    ), queued AS (
        INSERT INTO sevdesk_queue (job_id, seq, kind, order_key, requested_by, phase, rank, due_at)
        SELECT r.job_id, r.seq, r.kind, r.order_key, r.requested_by,
               CASE WHEN r.not_before IS NOT NULL THEN 'scheduled'
                    WHEN row_number() OVER (PARTITION BY r.order_key, r.not_before IS NULL ORDER BY r.seq) > 1 THEN 'blocked'
                    ELSE 'ready' END,
               p.first_rank - 1 + row_number() OVER (PARTITION BY r.requested_by ORDER BY r.seq), r.not_before
        FROM recorded r JOIN requesters p ON p.requested_by IS NOT DISTINCT FROM r.requested_by
        WHERE r.state = 'queued'
    )
    SELECT * FROM recorded;
END $function$;

-- Transactional outbox: requests a job in the caller's transaction, so a rollback takes the request back too. Returns
-- the job id; repeating an idempotency_key returns the first job's id and changes nothing. Raises
-- invalid_parameter_value (SQLSTATE 22023) for input that no worker could read. It acts with its owner's rights, so that
-- a producer needs no other right than to call it; database_user is the one who did. The only function without a version in its
-- name: producers call it, who know no releases of ours, so its name, parameters and meaning stay. A later migration may
-- replace its body by one that does the same for old and new workers.
CREATE FUNCTION sevdesk_request_job(
    kind            text,
    payload         jsonb DEFAULT '{}',
    requested_by    uuid DEFAULT NULL,
    correlation_id  text DEFAULT NULL,
    idempotency_key text DEFAULT NULL
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $function$
DECLARE
    id text := coalesce(idempotency_key, gen_random_uuid()::text);
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
    PERFORM sevdesk_enqueue_v1(id, kind, payload, 'outbox', sevdesk_uuid_or_null_v1(payload ->> 'invoice_id'),
                               requested_by, correlation_id);
    PERFORM pg_notify('sevdesk_requests', id);
    RETURN id;
END $function$;
-- By default everybody may call a function.
REVOKE EXECUTE ON FUNCTION sevdesk_request_job FROM PUBLIC;
