//! Mails that were not sent, and positions that were not reached, against what the plan wants of them.

use jiff::civil::Date;

use super::{draft, line, own_record};
use crate::alerts::message::{civil_day, count_text};
use crate::alerts::{Audience, Context, Finding, Status};
use crate::pacing::{State, targets::TargetRow};

/// The rule's name.
pub const NAME: &str = "target_behind";
/// Fewer mails than this share of what is due by now are behind.
const MAILS_SHARE: f64 = 0.9;

/// One finding for each target of the plan.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.target_behind.enabled {
        return Vec::new();
    }
    let today = context.calendar.zone.to_datetime(context.clock).date();
    context.targets.iter().map(|row| finding(row, today)).collect()
}

fn status(row: &TargetRow, today: Date) -> Status {
    if today >= row.period.to {
        return Status::Ended("its days are over".into());
    }
    let sent = row.by_now.filter(|due| *due > 0.0).map(|due| row.actual.unwrap_or(0.0) / due);
    match (row.state, sent) {
        (State::Behind, _) => Status::Breach(2),
        (State::AtRisk, Some(share)) if share >= MAILS_SHARE => Status::Holding,
        (State::AtRisk, _) => Status::Breach(1),
        (State::OnTrack | State::Ahead, _) => Status::Clear,
        (State::Undecided, _) => Status::Holding,
    }
}

fn finding(row: &TargetRow, today: Date) -> Finding {
    let scope = format!("target:{}", row.name);
    let mut finding = draft(NAME, scope.clone(), scope, Audience::EveryTeam);
    let last = row.period.to.yesterday().unwrap_or(row.period.to);
    let now = match row.by_now {
        Some(by_now) => format!(
            "{} of the {} mails due by now",
            count_text(row.actual.unwrap_or(0.0)),
            count_text(by_now.ceil())
        ),
        None => match (row.actual, row.expected) {
            (Some(now), Some(then)) => {
                format!("position {now:.1}, by its trend {then:.1} on {}", civil_day(last))
            }
            (Some(now), None) => format!("position {now:.1}"),
            _ => "no position known".into(),
        },
    };
    finding.status = status(row, today);
    finding.value = row.actual.unwrap_or(0.0);
    finding.threshold = row.by_now.unwrap_or(row.wanted);
    finding.summary = format!("Target {}: {now}", row.name);
    finding.task = format!("{}: {now}", row.name);
    finding.act_by = civil_day(last);
    finding.lines = vec![
        line("Wanted", format!("{} by {}", count_text(row.wanted), civil_day(last))),
        line("Owner", finding.owner.clone()),
        line("Next step", "this week: agree who brings what is missing, or change the target"),
    ];
    finding.records = vec![own_record("target", &row.name)];
    finding.records_total = 1;
    finding
}
