//! What is said of hand-offs beyond their first touch: a sentence of each thing that is known.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    decision::Decision,
    ledger::HandOff,
    nurture::{Member, Pool},
};

/// Acceptance, criteria and late entries.
pub fn sentences(rows: &[&HandOff]) -> Vec<String> {
    [acceptance(rows), criteria(rows), entries(rows)].into_iter().flatten().collect()
}

fn count(rows: &[&HandOff], is: impl Fn(&HandOff) -> bool) -> usize {
    rows.iter().filter(|row| is(row)).count()
}

fn acceptance(rows: &[&HandOff]) -> Option<String> {
    let mut decisions: BTreeMap<Decision, usize> = BTreeMap::new();
    rows.iter().for_each(|row| *decisions.entry(row.decided.decision).or_default() += 1);
    decisions.keys().find(|decision| **decision != Decision::NotKnown)?;
    let parts: Vec<String> =
        decisions.iter().map(|(decision, count)| format!("{count} {}", decision.title())).collect();
    let unsaid =
        count(rows, |row| row.decided.decision.is_rejection() && row.decided.reason.is_none());
    let unsaid = match unsaid {
        0 => String::new(),
        1 => " 1 was given back without a reason.".into(),
        n => format!(" {n} were given back without a reason."),
    };
    Some(format!("Acceptance: {}.{unsaid}", parts.join(", ")))
}

fn criteria(rows: &[&HandOff]) -> Option<String> {
    let met = |row: &HandOff| row.audit.as_ref().and_then(|audit| audit.met());
    let audited = count(rows, |row| row.audit.is_some());
    let (yes, no) =
        (count(rows, |row| met(row) == Some(true)), count(rows, |row| met(row) == Some(false)));
    (audited > 0).then(|| {
        let unknown = match audited - yes - no {
            0 => String::new(),
            n => format!(", of {n} that is not known"),
        };
        format!("Criteria: {yes} of {audited} meet them, {no} do not{unknown}.")
    })
}

fn entries(rows: &[&HandOff]) -> Option<String> {
    match count(rows, |row| row.backdated) {
        0 => None,
        1 => Some("1 first touch was entered after the time was up, as one before it.".into()),
        n => Some(format!(
            "{n} first touches were entered after the time was up, as ones before it."
        )),
    }
}

/// The pool; nothing where there never was one.
pub fn pool_sentence(pool: &Pool, clock: Timestamp) -> Option<String> {
    if pool.entered == 0 {
        return None;
    }
    let of = |is: &dyn Fn(&Member) -> bool| pool.members.iter().filter(|one| is(one)).count();
    let who = match pool.median_age_days(clock) {
        None => String::new(),
        Some(days) => format!(
            ", half of them for {days} {} or less. {} may be mailed, {} may not, of {} that is not known; \
             {} are in a programme",
            if days == 1 { "day" } else { "days" },
            of(&|one| one.opt_in == Some(true)),
            of(&|one| one.opt_in == Some(false)),
            of(&|one| one.opt_in.is_none()),
            of(&|one| one.programme.is_some())
        ),
    };
    Some(format!(
        "Nurture pool: {}{who}. Of {} that ever were in it {} came back and {} were won.",
        pool.members.len(),
        pool.entered,
        pool.came_back,
        pool.won
    ))
}
