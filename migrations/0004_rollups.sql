-- The unit of conversion, with the days on which it entered each stage. It is what the roll-ups were
-- fed with, so that it can be taken out of them again when the record changes. `last_day` is the
-- latest day on which anything happened to it, its deletion included.
CREATE TABLE unit (
    kind TEXT NOT NULL CHECK (kind IN ('lead', 'opportunity')),
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    channel TEXT, campaign TEXT, owner TEXT, segment TEXT,
    currency TEXT, value INTEGER NOT NULL DEFAULT 0,
    lead_day TEXT, mql_day TEXT, opportunity_day TEXT, won_day TEXT, lost_day TEXT,
    deleted INTEGER NOT NULL DEFAULT 0,
    last_day TEXT,
    PRIMARY KEY (kind, source, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX unit_last_day ON unit (last_day);

-- How many entered a stage on a day, and how their wait ended after how many days; one cell for the
-- total and one for each value of each dimension. `value` is the won amount in ten-thousandths of
-- its currency. Kept up to date by the change log; a rebuild from nothing gives the same rows.
CREATE TABLE rollup (
    dimension TEXT NOT NULL,
    key TEXT NOT NULL,
    from_stage TEXT NOT NULL,
    to_stage TEXT NOT NULL,
    entered TEXT NOT NULL,
    ended TEXT NOT NULL,
    lag_days INTEGER NOT NULL,
    currency TEXT NOT NULL,
    count INTEGER NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (from_stage, to_stage, dimension, key, entered, ended, lag_days, currency)
) STRICT, WITHOUT ROWID;
CREATE INDEX rollup_empty ON rollup (count) WHERE count = 0;
