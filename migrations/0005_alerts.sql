-- An alert lives in one row from its first message to its end; a new episode is a new row.
CREATE TABLE alert (
    id INTEGER PRIMARY KEY,
    rule TEXT NOT NULL,
    scope TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('firing', 'stale', 'resolved')),
    severity TEXT NOT NULL,
    level INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    changed_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    finding TEXT NOT NULL,
    told TEXT NOT NULL
) STRICT;

-- One open episode for each rule and scope.
CREATE UNIQUE INDEX alert_open ON alert (rule, scope) WHERE state <> 'resolved';

-- What happened to it, with the reason; written in the transaction that changes the alert.
CREATE TABLE alert_transition (
    id INTEGER PRIMARY KEY,
    alert INTEGER NOT NULL REFERENCES alert (id),
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    sent INTEGER NOT NULL,
    finding TEXT NOT NULL
) STRICT;

-- Messages on their way. Those of one thread reach an address in their order, so that nobody hears of
-- an end before the beginning. `address` names a key of the configuration or a mailbox, never a secret.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    dedupe_key TEXT NOT NULL UNIQUE,
    thread TEXT NOT NULL,
    sink TEXT NOT NULL,
    address TEXT NOT NULL,
    message TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'claimed', 'sent', 'unknown', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    not_before_ms INTEGER NOT NULL,
    claimed_until_ms INTEGER,
    finished_ms INTEGER,
    last_error TEXT
) STRICT;

CREATE INDEX outbox_due ON outbox (state, not_before_ms);
