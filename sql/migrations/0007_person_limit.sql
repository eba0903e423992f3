-- How many jobs a person may start within a time.

-- When a person's jobs started and shall start; at most as many as the limit allows, oldest first.
CREATE TABLE sevdesk_person_starts (
    person_id uuid PRIMARY KEY,
    starts    timestamptz[] NOT NULL DEFAULT '{}',  -- of jobs that were started
    given     timestamptz[] NOT NULL DEFAULT '{}'   -- of those, and of jobs that were given a later start time
) WITH (fillfactor = 50);  -- updated at each start, in place (HOT); so few rows that autovacuum's defaults do

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
