-- When the payment sync and the nightly full sync are due.

-- name: schedule$
SELECT next_run_at FROM sevdesk_schedules WHERE name = :name;

-- name: set_schedule!
INSERT INTO sevdesk_schedules (name, next_run_at) VALUES (:name, :next_run_at)
ON CONFLICT (name) DO UPDATE SET next_run_at = excluded.next_run_at;

-- name: start_scheduled$
-- Moves next_run_at forward and requests the run; null if another process has done so, or if the last run is
-- unfinished. However many times were missed, one run is requested.
WITH moved AS (
    UPDATE sevdesk_schedules SET next_run_at = :next_run_at
    WHERE name = :name AND next_run_at = :due RETURNING name
)
SELECT :job_id::text, sevdesk_enqueue_v1(:job_id, :kind, :payload::jsonb, 'system', NULL, NULL, NULL)
FROM moved
WHERE NOT EXISTS (SELECT FROM sevdesk_queue q JOIN sevdesk_jobs j USING (job_id)
                  WHERE q.order_key = sevdesk_order_key_v1(:kind, NULL, :job_id) AND q.phase <> 'parked'
                    AND j.kind = :kind AND j.payload = :payload::jsonb AND j.origin = 'system');
