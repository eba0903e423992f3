-- What the month's report and the gauges of the business read. Nothing is changed. Sums leave out what is no amount of
-- money: NaN, infinity, and 10^12 or more.

-- name: pipeline_of_period
-- Invoices issued from `first` to `last`, by currency: how many have come how far, and their gross sums. `paid`: in full;
-- `received`: with all the money that has come, parts too.
SELECT currency,
       count(*) FILTER (WHERE stage = 'draft')::int AS draft,
       count(*) FILTER (WHERE stage = 'alive')::int AS approved,
       count(*) FILTER (WHERE stage = 'alive' AND numbered)::int AS published,
       count(*) FILTER (WHERE stage = 'alive' AND numbered AND sent)::int AS sent,
       count(*) FILTER (WHERE stage = 'alive' AND numbered AND claim_status = 'paid')::int AS paid,
       count(*) FILTER (WHERE stage = 'alive' AND paid_amount > 0)::int AS received,
       count(*) FILTER (WHERE stage = 'cancelled')::int AS cancelled,
       coalesce(sum(gross) FILTER (WHERE stage = 'draft'), 0) AS draft_sum,
       coalesce(sum(gross) FILTER (WHERE stage = 'alive'), 0) AS approved_sum,
       coalesce(sum(gross) FILTER (WHERE stage = 'alive' AND numbered), 0) AS published_sum,
       coalesce(sum(gross) FILTER (WHERE stage = 'alive' AND numbered AND sent), 0) AS sent_sum,
       coalesce(sum(gross) FILTER (WHERE stage = 'alive' AND numbered AND claim_status = 'paid'), 0) AS paid_sum,
       coalesce(sum(paid_amount) FILTER (WHERE stage = 'alive' AND abs(paid_amount) < 1e12), 0) AS received_sum,
       coalesce(sum(gross) FILTER (WHERE stage = 'cancelled'), 0) AS cancelled_sum
FROM (SELECT currency, claim_status, paid_amount, external_invoice_number IS NOT NULL AS numbered,
             document_status = 'sent' AS sent,
             CASE document_status WHEN 'draft' THEN 'draft' WHEN 'cancelled' THEN 'cancelled' ELSE 'alive' END AS stage,
             CASE WHEN abs(gross_amount) < 1e12 THEN gross_amount ELSE 0 END AS gross
      FROM billing_invoices WHERE issue_date BETWEEN :first::date AND :last::date) i
GROUP BY currency ORDER BY currency <> 'EUR', currency;

-- name: open_claims
-- What is owed on published invoices of any month, by currency and days past due: -1 not yet due, else 1, 31, 61 or 91
-- and more. Without a payment term an invoice is due on its date.
SELECT currency, days, count(*)::int AS claims, coalesce(sum(owed), 0) AS owed
FROM (SELECT currency, owed,
             CASE WHEN due >= today THEN -1 WHEN due >= today - 30 THEN 1 WHEN due >= today - 60 THEN 31
                  WHEN due >= today - 90 THEN 61 ELSE 91 END AS days
      FROM (SELECT i.currency, (clock_timestamp() AT TIME ZONE 'Europe/Berlin')::date AS today,
                   -- Within bounds, because the column also holds infinity and days near the end of the calendar.
                   least(greatest(i.issue_date, '2000-01-01'), '2101-01-01')
                       + least(greatest(coalesce(i.payment_term_days, 0), 0), 366) AS due,
                   CASE WHEN abs(i.gross_amount) < 1e12 AND abs(i.paid_amount) < 1e12
                        THEN i.gross_amount - i.paid_amount
                             - (SELECT coalesce(sum(k.gross_amount), 0) FROM sevdesk_credit_notes k
                                WHERE k.invoice_id = i.id AND k.status = 'finalized') END AS owed
            FROM billing_invoices i
            WHERE i.claim_status IN ('open', 'partially_paid') AND i.external_invoice_number IS NOT NULL
              AND i.document_status <> 'cancelled') dated) aged
GROUP BY currency, days ORDER BY currency <> 'EUR', currency, days;

-- name: payments_by_day_of_period
-- Money that came and went back from `first` to `last`, by currency and the day that sevDesk gave, else the day on which the
-- worker learned of it.
SELECT currency, day, count(*)::int AS payments, sum(amount) AS amount
FROM (SELECT (SELECT i.currency FROM billing_invoices i WHERE i.id = e.invoice_id) AS currency,
             coalesce((e.payload ->> 'paid_on')::date, (e.created_at AT TIME ZONE 'Europe/Berlin')::date) AS day,
             sevdesk_number_or_null_v1(e.payload ->> 'paid_now')
                 - sevdesk_number_or_null_v1(e.payload ->> 'paid_before') AS amount
      FROM billing_invoice_event_log e
      WHERE e.event_type IN ('partially_paid', 'paid', 'overpaid', 'discounted', 'payment_reversed', 'nothing_owed',
                             'settled_by_credit')
        AND (e.payload ->> 'paid_on' BETWEEN to_char(:first::date, 'YYYY-MM-DD') AND to_char(:last::date, 'YYYY-MM-DD')
             OR (e.payload ->> 'paid_on' IS NULL
                 AND e.created_at >= :first::timestamp AT TIME ZONE 'Europe/Berlin'
                 AND e.created_at < (:last::date + 1)::timestamp AT TIME ZONE 'Europe/Berlin'))) paid
WHERE abs(amount) < 1e12 AND amount <> 0
GROUP BY currency, day ORDER BY currency <> 'EUR', currency, day;

-- name: parked_by_code
-- Jobs that wait for a person: how many of each problem, the gross sum of their invoices in EUR (each counts once), since
-- when the oldest.
SELECT code, sum(jobs)::int AS jobs, min(since) AS since, coalesce(sum(euros), 0) AS euros
FROM (SELECT j.problem AS code, count(*) AS jobs, min(j.finished_at) AS since,
             max(i.gross_amount) FILTER (WHERE i.currency = 'EUR' AND abs(i.gross_amount) < 1e12) AS euros
      FROM sevdesk_queue q JOIN sevdesk_jobs j USING (job_id) LEFT JOIN billing_invoices i ON i.id = j.invoice_id
      WHERE q.phase = 'parked' GROUP BY j.problem, j.invoice_id) about
GROUP BY code ORDER BY sum(jobs) DESC, code;

-- name: notices_in_money
-- Open notices that name an amount, the largest first. `all_of_them`: how many there are, `total` their sum in that currency.
SELECT i.invoice_number, i.currency, n.code, n.amount, n.opened_at, count(*) OVER ()::int AS all_of_them,
       sum(n.amount) OVER (PARTITION BY i.currency) AS total
FROM (SELECT invoice_id, code, opened_at,
             CASE code WHEN 'overpaid' THEN parameters ->> 'excess' ELSE parameters ->> 'paid' END::numeric AS amount
      FROM sevdesk_notices
      WHERE closed_at IS NULL AND code IN ('overpaid', 'refund_due', 'payment_reversed')) n
JOIN billing_invoices i ON i.id = n.invoice_id
ORDER BY i.currency <> 'EUR', n.amount DESC, i.invoice_number LIMIT :most;

-- name: drift_notices
-- Invoices that the last comparison found different and that have not changed since; those about money first.
SELECT i.invoice_number, n.parameters ->> 'findings' AS findings, count(*) OVER ()::int AS all_of_them
FROM sevdesk_notices n JOIN billing_invoices i ON i.id = n.invoice_id
WHERE n.closed_at IS NULL AND n.code = 'drift'
ORDER BY n.parameters ->> 'findings' !~ '(^|; )(gross|paid) is', i.invoice_number LIMIT :most;

-- name: exports_about
-- DATEV exports whose period has days from `first` to `last`, newest first.
SELECT export_id, start_date, end_date, scope, status, created_at, acknowledged_at, report -> 'counts' AS counts,
       jsonb_path_query_array(report, '$.findings[0 to 9]') AS listed,
       coalesce(jsonb_array_length(report -> 'findings'), 0) AS findings
FROM sevdesk_datev_exports WHERE start_date <= :last::date AND end_date >= :first::date
ORDER BY created_at DESC LIMIT :most;

-- name: business_figures^
-- What the leader measures, in one statement: this month's invoices (by issue date, in Berlin), claims, overpayments,
-- exports with findings that nobody has settled, and for how many seconds no full sweep has ended (else no sync has begun).
SELECT m.*, c.*,
       (SELECT coalesce(sum((n.parameters ->> 'excess')::numeric), 0)
        FROM sevdesk_notices n JOIN billing_invoices i ON i.id = n.invoice_id
        WHERE n.closed_at IS NULL AND n.code = 'overpaid' AND i.currency = 'EUR')::float8 AS overpaid_euros,
       (SELECT count(*) FROM sevdesk_datev_exports e
        WHERE e.status IN ('accepted_with_findings', 'refused') AND e.acknowledged_at IS NULL
          AND NOT EXISTS (SELECT FROM sevdesk_datev_exports l
                          WHERE l.start_date = e.start_date AND l.end_date = e.end_date AND l.status <> 'failed'
                            AND l.created_at > e.created_at))::int AS exports_with_findings,
       coalesce(extract(epoch FROM clock_timestamp() - coalesce(
           (SELECT finished_at FROM sevdesk_sync_runs WHERE scope = 'full' AND finished_at IS NOT NULL
            ORDER BY id DESC LIMIT 1),
           (SELECT min(started_at) FROM sevdesk_sync_runs))), 0)::float8 AS sweep_age
FROM (SELECT count(*) FILTER (WHERE numbered)::int AS published,
             count(*) FILTER (WHERE numbered AND document_status = 'sent')::int AS sent,
             count(*) FILTER (WHERE numbered AND claim_status = 'paid')::int AS paid,
             coalesce(sum(gross) FILTER (WHERE numbered), 0)::float8 AS published_euros,
             coalesce(sum(gross) FILTER (WHERE numbered AND document_status = 'sent'), 0)::float8 AS sent_euros,
             coalesce(sum(gross) FILTER (WHERE numbered AND claim_status = 'paid'), 0)::float8 AS paid_euros
      FROM (SELECT document_status, claim_status, external_invoice_number IS NOT NULL AS numbered,
                   CASE WHEN currency = 'EUR' AND abs(gross_amount) < 1e12 THEN gross_amount ELSE 0 END AS gross
            FROM billing_invoices
            WHERE issue_date >= (SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'Europe/Berlin')::date)
              AND issue_date < (SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'Europe/Berlin') + '1 month')::date
              AND document_status IN ('approved', 'sent')) i) m,
     (SELECT count(*) FILTER (WHERE NOT overdue)::int AS claims_not_due, count(*) FILTER (WHERE overdue)::int AS claims_overdue,
             coalesce(sum(owed) FILTER (WHERE NOT overdue), 0)::float8 AS claims_not_due_euros,
             coalesce(sum(owed) FILTER (WHERE overdue), 0)::float8 AS claims_overdue_euros
      FROM (SELECT least(greatest(issue_date, '2000-01-01'), '2101-01-01')
                       + least(greatest(coalesce(payment_term_days, 0), 0), 366)
                   < (clock_timestamp() AT TIME ZONE 'Europe/Berlin')::date AS overdue,
                   CASE WHEN currency = 'EUR' AND abs(gross_amount) < 1e12 AND abs(paid_amount) < 1e12
                        THEN gross_amount - paid_amount
                             - (SELECT coalesce(sum(k.gross_amount), 0) FROM sevdesk_credit_notes k
                                WHERE k.invoice_id = i.id AND k.status = 'finalized') ELSE 0 END AS owed
            FROM billing_invoices i
            WHERE claim_status IN ('open', 'partially_paid') AND external_invoice_number IS NOT NULL
              AND document_status <> 'cancelled') o) c;
