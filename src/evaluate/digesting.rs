//! Building the digest of a week: what was known at its time, beside what was known a week before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan};

use super::{
    Snapshot, finding::findings, rate_checks::rate_checks, snapshot::EvaluateError, tallies,
    targeting,
};
use crate::alerts::{Finding, RateCheck, lifecycle::Kind};
use crate::config::Settings;
use crate::digest::{self, AlertLine, Digest, Known, Week, build::Parts};
use crate::domain::dimension::Dimension;
use crate::handoff::Ledger;
use crate::pacing::PaceRow;
use crate::rates::{RateTable, RatesQuery};
use crate::store::Store;

/// A digest is late when it is built so long after it was due.
const LATE_SECS: i64 = 3_600;
/// The digest is compared with what was known so long before.
const WEEK_HOURS: i64 = 7 * 24;

/// Why there is no digest.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// The figures could not be made.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The week is not over.
    #[error("week {week} is not over yet: ask for it from {from} on")]
    NotOver {
        /// The week.
        week: String,
        /// Its end.
        from: String,
    },
    /// It could not be written out.
    #[error("the digest cannot be written out: {0}")]
    Render(String),
    /// What was stored is not readable.
    #[error("the stored digest of {week} is not readable: {cause}")]
    Stored {
        /// The week.
        week: String,
        /// Why not.
        cause: serde_json::Error,
    },
}

impl From<crate::store::StoreError> for DigestError {
    fn from(error: crate::store::StoreError) -> Self {
        DigestError::Evaluate(error.into())
    }
}

/// The digest of a week: the one that was written, or, from its due time on, a new one that is kept.
///
/// # Errors
/// See [`DigestError`].
pub async fn digest_of(
    settings: &Settings,
    store: &Store,
    week: Week,
    now: Timestamp,
) -> Result<Digest, DigestError> {
    if let Some(stored) = store.digest(&week.to_string()).await? {
        return serde_json::from_str(&stored)
            .map_err(|cause| DigestError::Stored { week: week.to_string(), cause });
    }
    let zone = &settings.company.zone;
    if zone.to_datetime(now).date() < week.to() {
        let from = week.to().to_string();
        return Err(DigestError::NotOver { week: week.to_string(), from });
    }
    let due = week.due(settings.digest.weekday, settings.digest.minute, zone);
    let digest = build_at(settings, store, week, now.min(due)).await?;
    // Before its time it may still change; from then on it is the document of that week.
    if now >= due {
        let json = serde_json::to_string(&digest)
            .map_err(|cause| DigestError::Stored { week: week.to_string(), cause })?;
        let mut write = store.begin().await?;
        write.keep_digest(&week.to_string(), &json, now).await?;
        write.commit().await?;
    }
    Ok(digest)
}

/// Everything that a snapshot gives to a digest.
struct Figures {
    pace: Vec<PaceRow>,
    rates: Vec<RateCheck>,
    ledger: Ledger,
    findings: Vec<Finding>,
    targets: Vec<String>,
}

async fn figures(snapshot: &Snapshot<'_>) -> Result<Figures, EvaluateError> {
    let (mut findings, stale) = findings(snapshot).await?;
    // What rests on stale data asks nobody to do anything.
    findings.retain(|finding| finding.rests_on.is_disjoint(&stale));
    Ok(Figures {
        pace: snapshot.pace_known(),
        rates: rate_checks(snapshot).await?,
        ledger: snapshot.ledger().await?,
        findings,
        targets: targeting::targets(snapshot).await?.iter().map(targeting::sentence).collect(),
    })
}

async fn build_at(
    settings: &Settings,
    store: &Store,
    week: Week,
    clock: Timestamp,
) -> Result<Digest, DigestError> {
    let states = store.source_states().await?;
    let first = states.values().filter_map(|state| state.first_complete).min();
    let mut notes = Vec::new();
    let zone = &settings.company.zone;
    // Of a week before the first sync nothing was known then; events are cut at its end all the same.
    let known = first.map_or(clock, |first| first.max(clock));
    if first.is_some_and(|first| first > clock) {
        let day = crate::alerts::message::day(known, zone);
        notes.push(format!("Built from data that was first read on {day}, after this week."));
    }
    let now = Snapshot::load(settings, store, clock, Some(known)).await?;
    let figures_now = figures(&now).await?;
    let earlier = clock
        .saturating_sub(WEEK_HOURS.hours())
        .ok()
        .filter(|at| first.is_some_and(|first| first <= *at));
    let before = match earlier {
        Some(at) => {
            let snapshot = Snapshot::load(settings, store, at, Some(at)).await?;
            let figures = figures(&snapshot).await?;
            Some((snapshot, figures))
        }
        None => None,
    };
    let tables = channel_tables(&now, &figures_now.rates).await?;
    let mut faults = store.faults().await?;
    faults.extend(now.derived_faults());
    let data_as_of = now.data_as_of_all();
    notes.extend(stale_note(&now));
    for silence in store.silences_after(clock).await?.iter().filter(|one| one.holds(clock)) {
        let until = crate::alerts::message::day_time(silence.until, zone);
        let about = [&silence.rule, &silence.scope, &silence.team];
        let about: Vec<&str> = about.into_iter().flatten().map(String::as_str).collect();
        notes.push(format!(
            "Silenced by {} until {until}: {}. {}",
            silence.by,
            about.join(", "),
            silence.why
        ));
    }
    notes.extend(now.plan_errors.iter().map(|error| format!("The plan: {error}")));
    Ok(digest::build(Parts {
        company: &settings.company.name,
        currency: &settings.company.currency,
        zone,
        week,
        now: known_of(&now, &figures_now),
        before: before.as_ref().map(|(snapshot, figures)| known_of(snapshot, figures)),
        findings: &figures_now.findings,
        tables: &tables,
        alerts: alert_lines(&now, week).await?,
        watched: watched(&now, week).await?,
        data_as_of,
        targets: figures_now.targets.clone(),
        sources: &now.completeness.complete_to,
        faults: &faults,
        notes,
    }))
}

fn known_of<'a>(snapshot: &'a Snapshot<'_>, figures: &'a Figures) -> Known<'a> {
    Known {
        clock: snapshot.clock,
        facts: &snapshot.facts,
        pace: &figures.pace,
        rates: &figures.rates,
        ledger: &figures.ledger,
    }
}

/// By channel, over the cohort and the window of each check.
async fn channel_tables(
    snapshot: &Snapshot<'_>,
    checks: &[RateCheck],
) -> Result<Vec<RateTable>, EvaluateError> {
    let mut tables = Vec::new();
    for check in checks {
        let (from, to) = check.pair.stages();
        let query = RatesQuery {
            from,
            to,
            by: Some(Dimension::Channel),
            window_days: Some(check.window_days),
            by_month: false,
            since: Some(check.cohort.from),
            until: Some(check.cohort.to),
        };
        tables.push(tallies::table(snapshot, &query).await?.0);
    }
    Ok(tables)
}

fn stale_note(snapshot: &Snapshot<'_>) -> Option<String> {
    let names = snapshot.stale_sources();
    (!names.is_empty()).then(|| {
        format!(
            "Held back: no complete data from {} lately, so alerts that rest on it wait. The \
             operator knows.",
            names.join(", ")
        )
    })
}

async fn alert_lines(snapshot: &Snapshot<'_>, week: Week) -> Result<Vec<AlertLine>, EvaluateError> {
    let zone = &snapshot.settings.company.zone;
    let start = |day: jiff::civil::Date| {
        day.to_zoned(zone.clone()).map_or(snapshot.clock, |midnight| midnight.timestamp())
    };
    let from = start(week.from());
    // Up to the digest's own time: what was found on Monday morning is in it.
    let rows = snapshot.store.alerts_between(from, snapshot.clock).await?;
    // What was said about it last at that time; later figures are another digest's.
    let history = snapshot.store.transitions_between(Timestamp::UNIX_EPOCH, snapshot.clock).await?;
    let begun: BTreeSet<i64> =
        history.iter().filter(|step| step.kind == Kind::Opened.name()).map(|s| s.alert).collect();
    let here_only = snapshot.store.told_by_digest(from, snapshot.clock).await?;
    let said: BTreeMap<i64, Finding> = history
        .iter()
        .filter(|step| step.kind != Kind::Resolved.name())
        .filter_map(|step| Some((step.alert, serde_json::from_str(&step.finding).ok()?)))
        .collect();
    let mut lines = Vec::new();
    for row in rows {
        // What was well again before it was sure never was an alert.
        let Some(finding) = said.get(&row.id).filter(|_| begun.contains(&row.id)) else { continue };
        let since = crate::alerts::message::day(row.since, zone);
        let ended = row.ended.filter(|at| *at <= snapshot.clock);
        let (what, detail) = match ended {
            Some(at) => {
                let day = crate::alerts::message::day(at, zone);
                ("closed", format!("{since} to {day}: {}", row.reason))
            }
            None if row.since >= from => ("opened", format!("since {since}")),
            None => ("open", format!("since {since}")),
        };
        let detail = if here_only.contains(&row.id) {
            format!("{detail}; told here only, the week's messages were used up")
        } else {
            detail
        };
        let detail = match row.state.as_str() {
            "acknowledged" if ended.is_none() => format!("{detail}; {}", row.reason),
            _ => detail,
        };
        lines.push(AlertLine {
            id: row.id,
            what: what.to_owned(),
            summary: finding.summary.clone(),
            detail,
        });
    }
    Ok(lines)
}

/// How much was checked and told: a week without alerts is good only if somebody looked.
async fn watched(snapshot: &Snapshot<'_>, week: Week) -> Result<String, EvaluateError> {
    let zone = &snapshot.settings.company.zone;
    let start = |day: jiff::civil::Date| {
        day.to_zoned(zone.clone()).map_or(snapshot.clock, |midnight| midnight.timestamp())
    };
    let store = snapshot.store;
    let checks = store.checks_between(week.from(), week.to()).await?;
    let sent = store.alert_messages(start(week.from()), start(week.to())).await?;
    let sent: usize = sent.values().sum();
    let messages = if sent == 1 { "message" } else { "messages" };
    let checks = crate::alerts::message::count_text(checks as f64);
    Ok(format!(
        "In the week {checks} checks were made, and {sent} {messages} about alerts went out."
    ))
}

/// Whether a digest built now is late, for a note in front of it.
pub fn late_note(due: Timestamp, now: Timestamp, zone: &jiff::tz::TimeZone) -> Option<String> {
    (now.as_second() - due.as_second() > LATE_SECS).then(|| {
        format!("Late: this digest was due {}.", crate::alerts::message::day_time(due, zone))
    })
}
