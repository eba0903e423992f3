-- An example for companies whose billing tables have another form: tables as a TypeScript ORM makes them, and the views by
-- which the worker reads and writes them. With BILLING_SCHEMA=sevdesk_views the worker runs on these views; tests do so.
--
-- Copy the second part and put your own names in. What each line is for: docs/own-tables.md.

-- Part 1: the company's tables.

CREATE TYPE public."DealType" AS ENUM ('EB', 'KOP');
CREATE TYPE public."DocumentKind" AS ENUM ('ADVANCE', 'FINAL');
CREATE TYPE public."DocumentStatus" AS ENUM ('DRAFT', 'APPROVED', 'SENT', 'CANCELLED');
CREATE TYPE public."ClaimStatus" AS ENUM ('OPEN', 'PARTIALLY_PAID', 'PAID', 'CANCELLED');

CREATE TABLE public."Person" (
    "id"          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "firstName"   text,
    "lastName"    text NOT NULL,
    "email"       text,
    "phone"       text,
    "street"      text,
    "postalCode"  varchar(10),
    "city"        text,
    "countryCode" text,
    "isInternal"  boolean NOT NULL DEFAULT false,
    "isAdmin"     boolean NOT NULL DEFAULT false,
    "hubspotId"   text
);

CREATE TABLE public."Company" (
    "id"             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "name"           text NOT NULL,
    "vatId"          text,
    "email"          text,
    "phone"          text,
    "street"         text,
    "postalCode"     varchar(10),
    "city"           text,
    "countryCode"    text,
    "buyerReference" text,
    "hubspotId"      text
);

CREATE TABLE public."Deal" (
    "id"        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "name"      text NOT NULL,
    "dealType"  public."DealType" NOT NULL,
    "hubspotId" text
);

CREATE TABLE public."Association" (
    "id"       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "fromType" text NOT NULL,
    "fromId"   uuid NOT NULL,
    "toType"   text NOT NULL,
    "toId"     uuid NOT NULL,
    "label"    text
);

-- This one keeps its uuids as text.
CREATE TABLE public."DocumentTemplate" (
    "id"                text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    "name"              text NOT NULL,
    "dealType"          public."DealType",
    "documentKind"      public."DocumentKind",
    "sevdeskTemplateId" text
);

-- Sums are integers in cents, times have no zone and are in UTC.
CREATE TABLE public."Invoice" (
    "id"                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "invoiceNumber"        text NOT NULL UNIQUE,
    "dealId"               uuid REFERENCES public."Deal" ("id"),
    "personId"             uuid REFERENCES public."Person" ("id"),
    "documentTemplateId"   text REFERENCES public."DocumentTemplate" ("id"),
    "documentKind"         public."DocumentKind" NOT NULL,
    "documentStatus"       public."DocumentStatus" NOT NULL DEFAULT 'DRAFT',
    "claimStatus"          public."ClaimStatus" NOT NULL DEFAULT 'OPEN',
    "currency"             text NOT NULL DEFAULT 'EUR',
    "netCents"             bigint NOT NULL,
    "taxCents"             bigint NOT NULL,
    "grossCents"           bigint NOT NULL,
    "paidCents"            bigint NOT NULL DEFAULT 0,
    "taxRule"              integer NOT NULL DEFAULT 1,
    "issueDate"            date NOT NULL,
    "serviceFrom"          date,
    "serviceTo"            date,
    "paymentTermDays"      integer,
    "skontoPercent"        numeric(5, 2),
    "skontoDays"           integer,
    "headText"             text,
    "footText"             text,
    "isEInvoice"           boolean NOT NULL DEFAULT false,
    "finalInvoiceForm"     text,
    "replacesInvoiceId"    uuid REFERENCES public."Invoice" ("id"),
    "paidAt"               timestamp(3),
    "cancelledAt"          timestamp(3),
    "createdAt"            timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    "updatedAt"            timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);

CREATE TABLE public."InvoiceItem" (
    "id"          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "invoiceId"   uuid NOT NULL REFERENCES public."Invoice" ("id") ON DELETE CASCADE,
    "position"    integer NOT NULL,
    "name"        text NOT NULL,
    "description" text,
    "quantity"    numeric(12, 3) NOT NULL,
    "unit"        text,
    "unitPrice"   numeric(16, 4) NOT NULL,
    "taxPercent"  integer NOT NULL,
    UNIQUE ("invoiceId", "position")
);

-- Columns and a table that this company did not have: made for the worker.
ALTER TABLE public."Invoice"
    ADD COLUMN "accountingProvider"    text,
    ADD COLUMN "externalId"            text,
    ADD COLUMN "externalInvoiceNumber" text,
    ADD COLUMN "accountingSyncStatus"  text NOT NULL DEFAULT 'not_synced',
    ADD COLUMN "accountingSyncedAt"    timestamp(3);

-- Microseconds, because they keep the order of events that are recorded together.
CREATE TABLE public."InvoiceEvent" (
    "id"            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "invoiceId"     uuid NOT NULL REFERENCES public."Invoice" ("id") ON DELETE CASCADE,
    "eventType"     text NOT NULL,
    "payload"       jsonb NOT NULL DEFAULT '{}',
    "actorPersonId" uuid REFERENCES public."Person" ("id"),
    "correlationId" text,
    "createdAt"     timestamp(6) NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')
);

-- Part 2: what the worker sees.

CREATE SCHEMA sevdesk_views;

CREATE VIEW sevdesk_views.contacts AS
SELECT "id" AS id, "firstName" AS first_name, "lastName" AS last_name, "email" AS email, "phone" AS phone,
       "street" AS street, "postalCode" AS zip, "city" AS city, "countryCode" AS country_code,
       "isInternal" AS is_internal, "isAdmin" AS is_admin, "hubspotId" AS hubspot_id
FROM public."Person";

CREATE VIEW sevdesk_views.companies AS
SELECT "id" AS id, "name" AS name, "vatId" AS vat_id, "email" AS email, "phone" AS phone, "street" AS street,
       "postalCode" AS zip, "city" AS city, "countryCode" AS country_code, "buyerReference" AS buyer_reference,
       "hubspotId" AS hubspot_id
FROM public."Company";

CREATE VIEW sevdesk_views.deals AS
SELECT "id" AS id, "name" AS name, CASE "dealType" WHEN 'EB' THEN 'EB' WHEN 'KOP' THEN 'KOP' END AS deal_type,
       "hubspotId" AS hubspot_id
FROM public."Deal";

CREATE VIEW sevdesk_views.hubspot_associations AS
SELECT "id" AS id, "fromType" AS from_type, "fromId" AS from_id, "toType" AS to_type, "toId" AS to_id, "label" AS label
FROM public."Association";

CREATE VIEW sevdesk_views.billing_document_templates AS
SELECT "id"::uuid AS id, "name" AS name, CASE "dealType" WHEN 'EB' THEN 'EB' WHEN 'KOP' THEN 'KOP' END AS deal_type,
       CASE "documentKind" WHEN 'ADVANCE' THEN 'AR' WHEN 'FINAL' THEN 'SR' END AS document_kind,
       "sevdeskTemplateId" AS sevdesk_template_id
FROM public."DocumentTemplate";

-- One table and no outer join: the worker locks rows of this view (SELECT ... FOR UPDATE).
CREATE VIEW sevdesk_views.billing_invoices AS
SELECT "id" AS id, "invoiceNumber" AS invoice_number, "dealId" AS deal_id, "personId" AS contact_id,
       "documentTemplateId"::uuid AS document_template_id,
       CASE "documentKind" WHEN 'ADVANCE' THEN 'AR' WHEN 'FINAL' THEN 'SR' END AS document_kind,
       CASE "documentStatus" WHEN 'DRAFT' THEN 'draft' WHEN 'APPROVED' THEN 'approved' WHEN 'SENT' THEN 'sent'
            WHEN 'CANCELLED' THEN 'cancelled' END AS document_status,
       CASE "claimStatus" WHEN 'OPEN' THEN 'open' WHEN 'PARTIALLY_PAID' THEN 'partially_paid' WHEN 'PAID' THEN 'paid'
            WHEN 'CANCELLED' THEN 'cancelled' END AS claim_status,
       "currency" AS currency, "netCents" * 0.01 AS net_amount, "taxCents" * 0.01 AS tax_amount,
       "grossCents" * 0.01 AS gross_amount, "paidCents" * 0.01 AS paid_amount, "taxRule" AS tax_rule,
       "issueDate" AS issue_date, "serviceFrom" AS service_from, "serviceTo" AS service_to,
       "paymentTermDays" AS payment_term_days, "skontoPercent" AS skonto_percent, "skontoDays" AS skonto_days,
       "headText" AS head_text, "footText" AS foot_text, "isEInvoice" AS is_e_invoice,
       "finalInvoiceForm" AS final_invoice_form, "replacesInvoiceId" AS replaces_invoice_id,
       "paidAt" AT TIME ZONE 'UTC' AS paid_at, "cancelledAt" AT TIME ZONE 'UTC' AS cancelled_at,
       "accountingProvider" AS accounting_provider, "externalId" AS external_id,
       "externalInvoiceNumber" AS external_invoice_number, "accountingSyncStatus" AS accounting_sync_status,
       "accountingSyncedAt" AT TIME ZONE 'UTC' AS accounting_synced_at, "createdAt" AT TIME ZONE 'UTC' AS created_at,
       "updatedAt" AT TIME ZONE 'UTC' AS updated_at
FROM public."Invoice";

CREATE VIEW sevdesk_views.billing_invoice_items AS
SELECT "id" AS id, "invoiceId" AS invoice_id, "position" AS position, "name" AS name, "description" AS description,
       "quantity" AS quantity, "unit" AS unit, "unitPrice" AS unit_price, "taxPercent"::numeric AS tax_rate
FROM public."InvoiceItem";

CREATE VIEW sevdesk_views.billing_invoice_event_log AS
SELECT "id" AS id, "invoiceId" AS invoice_id, "eventType" AS event_type, "payload" AS payload,
       "actorPersonId" AS actor_contact_id, "correlationId" AS correlation_id,
       "createdAt" AT TIME ZONE 'UTC' AS created_at
FROM public."InvoiceEvent";

-- What the worker writes: eleven columns of an invoice, and events. Only those eleven are set, for OLD and NEW may be
-- older than the row. SECURITY DEFINER: the worker's role needs no right on the tables.
CREATE FUNCTION sevdesk_views.hand_back() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF NEW.paid_amount * 100 <> trunc(NEW.paid_amount * 100) THEN
        RAISE EXCEPTION 'paid_amount % has a fraction of a cent', NEW.paid_amount;
    END IF;
    UPDATE public."Invoice"
    SET "accountingSyncStatus" = NEW.accounting_sync_status,
        "documentStatus" = upper(NEW.document_status)::public."DocumentStatus",
        "claimStatus" = upper(NEW.claim_status)::public."ClaimStatus",
        "externalId" = NEW.external_id,
        "externalInvoiceNumber" = NEW.external_invoice_number,
        "paidCents" = NEW.paid_amount * 100,
        "paidAt" = NEW.paid_at AT TIME ZONE 'UTC',
        "cancelledAt" = NEW.cancelled_at AT TIME ZONE 'UTC',
        "accountingProvider" = NEW.accounting_provider,
        "accountingSyncedAt" = NEW.accounting_synced_at AT TIME ZONE 'UTC',
        "updatedAt" = NEW.updated_at AT TIME ZONE 'UTC'
    WHERE "id" = OLD.id;
    RETURN NEW;
END $function$;
CREATE TRIGGER hand_back INSTEAD OF UPDATE ON sevdesk_views.billing_invoices
    FOR EACH ROW EXECUTE FUNCTION sevdesk_views.hand_back();

-- Columns that a statement does not name are null here, whatever the table's defaults are.
CREATE FUNCTION sevdesk_views.log_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    INSERT INTO public."InvoiceEvent"
           ("id", "invoiceId", "eventType", "payload", "actorPersonId", "correlationId", "createdAt")
    VALUES (coalesce(NEW.id, gen_random_uuid()), NEW.invoice_id, NEW.event_type, coalesce(NEW.payload, '{}'),
            NEW.actor_contact_id, NEW.correlation_id,
            coalesce(NEW.created_at, clock_timestamp()) AT TIME ZONE 'UTC');
    RETURN NEW;
END $function$;
CREATE TRIGGER log_event INSTEAD OF INSERT ON sevdesk_views.billing_invoice_event_log
    FOR EACH ROW EXECUTE FUNCTION sevdesk_views.log_event();

-- Part 3: the indexes of sql/billing/indexes.sql, on the tables, with the expressions of the views. On tables in use
-- write CREATE INDEX CONCURRENTLY.

CREATE INDEX ON public."Association" ("fromType", "fromId");
CREATE INDEX ON public."Association" ("toType", "toId");
CREATE INDEX ON public."DocumentTemplate" (("id"::uuid));
CREATE INDEX ON public."Invoice" ("dealId");
CREATE INDEX ON public."Invoice" ("externalId") WHERE "externalId" IS NOT NULL;
CREATE INDEX ON public."Invoice" ("externalInvoiceNumber") WHERE "externalInvoiceNumber" IS NOT NULL;
CREATE INDEX ON public."Invoice" (("updatedAt" AT TIME ZONE 'UTC'))
    WHERE (CASE "documentStatus" WHEN 'DRAFT' THEN 'draft' WHEN 'APPROVED' THEN 'approved' WHEN 'SENT' THEN 'sent'
                WHEN 'CANCELLED' THEN 'cancelled' END) = 'approved'
      AND "accountingSyncStatus" IN ('queued', 'not_synced');
CREATE INDEX ON public."Invoice" ("issueDate");
CREATE INDEX ON public."Invoice" ("issueDate")
    WHERE (CASE "claimStatus" WHEN 'OPEN' THEN 'open' WHEN 'PARTIALLY_PAID' THEN 'partially_paid' WHEN 'PAID' THEN 'paid'
                WHEN 'CANCELLED' THEN 'cancelled' END) IN ('open', 'partially_paid')
      AND "externalInvoiceNumber" IS NOT NULL;
CREATE INDEX ON public."Invoice" (("paidAt" AT TIME ZONE 'UTC')) WHERE ("paidAt" AT TIME ZONE 'UTC') IS NOT NULL;
CREATE INDEX ON public."InvoiceEvent" ("invoiceId", ("createdAt" AT TIME ZONE 'UTC'));
CREATE INDEX ON public."InvoiceEvent" (("payload" ->> 'paid_on'), ("createdAt" AT TIME ZONE 'UTC'))
    WHERE "eventType" IN ('partially_paid', 'paid', 'overpaid', 'discounted', 'payment_reversed', 'nothing_owed',
                          'settled_by_credit');
