//! `paceline alerts ack`, `silence`, `silences`, `unsilence` and `why`

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{CliError, CliResult, Format, Global, open, output};
use crate::alerts::{message::day_time, rules::RULES};
use crate::config::Settings;
use crate::domain::{notice::wrap, silence::Silence};
use crate::evaluate::acting::{self, ActError};
use crate::store::{alerts::AlertRow, checks::CheckRow};

/// Lines of `alerts why`.
const CHECKS_MAX: i64 = 30;

#[derive(Debug, clap::Args)]
pub struct Silencing {
    /// Only this rule.
    #[arg(long)]
    rule: Option<String>,
    /// Only this scope; one that ends with * stands for all that begin so.
    #[arg(long)]
    scope: Option<String>,
    /// Only for this team.
    #[arg(long)]
    team: Option<String>,
    /// Who asks for it.
    #[arg(long)]
    by: String,
    /// Why.
    #[arg(long, alias = "reason")]
    why: String,
    /// Until when: a day, or a span like 3d or 4h.
    #[arg(long)]
    until: String,
}

#[derive(Debug, clap::Args)]
pub struct Why {
    /// The rule.
    #[arg(long)]
    rule: String,
    /// The scope; all of the rule's when absent.
    #[arg(long)]
    scope: Option<String>,
}

impl From<ActError> for CliError {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Store(error) => error.into(),
            ActError::Refused(text) => CliError::Usage(text),
        }
    }
}

pub async fn acknowledge(
    global: &Global,
    settings: &Settings,
    id: i64,
    who: (&str, &str),
    until: &str,
) -> CliResult {
    let (store, now, zone) = (open(settings).await?, global.clock().now(), &settings.company.zone);
    let until = acting::until(until, now, zone)?;
    let which = (id, acting::Reach::One);
    let text = acting::acknowledge(&store, which, who, until, now, settings).await?.sentence(zone);
    let mut out = String::new();
    wrap(&mut out, "", &text, output::COLUMNS);
    output::text(&out)
}

pub async fn silence(global: &Global, settings: &Settings, asked: &Silencing) -> CliResult {
    let (store, now, zone) = (open(settings).await?, global.clock().now(), &settings.company.zone);
    if let Some(rule) = &asked.rule {
        known_rule(rule)?;
    }
    if let Some(team) = asked.team.as_ref().filter(|team| !settings.teams.contains_key(*team)) {
        return Err(CliError::Usage(format!("there is no team `{team}`")));
    }
    let mut silence = Silence {
        id: 0,
        rule: asked.rule.clone(),
        scope: asked.scope.clone(),
        team: asked.team.clone(),
        by: asked.by.clone(),
        why: asked.why.clone(),
        from: now,
        until: acting::until(&asked.until, now, zone)?,
    };
    silence.id = acting::silence(&store, silence.clone()).await?;
    let open = store.alerts_between(now, Timestamp::MAX).await?;
    let covered = open
        .iter()
        .filter(|row| row.state != "resolved" && silence.covers(&row.rule, &row.scope))
        .count();
    let alerts = if covered == 1 { "alert" } else { "alerts" };
    let text = format!(
        "{}. It covers {covered} {alerts} that go on now; `paceline alerts unsilence {}` ends it.",
        sentence(&silence, zone),
        silence.id
    );
    let mut out = String::new();
    wrap(&mut out, "", &text, output::COLUMNS);
    output::text(&out)
}

/// A silence in a sentence.
pub fn sentence(silence: &Silence, zone: &TimeZone) -> String {
    let part = |what: &str, value: &Option<String>| {
        value.as_ref().map_or(String::new(), |value| format!(", {what} {value}"))
    };
    format!(
        "Silence {} by {} until {}{}{}{}: {}",
        silence.id,
        silence.by,
        day_time(silence.until, zone),
        part("rule", &silence.rule),
        part("scope", &silence.scope),
        part("team", &silence.team),
        silence.why
    )
}

/// The number of the silence that covers an alert, if any.
pub fn silenced(silences: &[Silence], row: &AlertRow, now: Timestamp) -> Option<i64> {
    let covers = |silence: &&Silence| silence.holds(now) && silence.covers(&row.rule, &row.scope);
    silences.iter().find(covers).map(|silence| silence.id)
}

pub async fn silences(global: &Global, settings: &Settings) -> CliResult {
    let (store, now) = (open(settings).await?, global.clock().now());
    let silences = store.silences_after(now).await?;
    if global.format == Format::Json {
        let list: Vec<Value> = silences
            .iter()
            .map(|silence| {
                json!({
                    "id": silence.id, "rule": silence.rule, "scope": silence.scope,
                    "team": silence.team, "by": silence.by, "why": silence.why,
                    "from": silence.from, "until": silence.until,
                })
            })
            .collect();
        return output::json(&json!({"as_of": now, "silences": list}));
    }
    let mut out = String::new();
    for silence in &silences {
        wrap(&mut out, "", &sentence(silence, &settings.company.zone), output::COLUMNS);
    }
    if silences.is_empty() {
        out.push_str("No silence holds.\n");
    }
    output::text(&out)
}

pub async fn unsilence(global: &Global, settings: &Settings, id: i64) -> CliResult {
    let (store, now) = (open(settings).await?, global.clock().now());
    let mut write = store.begin().await?;
    let ended = write.end_silence(id, now).await?;
    write.commit().await?;
    if !ended {
        let text = format!("no silence {id} holds: `paceline alerts silences` has them all");
        return Err(CliError::Usage(text));
    }
    output::text(&format!("Silence {id} is over; what still goes on is told at the next check.\n"))
}

fn known_rule(rule: &str) -> Result<(), CliError> {
    if RULES.iter().any(|(name, _)| *name == rule) {
        return Ok(());
    }
    let names: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
    Err(CliError::Usage(format!("there is no rule `{rule}`; there are: {}", names.join(", "))))
}

pub async fn why(global: &Global, settings: &Settings, asked: &Why) -> CliResult {
    known_rule(&asked.rule)?;
    let (store, now) = (open(settings).await?, global.clock().now());
    let scope = asked.scope.as_deref();
    let rows = store.checks_of(&asked.rule, scope, now, CHECKS_MAX).await?;
    if rows.is_empty() {
        let scopes = store.checked_scopes(&asked.rule).await?;
        let text = match (scope, scopes.is_empty()) {
            (Some(scope), false) => {
                format!("`{scope}` was never checked; there are: {}", scopes.join(", "))
            }
            _ => format!(
                "`{}` was never checked: it is switched off, or no check has run yet",
                asked.rule
            ),
        };
        return Err(CliError::Usage(text));
    }
    if global.format == Format::Json {
        let list: Vec<Value> = rows.iter().map(check_json).collect();
        return output::json(&json!({"as_of": now, "rule": asked.rule, "checks": list}));
    }
    let zone = &settings.company.zone;
    let mut out = String::new();
    for row in &rows {
        let times = if row.checks == 1 { "1 check" } else { &format!("{} checks", row.checks) };
        out.push_str(&format!(
            "{} to {}, {times}\n",
            day_time(row.first, zone),
            day_time(row.last, zone)
        ));
        let value = format!(
            "{} against {}{}",
            short(row.value),
            short(row.threshold),
            if row.lowest == row.highest {
                String::new()
            } else {
                format!(" (between {} and {})", short(row.lowest), short(row.highest))
            }
        );
        for (label, text) in [
            ("scope", row.scope.as_str()),
            ("found", &format!("{}: {}", row.status, row.summary)),
            ("value", &value),
            ("so", &row.outcome),
        ] {
            wrap(&mut out, &format!("  {label:<6} "), text, output::COLUMNS);
        }
    }
    output::text(&out)
}

/// At most four decimals, and none where there are none.
pub fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn check_json(row: &CheckRow) -> Value {
    json!({
        "scope": row.scope, "from": row.first, "to": row.last, "checks": row.checks,
        "status": row.status, "outcome": row.outcome, "value": row.value, "lowest": row.lowest,
        "highest": row.highest, "threshold": row.threshold, "summary": row.summary,
    })
}
