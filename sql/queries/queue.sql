-- The queue: how jobs get in, are claimed, and get out. sevdesk_jobs and sevdesk_queue always change together. A job that
-- runs or is parked is locked in sevdesk_jobs first, any other in sevdesk_queue first; whoever waits for rows of several
-- jobs there locks them in the order of order_key and seq, and a claim passes over what others have locked.

-- name: take_in_jobs
-- Records jobs that were read from Redis. Returns the new rows.
SELECT * FROM sevdesk_take_in_v1(:job_ids::text[], :kinds::text[], :payloads::jsonb[], :invoice_ids::uuid[],
                           :requesters::uuid[], :correlation_ids::text[],
                           :scheduled_ats::timestamptz[], :problems::text[], :parameters::jsonb[], :errors::text[],
                           :next_steps::text[]);

-- name: known_jobs
SELECT job_id FROM sevdesk_jobs WHERE job_id = ANY (:job_ids::text[]);

-- name: request_job$
SELECT sevdesk_request_job(:kind, :payload::jsonb, :requested_by::uuid, :correlation_id, :idempotency_key);

-- name: claim_jobs
SELECT * FROM sevdesk_claim_jobs_v1(:worker, :released::text[], :held::text[], :free_slots, :since_system,
                                    :limit_jobs, :limit_seconds);

-- name: take_in_and_claim_jobs
-- Both in one round trip and one commit; the claim sees what was recorded before it.
SELECT * FROM sevdesk_take_in_v1(:job_ids::text[], :kinds::text[], :payloads::jsonb[], :invoice_ids::uuid[],
                           :requesters::uuid[], :correlation_ids::text[],
                           :scheduled_ats::timestamptz[], :problems::text[], :parameters::jsonb[], :errors::text[],
                           :next_steps::text[])
UNION ALL
SELECT * FROM sevdesk_claim_jobs_v1(:worker, :released::text[], :held::text[], :free_slots, :since_system,
                                    :limit_jobs, :limit_seconds);

-- name: lock_subject$
SELECT pg_try_advisory_lock(sevdesk_lock_key_v1(:subject));

-- name: unlock_subject$
SELECT pg_advisory_unlock(sevdesk_lock_key_v1(:subject));

-- name: end_own_session!
-- Ends this process's last lock session if it is still there, within a second; Postgres cuts names off after 63 bytes.
SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
WHERE pid = :pid AND pid <> pg_backend_pid() AND datname = current_database() AND application_name = left(:name, 63);

-- name: unlock_all_but!
-- After a statement that failed: frees the locks that it may have taken, and none that this process holds otherwise.
SELECT pg_advisory_unlock(l.key)
FROM (SELECT classid::bigint << 32 | objid::bigint AS key FROM pg_locks
      WHERE locktype = 'advisory' AND objsubid = 1 AND pid = pg_backend_pid()) l
WHERE l.key <> ALL (ARRAY(SELECT sevdesk_lock_key_v1(h) FROM unnest(:held::text[]) AS h));

-- name: end_attempt$
-- Ends an attempt: for good (done, rejected), until a person acts (parked), or until later (waiting, queued). Null, and
-- nothing is changed, if a later attempt has been started since.
WITH ended AS (
    UPDATE sevdesk_jobs
    SET state = :state, problem = :problem, problem_parameters = :parameters::jsonb, error = :error,
        next_step = :next_step, result = coalesce(:result::jsonb, result),
        payload = CASE WHEN :state IN ('done', 'rejected') THEN sevdesk_kept_payload_v1(kind, payload) ELSE payload END,
        retries = retries + :retries::int,
        not_before = clock_timestamp() + make_interval(secs => :after::float8),
        finished_at = CASE WHEN :state IN ('done', 'parked', 'rejected') THEN clock_timestamp() END,
        asks_about = :asks_about::bigint,
        updated_at = clock_timestamp()
    WHERE job_id = :job_id AND state = 'running' AND attempt = :attempt
    RETURNING job_id, state, not_before
), told AS (
    INSERT INTO sevdesk_rejections (job_id) SELECT job_id FROM ended WHERE state = 'rejected' AND :is_mistake::boolean
), gone AS (
    DELETE FROM sevdesk_queue WHERE job_id = (SELECT job_id FROM ended WHERE state IN ('done', 'rejected'))
), stays AS (
    UPDATE sevdesk_queue q
    SET phase = CASE WHEN e.state = 'parked' THEN 'parked' WHEN e.not_before IS NULL THEN 'ready' ELSE 'waiting' END,
        due_at = e.not_before, rank = greatest(q.rank, sevdesk_last_rank_v1(q.requested_by))
    FROM ended e WHERE q.job_id = e.job_id AND e.state IN ('parked', 'waiting', 'queued')
)
SELECT job_id FROM ended;

-- name: send_notifications!
-- In one commit, because Postgres lets only one notifying transaction commit at a time.
SELECT pg_notify(n.channel, n.payload) FROM unnest(:channels::text[], :payloads::text[]) AS n(channel, payload);

-- name: unpark^
-- Requests a parked job again, with all its steps and retries.
WITH again AS (
    UPDATE sevdesk_jobs
    SET state = 'requested', earlier_problem = problem, problem = NULL, problem_parameters = NULL, error = NULL,
        next_step = NULL, retries = 0, steps_done = '{}', not_before = NULL, finished_at = NULL, asks_about = NULL, updated_at = clock_timestamp()
    WHERE job_id = :job_id AND state = 'parked'
    RETURNING job_id, kind
), ready AS (
    UPDATE sevdesk_queue SET phase = 'ready', rank = sevdesk_next_rank_v1(requested_by)
    WHERE job_id = (SELECT job_id FROM again)
), refunded AS (  -- the person has paid the money back, as the job asked
    UPDATE sevdesk_notices n SET closed_at = clock_timestamp()
    FROM sevdesk_jobs j
    WHERE j.job_id = (SELECT job_id FROM again) AND j.problem = 'refund_due' AND n.code = 'refund_due'
      AND n.invoice_id = j.invoice_id AND n.closed_at IS NULL
)
SELECT again.*, pg_notify('sevdesk_requests', job_id) FROM again;

-- name: dismiss_aborted_jobs
-- Ends jobs that their producer took back, of those that have not been started. Call promote with their order keys. Their
-- rows of the queue are locked first, as a claim does, and in promote's order; else both would wait for each other.
WITH queued AS (
    SELECT job_id FROM sevdesk_queue
    WHERE job_id = ANY (:job_ids::text[]) AND phase NOT IN ('running', 'parked') ORDER BY order_key, seq FOR UPDATE
), dismissed AS (
    UPDATE sevdesk_jobs
    SET state = 'dismissed', payload = sevdesk_kept_payload_v1(kind, payload), dismissed_by = 'producer',
        dismissed_reason = 'Taken back through arq before it started.',
        problem = NULL, problem_parameters = NULL, error = NULL, next_step = NULL, not_before = NULL,
        finished_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE job_id IN (SELECT job_id FROM queued) AND attempt = 0 AND state IN ('requested', 'queued', 'waiting')
    RETURNING job_id, invoice_id
)
DELETE FROM sevdesk_queue q USING dismissed d WHERE q.job_id = d.job_id
RETURNING q.job_id, q.kind, q.order_key, d.invoice_id;

-- name: dismiss_job^
-- Ends a parked job for good, or a rejected one, which a person has dealt with; null if it is neither, or asks about a
-- write of which nobody knows yet.
WITH dismissed AS (
    UPDATE sevdesk_jobs j
    SET state = 'dismissed', payload = sevdesk_kept_payload_v1(kind, payload), dismissed_by = :by,
        dismissed_reason = :reason, finished_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE job_id = :job_id AND state IN ('parked', 'rejected')
      AND NOT EXISTS (SELECT FROM sevdesk_intents i WHERE i.job_id = j.job_id AND i.closed_at IS NULL)
    RETURNING job_id, kind, invoice_id, problem
), gone AS (
    DELETE FROM sevdesk_queue WHERE job_id = (SELECT job_id FROM dismissed)
), logged AS (
    INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload)
    SELECT d.invoice_id, 'dismissed',
           jsonb_build_object('job_id', d.job_id, 'kind', d.kind, 'by', :by::text, 'reason', :reason::text)
    FROM dismissed d JOIN billing_invoices i ON i.id = d.invoice_id
)
SELECT d.job_id, pg_notify('sevdesk_events', json_build_object(
           'job_id', d.job_id, 'kind', d.kind, 'invoice_id', d.invoice_id, 'outcome', 'dismissed',
           'problem', d.problem)::text)
FROM dismissed d;

-- name: moot_jobs
-- Parked jobs that would publish, send, cancel or credit the invoice, for one that is cancelled.
SELECT j.job_id FROM sevdesk_jobs j JOIN sevdesk_queue q USING (job_id)
WHERE j.invoice_id = :invoice_id AND j.state = 'parked' AND j.kind IN ('publish_invoice', 'send_invoice', 'cancel_invoice', 'credit_invoice')
ORDER BY j.seq;

-- name: promote$
SELECT sevdesk_promote_v1(:order_keys::text[]);

-- The leader's statements.

-- name: requeue_abandoned_jobs
-- Jobs marked as running whose lock no session holds: their process died. Taking the lock for this transaction proves
-- that it is free, and keeps others from starting the job meanwhile. The ledger's row is locked first, as at a job's end:
-- its worker may have lost its locks while it records that. Then those of the queue, in promote's order.
WITH abandoned AS MATERIALIZED (
    SELECT q.job_id, q.order_key FROM sevdesk_queue q
    WHERE q.phase = 'running'
      AND NOT EXISTS (SELECT FROM pg_locks l
                      WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
                        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                        AND (l.classid::bigint << 32 | l.objid::bigint) = sevdesk_lock_key_v1(q.order_key))
), free AS (
    UPDATE sevdesk_jobs j SET state = 'queued', updated_at = clock_timestamp()
    FROM abandoned a
    WHERE j.job_id = a.job_id AND j.state = 'running' AND pg_try_advisory_xact_lock(sevdesk_lock_key_v1(a.order_key))
    RETURNING j.job_id, j.kind
), locked AS (
    SELECT q.job_id FROM sevdesk_queue q JOIN free f USING (job_id) ORDER BY q.order_key, q.seq FOR UPDATE OF q
), ready AS (
    UPDATE sevdesk_queue SET phase = 'ready', rank = greatest(rank, sevdesk_last_rank_v1(requested_by))
    WHERE job_id IN (SELECT job_id FROM locked)
)
SELECT job_id, kind FROM free;

-- name: ready_due_jobs$
SELECT sevdesk_ready_due_v1(:most::integer);

-- name: correct_ranks$
SELECT sevdesk_correct_ranks_v1();

-- name: promote_forgotten$
-- Makes blocked jobs ready with no job before them: the process that should have done it died after the job's end.
SELECT sevdesk_promote_v1(ARRAY(
    SELECT b.order_key FROM sevdesk_queue b
    WHERE b.phase = 'blocked'
      AND NOT EXISTS (SELECT FROM sevdesk_queue e
                      WHERE e.order_key = b.order_key AND e.phase NOT IN ('scheduled', 'parked') AND e.seq < b.seq)
    LIMIT :most));

-- name: clean^
SELECT reached, jobs, intents, sync_runs
FROM sevdesk_clean_v1(make_interval(days => :days::integer), :after_seq::bigint, :dry_run::boolean);

-- name: request_missing_jobs$
-- Requests the publication of approved invoices that are marked queued but have no unfinished job, and, with auto
-- transfer on, of those that are not transferred; not of those that another program publishes. The key contains
-- updated_at, so an invoice whose job failed is not requested again until the invoice changes. Returns the number of
-- requests.
WITH forgotten AS (
    SELECT i.id, k.key
    FROM billing_invoices i CROSS JOIN sevdesk_config c LEFT JOIN deals d ON d.id = i.deal_id
    -- A view may show a null, which would make no key, so that the invoice would be requested for ever.
    CROSS JOIN LATERAL (SELECT concat_ws(':', 'sweep', i.id, extract(epoch FROM i.updated_at)) AS key) k
    WHERE i.document_status = 'approved'
      AND sevdesk_publishes_v1(c.publish_only, d.deal_type, i.invoice_number)
      AND ((i.accounting_sync_status = 'queued'
            AND i.updated_at < clock_timestamp() - make_interval(secs => :grace::float8))
           OR (c.auto_transfer_invoices AND i.accounting_sync_status = 'not_synced'))
      AND NOT EXISTS (SELECT FROM sevdesk_queue q
                      WHERE q.order_key = 'invoice:' || i.id AND q.phase NOT IN ('scheduled', 'parked'))
      AND NOT EXISTS (SELECT FROM sevdesk_jobs j WHERE j.job_id = k.key)
    ORDER BY i.updated_at LIMIT :most
)
SELECT count(sevdesk_request_job('publish_invoice', jsonb_build_object('invoice_id', f.id), NULL, NULL, f.key))
FROM forgotten f;

-- name: count_jobs
-- Unfinished jobs by kind and state.
SELECT kind, CASE WHEN phase IN ('running', 'waiting', 'parked') THEN phase ELSE 'queued' END AS state,
       count(*) AS jobs
FROM sevdesk_queue GROUP BY 1, 2;

-- name: queue_age^
-- For how many seconds the job at the head of the queue has waited for a free worker, and how long ago the last payment
-- sync ended.
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(greatest(j.created_at, j.not_before))), 0)::float8 AS age,
       (SELECT extract(epoch FROM clock_timestamp() - last_sync_at)::float8 FROM sevdesk_config) AS sync_age
FROM (SELECT job_id FROM ((SELECT job_id FROM sevdesk_queue WHERE phase = 'ready' AND requested_by IS NOT NULL
                           ORDER BY rank, seq LIMIT 1)
                          UNION ALL
                          (SELECT job_id FROM sevdesk_queue WHERE phase = 'ready' AND requested_by IS NULL
                           ORDER BY rank, seq LIMIT 1)
                          UNION ALL
                          (SELECT job_id FROM sevdesk_queue WHERE due_at < (SELECT clock_timestamp())
                           ORDER BY due_at LIMIT 1)) heads) q
JOIN sevdesk_jobs j USING (job_id);

-- name: foreign_locks
-- Sessions of others that hold locks of the worker's kind: jobs whose lock they have never start. Postgres shows the
-- name of a session to its own user and to superusers; a hidden one is not ours either.
SELECT l.pid, a.usename::text AS database_user, count(*)::int AS locks
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.classid = 1936029284
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND coalesce(a.application_name, '') NOT LIKE 'sevdesk-worker%'
GROUP BY l.pid, a.usename ORDER BY l.pid;
