-- One row per DATEV export. The billing system may insert it (status requested) and request a job with its id; the
-- worker writes progress and result here. The archive is the ZIP file as sevDesk made it; the package is a ZIP file of that
-- and the readable report.
CREATE TABLE sevdesk_datev_exports (
    export_id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    start_date      date NOT NULL CHECK (start_date >= '2000-01-01'),  -- as `ExportDatev`
    end_date        date NOT NULL CHECK (end_date BETWEEN start_date AND '2100-12-31'),
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
    archive_sha256  text,
    archive_bytes   bigint,
    package_sha256  text,
    package_bytes   bigint,
    report          jsonb,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at      timestamptz,
    finished_at     timestamptz,
    acknowledged_at     timestamptz,  -- a person has dealt with its findings
    acknowledged_by     text,
    acknowledged_reason text,
    CHECK (start_date <= end_date)
);
CREATE INDEX sevdesk_datev_exports_running ON sevdesk_datev_exports (start_date, end_date) WHERE status = 'running';

-- The package of an export in parts of at most 1 MiB, so that nobody needs a large one in memory. It holds the archive
-- unchanged: the parts marked `original`, in order, are the archive, all parts in order the package.
CREATE TABLE sevdesk_datev_parts (
    export_id uuid NOT NULL REFERENCES sevdesk_datev_exports (export_id),
    part      integer NOT NULL,
    original  boolean NOT NULL,
    content   bytea NOT NULL,
    PRIMARY KEY (export_id, part)
);
-- ZIP files do not get smaller, so Postgres need not try.
ALTER TABLE sevdesk_datev_parts ALTER COLUMN content SET STORAGE EXTERNAL;
