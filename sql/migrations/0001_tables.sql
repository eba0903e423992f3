-- The tables this worker owns. All names start with sevdesk_; nothing here refers to a billing table, so the
-- migration runs on any database. Forward only.

CREATE TABLE sevdesk_config (
    id                            boolean PRIMARY KEY DEFAULT true CHECK (id),
    account_name                  text,
    account_id                    text,
    contact_person_id             text,
    template_eb_ar                text,
    template_eb_sr                text,
    template_kop_ar               text,
    template_kop_sr               text,
    payment_sync_interval_minutes integer NOT NULL DEFAULT 10
        CHECK (payment_sync_interval_minutes BETWEEN 1 AND 1440),
    datev_chart_of_accounts       text NOT NULL DEFAULT 'SKR03' CHECK (datev_chart_of_accounts IN ('SKR03', 'SKR04')),
    auto_transfer_invoices        boolean NOT NULL DEFAULT false,
    is_connected                  boolean NOT NULL DEFAULT false,
    token_configured              boolean NOT NULL DEFAULT false,
    connected_by                  uuid,
    last_sync_at                  timestamptz,
    updated_at                    timestamptz NOT NULL DEFAULT now()
);
INSERT INTO sevdesk_config DEFAULT VALUES;

-- The ledger: every job is a row from the moment a worker polls it or the billing system requests it.
CREATE TABLE sevdesk_jobs (
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    job_id         text PRIMARY KEY,
    kind           text NOT NULL,
    payload        jsonb NOT NULL,
    origin         text NOT NULL CHECK (origin IN ('redis', 'outbox', 'system', 'operator')),
    invoice_id     uuid,
    requested_by   uuid,
    correlation_id text,
    order_key      text NOT NULL,
    lock_key       bigint NOT NULL GENERATED ALWAYS AS (hashtextextended(order_key, 0)) STORED,
    state          text NOT NULL
        CHECK (state IN ('requested', 'queued', 'running', 'waiting', 'done', 'parked', 'rejected')),
    attempt        integer NOT NULL DEFAULT 0,
    retries        integer NOT NULL DEFAULT 0,
    not_before     timestamptz,
    worker         text,
    steps_done     text[] NOT NULL DEFAULT '{}',
    error          text,
    next_step      text,
    result         jsonb,
    enqueued_at    timestamptz,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at     timestamptz,
    finished_at    timestamptz,
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sevdesk_jobs_alive ON sevdesk_jobs (order_key, seq)
    WHERE state IN ('requested', 'queued', 'running', 'waiting');
CREATE INDEX sevdesk_jobs_state ON sevdesk_jobs (state, not_before, seq)
    WHERE state NOT IN ('done', 'rejected');
CREATE INDEX sevdesk_jobs_invoice ON sevdesk_jobs (invoice_id, seq) WHERE invoice_id IS NOT NULL;
CREATE INDEX sevdesk_jobs_person ON sevdesk_jobs (requested_by, started_at) WHERE requested_by IS NOT NULL;

-- One row before each write to sevDesk. Open (closed_at null) means: it may or may not have happened.
CREATE TABLE sevdesk_intents (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject        text NOT NULL,
    job_id         text NOT NULL REFERENCES sevdesk_jobs (job_id),
    step           text NOT NULL,
    action         text NOT NULL,
    summary        jsonb NOT NULL DEFAULT '{}',
    request_sha256 text NOT NULL,
    worker         text NOT NULL,
    intent_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at      timestamptz,
    outcome        text CHECK (outcome IN ('done', 'refused', 'not_sent', 'found_done', 'found_not_done')),
    CHECK ((closed_at IS NULL) = (outcome IS NULL))
);
-- Two open intents on one subject would be two writers.
CREATE UNIQUE INDEX sevdesk_intents_open ON sevdesk_intents (subject) WHERE closed_at IS NULL;
CREATE INDEX sevdesk_intents_job ON sevdesk_intents (job_id);
CREATE INDEX sevdesk_intents_subject ON sevdesk_intents (subject, id);

-- Which sevDesk contact stands for which company or person, and digests of what was last written there.
CREATE TABLE sevdesk_contacts (
    party_kind      text NOT NULL CHECK (party_kind IN ('company', 'contact')),
    party_id        uuid NOT NULL,
    contact_id      text NOT NULL UNIQUE,
    contact_digest  text,
    address_id      text,
    address_digest  text,
    email_id        text,
    email_digest    text,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (party_kind, party_id)
);

CREATE TABLE sevdesk_documents (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id  uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('invoice_pdf', 'invoice_xml', 'cancellation_pdf')),
    filename    text NOT NULL,
    mimetype    text NOT NULL,
    sha256      text NOT NULL,
    content     bytea NOT NULL,
    fetched_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (invoice_id, kind, sha256)
);

-- What was mailed: the proof that a mail went out once, to whom, with which document.
CREATE TABLE sevdesk_mails (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id    uuid NOT NULL,
    job_id        text NOT NULL UNIQUE,
    recipient     text NOT NULL,
    subject       text NOT NULL,
    pdf_sha256    text,
    sent_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sevdesk_mails_invoice ON sevdesk_mails (invoice_id);

CREATE TABLE sevdesk_templates (
    template_id      text PRIMARY KEY,
    name             text NOT NULL,
    translation_code text,
    is_default       boolean NOT NULL DEFAULT false,
    fetched_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- When the next scheduled run is due. Whoever moves next_run_at forward starts the run, so only one does.
CREATE TABLE sevdesk_schedules (
    name        text PRIMARY KEY,
    next_run_at timestamptz NOT NULL
);

-- How far the payment feed has been read (sevDesk's clock), and what the runs did.
CREATE TABLE sevdesk_sync_state (
    id        boolean PRIMARY KEY DEFAULT true CHECK (id),
    watermark timestamptz
);
INSERT INTO sevdesk_sync_state DEFAULT VALUES;

CREATE TABLE sevdesk_sync_runs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id      text NOT NULL,
    scope       text NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    pages       integer NOT NULL DEFAULT 0,
    seen        integer NOT NULL DEFAULT 0,
    changed     integer NOT NULL DEFAULT 0
);
