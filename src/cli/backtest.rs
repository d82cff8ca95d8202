//! `paceline backtest`

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::json;

use super::{CliError, CliResult, Format, Global, open, output, progress::Progress};
use crate::alerts::message::civil_day;
use crate::alerts::rules::RULES;
use crate::domain::notice::wrap;
use crate::evaluate::replay::{Outcome, Replay, replay, usual_days};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The first day; thirteen weeks ago when absent.
    #[arg(long)]
    from: Option<Date>,
    /// The day after the last one; today when absent.
    #[arg(long)]
    to: Option<Date>,
    /// Also try this rule, which is switched off; `all` tries every one.
    #[arg(long, value_name = "RULE")]
    with: Vec<String>,
    /// Only these rules.
    #[arg(long, value_name = "RULE")]
    only: Vec<String>,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let mut settings = global.settings()?;
    let now = global.clock().now();
    let zone = settings.company.zone.clone();
    let today = zone.to_datetime(now).date();
    let (from, to) = usual_days(args.to.unwrap_or(today));
    let (from, to) = (args.from.unwrap_or(from), args.to.unwrap_or(to).min(today));
    if from >= to {
        return Err(CliError::Usage(format!("there is no day from {from} on and before {to}")));
    }
    let names = RULES.map(|(name, _)| name);
    for rule in &args.with {
        for name in names.iter().filter(|name| rule == "all" || rule == *name) {
            settings.alerts.switch(name, true);
        }
    }
    let strange = args.with.iter().chain(&args.only);
    if let Some(rule) = strange.into_iter().find(|r| *r != "all" && !names.contains(&r.as_str())) {
        return Err(CliError::Usage(format!(
            "there is no rule `{rule}`; there are: {}",
            names.join(", ")
        )));
    }
    for name in
        names.iter().filter(|name| !args.only.is_empty() && !args.only.iter().any(|o| o == *name))
    {
        settings.alerts.switch(name, false);
    }
    for name in &args.only {
        settings.alerts.switch(name, true);
    }
    let store = open(&settings).await?;
    let bar = Progress::start(global.shows_progress());
    let say = bar.clone();
    let told = move |days: usize| say.say(format!("{days} days"));
    let found = replay(&settings, &store, (from, to), now, &told).await?;
    bar.finish();
    match global.format {
        Format::Json => output::json(&json!({
            "as_of": now, "from": from, "to": to, "days": found.days, "messages": found.messages,
            "alerts": found.alerts, "missed": found.missed, "outcomes": counts(&found),
        })),
        Format::Csv => output::Table::new(
            vec!["alert", "rule", "scope", "told", "ended", "outcome", "because"],
            found
                .alerts
                .iter()
                .map(|alert| {
                    let ended = alert.ended.map(|at| at.to_string()).unwrap_or_default();
                    let (rule, scope) = (alert.rule.clone(), alert.scope.clone());
                    let outcome = alert.outcome.title().to_owned();
                    let told = alert.told.to_string();
                    vec![
                        alert.summary.clone(),
                        rule,
                        scope,
                        told,
                        ended,
                        outcome,
                        alert.because.clone(),
                    ]
                })
                .collect(),
        )
        .csv(),
        Format::Text => output::text(&text(&found, from, to, &zone)),
    }
}

fn counts(found: &Replay) -> BTreeMap<Outcome, usize> {
    let mut counts = BTreeMap::new();
    for alert in &found.alerts {
        *counts.entry(alert.outcome).or_insert(0) += 1;
    }
    counts
}

fn text(found: &Replay, from: Date, to: Date, zone: &jiff::tz::TimeZone) -> String {
    let mut out = String::new();
    let day = |at: jiff::Timestamp| civil_day(zone.to_datetime(at).date());
    for alert in &found.alerts {
        let lasted = match alert.ended {
            Some(at) => format!("{} to {}", day(alert.told), day(at)),
            None => format!("{}, and goes on", day(alert.told)),
        };
        wrap(&mut out, "", &format!("{lasted}: {}", alert.summary), output::COLUMNS);
        let because = match alert.because.as_str() {
            "" => String::new(),
            because => format!(": {because}"),
        };
        let text = format!("{}, {}{because}", alert.rule, alert.outcome.title());
        wrap(&mut out, "  ", &text, output::COLUMNS);
    }
    for missed in &found.missed {
        wrap(
            &mut out,
            "",
            &format!("Missed: {missed}, and nobody would have heard"),
            output::COLUMNS,
        );
    }
    let counts: Vec<String> =
        counts(found).into_iter().map(|(outcome, n)| format!("{n} {}", outcome.title())).collect();
    let counts =
        if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
    let line = format!(
        "{} alerts{counts} and {} messages on the {} business days from {} to {}, as each was known then.",
        found.alerts.len(),
        found.messages,
        found.days,
        civil_day(from),
        civil_day(to.yesterday().unwrap_or(to))
    );
    wrap(&mut out, "", &line, output::COLUMNS);
    out
}
