-- Records as their vendors gave them: one table an object, vendor-native values, times as text
-- (`2026-11-23` where only the day is known, else RFC 3339 in UTC), amounts as exact decimals.
-- Channels, stages and zones are mapped when read, so a changed configuration needs no new sync.
-- There is no column for a lead's name, address, phone number or message text, on purpose.
--
-- `fingerprint` tells a changed row from an unchanged one; `*_ms` are our own times, in
-- milliseconds since 1970; `deleted_ms` is the tombstone.

CREATE TABLE lead (
    source TEXT NOT NULL, id TEXT NOT NULL,
    created_at TEXT, mql_at TEXT, disqualified_at TEXT,
    channel TEXT, campaign TEXT, owner TEXT, segment TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE opportunity (
    source TEXT NOT NULL, id TEXT NOT NULL,
    lead TEXT, created_at TEXT, handed_off_at TEXT, closed_at TEXT, outcome TEXT, lost_reason TEXT,
    stage TEXT, owner TEXT, amount TEXT, currency TEXT, expected_close TEXT,
    channel TEXT, campaign TEXT, segment TEXT, url TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

-- A lead's unit is worked out from its opportunities.
CREATE INDEX opportunity_lead ON opportunity (source, lead) WHERE lead IS NOT NULL;

CREATE TABLE stage_change (
    source TEXT NOT NULL, id TEXT NOT NULL,
    opportunity TEXT, "at" TEXT, "from" TEXT, "to" TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE owner_change (
    source TEXT NOT NULL, id TEXT NOT NULL,
    opportunity TEXT, "at" TEXT, owner TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE activity (
    source TEXT NOT NULL, id TEXT NOT NULL,
    opportunity TEXT, lead TEXT, kind TEXT, "at" TEXT, owner TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE campaign (
    source TEXT NOT NULL, id TEXT NOT NULL,
    name TEXT, channel TEXT, cost TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE visit (
    source TEXT NOT NULL, id TEXT NOT NULL,
    "at" TEXT, count TEXT, channel TEXT, campaign TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE owner (
    source TEXT NOT NULL, id TEXT NOT NULL,
    email TEXT, name TEXT, active TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE email_send (
    source TEXT NOT NULL, id TEXT NOT NULL,
    campaign TEXT, "at" TEXT, count TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE ranking (
    source TEXT NOT NULL, id TEXT NOT NULL,
    keyword TEXT, "at" TEXT, position TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;
