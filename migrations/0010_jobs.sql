-- A job's run has a number, which its log lines carry, and a lease: who runs it and until when at the
-- longest, so that no other process begins it meanwhile. A lease goes with its process. `wanted_ms` is
-- set when a job is made due, so that one which runs at that moment runs once more.
ALTER TABLE schedule ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE schedule ADD COLUMN holder TEXT;
ALTER TABLE schedule ADD COLUMN lease_until_ms INTEGER;
ALTER TABLE schedule ADD COLUMN last_success_ms INTEGER;
ALTER TABLE schedule ADD COLUMN wanted_ms INTEGER;
UPDATE schedule SET last_success_ms = last_finished_ms WHERE last_outcome = 'done';

-- People who asked to be forgotten: a hash of the id at the source, so that it is not stored again.
CREATE TABLE forgotten (
    source TEXT NOT NULL,
    hash TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (source, hash)
) STRICT, WITHOUT ROWID;

-- What retention deletes is found by its end.
CREATE INDEX outbox_finished ON outbox (finished_ms) WHERE finished_ms IS NOT NULL;
CREATE INDEX alert_ended ON alert (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX alert_transition_of ON alert_transition (alert);
