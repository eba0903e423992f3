-- depends: 0003_cancellations

-- What a person found out about a write that sevDesk cannot tell about: the next attempt goes on from the answer.
ALTER TABLE sevdesk_intents ADD COLUMN answer text CHECK (answer IN ('done', 'not-done'));
