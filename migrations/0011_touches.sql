-- What opportunities are attributed to: campaign memberships, form fills, mails that were answered. And
-- what a goal can be of, beside channel and campaign; and whom a deal was with.

ALTER TABLE lead ADD COLUMN market TEXT;
ALTER TABLE opportunity ADD COLUMN market TEXT;
ALTER TABLE opportunity ADD COLUMN product TEXT;
ALTER TABLE opportunity ADD COLUMN client TEXT;

CREATE TABLE touch (
    source TEXT NOT NULL, id TEXT NOT NULL,
    lead TEXT, opportunity TEXT, kind TEXT, at TEXT, channel TEXT, campaign TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

-- A touch follows its lead when that is merged.
CREATE INDEX touch_lead ON touch (source, lead) WHERE lead IS NOT NULL;
CREATE INDEX touch_opportunity ON touch (source, opportunity) WHERE opportunity IS NOT NULL;
