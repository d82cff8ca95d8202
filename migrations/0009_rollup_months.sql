-- Cells of a month stand together in one row: a company has about as many cells as leads, and a row
-- for each made them cost more than the leads themselves, both to write and to read.
--
-- `place` is `from>to/dimension/month/key`. `cells` holds entries `day end lag : count`, with
-- `: value : currency` where something was won; see store/month_cells.rs. A change adds a row with
-- what it adds or takes away; the rows of a place are summed when read, and put together once there
-- are many. They are built anew.
DROP TABLE rollup;
CREATE TABLE rollup (
    place TEXT NOT NULL,
    part INTEGER NOT NULL,
    cells TEXT NOT NULL,
    PRIMARY KEY (place, part)
) STRICT, WITHOUT ROWID;
DELETE FROM meta WHERE key = 'rollup_zone';
