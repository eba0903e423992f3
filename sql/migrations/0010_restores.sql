-- How a restore of this database from a backup is noticed: Redis keeps the high-water mark (epoch, writes) of the writes to
-- sevDesk. A database whose own mark is lower has forgotten writes. One row.
CREATE TABLE sevdesk_restores (
    id           boolean PRIMARY KEY DEFAULT true CHECK (id),
    database_id  uuid,                         -- names the mark in Redis; set by the first worker
    epoch        integer NOT NULL DEFAULT 1,   -- one more after each `recover`
    writes       bigint NOT NULL DEFAULT 0,    -- id of the latest intent that Redis was told of, raised just before that
    noticed_at   timestamptz,                  -- when the latest restore was noticed or, else, `recover` was run
    redis_mark   text,                         -- the mark that Redis had then
    recovered_at timestamptz                   -- null, or earlier than noticed_at: no write leaves until `recover` ran
);
INSERT INTO sevdesk_restores DEFAULT VALUES;

-- Whether a restore was noticed and a job was asked for before it or within a month after it: somebody may ask again for
-- what the database has forgotten.
CREATE FUNCTION sevdesk_restored_v1(asked_at timestamptz) RETURNS boolean LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM sevdesk_restores WHERE asked_at < noticed_at + interval '30 days');

-- The database's mark, and its latest intent; `pending`: a restore was noticed, and `recover` has not run.
-- A function, so that sessions keep its plan: every worker asks every two seconds, and planning would be four fifths of it.
CREATE FUNCTION sevdesk_high_water_mark_v1()
    RETURNS TABLE (database_id uuid, epoch integer, writes bigint, latest bigint, pending boolean, now timestamptz)
    LANGUAGE plpgsql AS $function$
#variable_conflict use_column
BEGIN
    UPDATE sevdesk_restores SET database_id = gen_random_uuid() WHERE database_id IS NULL;
    RETURN QUERY
    SELECT database_id, epoch, writes, coalesce((SELECT max(id) FROM sevdesk_intents), 0),
           noticed_at > coalesce(recovered_at, '-infinity') IS TRUE, clock_timestamp()
    FROM sevdesk_restores;
END $function$;
