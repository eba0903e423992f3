-- depends: 0007_datev

-- The question a parked job asks: did this write happen? An answer is for this one and no other.
ALTER TABLE sevdesk_jobs ADD COLUMN asks_about bigint REFERENCES sevdesk_intents (id);
UPDATE sevdesk_jobs j SET asks_about = i.id
FROM sevdesk_intents i
WHERE j.state = 'parked' AND j.next_step LIKE '%retry --as%' AND i.job_id = j.job_id AND i.closed_at IS NULL;

-- `moot`: nobody has to know whether it happened, because making it again changes nothing, or what it was about is gone.
ALTER TABLE sevdesk_intents DROP CONSTRAINT sevdesk_intents_outcome_check;
ALTER TABLE sevdesk_intents ADD CONSTRAINT sevdesk_intents_outcome_check
    CHECK (outcome IN ('done', 'refused', 'not_sent', 'found_done', 'found_not_done', 'moot'));
