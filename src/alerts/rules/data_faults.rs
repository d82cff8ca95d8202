//! A source delivers many records that cannot be counted as they are.

use super::{draft, line, own_record, steps_reached};
use crate::alerts::{Audience, Context, Finding, Status};

/// The rule's name.
pub const NAME: &str = "data_faults";

/// One finding for each source.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    let settings = &context.settings.data_faults;
    if !settings.enabled {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for name in context.sources.keys() {
        let count = context.faults.get(name).copied().unwrap_or(0);
        let scope = format!("source:{name}");
        let mut finding = draft(NAME, scope.clone(), scope, Audience::Operator);
        finding.status = match steps_reached(count as f64, &settings.steps) {
            0 => Status::Clear,
            level => Status::Breach(level),
        };
        (finding.value, finding.threshold) = (count as f64, settings.steps[0]);
        finding.summary = format!("{count} records of source {name} have faults");
        finding.task = format!("{count} records of source {name} have faults");
        finding.lines = vec![
            line("Owner", "the operator"),
            line("Next step", "this week: `paceline faults` lists them, each with what is wrong"),
        ];
        finding.records = vec![own_record("source", name)];
        finding.records_total = 1;
        findings.push(finding);
    }
    findings
}
