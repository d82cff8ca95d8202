-- What changed, when it happened (`event_at`, as far as the record tells) and when we first saw it.
-- Rows are only ever added: any past week can be rebuilt as it was known then. `fields` is the whole
-- record after the change as JSON, `changed` names the fields that differ; a tombstone has neither.
CREATE TABLE change (
    seq INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    object TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('put', 'delete')),
    event_at TEXT,
    seen_ms INTEGER NOT NULL,
    changed TEXT,
    fields TEXT
) STRICT;

CREATE INDEX change_record ON change (object, source, id, seq);
