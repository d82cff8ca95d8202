//! A source has not been read completely for too long. The operator hears of it, and whatever rests
//! on it is held back.

use std::collections::BTreeSet;

use super::steps_reached;
use crate::alerts::message::{day_time, span_text};
use crate::alerts::{Audience, Context, Finding, Severity, SourceView, Status};
use crate::domain::{calendar::seconds_between, notice::RecordRef};

/// The rule's name.
pub const NAME: &str = "source_stale";

/// How old a source's data is, in seconds; none when it was never read completely. What the vendor may still
/// restate is not complete, and no older for that.
fn age_secs(context: &Context<'_>, source: &SourceView) -> Option<i64> {
    source.complete_to.map(|at| (seconds_between(at, context.clock) - source.lag_secs).max(0))
}

/// The sources that are too old to rest on, whether or not the rule is switched on.
pub fn stale_sources(context: &Context<'_>) -> BTreeSet<String> {
    let after = context.settings.source_stale.after_secs;
    context
        .sources
        .iter()
        .filter(|(_, source)| age_secs(context, source).is_none_or(|age| age > after))
        .map(|(name, _)| name.clone())
        .collect()
}

/// One finding for each source.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    let settings = &context.settings.source_stale;
    if !settings.enabled {
        return Vec::new();
    }
    context.sources.iter().map(|(name, source)| finding(context, name, source)).collect()
}

fn finding(context: &Context<'_>, name: &str, source: &SourceView) -> Finding {
    let settings = &context.settings.source_stale;
    let age = age_secs(context, source);
    // A source that was never read is as late as it can be at the first step.
    let multiple = age.map_or(1.0, |age| age as f64 / settings.after_secs as f64);
    let late = age.is_none_or(|age| age > settings.after_secs);
    let status = match (late, source.tried) {
        (true, true) => Status::Breach(steps_reached(multiple, &settings.steps).max(1)),
        (true, false) => Status::Holding,
        (false, _) => Status::Clear,
    };
    let complete =
        source.complete_to.map_or("never".to_owned(), |at| day_time(at, &context.calendar.zone));
    let last_error = source.last_error.as_ref().map(|error| error.replace('\n', ";"));
    let cause = last_error.unwrap_or_else(|| {
        "every sync went well, but its files reach no further (see `complete_to`)".into()
    });
    let summary = match age {
        Some(age) => format!("No complete data from source {name} for {}", span_text(age)),
        None => format!("Source {name} has never been read completely"),
    };
    Finding {
        rule: NAME.into(),
        scope: format!("source:{name}"),
        status,
        severity: Severity::Critical,
        audience: Audience::Operator,
        group: format!("source:{name}"),
        value: age.map_or(f64::from(u32::MAX), |age| age as f64 / 3_600.0),
        threshold: settings.after_secs as f64 / 3_600.0,
        summary,
        task: format!("source {name} is not read completely"),
        owner: "the operator".into(),
        act_by: "today".into(),
        worth: String::new(),
        lines: vec![
            (
                "Since".into(),
                format!("complete to {complete}; alarm after {}", span_text(settings.after_secs)),
            ),
            ("Why".into(), cause),
            (
                "Held back".into(),
                "nothing is said about pace, rates and follow-up that rest on it".into(),
            ),
            ("Owner".into(), "the operator".into()),
            (
                "Next step".into(),
                format!(
                    "today: run `paceline check`, mend {}, then `paceline sync --source {name}`",
                    source.place
                ),
            ),
        ],
        records: vec![RecordRef {
            source: name.to_owned(),
            object: "source".into(),
            id: name.to_owned(),
            url: None,
        }],
        records_total: 1,
        tells_new_records: false,
        quiet_end: false,
        rests_on: BTreeSet::new(),
    }
}
