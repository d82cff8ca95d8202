-- Cells of a month stand together in one row: a company has about as many cells as leads, and a row
-- for each made them cost more than the leads themselves, both to write and to read.
--
-- `place` is `from>to/dimension/month/key`. `cells` holds entries `day end lag : count`, with
-- `: value : currency` where something was won; see store/rollups.rs. They are built anew.
DROP TABLE rollup;
CREATE TABLE rollup (
    place TEXT PRIMARY KEY,
    cells TEXT NOT NULL
) STRICT, WITHOUT ROWID;
DELETE FROM meta WHERE key = 'rollup_zone';
