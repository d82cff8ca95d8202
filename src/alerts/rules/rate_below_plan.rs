//! A measured rate is below the planned one. One look for each cohort, at its maturity.

use jiff::{ToSpan, civil::Date};

use super::steps_reached;
use crate::alerts::message::{civil_day, percent};
use crate::alerts::{Audience, Context, Finding, RateCheck, Severity, Status};

/// The rule's name.
pub const NAME: &str = "rate_below_plan";

/// One finding for each planned rate that can be measured.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.rate_below_plan.enabled {
        return Vec::new();
    }
    context.rates.iter().map(|check| finding(context, check)).collect()
}

/// `interface.md`: the window was reached, at least 20 entrants and half of the cohort are mature,
/// and `high` is below the plan.
pub fn is_below(check: &RateCheck, minimum_entrants: u64, minimum_mature_share: f64) -> bool {
    let row = &check.row;
    let mature_share = row.matured as f64 / row.entered.max(1) as f64;
    row.window_reached == Some(true)
        && row.matured >= minimum_entrants
        && mature_share >= minimum_mature_share
        && row.high.is_some_and(|high| high < check.planned)
}

/// The day on which the quarter after the cohort has grown up.
fn next_look(check: &RateCheck) -> Date {
    check.cohort.to.saturating_add(3.months()).saturating_add(check.window_days.days())
}

fn finding(context: &Context<'_>, check: &RateCheck) -> Finding {
    let settings = &context.settings.rate_below_plan;
    let rate = check.row.rate.unwrap_or(0.0);
    let below = is_below(check, settings.minimum_entrants, settings.minimum_mature_share);
    let status = match steps_reached(1.0 - rate / check.planned, &settings.steps) {
        level if below && level > 0 => Status::Breach(level),
        _ if rate >= check.planned => Status::Clear,
        _ if below => Status::Holding,
        _ => Status::Clear,
    };
    let (stage, _) = check.pair.stages();
    let title = check.pair.title();
    let owner = check.team.clone().unwrap_or_else(|| "every team".into());
    Finding {
        rule: NAME.into(),
        scope: format!("goal:{}/{}", check.goal, check.pair.key()),
        status,
        severity: Severity::Warning,
        audience: check.team.clone().map_or(Audience::EveryTeam, Audience::Team),
        group: format!("goal:{}", check.goal),
        value: rate,
        threshold: check.planned,
        summary: format!(
            "{} plan: {title}, {}: {} of {}, planned {}",
            if below { "Below" } else { "Not below" },
            check.goal,
            percent(rate),
            check.row.entered,
            percent(check.planned)
        ),
        task: format!(
            "{title} of {} where {} is planned (n = {})",
            percent(rate),
            percent(check.planned),
            check.row.entered
        ),
        owner: owner.clone(),
        act_by: civil_day(next_look(check)),
        worth: String::new(),
        lines: lines(check, owner),
        records: check.records.clone(),
        records_total: check.records_total,
        tells_new_records: false,
        quiet_end: false,
        rests_on: (context.sources_of)(stage)
            .into_iter()
            .chain((context.sources_of)(check.pair.stages().1))
            .collect(),
    }
}

fn lines(check: &RateCheck, owner: String) -> Vec<(String, String)> {
    let rate = check.row.rate.unwrap_or(0.0);
    let (low, high) = (check.row.low.unwrap_or(0.0), check.row.high.unwrap_or(1.0));
    let (from, to) = (check.cohort.from, check.cohort.to.yesterday().unwrap_or(check.cohort.to));
    let (stage, _) = check.pair.stages();
    let missed = ((check.planned - rate) * check.row.entered as f64).max(0.0).round();
    vec![
        (
            "Measured".into(),
            format!(
                "{} (95 %: {} to {}) within {} days, {stage} entries {} to {}",
                percent(rate),
                percent(low),
                percent(high),
                check.window_days,
                civil_day(from),
                civil_day(to)
            ),
        ),
        ("Costs".into(), format!("about {missed} conversions of that cohort")),
        ("Since".into(), format!("the cohort of {}, now fully grown", civil_day(from))),
        ("Owner".into(), owner),
        (
            "Next step".into(),
            format!(
                "before the next look on {}: see the records that did not convert, then mend \
                 the cause or plan with the measured rate",
                civil_day(next_look(check))
            ),
        ),
    ]
}
