//! The flow of qualified opportunities dries up, and not because leads got worse: the criteria are too tight.

use super::{draft, line};
use crate::alerts::{Audience, Context, Finding, Status};
use crate::domain::Stage;

/// The rule's name.
pub const NAME: &str = "criteria_too_tight";

/// One finding for the company, by the shares of the last quarters that are wholly grown.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    let Some(judged) = context.criteria.filter(|_| context.settings.criteria_too_tight.enabled)
    else {
        return Vec::new();
    };
    let mut finding = draft(NAME, "company".into(), "criteria".into(), Audience::EveryTeam);
    finding.status = match judged.is_too_tight {
        Some(true) => Status::Breach(1),
        Some(false) => Status::Clear,
        None => Status::Holding,
    };
    (finding.value, finding.threshold) = (judged.passed_lately, judged.passed_before);
    finding.summary = "Fewer leads pass as opportunities, and more of these are won".into();
    finding.task = "the criteria of an opportunity may be too tight".into();
    finding.lines = judged.says.iter().map(|text| line("", text.clone())).collect();
    finding.lines.push(line("Owner", "marketing and sales together"));
    finding.lines.push(line(
        "Next step",
        "this week: look at what was turned away, and agree on what should have passed",
    ));
    let stages = [Stage::Lead, Stage::Opportunity];
    finding.rests_on = stages.into_iter().flat_map(context.sources_of).collect();
    vec![finding]
}
