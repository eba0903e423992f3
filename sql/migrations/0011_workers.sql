-- Workers that have run on this database. A living one holds the session lock of 'worker:' || name; rows of dead ones are
-- deleted when another worker registers, so the table is empty only before the first worker ever ran.
CREATE TABLE sevdesk_workers (
    name          text PRIMARY KEY,  -- HOST:PID:and six digits
    version       text NOT NULL,
    settings      jsonb NOT NULL,    -- those that all workers must have alike, by name; of secrets only a fingerprint
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Any role sees the locks of all sessions, which is not so for the sessions themselves.
CREATE FUNCTION sevdesk_living_workers_v1() RETURNS SETOF sevdesk_workers LANGUAGE sql STABLE AS $function$
    SELECT w.*
    FROM sevdesk_workers w
    JOIN (SELECT DISTINCT classid::bigint << 32 | objid::bigint AS key FROM pg_locks
          WHERE locktype = 'advisory' AND objsubid = 1 AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) l
      ON l.key = sevdesk_lock_key_v1('worker:' || w.name)
$function$;
