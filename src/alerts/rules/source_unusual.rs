//! Far more records than usual on one day (an import is a restatement, and no performance), or none where
//! there are some each day.

use jiff::{ToSpan, civil::Date};

use super::{draft, line, own_record};
use crate::alerts::message::{civil_day, count_text};
use crate::alerts::{Audience, Context, Finding, Severity, Status};
use crate::domain::{
    period::Period,
    scope::Names,
    stage::{Metric, Stage},
};
use crate::pacing::actual::Actuals;

/// The rule's name.
pub const NAME: &str = "source_unusual";
/// Business days that say what is usual.
const USUAL_DAYS: usize = 20;
/// Calendar days in which they are looked for.
const LOOK_BACK_DAYS: i64 = 60;
/// Fewer records on a usual day than this may be none on another.
const PER_DAY_MIN: f64 = 5.0;

/// A finding for leads and one for opportunities, by the days on which they came in.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.source_unusual.enabled {
        return Vec::new();
    }
    let metrics = [(Metric::Leads, Stage::Lead), (Metric::Opportunities, Stage::Opportunity)];
    metrics.into_iter().filter_map(|(metric, stage)| finding(context, metric, stage)).collect()
}

fn finding(context: &Context<'_>, metric: Metric, stage: Stage) -> Option<Finding> {
    let settings = &context.settings.source_unusual;
    let sources = (context.sources_of)(stage);
    let complete = sources.iter().map(|name| context.sources.get(name)?.complete_to);
    let complete = complete.collect::<Option<Vec<_>>>()?.into_iter().min()?.min(context.clock);
    let today = context.calendar.zone.to_datetime(complete).date();
    let from = today.saturating_sub(LOOK_BACK_DAYS.days());
    let actuals = Actuals {
        facts: context.facts,
        calendar: context.calendar,
        currency: context.currency,
        names: Names { words: context.words, teams: context.teams },
        scope: None,
    };
    let period = Period { from, to: today.tomorrow().ok()? };
    let days = actuals.by_day(metric, period, complete, context.plans.first()?);
    let count = |day: &Date| days.get(day).copied().unwrap_or(0.0);
    // The last two days may be the flood, and the newest ones may be empty.
    let newest: Vec<Date> = context.calendar.business_days(from, today).collect();
    let end = newest.len().saturating_sub(settings.empty_days.max(1));
    let usual = &newest[end.saturating_sub(USUAL_DAYS)..end];
    let flood_day = [today, today.yesterday().ok()?]
        .into_iter()
        .max_by(|a, b| count(a).total_cmp(&count(b)))?;
    let mean = usual.iter().map(count).sum::<f64>() / usual.len().max(1) as f64;
    let flood = count(&flood_day);
    let empty = newest[end..].iter().all(|day| count(day) == 0.0);
    let name = metric.name();
    let mut finding = draft(NAME, format!("records:{name}"), NAME.into(), Audience::Operator);
    finding.severity = Severity::Warning;
    let is_flood =
        flood >= settings.flood_count as f64 && flood >= mean * settings.flood_times as f64;
    let enough = usual.len() >= USUAL_DAYS;
    finding.status = match () {
        () if !enough => Status::Holding,
        () if is_flood || (empty && mean >= PER_DAY_MIN) => Status::Breach(1),
        () => Status::Clear,
    };
    (finding.value, finding.threshold) = (flood, mean * settings.flood_times as f64);
    let usually = format!("usually {} a business day", count_text(mean));
    finding.summary = match () {
        () if is_flood => {
            format!("{} {name} on {}, {usually}", count_text(flood), civil_day(flood_day))
        }
        () if empty => {
            format!("No {name} in the last {} business days, {usually}", settings.empty_days)
        }
        () => format!("{name} come in as usual, {} on {}", count_text(flood), civil_day(flood_day)),
    };
    finding.task = finding.summary.clone();
    let meaning = if is_flood {
        "an import or a robot: until it is looked at, pace that rests on these is no performance"
    } else {
        "a form, a filter or a permission may be broken: the source answers, and gives nothing"
    };
    finding.lines = vec![
        line("Means", meaning),
        line("Owner", "the operator"),
        line("Next step", "today: look at the newest records in the source"),
    ];
    finding.records = sources.iter().map(|name| own_record("source", name)).collect();
    finding.records_total = finding.records.len();
    finding.rests_on = sources;
    Some(finding)
}
