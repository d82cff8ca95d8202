//! What marketing owes each month: the month that is over brought fewer qualified opportunities than the plan
//! has for it, by more than chance.

use jiff::{ToSpan, civil::Date};

use super::{audience, deal_refs, draft, line};
use crate::alerts::message::{civil_day, count_text, percent};
use crate::alerts::{Context, Finding, Status};
use crate::domain::{number::to_f64, period::Period, scope::Names, stage::Metric};
use crate::pacing::{PaceRow, actual::Actuals, counts::Law};
use crate::plan::GoalPlan;

/// The rule's name.
pub const NAME: &str = "month_missed";
/// So many months that run to plan look so short by chance.
const CHANCE: f64 = 0.05;

/// One finding for each whole goal whose opportunities were owed in the last month.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.month_missed.enabled {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for plan in context.plans.iter().filter(|plan| plan.goal.part_of.is_none()) {
        let own =
            |row: &&PaceRow| row.goal == plan.goal.name && row.metric == Metric::Opportunities;
        findings.extend(context.pace.iter().find(own).and_then(|row| finding(context, plan, row)));
    }
    findings
}

fn finding(context: &Context<'_>, plan: &GoalPlan, row: &PaceRow) -> Option<Finding> {
    let calendar = context.calendar;
    let today = calendar.zone.to_datetime(row.at).date();
    let end = today.first_of_month();
    let month = Period {
        from: end.saturating_sub(1.month()).max(row.period.from),
        to: end.min(row.period.to),
    };
    (month.from < month.to).then_some(())?;
    let curve = plan.curves.get(&row.metric)?;
    let share = |day: Date| {
        let midnight = day.to_zoned(calendar.zone.clone()).ok()?.timestamp();
        Some(curve.share_at(midnight, calendar))
    };
    let owed = to_f64(row.goal_value) * (share(month.to)? - share(month.from)?);
    (owed > 0.0).then_some(())?;
    let actuals = Actuals {
        facts: context.facts,
        calendar,
        currency: context.currency,
        names: Names { words: context.words, teams: context.teams },
        scope: row.scope.as_ref(),
    };
    let records = actuals.records(row.metric, month, row.at);
    let brought = records.len() as f64;
    let chance = at_most(brought, owed, row.judgement.dispersion);
    let name = jiff::fmt::strtime::format("%B", month.from).unwrap_or_default();
    let scope = format!("goal:{}/{:04}-{:02}", row.goal, month.from.year(), month.from.month());
    let group = format!("goal:{}", row.goal);
    let mut finding = draft(NAME, scope, group, audience(plan.goal.team.as_ref()));
    finding.status = match chance {
        chance if brought < owed && chance < CHANCE => Status::Breach(1),
        _ if brought >= owed => Status::Clear,
        _ => Status::Holding,
    };
    (finding.value, finding.threshold) = (brought, owed);
    finding.summary = format!(
        "{name} brought {} of the {} opportunities that were owed, {} ({})",
        count_text(brought),
        count_text(owed.round()),
        row.goal,
        percent(brought / owed)
    );
    finding.task =
        format!("{name}: {} of {} opportunities", count_text(brought), count_text(owed.round()));
    finding.act_by = civil_day(row.period.to.yesterday().unwrap_or(row.period.to));
    finding.lines = vec![
        line(
            "Chance",
            format!("of months that run to plan, {} look so short", percent(chance.max(0.001))),
        ),
        line("Owner", finding.owner.clone()),
        line(
            "Next step",
            "this week: see which channels fell short, and what the next month brings",
        ),
    ];
    finding.records = deal_refs(&records);
    finding.records_total = records.len();
    // The month does not come back.
    finding.quiet_end = true;
    finding.rests_on = (context.sources_of)(row.metric.stage());
    Some(finding)
}

/// The probability of at most so many where `mean` are expected.
fn at_most(count: f64, mean: f64, dispersion: f64) -> f64 {
    let unit = Law::unit(mean, dispersion);
    let law = Law::of_count(mean, dispersion, unit);
    let last = (count / unit).floor() as i64;
    let below = law.mass.iter().zip(law.first..).take_while(|(_, k)| *k <= last);
    below.map(|(mass, _)| mass).sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_few_by_chance_is_what_tables_say() {
        // Poisson of mean 10: P(N <= 4) = 0.0292527.
        assert!((at_most(4.0, 10.0, 1.0) - 0.029_252_7).abs() < 1e-6);
        assert!(at_most(4.0, 10.0, 2.0) > 0.05, "counts that vary more say less");
        assert!((at_most(1_000.0, 1_000.0, 1.0) - 0.5).abs() < 0.02);
    }
}
