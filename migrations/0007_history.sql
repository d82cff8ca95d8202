-- The change log keeps what a record was *before* each change, and nothing of its first sight: the
-- record's own row says when that was. The present row with later changes taken back, the newest
-- first, is the record as it was known at any past instant. A first load writes each record once.
--
-- `changed` names the fields that a change touched, `was` holds their values before it (those that
-- had one), `was_deleted_ms` the tombstone that it took back.
CREATE TABLE history (
    seq INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    object TEXT NOT NULL,
    id TEXT NOT NULL,
    event_at TEXT,
    seen_ms INTEGER NOT NULL,
    changed TEXT NOT NULL,
    was TEXT NOT NULL,
    was_deleted_ms INTEGER
) STRICT;

INSERT INTO history (seq, source, object, id, event_at, seen_ms, changed, was, was_deleted_ms)
SELECT c.seq, c.source, c.object, c.id, c.event_at, c.seen_ms, coalesce(c.changed, ''),
       (SELECT p.fields FROM change p
        WHERE p.object = c.object AND p.source = c.source AND p.id = c.id AND p.seq < c.seq
          AND p.kind = 'put' ORDER BY p.seq DESC LIMIT 1),
       (SELECT CASE p.kind WHEN 'delete'
                    THEN coalesce(unixepoch(substr(p.event_at, 1, 19) || 'Z') * 1000, p.seen_ms)
               END
        FROM change p
        WHERE p.object = c.object AND p.source = c.source AND p.id = c.id AND p.seq < c.seq
        ORDER BY p.seq DESC LIMIT 1)
FROM change c
WHERE EXISTS (SELECT 1 FROM change p WHERE p.object = c.object AND p.source = c.source
                AND p.id = c.id AND p.seq < c.seq AND p.kind = 'put');

DROP TABLE change;
ALTER TABLE history RENAME TO change;
CREATE INDEX change_seen ON change (object, seen_ms);

-- Who was merged into whom; such a tombstone's pair counts once.
ALTER TABLE lead ADD COLUMN merged_into TEXT;
ALTER TABLE opportunity ADD COLUMN merged_into TEXT;

-- Roll-ups are fed in the transaction that changes the records, from the records before and after
-- it, so nothing has to remember what was fed. What is recent is found by its latest moment, whose
-- first ten characters are a day in UTC or in the company's zone.
DROP TABLE unit;
DELETE FROM rollup;
DELETE FROM meta WHERE key IN ('rollup_zone', 'rollup_fed_seq');
CREATE INDEX lead_last ON lead
    (max(coalesce(created_at, ''), coalesce(mql_at, ''), coalesce(disqualified_at, '')));
CREATE INDEX lead_deleted ON lead (deleted_ms) WHERE deleted_ms IS NOT NULL;
CREATE INDEX opportunity_last ON opportunity
    (max(coalesce(created_at, ''), coalesce(closed_at, '')));
CREATE INDEX opportunity_deleted ON opportunity (deleted_ms) WHERE deleted_ms IS NOT NULL;
