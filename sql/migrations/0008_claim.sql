-- How jobs are started.

-- The advisory lock of a subject. Any user of a database can take advisory locks; the upper half of ours says whose they
-- are (pg_locks.classid), so that nobody takes one by accident and a session of somebody else that holds one is found.
CREATE FUNCTION sevdesk_lock_key_v1(subject text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $function$
    SELECT (1936029284::bigint << 32) | (hashtext(subject)::bigint & 4294967295)
$function$;

-- Frees the order keys of ended jobs, then starts up to free_slots jobs. Returns them (state running), and the jobs that
-- were given a later start time by the person limit (state waiting). For each started one the calling
-- session holds an advisory lock on the job's order key, beyond this transaction: Postgres frees it when the process
-- dies, which is how others learn of its death. Call it again if any were limited: there may be more behind them.
-- held: the keys that the calling process holds already. A session may take a lock of its own a second time, so Postgres
-- alone would let one process run two jobs of one invoice.
-- since_system: how many jobs of people this process has started since the last job that nobody asked for. Those come
-- after people's jobs, but get at least one start in five.
CREATE FUNCTION sevdesk_claim_jobs_v1(
    worker_name   text,
    released      text[],
    held          text[],
    free_slots    integer,
    since_system  integer,
    limit_jobs    integer,
    limit_seconds double precision
) RETURNS SETOF sevdesk_jobs LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $function$
DECLARE
    -- Jobs recorded by a transaction that took its time have a rank below the last claimed one, and so have those that
    -- another claim has locked while this one passed over them; the leader finds what is further behind than this. While a
    -- snapshot is held, each claim reads past the dead rows of these ranks, and each rank has one of every person.
    late_ranks   CONSTANT bigint := 100;
    -- More than the slots, because some candidates turn out to be blocked or limited.
    wanted       CONSTANT integer := free_slots + 20;
    people_rank  bigint := (SELECT last_value FROM sevdesk_people_rank);
    system_rank  bigint := (SELECT last_value FROM sevdesk_system_rank);
    candidates   sevdesk_queue[];
    runnable     sevdesk_queue[] := '{}';
    chosen       text[] := '{}';
    claimed      sevdesk_queue[] := '{}';
    q            sevdesk_queue;
    j            sevdesk_jobs;
    moment       timestamptz;
    may_start    boolean;
BEGIN
    PERFORM pg_advisory_unlock(sevdesk_lock_key_v1(r.order_key)) FROM unnest(released) AS r(order_key);
    PERFORM sevdesk_promote_v1(released);
    IF free_slots <= 0 THEN
        RETURN;
    END IF;
    -- Again while candidates turn out to be blocked; they are none the next time.
    FOR round IN 1..50 LOOP
        SELECT array_agg(c.q ORDER BY c.place) INTO candidates
        FROM (SELECT ROW(p.*)::sevdesk_queue AS q, row_number() OVER (ORDER BY p.rank, p.seq)::numeric AS place
              FROM (SELECT * FROM sevdesk_queue
                    WHERE phase = 'ready' AND requested_by IS NOT NULL AND rank > people_rank - late_ranks
                      AND job_id <> ALL (chosen)
                    ORDER BY rank, seq LIMIT wanted FOR UPDATE SKIP LOCKED) p
              UNION ALL
              SELECT ROW(s.*)::sevdesk_queue, 4 * row_number() OVER (ORDER BY s.rank, s.seq) - since_system + 0.5
              FROM (SELECT * FROM sevdesk_queue
                    WHERE phase = 'ready' AND requested_by IS NULL AND rank > system_rank - late_ranks
                      AND job_id <> ALL (chosen)
                    ORDER BY rank, seq LIMIT wanted FOR UPDATE SKIP LOCKED) s) c;
        EXIT WHEN candidates IS NULL;
        FOREACH q IN ARRAY candidates LOOP
            IF q.order_key = ANY (held)
               OR EXISTS (SELECT FROM sevdesk_queue e
                          WHERE e.order_key = q.order_key AND e.phase NOT IN ('scheduled', 'parked') AND e.seq < q.seq) THEN
                UPDATE sevdesk_queue SET phase = 'blocked' WHERE job_id = q.job_id;
            ELSE
                runnable := runnable || q;
                chosen := chosen || q.job_id;
            END IF;
        END LOOP;
        EXIT WHEN cardinality(runnable) >= free_slots;
    END LOOP;
    IF cardinality(runnable) = 0 THEN
        RETURN;
    END IF;
    -- Once and in this order, so that two claims never wait for each other.
    INSERT INTO sevdesk_person_starts (person_id)
    SELECT DISTINCT r.requested_by FROM unnest(runnable) r
    WHERE r.requested_by IS NOT NULL AND NOT r.started
      AND NOT EXISTS (SELECT FROM sevdesk_person_starts p WHERE p.person_id = r.requested_by)
    ORDER BY 1 ON CONFLICT DO NOTHING;
    PERFORM FROM sevdesk_person_starts
    WHERE person_id IN (SELECT r.requested_by FROM unnest(runnable) r WHERE NOT r.started)
    ORDER BY person_id FOR UPDATE;
    FOREACH q IN ARRAY runnable LOOP
        EXIT WHEN cardinality(claimed) = free_slots;
        IF NOT pg_try_advisory_lock(sevdesk_lock_key_v1(q.order_key)) THEN
            -- Another process is about to free it, or has stalled.
            UPDATE sevdesk_queue SET phase = 'waiting', due_at = clock_timestamp() + interval '0.2 s'
            WHERE job_id = q.job_id;
            CONTINUE;
        END IF;
        moment := clock_timestamp();
        IF q.requested_by IS NOT NULL AND NOT q.started THEN
            SELECT s.may_start, s.earliest INTO may_start, moment
            FROM sevdesk_start_time_v1(q.requested_by, q.start_at, limit_jobs, limit_seconds) s;
            IF NOT may_start THEN
                PERFORM pg_advisory_unlock(sevdesk_lock_key_v1(q.order_key));
                UPDATE sevdesk_queue SET phase = 'waiting', due_at = moment, start_at = moment WHERE job_id = q.job_id;
                UPDATE sevdesk_jobs
                SET state = 'waiting', not_before = moment, problem = 'person_limit',
                    problem_parameters = jsonb_build_object('jobs', limit_jobs::text, 'seconds', limit_seconds::text),
                    error = format('The person who asked may start %s jobs per %s s; this one waits its turn.',
                                   limit_jobs, limit_seconds),
                    next_step = 'Nothing to do; it goes on by itself.', updated_at = clock_timestamp()
                WHERE job_id = q.job_id RETURNING * INTO j;
                RETURN NEXT j;
                CONTINUE;
            END IF;
        END IF;
        claimed := claimed || q;
        UPDATE sevdesk_queue SET phase = 'running', started = true WHERE job_id = q.job_id;
        UPDATE sevdesk_jobs
        SET state = 'running', attempt = attempt + 1, worker = worker_name, not_before = NULL,
            earlier_problem = coalesce(problem, earlier_problem), problem = NULL, problem_parameters = NULL,
            error = NULL, next_step = NULL, started_at = coalesce(started_at, moment), updated_at = moment
        WHERE job_id = q.job_id RETURNING * INTO j;
        RETURN NEXT j;
    END LOOP;
    PERFORM setval('sevdesk_people_rank', min(c.rank)) FROM unnest(claimed) c
    WHERE c.requested_by IS NOT NULL HAVING min(c.rank) > people_rank;
    PERFORM setval('sevdesk_system_rank', min(c.rank)) FROM unnest(claimed) c
    WHERE c.requested_by IS NULL HAVING min(c.rank) > system_rank;
END $function$;

-- Makes up to `most` jobs ready whose time has come; returns how many. They come before all jobs that wait,
-- in the order in which they came in: their rank is the one claimed last.
CREATE FUNCTION sevdesk_ready_due_v1(most integer) RETURNS integer LANGUAGE plpgsql
    SET enable_seqscan = off SET jit = off AS $function$
DECLARE
    -- Held in a variable: clock_timestamp() in the condition could use no index.
    moment timestamptz := clock_timestamp();
    made   integer;
BEGIN
    UPDATE sevdesk_queue
    SET phase = 'ready', due_at = NULL, rank = sevdesk_last_rank_v1(requested_by)
    WHERE job_id = ANY (ARRAY(SELECT job_id FROM sevdesk_queue WHERE due_at <= moment
                              ORDER BY due_at LIMIT most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
END $function$;
