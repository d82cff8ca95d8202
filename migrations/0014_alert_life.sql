-- An alert may wait to be sure, be acknowledged, or be on its way back. `thread` ties the messages of the
-- alerts of one team and goal together. SQLite cannot change a check, so the table is made anew.
CREATE TABLE alert_new (
    id INTEGER PRIMARY KEY,
    rule TEXT NOT NULL,
    scope TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('pending', 'firing', 'acknowledged', 'recovering', 'stale', 'resolved')),
    severity TEXT NOT NULL,
    level INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    changed_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    finding TEXT NOT NULL,
    thread TEXT NOT NULL,
    streak INTEGER NOT NULL DEFAULT 0,
    -- Who looks after it, as JSON: by, why, at, until.
    ack TEXT,
    -- When an acknowledgement ran out, so that it is told again.
    reminded_ms INTEGER
) STRICT;
INSERT INTO alert_new (id, rule, scope, state, severity, level, since_ms, ended_ms, changed_ms, reason,
                       finding, thread)
    SELECT id, rule, scope, state, severity, level, since_ms, ended_ms, changed_ms, reason, finding,
           'alert:' || id
    FROM alert;

-- What each recipient has heard of an alert: the step, the records that were named, whether the end.
-- '*' is everybody, for what was told before this was kept.
CREATE TABLE alert_heard (
    alert INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    level INTEGER NOT NULL,
    records TEXT NOT NULL,
    ended INTEGER NOT NULL,
    -- The message, or 0 where the digest told it because the week's messages were used up.
    message INTEGER NOT NULL,
    PRIMARY KEY (alert, recipient)
) STRICT, WITHOUT ROWID;
INSERT INTO alert_heard (alert, recipient, at_ms, level, records, ended, message)
    SELECT id, '*', since_ms, level, told, ended_ms IS NOT NULL, 0 FROM alert;

CREATE TABLE alert_transition_new (
    id INTEGER PRIMARY KEY,
    alert INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    sent INTEGER NOT NULL,
    finding TEXT NOT NULL
) STRICT;
INSERT INTO alert_transition_new SELECT id, alert, at_ms, kind, reason, sent, finding FROM alert_transition;
DROP TABLE alert_transition;
DROP TABLE alert;
ALTER TABLE alert_new RENAME TO alert;
ALTER TABLE alert_transition_new RENAME TO alert_transition;
CREATE UNIQUE INDEX alert_open ON alert (rule, scope) WHERE state <> 'resolved';
CREATE INDEX alert_ended ON alert (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX alert_transition_of ON alert_transition (alert);

-- Every message about alerts that was put into the outbox, for the week's budget and the digest.
CREATE TABLE alert_message (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    thread TEXT NOT NULL,
    alerts TEXT NOT NULL
) STRICT;
CREATE INDEX alert_message_of ON alert_message (recipient, at_ms);

-- Somebody asked not to hear of something for a while. Null means any.
CREATE TABLE silence (
    id INTEGER PRIMARY KEY,
    rule TEXT,
    scope TEXT,
    team TEXT,
    by_whom TEXT NOT NULL,
    why TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;

-- Each check of each scope, also those that led to nothing. Checks of one day with one verdict share a row:
-- its value is the last one, `lowest` and `highest` are those of the day.
CREATE TABLE alert_check (
    id INTEGER PRIMARY KEY,
    rule TEXT NOT NULL,
    scope TEXT NOT NULL,
    day TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    checks INTEGER NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT NOT NULL,
    value REAL NOT NULL,
    lowest REAL NOT NULL,
    highest REAL NOT NULL,
    threshold REAL NOT NULL,
    summary TEXT NOT NULL
) STRICT;
CREATE INDEX alert_check_of ON alert_check (rule, scope, id);
CREATE INDEX alert_check_day ON alert_check (day);

-- What a message is called at the other side (Slack: channel and ts), so that later ones of its thread can
-- refer to it.
ALTER TABLE outbox ADD COLUMN reference TEXT;
