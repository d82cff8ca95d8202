//! Somebody mailed a person who had opted out.

use super::{NAMED_MAX, draft, line};
use crate::alerts::message::day_time;
use crate::alerts::{Audience, Context, Finding, MailedOptedOut, RECORDS_MAX, Status};
use crate::domain::notice::RecordRef;

/// The rule's name.
pub const NAME: &str = "mailed_after_opt_out";
/// Mails of so many days are looked at.
pub const DAYS: i64 = 30;

/// One finding for the company: whoever answers for consent is no team of sales.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    let Some(rows) = context.mailed_opted_out else { return Vec::new() };
    let count = rows.len();
    let mut finding = draft(NAME, "company".into(), "consent".into(), Audience::Operator);
    if count > 0 {
        finding.status = Status::Breach(1);
    }
    (finding.value, finding.threshold) = (count as f64, 1.0);
    finding.summary = match count {
        0 => "Nobody who opted out was mailed".into(),
        1 => "A mail went to somebody who had opted out".into(),
        n => format!("{n} mails went to people who had opted out"),
    };
    finding.task = finding.summary.clone();
    finding.owner = "whoever answers for consent".into();
    // The newest first: what is told again is about these.
    let mut newest: Vec<&MailedOptedOut> = rows.iter().collect();
    newest.sort_by_key(|row| std::cmp::Reverse(row.at));
    for row in newest.iter().take(NAMED_MAX) {
        let by = row.owner.as_deref().map_or("nobody", |owner| context.facts.owner_name(owner));
        let zone = &context.calendar.zone;
        let at = day_time(row.at, zone);
        let out = day_time(row.opted_out_at, zone);
        finding.lines.push(line(&row.lead.id, format!("mailed by {by} on {at}, out since {out}")));
    }
    if count > NAMED_MAX {
        finding.lines.push(line("", format!("and {} more", count - NAMED_MAX)));
    }
    finding.lines.push(line("Owner", finding.owner.clone()));
    finding.lines.push(line(
        "Next step",
        "today: stop the mails to each, and find out which list or sequence still has them",
    ));
    // Each mail is news, also the second one to the same person.
    let reference = |row: &&MailedOptedOut| RecordRef {
        source: row.lead.source.clone(),
        object: "activity".into(),
        id: row.mail.clone(),
        url: None,
    };
    finding.records = newest.iter().take(RECORDS_MAX).map(reference).collect();
    finding.records_total = count;
    finding.tells_new_records = true;
    finding.rests_on = rows.iter().map(|row| row.lead.source.clone()).collect();
    vec![finding]
}
