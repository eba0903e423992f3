-- SQLite's statements for the temporary file of a DATEV check, by name (worker/datev/book.py, worker/datev/debtors.py).
-- Ledger 0 is turnover, 1 is money. Days are ordinals, amounts texts.

-- name: tables
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -8192;  -- KiB in memory
CREATE TABLE document (number TEXT UNIQUE, kind, day, gross TEXT, subtotals, tax_rule, currency, account_gross TEXT, cancels,
                       customer, comparable, issue_day, optional, advance, times, id INTEGER PRIMARY KEY);
CREATE TABLE payment (id INTEGER PRIMARY KEY, number TEXT, amount TEXT, day, currency);
CREATE TABLE name (number TEXT PRIMARY KEY, long TEXT, short TEXT) WITHOUT ROWID;
CREATE TABLE spelling (written TEXT PRIMARY KEY, number TEXT) WITHOUT ROWID;
CREATE TABLE posting (id INTEGER PRIMARY KEY, ledger, number TEXT, file, line, account TEXT, key TEXT, meaning, day,
                      currency, amount TEXT, deduction TEXT, image, reversal);
CREATE TABLE pair (invoice TEXT PRIMARY KEY, number TEXT UNIQUE, whole);
CREATE TABLE listed (account TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE debtor (id INTEGER PRIMARY KEY, number TEXT, account TEXT, customer);
CREATE TABLE debtor_problem (id INTEGER PRIMARY KEY, number TEXT UNIQUE, code, parameters);

-- name: add_document
-- One of the same number is replaced, and keeps its place.
INSERT OR REPLACE INTO document
VALUES (?1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
        1 + coalesce((SELECT times FROM document WHERE number = ?1), 0), (SELECT id FROM document WHERE number = ?1));

-- name: add_payment
INSERT INTO payment (number, amount, day, currency) VALUES (?, ?, ?, ?);

-- name: add_name
INSERT OR IGNORE INTO name VALUES (?, ?, ?);

-- name: close_ours
-- Belegfeld 1 holds at most 36 characters, in old versions 12. A spelling that two numbers share names neither.
INSERT INTO spelling SELECT number, number FROM name;
INSERT OR IGNORE INTO spelling SELECT long, min(number) FROM name WHERE long <> '' GROUP BY long HAVING count(*) = 1;
INSERT OR IGNORE INTO spelling SELECT short, min(number) FROM name WHERE short <> '' GROUP BY short HAVING count(*) = 1;
CREATE INDEX cancelled ON document (cancels) WHERE cancels IS NOT NULL;
CREATE INDEX paid ON payment (number);

-- name: document
SELECT * FROM document WHERE number = ?;

-- name: party_of
SELECT cancels, customer FROM document WHERE number = ?;

-- name: numbers_twice
SELECT number, times FROM document WHERE times > 1 ORDER BY id;

-- name: expected
SELECT count(*) FROM document
WHERE day BETWEEN ? AND ? AND NOT optional AND (CAST(gross AS REAL) <> 0 OR NOT comparable);

-- name: expected_payments
SELECT count(*) FROM (SELECT number FROM payment WHERE day IS NOT NULL GROUP BY number
                      HAVING round(sum(CAST(amount AS REAL)), 2) <> 0);

-- name: has_dated_payments
SELECT EXISTS (SELECT 1 FROM payment WHERE day IS NOT NULL);

-- name: number_of
SELECT number FROM spelling WHERE written = ?;

-- name: cancellation_of
SELECT number FROM document WHERE cancels = ? ORDER BY id DESC LIMIT 1;

-- name: payments_of
SELECT number, amount, day, currency FROM payment WHERE number = ? ORDER BY id;

-- name: add_posting
INSERT INTO posting (ledger, number, file, line, reversal, account, key, meaning, day, currency, amount, deduction, image)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: close_postings
CREATE INDEX posted ON posting (number, ledger);

-- name: reversals_that_add
-- How many more Generalumkehr postings raise the revenue of invoices and cancellations than lower it.
SELECT coalesce(sum(CASE WHEN p.amount LIKE '-%' THEN -1 ELSE 1 END), 0)
FROM posting p JOIN document d ON d.number = p.number
WHERE p.reversal AND p.ledger = 0 AND d.kind <> 'credit_note';

-- name: turn_reversals
UPDATE posting SET amount = CASE WHEN amount LIKE '-%' THEN substr(amount, 2) ELSE '-' || amount END,
                   deduction = CASE WHEN deduction LIKE '-%' THEN substr(deduction, 2) ELSE '-' || deduction END
WHERE reversal;

-- name: posted
SELECT file, line, account, key, meaning, day, currency, amount, deduction, image
FROM posting WHERE number = ? AND ledger = ? ORDER BY id;

-- name: add_pair
INSERT OR IGNORE INTO pair VALUES (?, ?, ?);

-- name: pairs
SELECT invoice, number, whole FROM pair ORDER BY rowid;

-- name: cancelled
SELECT cancels FROM document WHERE cancels <> '' GROUP BY cancels ORDER BY min(id);

-- name: unpaired
-- Each document with each of its postings, or with nulls.
SELECT d.*, p.file, p.line, p.account, p.key, p.meaning, p.day, p.currency, p.amount, p.deduction, p.image
FROM document d LEFT JOIN posting p ON p.number = d.number AND p.ledger = 0
WHERE d.number NOT IN (SELECT invoice FROM pair) AND d.number NOT IN (SELECT number FROM pair)
ORDER BY d.id, p.id;

-- name: unknown
SELECT number FROM posting WHERE ledger = 0 AND number NOT IN (SELECT number FROM document)
GROUP BY number ORDER BY min(id);

-- name: settled
SELECT number FROM (SELECT number, min(id) AS first, 0 AS later FROM payment GROUP BY number
                    UNION ALL
                    SELECT number, min(id), 1 FROM posting
                    WHERE ledger = 1 AND number NOT IN (SELECT number FROM payment) GROUP BY number)
ORDER BY later, first;

-- name: image_links
SELECT p.number, coalesce(min(p.image), '')
FROM document d JOIN posting p ON p.number = d.number AND p.ledger = 0
WHERE d.number NOT IN (SELECT invoice FROM pair)
GROUP BY d.id ORDER BY d.id;

-- name: add_debtor
INSERT INTO debtor (number, account, customer) VALUES (?, ?, ?);

-- name: add_listed
INSERT OR IGNORE INTO listed VALUES (?);

-- name: summarize_debtors
-- By document: the accounts it stands on, and the customer, where known. By customer and account: how many documents
-- that stand on one account only.
CREATE TABLE stands AS SELECT number, min(account) AS account, count(DISTINCT account) AS accounts,
                              max(customer) AS customer, min(id) AS id
                       FROM debtor GROUP BY number;
CREATE TABLE used AS SELECT customer, account, count(*) AS documents, min(id) AS id
                     FROM stands WHERE accounts = 1 AND customer IS NOT NULL GROUP BY customer, account;
CREATE INDEX used_by ON used (customer, documents);

-- name: add_debtor_problem
INSERT OR IGNORE INTO debtor_problem (number, code, parameters) VALUES (?, ?, ?);

-- name: debtor_problem
SELECT code, parameters FROM debtor_problem WHERE number = ?;

-- name: delete_debtor_problem
DELETE FROM debtor_problem WHERE number = ?;

-- name: debtor_problems
SELECT number, code, parameters FROM debtor_problem ORDER BY id;

-- name: split
SELECT number FROM stands WHERE accounts > 1 ORDER BY number;

-- name: accounts_of
SELECT DISTINCT account FROM debtor WHERE number = ? ORDER BY account LIMIT 10;

-- name: unlisted
SELECT DISTINCT account FROM debtor
WHERE EXISTS (SELECT 1 FROM listed) AND account NOT IN (SELECT account FROM listed) LIMIT ?;

-- name: numbers_on
SELECT number FROM debtor WHERE account = ? GROUP BY number ORDER BY min(id);

-- name: unusual
SELECT number, account, usual
FROM (SELECT s.id, s.number, s.account,
             (SELECT o.account FROM used o WHERE o.customer = u.customer ORDER BY o.documents DESC, o.id LIMIT 1) AS usual
      FROM stands s JOIN used u ON u.customer = s.customer AND u.account = s.account
      WHERE s.accounts = 1 AND u.documents < ?)
WHERE account <> usual ORDER BY id;

-- name: shared
SELECT account, count(*) FROM used GROUP BY account HAVING count(*) > 1 LIMIT 2;

-- name: accounts_used
SELECT count(DISTINCT account) FROM used;

-- name: rarer
-- A document of the customer who has the fewest on this account.
SELECT s.number FROM stands s JOIN used u ON u.customer = s.customer AND u.account = s.account
WHERE s.accounts = 1 AND s.account = ? ORDER BY u.documents, u.id, s.id LIMIT 1;

-- name: documents_on
SELECT number FROM stands WHERE accounts = 1 AND customer IS NOT NULL AND account = ? ORDER BY number LIMIT 10;
