-- When the next scheduled run is due. The process that moves next_run_at forward starts the run, so exactly one does.
CREATE TABLE sevdesk_schedules (
    name        text PRIMARY KEY,
    next_run_at timestamptz NOT NULL
);

-- How far the payment changes have been read, in sevDesk's time; one row.
CREATE TABLE sevdesk_sync_state (
    id        boolean PRIMARY KEY DEFAULT true CHECK (id),
    watermark timestamptz
);
INSERT INTO sevdesk_sync_state DEFAULT VALUES;

-- One row per payment sync: how many pages and invoices it read, and how many of those changed.
CREATE TABLE sevdesk_sync_runs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id      text NOT NULL,
    scope       text NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    pages       integer NOT NULL DEFAULT 0,
    seen        integer NOT NULL DEFAULT 0,
    changed     integer NOT NULL DEFAULT 0,
    -- Of those, how many became deleted, cancelled, reversed or renumbered without a person's word; 0 after the next one.
    taken_away  integer NOT NULL DEFAULT 0,
    asked       jsonb  -- the run asked a person about so many changes of each kind (`mass_change`)
);

CREATE INDEX sevdesk_sync_runs_taken_away ON sevdesk_sync_runs (started_at) WHERE taken_away > 0;

-- Finalized invoices that sevDesk did not have at a first look. A second one, later, decides; either deletes the row.
CREATE TABLE sevdesk_missing (
    invoice_id    uuid PRIMARY KEY,
    external_id   text NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What is on record about an invoice and wants a person, though no job waits for one (worker/domain/notices.py).
CREATE TABLE sevdesk_notices (
    invoice_id uuid NOT NULL,
    code       text NOT NULL,
    parameters jsonb NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at  timestamptz,  -- by an event, or by a person who acknowledged it
    PRIMARY KEY (invoice_id, code)
);
CREATE INDEX sevdesk_notices_open ON sevdesk_notices (opened_at) WHERE closed_at IS NULL;

-- What each comparison of all invoices with sevDesk found, so that `status` can show it without comparing again.
CREATE TABLE sevdesk_reconciliations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    invoices    integer NOT NULL,
    documents   integer NOT NULL,
    changing    integer NOT NULL,  -- left out because a job was at work on them
    drift       jsonb NOT NULL     -- the differences found
);
