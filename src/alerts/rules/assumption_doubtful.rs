//! A plan rests on what the company's own past contradicts, or what it never reached.

use super::{audience, draft, line, own_record};
use crate::alerts::message::civil_day;
use crate::alerts::{Context, Doubt, Finding, Status};
use crate::rates::assumed::Verdict;

/// The rule's name.
pub const NAME: &str = "assumption_doubtful";

/// One finding for each assumption that can be held against the past.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.assumption_doubtful.enabled {
        return Vec::new();
    }
    context.doubts.iter().map(|doubt| finding(context, doubt)).collect()
}

fn finding(context: &Context<'_>, doubt: &Doubt) -> Finding {
    let scope = format!("goal:{}/{}", doubt.goal, doubt.key);
    let mut finding =
        draft(NAME, scope, format!("goal:{}", doubt.goal), audience(doubt.team.as_ref()));
    finding.status = match doubt.verdict {
        verdict if verdict.is_doubtful() => Status::Breach(1),
        // Where too little is known any more, nothing is taken back.
        Verdict::NotDecidable => Status::Holding,
        _ => Status::Clear,
    };
    (finding.value, finding.threshold) = (doubt.measured.unwrap_or(0.0), doubt.planned);
    finding.summary = format!("{}, {}", doubt.sentence, doubt.goal);
    finding.task = format!("the plan assumes {}", doubt.sentence);
    let today = context.calendar.zone.to_datetime(context.clock).date();
    let begins = if doubt.starts > today { doubt.starts } else { doubt.ends };
    finding.act_by = civil_day(begins);
    let when = if doubt.starts > today {
        format!("until {}, when the goal begins", civil_day(doubt.starts))
    } else {
        "the goal runs already: what it asks of the stages before is too little".into()
    };
    finding.lines = vec![
        line("Planned", doubt.sentence.clone()),
        line("In time", when),
        line("Owner", finding.owner.clone()),
        line(
            "Next step",
            "this week: see `paceline plan --propose`, then change the plan, or agree on what will \
             be done otherwise than before",
        ),
    ];
    finding.records = vec![own_record("goal", &doubt.goal)];
    finding.records_total = 1;
    finding
}
