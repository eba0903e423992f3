-- depends: 0004_answers

-- Operators look at the newest jobs first, in a ledger that only grows.
CREATE INDEX sevdesk_jobs_newest ON sevdesk_jobs (seq);

-- What each comparison of the whole book found, so that `status` can say it without comparing again.
CREATE TABLE sevdesk_reconciliations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    invoices    integer NOT NULL,
    documents   integer NOT NULL,
    changing    integer NOT NULL,
    drift       jsonb NOT NULL
);
