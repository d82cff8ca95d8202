//! `paceline alerts`

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{CliError, CliResult, Format, Global, alert_care, open, output};
use crate::alerts::{Finding, message::day_time};
use crate::config::Settings;
use crate::domain::notice::{Document, wrap};
use crate::outbox::address::{team_ways, ways};
use crate::sinks::{self, Delivery, Outgoing};
use crate::store::{Store, alerts::AlertRow};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Alerts that go on, or with --all those that ended too.
    List {
        /// Also those that ended.
        #[arg(long)]
        all: bool,
    },
    /// One alert with its lines and its records.
    Show {
        /// Its number.
        id: i64,
    },
    /// Look after an alert: it is told again if it still goes on then, and at once where it gets worse.
    #[command(visible_alias = "acknowledge")]
    Ack {
        /// Its number.
        id: i64,
        /// Who looks after it.
        #[arg(long)]
        by: String,
        /// What is done about it.
        #[arg(long, alias = "reason")]
        why: String,
        /// Until when: a day, or a span like 3d or 4h.
        #[arg(long, default_value = "7d")]
        until: String,
    },
    /// Not to hear of something for a while; it is still checked and kept.
    Silence(alert_care::Silencing),
    /// The silences that hold.
    Silences,
    /// End a silence.
    Unsilence {
        /// Its number.
        id: i64,
    },
    /// What the last checks found, and why nothing was sent.
    Why(alert_care::Why),
    /// Sends a test message over every way of a team (or of the operator).
    Test {
        /// The team; the operator when absent.
        #[arg(long)]
        team: Option<String>,
    },
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let settings = global.settings()?;
    match args.command.as_ref().unwrap_or(&Action::List { all: false }) {
        Action::List { all } => list(global, &settings, *all).await,
        Action::Show { id } => show(global, &settings, *id).await,
        Action::Ack { id, by, why, until } => {
            alert_care::acknowledge(global, &settings, *id, (by, why), until).await
        }
        Action::Silence(silencing) => alert_care::silence(global, &settings, silencing).await,
        Action::Silences => alert_care::silences(global, &settings).await,
        Action::Unsilence { id } => alert_care::unsilence(global, &settings, *id).await,
        Action::Why(why) => alert_care::why(global, &settings, why).await,
        Action::Test { team } => test(global, &settings, team.as_deref()).await,
    }
}

async fn list(global: &Global, settings: &Settings, all: bool) -> CliResult {
    let store = open(settings).await?;
    let now = global.clock().now();
    let mut rows = store.alerts_between(Timestamp::UNIX_EPOCH, now).await?;
    rows.retain(|row| all || row.state != "resolved");
    let silences = store.silences_after(now).await?;
    let data_as_of = data_as_of(&store, settings, now).await?;
    match global.format {
        Format::Json => {
            let alerts: Vec<Value> = rows
                .iter()
                .map(|row| {
                    let mut alert = alert_json(row);
                    alert["silenced"] = alert_care::silenced(&silences, row, now).into();
                    alert
                })
                .collect();
            output::json(&json!({"as_of": now, "data_as_of": data_as_of, "alerts": alerts}))
        }
        Format::Csv => table(settings, &rows).csv(),
        Format::Text => {
            output::text(&table(settings, &rows).text())?;
            let line = match rows.len() {
                0 => "No alert goes on.\n".to_owned(),
                n => format!("{n} alerts; `paceline alerts show ID` explains one.\n"),
            };
            output::text(&line)
        }
    }
}

async fn data_as_of(
    store: &Store,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<Timestamp>, CliError> {
    let states = store.source_states().await?;
    let complete = settings.sources.keys().map(|name| states.get(name)?.complete_to);
    let complete: Option<Vec<Timestamp>> = complete.collect();
    Ok(complete.and_then(|all| all.into_iter().min()).map(|at| at.min(now)))
}

fn finding(row: &AlertRow) -> Option<Finding> {
    serde_json::from_str(&row.finding).ok()
}

fn alert_json(row: &AlertRow) -> Value {
    let finding = finding(row);
    let finding = finding.as_ref();
    json!({
        "id": row.id,
        "rule": row.rule,
        "scope": row.scope,
        "state": row.state,
        "severity": row.severity,
        "since": row.since,
        "ended": row.ended,
        "value": finding.map(|f| f.value),
        "threshold": finding.map(|f| f.threshold),
        "summary": finding.map(|f| f.summary.as_str()),
        "owner": finding.map(|f| f.owner.as_str()),
        "act_by": finding.map(|f| f.act_by.as_str()),
        "reason": row.reason,
        "acknowledged": row.ack.as_deref().and_then(|ack| serde_json::from_str::<Value>(ack).ok()),
        "records": finding.map(|f| f.records.as_slice()).unwrap_or_default(),
        "records_total": finding.map(|f| f.records_total),
    })
}

fn table(settings: &Settings, rows: &[AlertRow]) -> output::Table {
    let zone = &settings.company.zone;
    let rows = rows
        .iter()
        .map(|row| {
            let summary = finding(row).map_or(row.scope.clone(), |finding| finding.summary);
            vec![summary, row.id.to_string(), row.state.clone(), day_time(row.since, zone)]
        })
        .collect();
    output::Table::new(vec!["alert", "id", "state", "since"], rows)
}

async fn show(global: &Global, settings: &Settings, id: i64) -> CliResult {
    let store = open(settings).await?;
    let row = store.alert(id).await?;
    let row = row.ok_or_else(|| CliError::Usage(format!("there is no alert {id}")))?;
    if global.format == Format::Json {
        return output::json(&alert_json(&row));
    }
    let Some(finding) = finding(&row) else {
        return Err(CliError::Failed(format!("alert {id} was stored by another version")));
    };
    let zone = &settings.company.zone;
    let mut out = String::new();
    wrap(&mut out, "", &finding.summary, output::COLUMNS);
    out.push('\n');
    out.push_str(&format!("{:<10} {} since {}\n", "State", row.state, day_time(row.since, zone)));
    out.push_str(&format!(
        "{:<10} {} against {}\n",
        "Value",
        alert_care::short(finding.value),
        alert_care::short(finding.threshold)
    ));
    for (label, line) in &finding.lines {
        wrap(&mut out, &format!("{label:<10} "), line, output::COLUMNS);
    }
    let line = |label: &str, text: &str| {
        let mut out = String::new();
        wrap(&mut out, &format!("{label:<10} "), text, output::COLUMNS);
        out
    };
    out.push_str(&line("Stands so", &row.reason));
    for silence in store.silences_after(global.clock().now()).await? {
        if silence.holds(global.clock().now()) && silence.covers(&row.rule, &row.scope) {
            out.push_str(&line("Silence", &alert_care::sentence(&silence, zone)));
        }
    }
    let heard = store.heard_of(id).await?;
    let heard: Vec<String> = heard
        .iter()
        .map(|(who, heard)| {
            format!("{} {}", who.replace('*', "everybody"), day_time(heard.at, zone))
        })
        .collect();
    let heard = if heard.is_empty() { "nobody yet".to_owned() } else { heard.join(", ") };
    out.push_str(&line("Told", &heard));
    out.push_str("\nHistory\n");
    for step in store.transitions_of(id).await? {
        let told = if step.sent { "told" } else { "not told" };
        let at = day_time(step.at, zone);
        let lead = format!("  {at}  ");
        let text = format!("{} ({told}): {}", step.kind, step.reason);
        wrap(&mut out, &lead, text.trim_end_matches(": "), output::COLUMNS);
    }
    out.push_str(&records_heading(&finding));
    for record in &finding.records {
        let url = record.url.as_deref().unwrap_or_default();
        let line = format!("  {}/{} {} {url}", record.source, record.object, record.id);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    output::text(&out)
}

/// How many records there are, and how many of them are kept with the alert.
fn records_heading(finding: &Finding) -> String {
    let kept = finding.records.len();
    match finding.records_total {
        0 => String::new(),
        all if all > kept => format!("\nRecords: {all}, of which the first {kept}\n"),
        all => format!("\nRecords: {all}\n"),
    }
}

async fn test(global: &Global, settings: &Settings, team: Option<&str>) -> CliResult {
    let ways = match team {
        Some(team) if !settings.teams.contains_key(team) => {
            return Err(CliError::Usage(format!("there is no team `{team}`")));
        }
        Some(team) => team_ways(settings, team),
        None => ways("operator", &settings.operator),
    };
    let who = team.unwrap_or("operator");
    if ways.is_empty() {
        let text = format!("`{who}` has no slack, email or file in {}", settings.file.display());
        return Err(CliError::Usage(text));
    }
    let document = test_document(who);
    let mut failed = Vec::new();
    for (sink, address) in ways {
        let message = Outgoing {
            document: &document,
            id: global.clock().now().as_millisecond(),
            store_id: "test",
            thread: "test",
            may_repeat: false,
            created: global.clock().now(),
            now: global.clock().now(),
            root: None,
        };
        let delivery = match sinks::open(settings, sink, &address) {
            Ok(sink) => sink.deliver(message).await,
            Err(text) => Delivery::Failed(text),
        };
        match delivery {
            Delivery::Sent | Delivery::Kept(_) => {
                output::text(&format!("{sink} to {address}: sent\n"))?
            }
            other => failed.push(format!("{sink} to {address}: {other:?}")),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(CliError::Failed(failed.join("\n"))) }
}

fn test_document(who: &str) -> Document {
    let text = format!("This is a test from paceline to {who}. Nobody has to do anything.");
    let section = json!({"type": "plain_text", "text": text});
    Document {
        event: Default::default(),
        subject: "Test from paceline".into(),
        html: format!("<p>{}</p>", crate::domain::notice::html_escape(&text)),
        blocks: vec![json!({"type": "section", "text": section})],
        text,
    }
}
