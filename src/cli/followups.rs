//! `paceline followups`

use std::collections::BTreeMap;

use clap::Subcommand;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{CliError, CliResult, Format, Global, nurture, open, output};
use crate::alerts::message::percent;
use crate::domain::{Object, notice::wrap};
use crate::evaluate::Snapshot;
use crate::handoff::{HandOff, Ledger, Summary, Verdict, summarise, summary::duration_text};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only those that wait, are overdue or not known.
    #[arg(long)]
    open: bool,
    /// The sums of each owner, team or source instead of the rows.
    #[arg(long, value_enum)]
    by: Option<By>,
    /// The nurture pool: what does not meet the agreed criteria, or was given back.
    #[arg(long, conflicts_with_all = ["open", "by"])]
    nurture: bool,
    /// Exit with 3 when a hand-off is overdue.
    #[arg(long)]
    fail_when_behind: bool,
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    Owner,
    Team,
    Source,
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
        Format::Csv if args.nurture => nurture::table(&snapshot, &ledger.pool).csv()?,
        Format::Csv => table(&snapshot, &shown, args.by).csv()?,
        Format::Text if args.nurture => {
            output::text(&nurture::table(&snapshot, &ledger.pool).text())?;
            output::text(&nurture::sentence(&ledger.pool, clock))?;
        }
        Format::Text => {
            output::text(&table(&snapshot, &shown, args.by).text())?;
            output::text(&closing_line(&ledger))?;
            output::text(&nurture::beyond(&snapshot, &ledger))?;
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
    let rows: Vec<Value> = shown.iter().map(|row| row_json(row)).collect();
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
        "by_team": groups_json(snapshot, ledger, By::Team),
        "by_owner": groups_json(snapshot, ledger, By::Owner),
        "by_source": groups_json(snapshot, ledger, By::Source),
        "rows": rows,
        "unowned": unowned,
        "counted": snapshot.counts.iter().map(|count| {
            json!({
                "source": count.source, "at": count.at, "there": count.there, "here": count.here,
            })
        }).collect::<Vec<_>>(),
        "nurture_pool": nurture::document(&ledger.pool, snapshot.clock),
    })
}

/// A hand-off as JSON.
fn row_json(row: &HandOff) -> Value {
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
        "touched_secs": row.touched_secs,
        "late_secs": row.late_secs,
        "attempts": row.attempts,
        "returned_at": row.returned_at,
        "follows": (row.sequence > 1).then_some(row.sequence - 1),
        "pre_touch_at": row.pre_touch_at,
        "backdated": row.backdated,
        "logged_late": row.logged_late,
        "unowned_secs": row.unowned_secs,
        "decision": row.decided.decision,
        "decided_at": row.decided.at,
        "decide_by": row.decided.due_at,
        "rejected_reason": row.decided.reason,
        "next_step": row.next_step,
        "criteria": row.audit.as_ref().map(|audit| {
            json!({
                "met": audit.met(), "failed": audit.failed, "not_known": audit.not_known,
            })
        }),
        "reassigned": row.reassigned.as_ref().map(|new| {
            json!({"to": new.to, "at": new.at, "due_at": new.due_at})
        }),
    })
}

/// The sums of each group; none is an owner or a team that nobody has.
fn groups<'a>(
    rows: impl Iterator<Item = &'a HandOff>,
    by: By,
) -> BTreeMap<Option<String>, Summary> {
    let mut groups: BTreeMap<Option<String>, Vec<&HandOff>> = BTreeMap::new();
    for row in rows {
        let key = match by {
            By::Owner => row.owner.clone(),
            By::Team => row.team.clone(),
            By::Source => Some(row.opportunity.source.clone()),
        };
        groups.entry(key).or_default().push(row);
    }
    groups.into_iter().map(|(key, rows)| (key, summarise(rows.into_iter()))).collect()
}

fn groups_json(snapshot: &Snapshot<'_>, ledger: &Ledger, by: By) -> Vec<Value> {
    let group = |(key, sum): (Option<String>, Summary)| {
        let name = key.as_deref().filter(|_| by == By::Owner);
        json!({
            "key": key,
            "name": name.map(|id| snapshot.facts.owner_name(id)),
            "handed_off": sum.handed_off,
            "in_time_share": sum.in_time_share(),
            "median_secs": sum.median_secs,
            "p90_secs": sum.p90_secs,
            "never_touched": sum.never_touched,
            "median_attempts": sum.median_attempts,
        })
    };
    groups(ledger.rows.iter(), by).into_iter().map(group).collect()
}

fn group_table(snapshot: &Snapshot<'_>, shown: &[&HandOff], by: By) -> output::Table {
    let time = |secs: Option<i64>| secs.map_or("–".to_owned(), duration_text);
    let row = |(key, sum): (Option<String>, Summary)| {
        let name = key.as_deref().map(|key| match by {
            By::Owner => snapshot.facts.owner_name(key),
            _ => key,
        });
        vec![
            name.unwrap_or("nobody").to_owned(),
            sum.handed_off.to_string(),
            sum.in_time_share().map_or("–".to_owned(), percent),
            time(sum.median_secs),
            time(sum.p90_secs),
            sum.never_touched.to_string(),
            sum.median_attempts.map_or("–".to_owned(), |count| count.to_string()),
        ]
    };
    let rows = groups(shown.iter().copied(), by).into_iter().map(row).collect();
    let title = match by {
        By::Owner => "owner",
        By::Team => "team",
        By::Source => "source",
    };
    output::Table::new(
        vec![title, "handed off", "in time", "median", "nine of ten", "untouched", "attempts"],
        rows,
    )
}

fn table(snapshot: &Snapshot<'_>, shown: &[&HandOff], by: Option<By>) -> output::Table {
    if let Some(by) = by {
        return group_table(snapshot, shown, by);
    }
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
pub fn short_time(at: Timestamp, zone: &TimeZone) -> String {
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
    let sentence = format!(
        "{} hand-offs = {}.{share}{median}",
        all.handed_off,
        if parts.is_empty() { "none".to_owned() } else { parts.join(" + ") }
    );
    let mut line = String::new();
    wrap(&mut line, "", &sentence, output::COLUMNS);
    if !ledger.unowned.is_empty() {
        let ids: Vec<&str> =
            ledger.unowned.iter().map(|row| row.opportunity.id.as_str()).take(10).collect();
        let count = ledger.unowned.len();
        let more = if count > ids.len() { ", …" } else { "" };
        let sentence = format!("{count} without an owner for too long: {}{more}.", ids.join(", "));
        wrap(&mut line, "", &sentence, output::COLUMNS);
    }
    line
}
