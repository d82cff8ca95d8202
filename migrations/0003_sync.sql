-- How far each source has been read. `complete_ms` is how far its data is complete; it only moves
-- when a sync could read everything.
CREATE TABLE source_state (
    source TEXT PRIMARY KEY,
    complete_ms INTEGER,
    first_complete_ms INTEGER,
    last_attempt_ms INTEGER,
    last_error TEXT
) STRICT;

-- Every sync that read everything, so that a past digest knows how far the data reached then.
CREATE TABLE complete_sync (
    source TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    complete_ms INTEGER NOT NULL,
    PRIMARY KEY (source, started_ms)
) STRICT, WITHOUT ROWID;

-- Where a source goes on after an interruption: committed together with the page before it.
CREATE TABLE cursor (
    source TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;

-- What is wrong with single records. A fault goes when a whole pass over its origin no longer
-- reports it.
CREATE TABLE data_fault (
    source TEXT NOT NULL,
    origin TEXT NOT NULL,
    object TEXT NOT NULL,
    record TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    line INTEGER NOT NULL,
    pass INTEGER NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    PRIMARY KEY (source, origin, object, record, kind, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO meta (key, value) VALUES ('store_id', lower(hex(randomblob(8))));
