//! Reads the canonical CSV files: their cells by column name, their times, and their ids.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// The rows of one file.
#[derive(Debug, Default)]
pub(super) struct Table {
    file: String,
    columns: HashMap<String, usize>,
    rows: Vec<(u64, csv::StringRecord)>,
}

impl Table {
    /// Reads a file by either of its names; one that is absent has no rows.
    pub(super) fn read(dir: &Path, names: [&str; 2]) -> Result<Table, String> {
        let Some(name) = names.into_iter().find(|name| dir.join(name).is_file()) else {
            return Ok(Table::default());
        };
        let path = dir.join(name);
        let file = path.display().to_string();
        let told = |error: csv::Error| match error.position() {
            Some(at) => format!("{file}, line {}: {error}", at.line()),
            None => format!("{file}: {error}"),
        };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_path(&path)
            .map_err(told)?;
        let headers = reader.headers().map_err(told)?.clone();
        let name = |text: &str| text.trim_start_matches('\u{feff}').to_owned();
        let columns = headers.iter().enumerate().map(|(at, text)| (name(text), at)).collect();
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(told)?;
            rows.push((row.position().map_or(0, csv::Position::line), row));
        }
        Ok(Table { file, columns, rows })
    }

    /// The rows, each able to tell where it stands.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, cells)| Row { table: self, line: *line, cells })
    }
}

/// One row of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    table: &'a Table,
    line: u64,
    cells: &'a csv::StringRecord,
}

impl<'a> Row<'a> {
    /// A cell; a column that is missing is empty.
    pub(super) fn cell(&self, name: &str) -> &'a str {
        self.table.columns.get(name).and_then(|at| self.cells.get(*at)).unwrap_or("")
    }

    /// An error that names file and line.
    pub(super) fn wrong(&self, what: &str) -> String {
        format!("{}, line {}: {what}", self.table.file, self.line)
    }

    /// A time; none where the cell is empty.
    pub(super) fn time(&self, name: &str, zone: &TimeZone) -> Result<Option<Timestamp>, String> {
        let text = self.cell(name);
        if text.is_empty() {
            return Ok(None);
        }
        let told = instant(text, zone);
        told.map(Some).ok_or_else(|| self.wrong(&format!("{name} is no time: {text:?}")))
    }

    /// A time that must be there.
    pub(super) fn needed_time(&self, name: &str, zone: &TimeZone) -> Result<Timestamp, String> {
        self.time(name, zone)?.ok_or_else(|| self.wrong(&format!("{name} is empty")))
    }
}

/// The instant of a cell: an instant, a local time in the zone, or a day, told as its noon.
fn instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if text.len() <= 10 {
        let noon = text.parse::<Date>().ok()?.at(12, 0, 0, 0);
        return noon.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp());
    }
    let local = text.parse::<DateTime>().ok()?;
    local.to_zoned(zone.clone()).ok().map(|z| z.timestamp())
}

/// The files of a folder. Those that are absent have no rows, files with other names are ignored, and
/// local times are in `zone`.
pub(super) struct Folder<'a> {
    pub(super) zone: &'a TimeZone,
    pub(super) leads: Table,
    pub(super) opportunities: Table,
    pub(super) stage_changes: Table,
    pub(super) owner_changes: Table,
    pub(super) activities: Table,
    pub(super) owners: Table,
    pub(super) campaigns: Table,
    pub(super) email_sends: Table,
    pub(super) touches: Table,
}

/// The changes of each opportunity, in the order of time.
pub(super) type Changes<'a> = HashMap<&'a str, Vec<(Timestamp, Row<'a>)>>;

impl Folder<'_> {
    /// Reads a folder, in which no row may lack its id and none may be there twice.
    pub(super) fn read<'a>(dir: &Path, zone: &'a TimeZone) -> Result<Folder<'a>, String> {
        if !dir.is_dir() {
            return Err(format!("{} is no folder", dir.display()));
        }
        let folder = Folder {
            zone,
            leads: Table::read(dir, ["lead.csv", "leads.csv"])?,
            opportunities: Table::read(dir, ["opportunity.csv", "opportunities.csv"])?,
            stage_changes: Table::read(dir, ["stage_change.csv", "stage_changes.csv"])?,
            owner_changes: Table::read(dir, ["owner_change.csv", "owner_changes.csv"])?,
            activities: Table::read(dir, ["activity.csv", "activities.csv"])?,
            owners: Table::read(dir, ["owner.csv", "owners.csv"])?,
            campaigns: Table::read(dir, ["campaign.csv", "campaigns.csv"])?,
            email_sends: Table::read(dir, ["email_send.csv", "email_sends.csv"])?,
            touches: Table::read(dir, ["touch.csv", "touches.csv"])?,
        };
        for table in [&folder.leads, &folder.opportunities, &folder.activities, &folder.owners] {
            let mut seen = HashSet::new();
            for row in table.rows() {
                let id = row.cell("id");
                if id.is_empty() {
                    return Err(row.wrong("id is empty"));
                }
                if !seen.insert(id) {
                    return Err(row.wrong(&format!("id {id} is there twice")));
                }
            }
        }
        Ok(folder)
    }

    /// The rows of a file of changes, by opportunity and in the order of time.
    pub(super) fn changes<'t>(&self, table: &'t Table) -> Result<Changes<'t>, String> {
        let mut all: Changes<'t> = HashMap::new();
        for row in table.rows() {
            let at = row.needed_time("at", self.zone)?;
            all.entry(row.cell("opportunity")).or_default().push((at, row));
        }
        for changes in all.values_mut() {
            changes.sort_by_key(|change| change.0);
        }
        Ok(all)
    }
}

/// The stamp of rows that carry no time at all: 2010-01-01T00:00:00Z. It is not the epoch, at
/// which the search of a vendor fails.
const FALLBACK_MS: i64 = 1_262_304_000_000;

/// The latest of the times that are told.
pub(super) fn latest(times: &[Option<Timestamp>]) -> Timestamp {
    let fallback = Timestamp::from_millisecond(FALLBACK_MS).unwrap_or_default();
    times.iter().flatten().copied().max().unwrap_or(fallback)
}

/// Numbers for a kind's ids: their own where all are plain numbers, else fresh ones.
#[derive(Debug)]
pub(super) struct Ids {
    numbers: BTreeMap<String, u64>,
}

impl Ids {
    /// Numbers the given ids in the order in which they come.
    pub(super) fn new<'a>(all: impl Iterator<Item = &'a str>, first_fresh: u64) -> Ids {
        let all: Vec<&str> = all.filter(|id| !id.is_empty()).collect();
        // A leading zero or sign would be lost, and then the id would be another.
        let own = |id: &str| id.parse::<u64>().ok().filter(|n| *n > 0 && n.to_string() == id);
        let plain = all.iter().all(|id| own(id).is_some());
        let mut numbers = BTreeMap::new();
        let mut fresh = first_fresh;
        for id in all {
            numbers.entry(id.to_owned()).or_insert_with(|| {
                fresh += 1;
                if plain { own(id).unwrap_or(fresh - 1) } else { fresh - 1 }
            });
        }
        Ids { numbers }
    }

    /// The number of an id.
    pub(super) fn get(&self, id: &str) -> Option<u64> {
        self.numbers.get(id).copied()
    }

    /// Every id with its number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.numbers.iter().map(|(id, number)| (id.as_str(), *number))
    }
}
