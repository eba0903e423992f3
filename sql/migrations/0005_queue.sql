-- depends: 0004_datev

-- The queue: one small row for each job that has not ended. sevdesk_jobs tells people about a job, sevdesk_queue tells
-- the workers which one is next. What a claim costs depends on this table, which stays small, and not on the ledger.
-- Functions whose names end in a version are called by workers. A changed one gets a new name, so that workers of the
-- old and of the new release work side by side. They may not scan the table as a whole: Postgres plans them while it is
-- empty, and keeps the plan when it has grown.
CREATE TABLE sevdesk_queue (
    job_id       text PRIMARY KEY,
    seq          bigint NOT NULL,  -- of sevdesk_jobs: when it came in
    kind         text NOT NULL,
    order_key    text NOT NULL,
    requested_by uuid,
    -- ready: may be claimed | scheduled: asked for a later time, due_at, and in nobody's way until then
    -- | blocked: behind an earlier job of its order key, whose end makes it ready
    -- | waiting: may be claimed from due_at on; later jobs of its order key wait with it
    -- | running: claimed by a process that holds the lock of its order key | parked: a person must act
    phase        text NOT NULL CHECK (phase IN ('ready', 'scheduled', 'blocked', 'waiting', 'running', 'parked')),
    rank         bigint NOT NULL,  -- ready jobs are claimed in this order (see sevdesk_next_rank_v1)
    due_at       timestamptz,
    started      boolean NOT NULL DEFAULT false,
    start_at     timestamptz,  -- the start time that a limited person's job was given, once
    CHECK ((phase IN ('scheduled', 'waiting')) = (due_at IS NOT NULL))
) WITH (
    -- Rows live for seconds. Vacuum often and without pauses, or claims would read past thousands of dead rows.
    autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_threshold = 5000, autovacuum_analyze_scale_factor = 0.5
);
CREATE INDEX sevdesk_queue_people ON sevdesk_queue (rank, seq) WHERE phase = 'ready' AND requested_by IS NOT NULL;
CREATE INDEX sevdesk_queue_system ON sevdesk_queue (rank, seq) WHERE phase = 'ready' AND requested_by IS NULL;
-- Its phases are others than those of the two above, so that only this one serves the question for a person's last rank.
CREATE INDEX sevdesk_queue_person ON sevdesk_queue (requested_by, rank) WHERE phase IN ('ready', 'blocked');
CREATE INDEX sevdesk_queue_order ON sevdesk_queue (order_key, seq) WHERE phase NOT IN ('scheduled', 'parked');
CREATE INDEX sevdesk_queue_due ON sevdesk_queue (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX sevdesk_queue_phase ON sevdesk_queue (phase, seq) WHERE phase IN ('running', 'blocked', 'parked');

-- The rank that was claimed last, of jobs that people asked for and of the others (schedules, sweeps). Sequences,
-- because they are read and set without locks and leave no dead rows.
CREATE SEQUENCE sevdesk_people_rank;
CREATE SEQUENCE sevdesk_system_rank;

-- When a person's jobs started and shall start; at most as many as the limit allows, oldest first.
CREATE TABLE sevdesk_person_starts (
    person_id uuid PRIMARY KEY,
    starts    timestamptz[] NOT NULL DEFAULT '{}',  -- of jobs that were started
    given     timestamptz[] NOT NULL DEFAULT '{}'   -- of those, and of jobs that were given a later start time
) WITH (fillfactor = 50);

CREATE FUNCTION sevdesk_last_rank_v1(person uuid) RETURNS bigint LANGUAGE plpgsql AS $function$
BEGIN
    IF person IS NULL THEN
        RETURN (SELECT last_value FROM sevdesk_system_rank);
    END IF;
    RETURN (SELECT last_value FROM sevdesk_people_rank);
END $function$;

-- The rank of a person's next job (null: of the next job that nobody asked for). It follows the person's last job in line,
-- or, if there is none, the job claimed last. So people take turns, one job each, however many one of them has.
CREATE FUNCTION sevdesk_next_rank_v1(person uuid) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $function$
DECLARE
    claimed bigint := sevdesk_last_rank_v1(person);
BEGIN
    IF person IS NULL THEN
        RETURN 1 + greatest(claimed, (SELECT max(rank) FROM sevdesk_queue
                                      WHERE phase = 'ready' AND requested_by IS NULL AND rank > claimed));
    END IF;
    RETURN 1 + greatest(claimed, (SELECT max(rank) FROM sevdesk_queue
                                  WHERE phase IN ('ready', 'blocked') AND requested_by = person
                                    AND rank > claimed));
END $function$;

-- Records a job and puts it into the queue. A job id that exists already is left as it is.
CREATE FUNCTION sevdesk_enqueue_v1(
    job_id text, kind text, payload jsonb, origin text, invoice_id uuid, requested_by uuid, correlation_id text
) RETURNS void LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
    added sevdesk_jobs;
BEGIN
    INSERT INTO sevdesk_jobs AS j
           (job_id, kind, payload, origin, invoice_id, requested_by, correlation_id, order_key, state)
    VALUES ($1, $2, $3, $4, $5, $6, $7, sevdesk_order_key($2, $5, $1), 'requested')
    ON CONFLICT (job_id) DO NOTHING
    RETURNING * INTO added;
    IF added.job_id IS NOT NULL THEN
        INSERT INTO sevdesk_queue (job_id, seq, kind, order_key, requested_by, phase, rank)
        VALUES (added.job_id, added.seq, added.kind, added.order_key, added.requested_by, 'ready',
                sevdesk_next_rank_v1(added.requested_by));
    END IF;
END $function$;

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
    PERFORM sevdesk_enqueue_v1(id, kind, payload, 'outbox', sevdesk_uuid_or_null(payload ->> 'invoice_id'),
                               requested_by, correlation_id);
    PERFORM pg_notify('sevdesk_requests', id);
    RETURN id;
END $function$;

-- Makes the oldest job of each order key ready if it was blocked. Call it after a job of the key has ended. It waits for
-- a claim that is just setting that job to blocked, so that the job cannot be overlooked.
CREATE FUNCTION sevdesk_promote_v1(order_keys text[]) RETURNS integer LANGUAGE plpgsql SET enable_seqscan = off AS $function$
DECLARE
    wanted   text;
    q        sevdesk_queue;
    promoted integer := 0;
BEGIN
    FOREACH wanted IN ARRAY order_keys LOOP
        SELECT * INTO q FROM sevdesk_queue
        WHERE order_key = wanted AND phase NOT IN ('scheduled', 'parked')
        ORDER BY seq LIMIT 1 FOR UPDATE;
        IF q.phase = 'blocked' THEN
            UPDATE sevdesk_queue SET phase = 'ready', rank = greatest(rank, sevdesk_last_rank_v1(requested_by))
            WHERE job_id = q.job_id;
            promoted := promoted + 1;
        END IF;
    END LOOP;
    RETURN promoted;
END $function$;

-- Whether the person's job may start, and when: now, or later if the limit of starts within a window would be exceeded. A
-- start is recorded with exactly the returned time. A job that is told to wait gets that time for its own (start_at), so
-- that it asks again only then. If jobs before it started later than they might have, because all slots were taken, it is
-- put off once more: the limit holds for real starts. The row lock makes concurrent claims take turns per person.
CREATE FUNCTION sevdesk_start_time_v1(
    person uuid, start_at timestamptz, limit_jobs integer, limit_seconds double precision,
    OUT may_start boolean, OUT earliest timestamptz
) LANGUAGE plpgsql AS $function$
DECLARE
    p      sevdesk_person_starts;
    span   interval := make_interval(secs => limit_seconds);
    moment timestamptz;
BEGIN
    SELECT * INTO p FROM sevdesk_person_starts WHERE person_id = person FOR UPDATE;
    moment := clock_timestamp();
    earliest := greatest(moment, p.starts[cardinality(p.starts) - limit_jobs + 1] + span);
    IF start_at IS NULL THEN
        earliest := greatest(earliest, p.given[cardinality(p.given) - limit_jobs + 1] + span);
        p.given := p.given || earliest;
    END IF;
    may_start := earliest <= moment;
    IF may_start THEN
        p.starts := p.starts || earliest;
    END IF;
    UPDATE sevdesk_person_starts
    SET starts = p.starts[greatest(1, cardinality(p.starts) - limit_jobs + 1):],
        given = p.given[greatest(1, cardinality(p.given) - limit_jobs + 1):]
    WHERE person_id = person;
END $function$;

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
) RETURNS SETOF sevdesk_jobs LANGUAGE plpgsql SET enable_seqscan = off AS $function$
DECLARE
    -- Jobs recorded by a transaction that took its time have a rank below the last claimed one; the leader finds those
    -- that are further behind than this. Each rank of it may be a dead row to read past while a snapshot is held.
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
    PERFORM pg_advisory_unlock(hashtextextended(r.order_key, 0)) FROM unnest(released) AS r(order_key);
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
        IF NOT pg_try_advisory_lock(hashtextextended(q.order_key, 0)) THEN
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
                PERFORM pg_advisory_unlock(hashtextextended(q.order_key, 0));
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
        SET state = 'running', attempt = attempt + 1, worker = worker_name, not_before = NULL, problem = NULL,
            problem_parameters = NULL, error = NULL, next_step = NULL, started_at = coalesce(started_at, moment),
            updated_at = moment
        WHERE job_id = q.job_id RETURNING * INTO j;
        RETURN NEXT j;
    END LOOP;
    PERFORM setval('sevdesk_people_rank', min(c.rank)) FROM unnest(claimed) c
    WHERE c.requested_by IS NOT NULL HAVING min(c.rank) > people_rank;
    PERFORM setval('sevdesk_system_rank', min(c.rank)) FROM unnest(claimed) c
    WHERE c.requested_by IS NULL HAVING min(c.rank) > system_rank;
END $function$;

-- Makes up to `most` jobs ready whose time has come; returns how many. They come first of all, in the order in which they
-- came in: their rank is the one claimed last, before all jobs that wait.
CREATE FUNCTION sevdesk_ready_due_v1(most integer) RETURNS integer LANGUAGE plpgsql SET enable_seqscan = off AS $function$
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

-- Sets the last claimed ranks to the lowest ready ones. Claims look back at most late_ranks; a job further behind, whose
-- transaction took its time, would stay unseen.
CREATE FUNCTION sevdesk_correct_ranks_v1() RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $function$
DECLARE
    people bigint := (SELECT min(rank) FROM sevdesk_queue WHERE phase = 'ready' AND requested_by IS NOT NULL);
    system bigint := (SELECT min(rank) FROM sevdesk_queue WHERE phase = 'ready' AND requested_by IS NULL);
BEGIN
    PERFORM setval('sevdesk_people_rank', people) WHERE people <> (SELECT last_value FROM sevdesk_people_rank);
    PERFORM setval('sevdesk_system_rank', system) WHERE system <> (SELECT last_value FROM sevdesk_system_rank);
END $function$;

-- Deletes what is kept for a set time only: jobs that have ended (not parked ones), their writes, and payment syncs, a page
-- of the ledger at a time, oldest first. Returns how far the page reached (null at the end) and what was deleted, or would
-- be. The event log of invoices, documents and mails are never touched. It runs with its owner's rights and
-- keeps at least 30 days, so the worker's role can delete nothing else.
CREATE FUNCTION sevdesk_clean_v1(keep interval, after_seq bigint, dry_run boolean)
    RETURNS TABLE (reached bigint, jobs integer, intents integer, sync_runs integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off AS $function$
DECLARE
    before_time timestamptz := clock_timestamp() - greatest(keep, interval '30 days');
    old         text[];
BEGIN
    SELECT max(p.seq) FILTER (WHERE p.created_at < before_time),
           array_agg(p.job_id) FILTER (
               WHERE p.finished_at < before_time AND p.state IN ('done', 'rejected', 'dismissed')
                 AND NOT EXISTS (SELECT FROM sevdesk_intents i WHERE i.job_id = p.job_id AND i.closed_at IS NULL))
    INTO reached, old
    FROM (SELECT * FROM sevdesk_jobs WHERE seq > after_seq ORDER BY seq LIMIT 1000) p;
    jobs := coalesce(cardinality(old), 0);
    SELECT count(*) INTO intents FROM sevdesk_intents WHERE job_id = ANY (old);
    SELECT count(*) INTO sync_runs FROM sevdesk_sync_runs WHERE job_id = ANY (old);
    IF NOT dry_run AND jobs > 0 THEN
        DELETE FROM sevdesk_sync_runs WHERE job_id = ANY (old);
        -- One statement, because the two tables refer to each other.
        WITH writes AS (DELETE FROM sevdesk_intents WHERE job_id = ANY (old))
        DELETE FROM sevdesk_jobs WHERE job_id = ANY (old);
    END IF;
    RETURN NEXT;
END $function$;
REVOKE ALL ON FUNCTION sevdesk_clean_v1(interval, bigint, boolean) FROM PUBLIC;
