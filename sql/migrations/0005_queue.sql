-- The queue: one small row for each job that has not ended. sevdesk_jobs tells people about a job, sevdesk_queue tells
-- the workers which one is next. What a claim costs depends on this table, which stays small, and not on the ledger.
-- Functions whose names end in a version are called by workers. A changed one gets a new name, so that workers of the
-- old and of the new release work side by side. They may not scan the table as a whole: Postgres plans them while it is
-- empty, and keeps the plan when it has grown. Without sequential scans some plans seem so dear (up to Postgres 17) that
-- each call would be compiled for 20 ms first, hence no JIT.
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

CREATE FUNCTION sevdesk_last_rank_v1(person uuid) RETURNS bigint LANGUAGE plpgsql AS $function$
BEGIN
    IF person IS NULL THEN
        RETURN (SELECT last_value FROM sevdesk_system_rank);
    END IF;
    RETURN (SELECT last_value FROM sevdesk_people_rank);
END $function$;

-- The rank of a person's next job (null: of the next job that nobody asked for). It follows the person's last job in line,
-- or, if there is none, the job claimed last. So people take turns, one job each, however many one of them has.
CREATE FUNCTION sevdesk_next_rank_v1(person uuid) RETURNS bigint LANGUAGE plpgsql
    SET enable_seqscan = off SET jit = off AS $function$
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

-- Sets the last claimed ranks to the lowest ready ones. Claims look back at most a hundred ranks, so a job whose
-- transaction took its time might stay unseen otherwise.
CREATE FUNCTION sevdesk_correct_ranks_v1() RETURNS void LANGUAGE plpgsql
    SET enable_seqscan = off SET jit = off AS $function$
DECLARE
    people bigint := (SELECT min(rank) FROM sevdesk_queue WHERE phase = 'ready' AND requested_by IS NOT NULL);
    system bigint := (SELECT min(rank) FROM sevdesk_queue WHERE phase = 'ready' AND requested_by IS NULL);
BEGIN
    PERFORM setval('sevdesk_people_rank', people) WHERE people <> (SELECT last_value FROM sevdesk_people_rank);
    PERFORM setval('sevdesk_system_rank', system) WHERE system <> (SELECT last_value FROM sevdesk_system_rank);
END $function$;

-- Makes the oldest job of each order key ready if it was blocked. Call it after a job of the key has ended. It waits for
-- a claim that is just setting that job to blocked, so that the job cannot be overlooked; in the order of the keys, so
-- that two calls never wait for each other.
CREATE FUNCTION sevdesk_promote_v1(order_keys text[]) RETURNS integer LANGUAGE plpgsql
    SET enable_seqscan = off SET jit = off AS $function$
DECLARE
    wanted   text;
    q        sevdesk_queue;
    promoted integer := 0;
BEGIN
    FOR wanted IN SELECT k.order_key FROM unnest(order_keys) AS k(order_key) ORDER BY 1 LOOP
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
