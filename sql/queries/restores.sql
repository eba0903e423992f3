-- Restores of this database from a backup: noticed, and recovered from.

-- name: high_water_mark^
SELECT database_id, epoch, writes, latest, pending, now FROM sevdesk_high_water_mark_v1();

-- name: database_id$
SELECT database_id FROM sevdesk_restores;

-- name: raise_mark!
UPDATE sevdesk_restores SET writes = greatest(writes, :writes::bigint);

-- name: restore_noticed!
UPDATE sevdesk_restores SET noticed_at = clock_timestamp(), redis_mark = :mark
WHERE noticed_at IS NULL OR noticed_at <= recovered_at;

-- name: forgotten_since$
-- From when on writes may be forgotten: a time before the backup, and never later than the latest write on record.
SELECT least(:since::timestamptz, (SELECT intent_at FROM sevdesk_intents ORDER BY id DESC LIMIT 1));

-- name: on_their_way$
-- Seconds until no write that the database has forgotten can reach sevDesk any more: a quarantine after the restore was
-- noticed, or, if nobody noticed it, from now on.
SELECT extract(epoch FROM make_interval(secs => :quarantine::float8)
               - CASE WHEN noticed_at > coalesce(recovered_at, '-infinity') THEN greatest(clock_timestamp() - noticed_at, '0')
                      ELSE '0' END)::float8
FROM sevdesk_restores;

-- name: recovered^
-- Writes may leave again. The new epoch is higher than the one that Redis knows, if it knows any.
UPDATE sevdesk_restores r
SET epoch = greatest(r.epoch, split_part(r.redis_mark, ' ', 1)::integer) + 1,
    noticed_at = CASE WHEN r.noticed_at > coalesce(r.recovered_at, '-infinity') THEN r.noticed_at
                      ELSE clock_timestamp() END,
    recovered_at = clock_timestamp()
RETURNING epoch, noticed_at, recovered_at;

-- name: asked_before_restore$
-- Whether the export may have been made before the latest restore was noticed: its job was asked for before that, or,
-- for a period that was over by then, soon after it.
SELECT EXISTS (SELECT FROM sevdesk_restores r JOIN sevdesk_jobs j ON sevdesk_restored_v1(j.asked_at)
               WHERE j.job_id = :job_id AND (j.asked_at < r.noticed_at OR :end_date::date <= r.noticed_at::date));

-- name: invoices_marked
-- Our invoices with these numbers, for `recover`.
SELECT id AS invoice_id, invoice_number AS number, external_id, accounting_sync_status AS sync_status, document_status
FROM billing_invoices WHERE invoice_number = ANY (:numbers::text[]) ORDER BY invoice_number;

-- name: known_credit_notes
SELECT external_id FROM sevdesk_credit_notes
UNION ALL SELECT cancellation_external_id FROM sevdesk_cancellations WHERE kind = 'credit_note';
