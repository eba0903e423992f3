-- One row per DATEV export. The billing system may insert it (status requested) and request a job with its id; the
-- worker writes progress and result here. `archive` is the ZIP file as sevDesk made it, `report_archive` another one
-- that also holds the readable report.
CREATE TABLE sevdesk_datev_exports (
    export_id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    start_date      date NOT NULL,
    end_date        date NOT NULL,
    scope           text NOT NULL DEFAULT 'E' CHECK (scope ~ '^[EXTCD]+$'),
    by_pay_date     boolean NOT NULL DEFAULT false,
    include_images  boolean NOT NULL DEFAULT false,
    enshrine        boolean NOT NULL DEFAULT false,
    status          text NOT NULL DEFAULT 'requested'
        CHECK (status IN ('requested', 'running', 'accepted', 'accepted_with_findings', 'refused', 'failed')),
    progress        integer NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    job_id          text UNIQUE,
    sevdesk_job_id  text,
    requested_by    uuid,
    error           text,
    filename        text,
    archive         bytea,
    archive_sha256  text,
    report          jsonb,
    report_archive  bytea,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at      timestamptz,
    finished_at     timestamptz,
    CHECK (start_date <= end_date)
);
CREATE INDEX sevdesk_datev_exports_running ON sevdesk_datev_exports (start_date, end_date) WHERE status = 'running';
