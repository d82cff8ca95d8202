//! Mails and positions against what the plan wants of them.

use super::{Snapshot, snapshot::EvaluateError};
use crate::alerts::message::{civil_day, count_text};
use crate::config::plan_file;
use crate::domain::Object;
use crate::pacing::{
    State,
    targets::{TargetRow, emails, position, weekly},
};
use crate::plan::target::Wanted;

/// How every target stands. A plan file that is not in order has none; its problems are told elsewhere.
///
/// # Errors
/// When the store cannot be read.
pub async fn targets(snapshot: &Snapshot<'_>) -> Result<Vec<TargetRow>, EvaluateError> {
    let targets = snapshot.settings.plan.as_deref().map(plan_file::load_targets);
    let targets = targets.and_then(Result::ok).unwrap_or_default();
    let calendar = &snapshot.settings.company.hours;
    let mut rows = Vec::new();
    for target in &targets {
        rows.push(match &target.wanted {
            Wanted::Emails { campaign, .. } => {
                let at = snapshot.data_as_of(&[Object::EmailSend]).unwrap_or(snapshot.clock);
                let wanted = campaign.as_deref().map(|own| snapshot.words.campaign(own));
                let is_wanted = |own: Option<&str>| match wanted {
                    Some(wanted) => own.is_some_and(|own| snapshot.words.campaign(own) == wanted),
                    None => true,
                };
                let sends = snapshot.store.email_sends().await?;
                let sends: Vec<_> = sends
                    .into_iter()
                    .filter(|(own, ..)| is_wanted(own.as_deref()))
                    .map(|(_, at, count)| (at, count))
                    .collect();
                emails(target, &sends, at, calendar)
            }
            Wanted::Position { keyword, .. } => {
                let at = snapshot.data_as_of(&[Object::Ranking]).unwrap_or(snapshot.clock);
                let zone = &calendar.zone;
                let seen = snapshot.store.positions(keyword).await?;
                let seen: Vec<_> = seen
                    .into_iter()
                    .filter(|(moment, ..)| moment.is_seen(at, zone))
                    .map(|(moment, position, times)| (moment.date(zone), position, times))
                    .collect();
                position(target, &weekly(&seen), zone.to_datetime(at).date())
            }
        });
    }
    Ok(rows)
}

/// A target in a sentence.
pub fn sentence(row: &TargetRow) -> String {
    let last = row.period.to.yesterday().unwrap_or(row.period.to);
    let by = civil_day(last);
    let state = row.state.title();
    let (wanted, actual) = (count_text(row.wanted), row.actual);
    match row.by_now {
        Some(by_now) => format!(
            "{}: {} of {wanted} mails by {by}, {} by now: {state}",
            row.name,
            count_text(actual.unwrap_or(0.0)),
            count_text(by_now.ceil()),
        ),
        None => {
            let now = actual.map_or("not known".to_owned(), |now| format!("{now:.1}"));
            let trend = match row.expected {
                Some(expected) if row.state != State::Ahead => {
                    format!(", {expected:.1} then by its trend")
                }
                _ => String::new(),
            };
            format!("{}: position {now}, {wanted} wanted by {by}{trend}: {state}", row.name)
        }
    }
}

/// A target for programs.
pub fn json(row: &TargetRow) -> serde_json::Value {
    serde_json::json!({
        "name": row.name,
        "metric": row.metric,
        "from": row.period.from,
        "to": row.period.to,
        "goal_value": row.wanted,
        "plan_to_date": row.by_now,
        "actual": row.actual,
        "expected": row.expected,
        "state": row.state,
    })
}
