//! `paceline followups`

use clap::Subcommand;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{CliError, CliResult, Format, Global, open, output};
use crate::alerts::message::percent;
use crate::domain::Object;
use crate::evaluate::Snapshot;
use crate::handoff::{HandOff, Ledger, Verdict, summarise, summary::duration_text};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only those that wait, are overdue or not known.
    #[arg(long)]
    open: bool,
    /// Exit with 3 when a hand-off is overdue.
    #[arg(long)]
    fail_when_behind: bool,
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Take a hand-off out of the count, with a reason.
    Excuse {
        /// The opportunity: ID, SOURCE/ID, or ID#2 for its second hand-off.
        id: String,
        /// Who decides so.
        #[arg(long)]
        by: String,
        /// Why.
        #[arg(long, alias = "why")]
        reason: String,
    },
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let settings = global.settings()?;
    let store = open(&settings).await?;
    let clock = global.clock().now();
    let snapshot = Snapshot::load(&settings, &store, clock, None).await?;
    let ledger = snapshot.ledger().await?;
    if let Some(Action::Excuse { id, by, reason }) = &args.command {
        let row = find(&ledger, id)?;
        if by.trim().is_empty() || reason.trim().is_empty() {
            return Err(CliError::Usage("an excuse needs a person and a reason".into()));
        }
        let mut write = store.begin().await?;
        write.excuse(&row.opportunity, row.sequence, by, reason, clock).await?;
        write.commit().await?;
        return output::text(&format!("{} is excused by {by}: {reason}\n", row.opportunity.id));
    }
    let open_only = [Verdict::Waiting, Verdict::Overdue, Verdict::Unknown];
    let shown: Vec<&HandOff> =
        ledger.rows.iter().filter(|row| !args.open || open_only.contains(&row.verdict)).collect();
    match global.format {
        Format::Json => output::json(&document(&snapshot, &ledger, &shown))?,
        Format::Csv => table(&snapshot, &shown).csv()?,
        Format::Text => {
            output::text(&table(&snapshot, &shown).text())?;
            output::text(&closing_line(&ledger))?;
        }
    }
    let overdue = summarise(ledger.rows.iter()).count(Verdict::Overdue);
    if args.fail_when_behind && overdue > 0 {
        return Err(CliError::Behind(format!("{overdue} hand-offs are overdue")));
    }
    Ok(())
}

/// The row of `ID`, `SOURCE/ID` or `ID#2`.
fn find<'a>(ledger: &'a Ledger, text: &str) -> Result<&'a HandOff, CliError> {
    let (name, sequence) = match text.rsplit_once('#') {
        Some((name, number)) => (name, number.parse::<i64>().ok()),
        None => (text, Some(1)),
    };
    let matches: Vec<&HandOff> = ledger
        .rows
        .iter()
        .filter(|row| Some(row.sequence) == sequence)
        .filter(|row| {
            let key = &row.opportunity;
            key.id == name || format!("{}/{}", key.source, key.id) == name
        })
        .collect();
    match matches.as_slice() {
        [row] => Ok(row),
        [] => Err(CliError::Usage(format!("no hand-off `{text}`: see `paceline followups`"))),
        _ => Err(CliError::Usage(format!("several sources have `{name}`: write SOURCE/{name}"))),
    }
}

fn document(snapshot: &Snapshot<'_>, ledger: &Ledger, shown: &[&HandOff]) -> Value {
    let all = summarise(ledger.rows.iter());
    let verdicts: Map<String, Value> = Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict.name().to_owned(), all.count(verdict).into()))
        .collect();
    let rows: Vec<Value> = shown
        .iter()
        .map(|row| {
            json!({
                "opportunity": row.opportunity.id,
                "source": row.opportunity.source,
                "url": row.url,
                "owner": row.owner,
                "team": row.team,
                "sequence": row.sequence,
                "handed_off_at": row.handed_off_at,
                "due_at": row.due_at,
                "first_touch_at": row.first_touch_at,
                "verdict": row.verdict,
            })
        })
        .collect();
    let unowned: Vec<Value> = ledger
        .unowned
        .iter()
        .map(|row| {
            json!({
                "opportunity": row.opportunity.id, "source": row.opportunity.source,
                "url": row.url, "since": row.since,
            })
        })
        .collect();
    json!({
        "as_of": snapshot.clock,
        "data_as_of": snapshot.data_as_of(&[Object::Opportunity, Object::Activity]),
        "handed_off": all.handed_off,
        "verdicts": verdicts,
        "rows": rows,
        "unowned": unowned,
    })
}

fn table(snapshot: &Snapshot<'_>, shown: &[&HandOff]) -> output::Table {
    let zone = &snapshot.settings.company.zone;
    let worst = |row: &&HandOff| (row.verdict != Verdict::Overdue, row.verdict != Verdict::Late);
    let mut sorted: Vec<&HandOff> = shown.to_vec();
    sorted.sort_by_key(|row| (worst(row), std::cmp::Reverse(row.handed_off_at)));
    let rows = sorted
        .into_iter()
        .map(|row| {
            let number =
                if row.sequence > 1 { format!("#{}", row.sequence) } else { String::new() };
            let owner = row.owner.as_deref().unwrap_or("nobody");
            vec![
                format!("{}{number}", row.opportunity.id),
                snapshot.facts.owner_name(owner).to_owned(),
                short_time(row.handed_off_at, zone),
                short_time(row.due_at, zone),
                row.first_touch_at.map_or("–".to_owned(), |at| short_time(at, zone)),
                row.verdict.name().replace('_', " "),
            ]
        })
        .collect();
    let header = vec!["id", "owner", "handed off", "due", "first touch", "verdict"];
    output::Table { header, rows, texts: &[0, 1, 5] }
}

/// `27 Nov 14:05`: three of these and a name fit into a line.
fn short_time(at: Timestamp, zone: &TimeZone) -> String {
    let local = zone.to_datetime(at);
    jiff::fmt::strtime::format("%-d %b %H:%M", local).unwrap_or_else(|_| local.to_string())
}

fn closing_line(ledger: &Ledger) -> String {
    let all = summarise(ledger.rows.iter());
    let parts: Vec<String> = Verdict::ALL
        .into_iter()
        .filter(|verdict| all.count(*verdict) > 0)
        .map(|verdict| format!("{} {}", all.count(verdict), verdict.name().replace('_', " ")))
        .collect();
    let share = all.in_time_share().map_or(String::new(), |share| {
        format!(" {} of those that are judged were touched in time.", percent(share))
    });
    let median = all.median_secs.map_or(String::new(), |secs| {
        format!(" Median business time to first touch: {}.", duration_text(secs))
    });
    let mut line = format!(
        "{} hand-offs = {}.{share}{median}\n",
        all.handed_off,
        if parts.is_empty() { "none".to_owned() } else { parts.join(" + ") }
    );
    if !ledger.unowned.is_empty() {
        let ids: Vec<&str> =
            ledger.unowned.iter().map(|row| row.opportunity.id.as_str()).take(10).collect();
        let count = ledger.unowned.len();
        line.push_str(&format!("{count} without an owner for too long: {}\n", ids.join(", ")));
    }
    line
}
