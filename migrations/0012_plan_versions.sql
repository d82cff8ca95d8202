-- Plans that somebody approved: the text of the file, and what was measured for it at that time. A row is
-- never changed.
CREATE TABLE plan_version (
    number INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    by_whom TEXT NOT NULL,
    reason TEXT NOT NULL,
    plan TEXT NOT NULL,
    measured TEXT NOT NULL
) STRICT;
