-- What was forecast in each week, to be held against how the period ended: `so_far` and `elapsed` (the share
-- of the plan that should be there) say what a straight line would have said. `ended` comes once it is over.
CREATE TABLE forecast (
    goal TEXT NOT NULL,
    metric TEXT NOT NULL,
    period_from TEXT NOT NULL,
    period_to TEXT NOT NULL,
    week TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    goal_value REAL NOT NULL,
    so_far REAL NOT NULL,
    elapsed REAL NOT NULL,
    p10 REAL NOT NULL,
    p50 REAL NOT NULL,
    p90 REAL NOT NULL,
    probability REAL NOT NULL,
    ended REAL,
    PRIMARY KEY (goal, metric, period_from, period_to, week)
) STRICT, WITHOUT ROWID;
