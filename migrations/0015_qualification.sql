-- Whether sales took a hand-off on, what comes next, what the agreed criteria ask of it, and whether the person
-- may be mailed. Of a next step only its being there is kept.

ALTER TABLE lead ADD COLUMN opt_in TEXT;
ALTER TABLE lead ADD COLUMN opted_out_at TEXT;
ALTER TABLE lead ADD COLUMN nurture TEXT;
ALTER TABLE opportunity ADD COLUMN accepted_at TEXT;
ALTER TABLE opportunity ADD COLUMN rejected_at TEXT;
ALTER TABLE opportunity ADD COLUMN rejected_reason TEXT;
ALTER TABLE opportunity ADD COLUMN next_step TEXT;
ALTER TABLE opportunity ADD COLUMN attributes TEXT;
ALTER TABLE activity ADD COLUMN logged_at TEXT;
ALTER TABLE activity ADD COLUMN automated TEXT;

-- How many opportunities a source says that it has, beside how many are here, at the last comparison of ids.
CREATE TABLE count_check (
    source TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    there INTEGER NOT NULL,
    here INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Whether an earlier try may have reached somebody; once so, always so.
ALTER TABLE outbox ADD COLUMN may_repeat INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET may_repeat = 1
    WHERE last_error LIKE 'not known: %'
       OR last_error = 'the program stopped while it was sending';

-- Ways that the other side refuses for good (a revoked webhook, an archived channel), and until when nothing is
-- tried on them. What is meant for them waits.
CREATE TABLE closed_way (
    sink TEXT NOT NULL,
    address TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    -- A hash of what the configuration said of it: whoever changes that has mended it.
    fingerprint INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (sink, address)
) STRICT, WITHOUT ROWID;
