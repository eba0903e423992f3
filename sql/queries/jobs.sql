-- Jobs and intents. Every change of a job's state names the state it leaves, so a second change finds no row.

-- name: insert_incoming_jobs
-- Jobs that were read from Redis, in the order in which they were requested. Jobs with a problem are rejected at once.
-- Jobs that the ledger has already are left as they are; only new rows are returned.
INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, invoice_id, requested_by, correlation_id, order_key,
                          state, enqueued_at, problem, problem_parameters, error, next_step, finished_at)
SELECT n.job_id, n.kind, n.payload, 'redis', n.invoice_id, n.requested_by, n.correlation_id,
       sevdesk_order_key(n.kind, n.invoice_id, n.job_id),
       CASE WHEN n.problem IS NULL THEN 'queued' ELSE 'rejected' END, n.enqueued_at, n.problem, n.parameters, n.error,
       n.next_step, CASE WHEN n.problem IS NOT NULL THEN clock_timestamp() END
FROM unnest(:job_ids::text[], :kinds::text[], :payloads::jsonb[], :invoice_ids::uuid[], :requesters::uuid[],
            :correlation_ids::text[], :enqueued_ats::timestamptz[], :problems::text[], :parameters::jsonb[],
            :errors::text[], :next_steps::text[])
     WITH ORDINALITY AS n(job_id, kind, payload, invoice_id, requested_by, correlation_id, enqueued_at, problem,
                          parameters, error, next_step, place)
ORDER BY n.place
ON CONFLICT (job_id) DO NOTHING
RETURNING job_id, kind, state, problem, error;

-- name: known_jobs
SELECT job_id, requested_by FROM sevdesk_jobs WHERE job_id = ANY (:job_ids::text[]);

-- name: request_job$
SELECT sevdesk_request_job(:kind, :payload::jsonb, :requested_by::uuid, :correlation_id, :idempotency_key);

-- name: claim_job^
SELECT verdict, wait_seconds, (claimed).*
FROM sevdesk_claim_job(:job_id, :worker, :held::text[], :limit_jobs, :limit_seconds);

-- name: lock_subject$
SELECT pg_try_advisory_lock(hashtextextended(:subject, 0));

-- name: unlock_subject$
SELECT pg_advisory_unlock(hashtextextended(:subject, 0));

-- name: unlock_job!
-- After a claim that failed: frees the lock it may have taken, but none that this process holds for another job.
SELECT pg_advisory_unlock(lock_key) FROM sevdesk_jobs
WHERE job_id = :job_id AND order_key <> ALL (:held::text[]);

-- name: release_job^
-- Frees the order key and returns the next job that waits for it. Because of the outer join there is always one row, so
-- the lock is freed whether or not a job waits.
SELECT f.freed, n.job_id, n.kind
FROM (SELECT pg_advisory_unlock(hashtextextended(:order_key, 0)) AS freed) f
LEFT JOIN LATERAL (
    SELECT * FROM sevdesk_jobs
    WHERE order_key = :order_key AND state IN ('queued', 'waiting', 'requested')
    ORDER BY seq LIMIT 1) n ON n.job_id <> :job_id;

-- name: end_attempt$
-- Ends an attempt: for good (done, parked, rejected) or until later (waiting, queued), and sends a notification, which
-- holds no personal data. Does nothing if a later attempt has been started since.
WITH ended AS (
    UPDATE sevdesk_jobs
    SET state = :state, problem = :problem, problem_parameters = :parameters::jsonb, error = :error,
        next_step = :next_step, result = coalesce(:result::jsonb, result),
        retries = retries + :retries::int,
        not_before = CASE WHEN :after::float8 IS NULL THEN NULL
                          ELSE clock_timestamp() + make_interval(secs => :after::float8) END,
        finished_at = CASE WHEN :state IN ('done', 'parked', 'rejected') THEN clock_timestamp() END,
        asks_about = :asks_about::bigint,
        updated_at = clock_timestamp()
    WHERE job_id = :job_id AND state = 'running' AND attempt = :attempt
    RETURNING job_id, kind, invoice_id, state, problem
)
SELECT pg_notify('sevdesk_events',
                 json_build_object('job_id', job_id, 'kind', kind, 'invoice_id', invoice_id, 'outcome', state,
                                   'problem', problem)::text)
FROM ended;

-- name: person^
SELECT is_internal, is_admin FROM contacts WHERE id = :person_id;

-- name: open_intent$
-- Runs on the connection that holds the locks: a process that lost them cannot record an intent, and so cannot write.
-- Closes the earlier open intent of the subject, whose outcome is known by now. The count makes Postgres close it
-- before the new one is inserted; the unique index allows one open intent per subject even within a statement.
WITH closed AS (
    UPDATE sevdesk_intents SET closed_at = clock_timestamp(), outcome = :found
    WHERE id = :earlier::bigint AND closed_at IS NULL
    RETURNING id
)
INSERT INTO sevdesk_intents (subject, job_id, step, action, summary, request_sha256, worker)
SELECT :subject, :job_id, :step, :action, :summary::jsonb, :request_sha256, :worker
WHERE (SELECT count(*) FROM closed) >= 0
RETURNING id;

-- name: find_open_intent^
SELECT id, job_id, step, action, summary, request_sha256, answer, intent_at AS at,
       extract(epoch FROM clock_timestamp() - intent_at)::float8 AS age
FROM sevdesk_intents WHERE subject = :subject AND closed_at IS NULL;

-- name: has_open_intent$
SELECT EXISTS (SELECT FROM sevdesk_intents WHERE job_id = :job_id AND closed_at IS NULL);

-- name: requeue_abandoned_jobs
-- Sets running jobs whose process died back to queued. That this transaction gets the lock of a job proves that no
-- process holds it, and keeps others from starting the job meanwhile.
WITH running AS MATERIALIZED (SELECT job_id, lock_key FROM sevdesk_jobs WHERE state = 'running')
UPDATE sevdesk_jobs j SET state = 'queued', updated_at = clock_timestamp()
FROM running r
WHERE j.job_id = r.job_id AND j.state = 'running' AND pg_try_advisory_xact_lock(r.lock_key)
RETURNING j.job_id, j.kind;

-- name: jobs_to_wake
-- Jobs that a worker should have started by now: requested ones, and those that have been queued, or due after waiting,
-- for `grace` seconds. Oldest first. The row is touched, so that each is returned once per `grace`.
UPDATE sevdesk_jobs SET state = CASE WHEN state = 'requested' THEN 'queued' ELSE state END,
       updated_at = clock_timestamp()
WHERE job_id IN (
    SELECT job_id FROM sevdesk_jobs
    WHERE state = 'requested'
       OR (state = 'queued' AND updated_at < clock_timestamp() - make_interval(secs => :grace::float8))
       OR (state = 'waiting' AND not_before < clock_timestamp() - make_interval(secs => :grace::float8)
           AND updated_at < clock_timestamp() - make_interval(secs => :grace::float8))
    ORDER BY seq LIMIT :most
    FOR UPDATE SKIP LOCKED)
RETURNING job_id, kind;

-- name: confirm_problem$
-- Tells a parked job to disregard its problem from now on; null if it is not parked with one of `confirmable`.
UPDATE sevdesk_jobs SET confirmed = array_append(confirmed, problem)
WHERE job_id = :job_id AND state = 'parked' AND problem = ANY (:confirmable::text[])
RETURNING problem;

-- name: answer_intent$
-- Stores a person's answer to the open intent that a parked job asks about; null if there is none.
UPDATE sevdesk_intents i SET answer = :answer
FROM sevdesk_jobs j
WHERE j.job_id = :job_id AND j.state = 'parked' AND i.id = j.asks_about AND i.closed_at IS NULL
RETURNING i.id;

-- name: request_missing_jobs$
-- Requests the publication of approved invoices that are marked queued but have no unfinished job, and, with auto
-- transfer on, of those that are not transferred. The key contains updated_at, so an invoice whose job failed is not
-- requested again until the invoice changes. Returns the number of requests.
WITH forgotten AS (
    SELECT i.id, i.updated_at
    FROM billing_invoices i CROSS JOIN sevdesk_config c
    WHERE i.document_status = 'approved'
      AND ((i.accounting_sync_status = 'queued'
            AND i.updated_at < clock_timestamp() - make_interval(secs => :grace::float8))
           OR (c.auto_transfer_invoices AND i.accounting_sync_status = 'not_synced'))
      AND NOT EXISTS (SELECT FROM sevdesk_jobs j
                      WHERE j.order_key = 'invoice:' || i.id
                        AND j.state IN ('requested', 'queued', 'running', 'waiting'))
      AND NOT EXISTS (SELECT FROM sevdesk_jobs j
                      WHERE j.job_id = 'sweep:' || i.id || ':' || extract(epoch FROM i.updated_at))
    ORDER BY i.updated_at LIMIT :most
)
SELECT count(sevdesk_request_job('publish_invoice', jsonb_build_object('invoice_id', f.id), NULL, NULL,
                                 'sweep:' || f.id || ':' || extract(epoch FROM f.updated_at)))
FROM forgotten f;

-- name: unpark^
-- Requests a parked job again, with all its steps and retries.
WITH again AS (
    UPDATE sevdesk_jobs
    SET state = 'requested', problem = NULL, problem_parameters = NULL, error = NULL, next_step = NULL, retries = 0,
        steps_done = '{}', not_before = NULL, finished_at = NULL, asks_about = NULL, updated_at = clock_timestamp()
    WHERE job_id = :job_id AND state = 'parked'
    RETURNING job_id, kind
)
SELECT again.*, pg_notify('sevdesk_requests', job_id) FROM again;
