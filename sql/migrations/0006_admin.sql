-- depends: 0005_operator

-- Who changed which setting, from what to what: one row a field. Written in the statement that makes the change.
CREATE TABLE sevdesk_config_log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id     text NOT NULL,
    field      text NOT NULL,
    old_value  jsonb NOT NULL,
    new_value  jsonb NOT NULL,
    changed_by uuid,  -- contacts.id of whoever asked; null for the worker itself
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sevdesk_config_log_field ON sevdesk_config_log (field, id);
