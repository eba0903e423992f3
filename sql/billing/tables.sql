-- The tables of the billing system as the worker expects them. The worker reads them, and writes a few columns of
-- billing_invoices and new rows of billing_invoice_event_log (sql/roles.sql names them). The demo and the tests create
-- these tables, `doctor` compares with them; a real installation has its own tables and never runs this file.

CREATE TABLE contacts (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    first_name   text,
    last_name    text NOT NULL,
    email        text,
    phone        text,
    street       text,
    zip          text,
    city         text,
    country_code text,
    is_internal  boolean NOT NULL DEFAULT false,
    is_admin     boolean NOT NULL DEFAULT false,
    hubspot_id   text
);

CREATE TABLE companies (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name            text NOT NULL,
    vat_id          text,
    email           text,
    phone           text,
    street          text,
    zip             text,
    city            text,
    country_code    text,
    buyer_reference text,
    hubspot_id      text
);

CREATE TABLE deals (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL,
    deal_type  text NOT NULL CHECK (deal_type IN ('EB', 'KOP')),
    hubspot_id text
);

CREATE TABLE hubspot_associations (
    id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    from_type text NOT NULL CHECK (from_type IN ('deal', 'company', 'contact', 'invoice')),
    from_id   uuid NOT NULL,
    to_type   text NOT NULL CHECK (to_type IN ('deal', 'company', 'contact', 'invoice')),
    to_id     uuid NOT NULL,
    label     text
);

CREATE TABLE billing_document_templates (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name                text NOT NULL,
    deal_type           text CHECK (deal_type IN ('EB', 'KOP')),
    document_kind       text CHECK (document_kind IN ('AR', 'SR')),
    sevdesk_template_id text
);

CREATE TABLE billing_invoices (
    id                      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    invoice_number          text NOT NULL UNIQUE,
    deal_id                 uuid REFERENCES deals (id),
    contact_id              uuid REFERENCES contacts (id),
    document_template_id    uuid REFERENCES billing_document_templates (id),
    document_kind           text NOT NULL CHECK (document_kind IN ('AR', 'SR')),
    document_status         text NOT NULL DEFAULT 'draft'
                            CHECK (document_status IN ('draft', 'approved', 'sent', 'cancelled')),
    claim_status            text NOT NULL DEFAULT 'open'
                            CHECK (claim_status IN ('open', 'partially_paid', 'paid', 'cancelled')),
    currency                text NOT NULL DEFAULT 'EUR',
    net_amount              numeric NOT NULL,
    tax_amount              numeric NOT NULL,
    gross_amount            numeric NOT NULL,
    paid_amount             numeric NOT NULL DEFAULT 0,
    tax_rule                integer NOT NULL DEFAULT 1,
    issue_date              date NOT NULL,
    service_from            date,
    service_to              date,
    payment_term_days       integer,
    skonto_percent          numeric,  -- together with skonto_days, or both null
    skonto_days             integer,
    head_text               text,
    foot_text               text,
    is_e_invoice            boolean NOT NULL DEFAULT false,
    final_invoice_form      text CHECK (final_invoice_form IN ('deduct', 'remainder')),
    replaces_invoice_id     uuid REFERENCES billing_invoices (id),
    paid_at                 timestamptz,
    cancelled_at            timestamptz,
    accounting_provider     text,
    external_id             text,
    external_invoice_number text,
    accounting_sync_status  text NOT NULL DEFAULT 'not_synced'
                            CHECK (accounting_sync_status IN
                                   ('not_synced', 'queued', 'drafted', 'synced', 'parked', 'cancelled')),
    accounting_synced_at    timestamptz,
    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE billing_invoice_items (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    invoice_id  uuid NOT NULL REFERENCES billing_invoices (id) ON DELETE CASCADE,
    position    integer NOT NULL,
    name        text NOT NULL,
    description text,
    quantity    numeric NOT NULL,
    unit        text,
    unit_price  numeric NOT NULL,
    tax_rate    numeric NOT NULL,
    UNIQUE (invoice_id, position)
);

CREATE TABLE billing_invoice_event_log (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    invoice_id       uuid NOT NULL REFERENCES billing_invoices (id) ON DELETE CASCADE,
    event_type       text NOT NULL,
    payload          jsonb NOT NULL DEFAULT '{}',
    actor_contact_id uuid REFERENCES contacts (id),
    correlation_id   text,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
