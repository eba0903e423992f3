-- The worker's settings, one row.
CREATE TABLE sevdesk_config (
    id                            boolean PRIMARY KEY DEFAULT true CHECK (id),
    account_name                  text,
    account_id                    text,  -- the account that every linked invoice is in; no worker asks another one
    other_account_id              text,  -- that a worker's token belonged to, which worker, and when that was seen last
    other_account_worker          text,
    other_account_at              timestamptz,
    contact_person_id             text,  -- sevDesk's user; for one deal type, where it is another:
    contact_person_eb             text,
    contact_person_kop            text,
    template_eb_ar                text,
    template_eb_sr                text,
    template_kop_ar               text,
    template_kop_sr               text,
    payment_sync_interval_minutes integer NOT NULL DEFAULT 10
        -- They divide an hour or a day, so that the sync runs at the same times each hour or day.
        CHECK (payment_sync_interval_minutes IN
               (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440)),
    datev_chart_of_accounts       text NOT NULL DEFAULT 'SKR03' CHECK (datev_chart_of_accounts IN ('SKR03', 'SKR04')),
    auto_transfer_invoices        boolean NOT NULL DEFAULT false,
    -- Deal types and invoice numbers: what else is approved, another program publishes. null: the worker publishes all.
    publish_only                  text[],
    is_connected                  boolean NOT NULL DEFAULT false,
    token_configured              boolean NOT NULL DEFAULT false,
    connected_by                  uuid,
    last_sync_at                  timestamptz,
    updated_at                    timestamptz NOT NULL DEFAULT now()
);
INSERT INTO sevdesk_config DEFAULT VALUES;

-- Whether the worker publishes an invoice: true or false, also for one without a deal.
CREATE FUNCTION sevdesk_publishes_v1(publish_only text[], deal_type text, invoice_number text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN publish_only IS NULL OR coalesce(deal_type = ANY (publish_only), false)
        OR coalesce(invoice_number = ANY (publish_only), false);

-- Who changed which setting, from what to what: one row per field, written in the statement that makes the change.
CREATE TABLE sevdesk_config_log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id     text NOT NULL,
    field      text NOT NULL,
    old_value  jsonb NOT NULL,
    new_value  jsonb NOT NULL,
    changed_by uuid,  -- contacts.id of the person who asked; null for the worker itself
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sevdesk_config_log_field ON sevdesk_config_log (field, id);

-- The document layouts that sevDesk offers.
CREATE TABLE sevdesk_templates (
    template_id      text PRIMARY KEY,
    name             text NOT NULL,
    translation_code text,
    is_default       boolean NOT NULL DEFAULT false,
    fetched_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Which sevDesk contact belongs to which company or person, and digests of what was last written there.
CREATE TABLE sevdesk_contacts (
    party_kind      text NOT NULL CHECK (party_kind IN ('company', 'contact')),
    party_id        uuid NOT NULL,
    contact_id      text NOT NULL UNIQUE,
    contact_digest  text,
    address_digest  text,
    email_id        text,
    email_digest    text,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (party_kind, party_id)
);

-- What we had sevDesk save as the document of an invoice, and for whom. Mails go to that party, and only while sevDesk's
-- document still has that content.
CREATE TABLE sevdesk_invoices (
    invoice_id   uuid PRIMARY KEY,
    external_id  text NOT NULL,  -- counts only while the invoice has the same one
    party_kind   text NOT NULL CHECK (party_kind IN ('company', 'contact')),
    party_id     uuid NOT NULL,
    content      jsonb NOT NULL,  -- the fields of the request, with name and address
    adopted      boolean NOT NULL,  -- somebody else made it, and it had that content when we took it over
    seen_update  timestamptz,     -- sevDesk's `update` when its positions were last known to be those of `content`
    account_gross numeric,        -- the gross sum in the account's currency, where the invoice has another one
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sevdesk_invoices_adopted ON sevdesk_invoices (invoice_id) WHERE adopted;

-- The files that sevDesk made of our invoices and cancellations.
CREATE TABLE sevdesk_documents (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id  uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('invoice_pdf', 'invoice_xml', 'cancellation_pdf',
                                                  'credit_note_pdf')),
    filename    text NOT NULL,
    mimetype    text NOT NULL,
    sha256      text NOT NULL,
    content     bytea NOT NULL,
    fetched_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    verdict     text,   -- of an e-invoice's XML, as in the event e_invoice_checked, or of a PDF's that corrects one; NULL: not judged
    rules       text,   -- by which it was judged, with version and date; NULL: only compared with the invoice
    findings    jsonb,  -- rule id, kind of fault and text of each
    judged_at   timestamptz,
    UNIQUE (invoice_id, kind, sha256)
);

-- One row per mail sent: to whom, with which document. The unique job_id proves that a job mailed at most once.
CREATE TABLE sevdesk_mails (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id    uuid NOT NULL,
    job_id        text NOT NULL UNIQUE,
    document      text NOT NULL DEFAULT 'invoice' CHECK (document IN ('invoice', 'cancellation', 'credit_note')),
    recipient     text NOT NULL,
    cc            text,  -- further addresses, separated by commas
    bcc           text,
    subject       text NOT NULL,
    pdf_sha256    text,
    xml_sha256    text,  -- of an e-invoice's XML that was attached instead of the PDF
    sent_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sevdesk_mails_invoice ON sevdesk_mails (invoice_id);

-- A mail that came back undelivered, once per mail, with the address and the reason that were reported. Personal data.
CREATE TABLE sevdesk_bounces (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id   uuid NOT NULL,
    mail_job_id  text NOT NULL UNIQUE REFERENCES sevdesk_mails (job_id),
    job_id       text NOT NULL,
    address      text,
    reason       text,
    send_date    timestamptz,  -- sevDesk's sendDate when it was reported: only a later one is another sending
    reported_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sevdesk_bounces_invoice ON sevdesk_bounces (invoice_id, id);

-- Deletes files of one kind of an invoice's document, fetched since `since`, that another one has replaced and nobody was
-- mailed: sevDesk makes each PDF anew, with other bytes for the same content. Their SHA-256 stay in the event log. Only
-- kinds of which an invoice has one document at a time, or the files of another document would go. It runs with its
-- owner's rights, so that the worker's role can delete no other file.
CREATE FUNCTION sevdesk_drop_renderings_v1(invoice uuid, document text, replaced_by text, since timestamptz)
    RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $function$
    DELETE FROM sevdesk_documents d
    WHERE d.invoice_id = invoice AND d.kind = document AND d.sha256 <> replaced_by AND d.fetched_at > since
      AND document IN ('invoice_pdf', 'invoice_xml', 'cancellation_pdf')
      AND NOT EXISTS (SELECT FROM sevdesk_mails m WHERE m.invoice_id = invoice AND d.sha256 IN (m.pdf_sha256, m.xml_sha256))
$function$;
REVOKE ALL ON FUNCTION sevdesk_drop_renderings_v1(uuid, text, text, timestamptz) FROM PUBLIC;

-- What cancels an invoice in sevDesk: a cancellation invoice (SR), or the credit note over the whole invoice that sevDesk
-- makes instead when money has come. While `is_draft`, nothing is cancelled.
CREATE TABLE sevdesk_cancellations (
    invoice_id               uuid PRIMARY KEY,
    kind                     text NOT NULL CHECK (kind IN ('cancellation_invoice', 'credit_note')),
    cancellation_external_id text NOT NULL,
    cancellation_number      text,
    net_amount               numeric,
    tax_amount               numeric,
    gross_amount             numeric,
    document_day             date,
    refund_due               numeric,  -- what had been paid on the invoice
    is_draft                 boolean NOT NULL DEFAULT false,
    recorded_at              timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX sevdesk_cancellations_day ON sevdesk_cancellations (document_day);
CREATE INDEX sevdesk_cancellations_credit_number ON sevdesk_cancellations (cancellation_number)
    WHERE kind = 'credit_note' AND NOT is_draft;

-- Credit notes over parts of an invoice, one for each job that asked for one.
CREATE TABLE sevdesk_credit_notes (
    marker             text PRIMARY KEY,  -- customerInternalNote in sevDesk
    invoice_id         uuid NOT NULL,
    job_id             text NOT NULL,
    external_id        text NOT NULL,
    status             text NOT NULL CHECK (status IN ('drafted', 'finalized', 'deleted')),
    credit_note_number text,
    document_day       date,
    net_amount         numeric NOT NULL,
    tax_amount         numeric NOT NULL,
    gross_amount       numeric NOT NULL,
    subtotals          jsonb NOT NULL,  -- tax rate -> its net and tax, as text
    content            jsonb NOT NULL,  -- the positions asked for; of each, net, what was credited before and is now
    reason             text NOT NULL,
    refund_due         numeric,  -- what of it must be paid back
    pdf_sha256         text,
    recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sevdesk_credit_notes_invoice ON sevdesk_credit_notes (invoice_id);
CREATE INDEX sevdesk_credit_notes_day ON sevdesk_credit_notes (document_day) WHERE status = 'finalized';
CREATE INDEX sevdesk_credit_notes_number ON sevdesk_credit_notes (credit_note_number) WHERE status = 'finalized';
