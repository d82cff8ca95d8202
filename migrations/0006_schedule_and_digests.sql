-- When each job is due next. Due-ness is decided here and nowhere else.
CREATE TABLE schedule (
    job TEXT PRIMARY KEY,
    next_due_ms INTEGER NOT NULL,
    last_started_ms INTEGER,
    last_finished_ms INTEGER,
    last_outcome TEXT,
    failures INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A week's digest is written once: asked for again, the same document comes back.
CREATE TABLE digest (
    week TEXT PRIMARY KEY,
    built_ms INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;

-- A person took a hand-off out of the count, and why.
CREATE TABLE excuse (
    source TEXT NOT NULL,
    opportunity TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    by_whom TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (source, opportunity, sequence)
) STRICT, WITHOUT ROWID;
