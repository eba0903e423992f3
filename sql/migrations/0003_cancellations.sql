-- depends: 0002_functions

-- What stands against an invoice in sevDesk: its cancellation invoice (SR), or the credit note draft that sevDesk makes
-- instead when the invoice is paid.
CREATE TABLE sevdesk_cancellations (
    invoice_id               uuid PRIMARY KEY,
    kind                     text NOT NULL CHECK (kind IN ('cancellation_invoice', 'credit_note')),
    cancellation_external_id text NOT NULL,
    cancellation_number      text,
    net_amount               numeric,
    tax_amount               numeric,
    gross_amount             numeric,
    recorded_at              timestamptz NOT NULL DEFAULT clock_timestamp()
);

ALTER TABLE sevdesk_mails
    ADD COLUMN document text NOT NULL DEFAULT 'invoice' CHECK (document IN ('invoice', 'cancellation'));
