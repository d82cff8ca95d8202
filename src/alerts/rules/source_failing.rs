//! A source's last syncs did not read everything, while its data is not too old yet.

use super::{draft, line, own_record, source_stale::stale_sources};
use crate::alerts::message::day_time;
use crate::alerts::{Audience, Context, Finding, Status};

/// The rule's name.
pub const NAME: &str = "source_failing";

/// One finding for each source. How many syncs must fail in a row is the rule's patience.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.source_failing.enabled {
        return Vec::new();
    }
    let stale = stale_sources(context);
    let mut findings = Vec::new();
    for (name, source) in context.sources {
        let scope = format!("source:{name}");
        let mut finding = draft(NAME, scope.clone(), scope, Audience::Operator);
        let error = source.last_error.as_ref().map(|error| error.replace('\n', ";"));
        finding.status = match &error {
            // A source that is stale is told as that: the cause mutes its effect.
            Some(_) if stale.contains(name) => Status::Holding,
            Some(_) => Status::Breach(1),
            None => Status::Clear,
        };
        finding.value = f64::from(u8::from(error.is_some()));
        finding.threshold = 1.0;
        finding.summary = match &error {
            Some(_) => format!(
                "Source {name} is not read completely any more: 1 source of {}",
                context.sources.len()
            ),
            None => format!("Source {name} is read completely again"),
        };
        finding.task = format!("source {name} fails");
        finding.lines.extend(error.map(|error| line("Why", error)));
        if let Some(at) = source.complete_to {
            finding
                .lines
                .push(line("Complete", format!("to {}", day_time(at, &context.calendar.zone))));
        }
        finding.lines.push(line("Owner", "the operator"));
        let step = format!("today: run `paceline check`, and mend {}", source.place);
        finding.lines.push(line("Next step", step));
        finding.records = vec![own_record("source", name)];
        finding.records_total = 1;
        findings.push(finding);
    }
    findings
}
