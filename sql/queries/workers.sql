-- Which workers run, and the settings that they must have alike.

-- name: register_worker!
-- The session holds the worker's lock already, so that nobody takes the row for a dead worker's.
WITH dead AS (
    DELETE FROM sevdesk_workers WHERE name IN (
        SELECT name FROM sevdesk_workers
        WHERE name NOT IN (SELECT name FROM sevdesk_living_workers_v1()) AND name <> :name FOR UPDATE SKIP LOCKED)
)
INSERT INTO sevdesk_workers (name, version, settings) VALUES (:name, :version, :settings::jsonb)
ON CONFLICT (name) DO UPDATE
SET version = excluded.version, settings = excluded.settings, registered_at = clock_timestamp();

-- name: registered_workers
SELECT name, version, settings FROM sevdesk_living_workers_v1() ORDER BY registered_at, name;

-- name: known_workers
-- With dead ones, of which some may still be reported in Redis.
SELECT name FROM sevdesk_workers;

-- name: living_workers$
SELECT count(*)::int FROM sevdesk_living_workers_v1();

-- name: any_worker_ever$
SELECT EXISTS (SELECT FROM sevdesk_workers);
