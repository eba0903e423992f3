-- Postgres' clock, and what hangs on it.

-- name: clock^
SELECT clock_timestamp() AS now, current_setting('server_version') AS version,
       current_setting('server_version_num')::int AS version_number;

-- name: waits_begin_anew!
-- After the clock was set, by `by`. Each wait lasts as long as it should have, from now on at most, however often this
-- is done: every worker does. The quarantine of open writes and second looks would end at once if it was set forward; retries, and jobs
-- of people with a limit, would wait for ever if it was set back, and the limit be forgotten if it was set forward.
-- Jobs that were asked for a certain time keep that time.
WITH at AS MATERIALIZED (
    SELECT clock_timestamp() AS now, greatest(:by::interval, '0') AS forward
), writes AS (
    UPDATE sevdesk_intents i
    SET intent_at = least(i.intent_at + at.forward, at.now),
        settles_at = least(i.intent_at + at.forward, at.now) + (i.settles_at - i.intent_at)
    FROM at WHERE i.closed_at IS NULL
), looks AS (
    UPDATE sevdesk_missing m SET first_seen_at = at.now FROM at
), people AS (
    UPDATE sevdesk_person_starts p SET starts = s.starts, given = s.starts
    FROM (SELECT k.person_id, ARRAY(SELECT least(t.start + at.forward, at.now)
                                    FROM unnest(k.starts) WITH ORDINALITY AS t(start, place) ORDER BY t.place) AS starts
          FROM at, (SELECT * FROM sevdesk_person_starts ORDER BY person_id FOR UPDATE) k) s
    WHERE p.person_id = s.person_id
), waiting AS MATERIALIZED (
    SELECT q.job_id, d.due
    FROM at, sevdesk_queue q JOIN sevdesk_jobs j USING (job_id)
    CROSS JOIN LATERAL (SELECT at.now + coalesce(j.not_before - j.updated_at, '0.2 s') AS due) d
    WHERE q.due_at > at.now AND q.phase = 'waiting' AND q.due_at > d.due
    ORDER BY q.order_key, q.seq FOR UPDATE OF q  -- before the ledger's rows, as a claim does, and in promote's order
), queued AS (
    UPDATE sevdesk_queue q SET due_at = w.due FROM waiting w WHERE q.job_id = w.job_id
)
UPDATE sevdesk_jobs j SET not_before = w.due, updated_at = at.now
FROM at, waiting w WHERE j.job_id = w.job_id AND j.state = 'waiting';
