-- Lets the demo and the tests insert the rows of a billing system through the views of camel_case.sql. An installation does
-- not need this: its billing system writes its own tables.

CREATE FUNCTION sevdesk_views.insert_deal() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    NEW.id := coalesce(NEW.id, gen_random_uuid());
    INSERT INTO public."Deal" VALUES (NEW.id, NEW.name, NEW.deal_type::public."DealType", NEW.hubspot_id);
    RETURN NEW;
END $function$;
CREATE TRIGGER insert_deal INSTEAD OF INSERT ON sevdesk_views.deals
    FOR EACH ROW EXECUTE FUNCTION sevdesk_views.insert_deal();

CREATE FUNCTION sevdesk_views.insert_template() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    NEW.id := coalesce(NEW.id, gen_random_uuid());
    INSERT INTO public."DocumentTemplate"
    VALUES (NEW.id, NEW.name, NEW.deal_type::public."DealType",
            (CASE NEW.document_kind WHEN 'AR' THEN 'ADVANCE' WHEN 'SR' THEN 'FINAL' END)::public."DocumentKind",
            NEW.sevdesk_template_id);
    RETURN NEW;
END $function$;
CREATE TRIGGER insert_template INSTEAD OF INSERT ON sevdesk_views.billing_document_templates
    FOR EACH ROW EXECUTE FUNCTION sevdesk_views.insert_template();

CREATE FUNCTION sevdesk_views.insert_item() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    NEW.id := coalesce(NEW.id, gen_random_uuid());
    INSERT INTO public."InvoiceItem"
    VALUES (NEW.id, NEW.invoice_id, NEW.position, NEW.name, NEW.description, NEW.quantity, NEW.unit, NEW.unit_price,
            NEW.tax_rate);
    RETURN NEW;
END $function$;
CREATE TRIGGER insert_item INSTEAD OF INSERT ON sevdesk_views.billing_invoice_items
    FOR EACH ROW EXECUTE FUNCTION sevdesk_views.insert_item();

CREATE FUNCTION sevdesk_views.insert_invoice() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    NEW.id := coalesce(NEW.id, gen_random_uuid());
    INSERT INTO public."Invoice"
           ("id", "invoiceNumber", "dealId", "personId", "documentTemplateId", "documentKind", "documentStatus",
            "claimStatus", "currency", "netCents", "taxCents", "grossCents", "paidCents", "taxRule", "issueDate",
            "serviceFrom", "serviceTo", "paymentTermDays", "skontoPercent", "skontoDays", "headText", "footText",
            "isEInvoice", "finalInvoiceForm", "replacesInvoiceId", "paidAt", "cancelledAt", "accountingProvider",
            "externalId", "externalInvoiceNumber", "accountingSyncStatus", "accountingSyncedAt", "createdAt",
            "updatedAt")
    VALUES (NEW.id, NEW.invoice_number, NEW.deal_id, NEW.contact_id, NEW.document_template_id,
            (CASE NEW.document_kind WHEN 'AR' THEN 'ADVANCE' WHEN 'SR' THEN 'FINAL' END)::public."DocumentKind",
            upper(coalesce(NEW.document_status, 'draft'))::public."DocumentStatus",
            upper(coalesce(NEW.claim_status, 'open'))::public."ClaimStatus",
            coalesce(NEW.currency, 'EUR'), NEW.net_amount * 100, NEW.tax_amount * 100, NEW.gross_amount * 100,
            coalesce(NEW.paid_amount, 0) * 100, coalesce(NEW.tax_rule, 1), NEW.issue_date, NEW.service_from,
            NEW.service_to, NEW.payment_term_days, NEW.skonto_percent, NEW.skonto_days, NEW.head_text, NEW.foot_text,
            coalesce(NEW.is_e_invoice, false), NEW.final_invoice_form, NEW.replaces_invoice_id,
            NEW.paid_at AT TIME ZONE 'UTC', NEW.cancelled_at AT TIME ZONE 'UTC', NEW.accounting_provider,
            NEW.external_id, NEW.external_invoice_number, coalesce(NEW.accounting_sync_status, 'not_synced'),
            NEW.accounting_synced_at AT TIME ZONE 'UTC', coalesce(NEW.created_at, now()) AT TIME ZONE 'UTC',
            coalesce(NEW.updated_at, now()) AT TIME ZONE 'UTC');
    RETURN NEW;
END $function$;
CREATE TRIGGER insert_invoice INSTEAD OF INSERT ON sevdesk_views.billing_invoices
    FOR EACH ROW EXECUTE FUNCTION sevdesk_views.insert_invoice();
