-- Jobs and intents: who asked, and the writes to sevDesk. How jobs get in and out of the queue is in queue.sql.

-- name: person^
SELECT is_internal, is_admin FROM contacts WHERE id = :person_id;

-- name: open_intent$
-- Runs on the connection that holds the locks: a process that lost them cannot record an intent, and so cannot write.
-- Closes the earlier open intent of the subject, whose outcome is known by now. The count makes Postgres close it
-- before the new one is inserted; the unique index allows one open intent per subject even within a statement.
WITH closed AS (
    UPDATE sevdesk_intents SET closed_at = clock_timestamp(), outcome = :found, addresses = NULL
    WHERE id = :earlier::bigint AND closed_at IS NULL
    RETURNING id
)
INSERT INTO sevdesk_intents (subject, job_id, step, action, summary, request_sha256, addresses, worker, intent_at,
                             settles_at)
SELECT :subject, :job_id, :step, :action, :summary::jsonb, :request_sha256, :addresses::jsonb, :worker, at.now,
       at.now + make_interval(secs => :quarantine::float8)
FROM (SELECT clock_timestamp() AS now WHERE (SELECT count(*) FROM closed) >= 0 OFFSET 0) at
RETURNING id;

-- name: find_open_intent^
-- settles_in: seconds of its quarantine that are left; zero or less once it may be looked for.
SELECT id, job_id, step, action, summary, request_sha256, addresses, answer, intent_at AS at,
       extract(epoch FROM settles_at - clock_timestamp())::float8 AS settles_in
FROM sevdesk_intents WHERE subject = :subject AND closed_at IS NULL;

-- name: has_open_intent$
SELECT EXISTS (SELECT FROM sevdesk_intents WHERE job_id = :job_id AND closed_at IS NULL);

-- name: confirm_problem$
-- Tells a parked job to disregard its problem from now on; null if it is not parked with one of `confirmable`.
UPDATE sevdesk_jobs SET confirmed = array_append(confirmed, problem)
WHERE job_id = :job_id AND state = 'parked' AND problem = ANY (:confirmable::text[])
RETURNING problem;

-- name: answer_intent$
-- Stores a person's answer to the open intent that a parked job asks about; null if there is none. The job's row is locked
-- until it is unparked: of two people who answer at once the first one counts.
UPDATE sevdesk_intents SET answer = :answer
WHERE id = (SELECT asks_about FROM sevdesk_jobs WHERE job_id = :job_id AND state = 'parked' FOR UPDATE)
  AND closed_at IS NULL
RETURNING id;
