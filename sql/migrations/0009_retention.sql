-- Deletes what is kept for a set time only: jobs that have ended (not parked ones), their writes, and payment syncs, a page
-- of the ledger at a time, oldest first. Returns how far the page reached (null at the end) and what was deleted, or would
-- be. The event log of invoices, documents and mails are never touched. It runs with its owner's rights and
-- keeps at least 30 days, so the worker's role can delete nothing else.
CREATE FUNCTION sevdesk_clean_v1(keep interval, after_seq bigint, dry_run boolean)
    RETURNS TABLE (reached bigint, jobs integer, intents integer, sync_runs integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    SET enable_seqscan = off SET jit = off AS $function$
DECLARE
    before_time timestamptz := clock_timestamp() - greatest(keep, interval '30 days');
    old         text[];
BEGIN
    SELECT max(p.seq) FILTER (WHERE p.created_at < before_time),
           array_agg(p.job_id) FILTER (
               WHERE p.finished_at < before_time AND p.state IN ('done', 'rejected', 'dismissed')
                 AND NOT EXISTS (SELECT FROM sevdesk_intents i WHERE i.job_id = p.job_id AND i.closed_at IS NULL))
    INTO reached, old
    FROM (SELECT * FROM sevdesk_jobs WHERE seq > after_seq ORDER BY seq LIMIT 1000) p;
    jobs := coalesce(cardinality(old), 0);
    SELECT count(*) INTO intents FROM sevdesk_intents WHERE job_id = ANY (old);
    SELECT count(*) INTO sync_runs FROM sevdesk_sync_runs WHERE job_id = ANY (old);
    IF NOT dry_run AND jobs > 0 THEN
        DELETE FROM sevdesk_sync_runs WHERE job_id = ANY (old);
        -- One statement, because the two tables refer to each other.
        WITH writes AS (DELETE FROM sevdesk_intents WHERE job_id = ANY (old))
        DELETE FROM sevdesk_jobs WHERE job_id = ANY (old);
    END IF;
    RETURN NEXT;
END $function$;
REVOKE ALL ON FUNCTION sevdesk_clean_v1(interval, bigint, boolean) FROM PUBLIC;
