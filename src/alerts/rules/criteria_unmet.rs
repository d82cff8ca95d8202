//! Opportunities were handed to sales that do not meet the agreed criteria.

use std::collections::{BTreeMap, BTreeSet};

use super::{NAMED_MAX, draft, hand_off_ref, line};
use crate::alerts::{Audience, Context, Finding, RECORDS_MAX, Status};
use crate::domain::RecordKey;
use crate::handoff::{Decision, HandOff, Verdict};

/// The rule's name.
pub const NAME: &str = "criteria_unmet";

/// One finding for the company; none where no criteria are agreed.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    let new = |row: &&HandOff| row.handed_off_at >= context.alerts_since && !row.deleted;
    let rows: Vec<&HandOff> = context.ledger.rows.iter().filter(new).collect();
    let agreed = context.ledger.rows.iter().any(|row| row.audit.is_some());
    if !context.settings.criteria_unmet.enabled || !agreed {
        return Vec::new();
    }
    // What was given back, came back, was closed or excused, or what sales took on all the same, is nobody's task.
    let last: BTreeMap<&RecordKey, i64> =
        rows.iter().map(|row| (&row.opportunity, row.sequence)).collect();
    let pool = &context.ledger.pool.members;
    let pool: BTreeSet<&RecordKey> = pool.iter().map(|member| &member.opportunity).collect();
    let in_pool = |row: &&HandOff| {
        let taken = matches!(row.decided.decision, Decision::Accepted | Decision::AcceptedLate);
        row.audit.as_ref().is_some_and(|audit| audit.met() == Some(false))
            && !row.is_given_back()
            && !taken
            && row.verdict != Verdict::Excused
            && pool.contains(&row.opportunity)
            && last.get(&row.opportunity) == Some(&row.sequence)
    };
    let unmet: Vec<&HandOff> = rows.iter().copied().filter(in_pool).collect();
    let count = unmet.len();
    let mut finding = draft(NAME, "company".into(), "criteria".into(), Audience::EveryTeam);
    if count > 0 {
        finding.status = Status::Breach(1);
    }
    (finding.value, finding.threshold) = (count as f64, 1.0);
    let do_not = if count == 1 { "hand-off does not" } else { "hand-offs do not" };
    finding.summary = match count {
        0 => "Every hand-off meets the agreed criteria".into(),
        n => format!("{n} {do_not} meet the agreed criteria"),
    };
    finding.task = finding.summary.clone();
    for row in unmet.iter().rev().take(NAMED_MAX) {
        let failed = row.audit.as_ref().map(|audit| audit.failed.join("; ")).unwrap_or_default();
        finding.lines.push(line(&row.opportunity.id, format!("not met: {failed}")));
    }
    if count > NAMED_MAX {
        finding.lines.push(line("", format!("and {} more", count - NAMED_MAX)));
    }
    finding.lines.push(line("Owner", "marketing, with sales"));
    finding.lines.push(line(
        "Next step",
        "give each back with its reason, fill in what is missing, or accept it all the same",
    ));
    finding.records = unmet.iter().rev().take(RECORDS_MAX).map(|row| hand_off_ref(row)).collect();
    finding.records_total = count;
    finding.tells_new_records = true;
    finding.quiet_end = true;
    finding.rests_on = unmet.iter().map(|row| row.opportunity.source.clone()).collect();
    vec![finding]
}
