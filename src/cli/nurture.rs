//! What `paceline followups` says beyond the first touch, and the nurture pool.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::output::{COLUMNS, Table};
use crate::domain::notice::wrap;
use crate::evaluate::Snapshot;
use crate::handoff::{Decision, HandOff, Ledger, Pool};

/// Acceptance, next steps, criteria, late entries and the pool, each a sentence where it is known.
pub fn beyond(snapshot: &Snapshot<'_>, ledger: &Ledger) -> String {
    let rows = &ledger.rows;
    let count = |is: &dyn Fn(&HandOff) -> bool| rows.iter().filter(|row| is(row)).count();
    let mut sentences = Vec::new();
    let mut decisions: BTreeMap<Decision, usize> = BTreeMap::new();
    rows.iter().for_each(|row| *decisions.entry(row.decided.decision).or_default() += 1);
    if decisions.keys().any(|decision| *decision != Decision::NotKnown) {
        let parts = decisions.iter().map(|(d, count)| format!("{count} {}", d.title()));
        let silent =
            count(&|row| row.decided.decision.is_rejection() && row.decided.reason.is_none());
        let silent = match silent {
            0 => String::new(),
            n => format!(" {n} were given back without a reason."),
        };
        sentences.push(format!("Acceptance: {}.{silent}", parts.collect::<Vec<_>>().join(", ")));
    }
    let audited = count(&|row| row.audit.is_some());
    if audited > 0 {
        let met = count(&|row| row.audit.as_ref().and_then(|audit| audit.met()) == Some(true));
        let unmet = count(&|row| row.audit.as_ref().and_then(|audit| audit.met()) == Some(false));
        sentences.push(format!(
            "Criteria: {met} of {audited} hand-offs meet them, {unmet} do not, of {} that is not known.",
            audited - met - unmet
        ));
    }
    let entered = count(&|row| row.backdated);
    if entered > 0 {
        sentences.push(format!(
            "{entered} first touches say that they were in time and were entered after it (`backdated`)."
        ));
    }
    for count in &snapshot.counts {
        let day = snapshot.settings.company.zone.to_datetime(count.at).date();
        sentences.push(match count.there == count.here {
            true => format!("Counted on {day}: {} opportunities at {} and here.", count.here, count.source),
            false => format!(
                "Counted on {day}: {} opportunities at {}, {} here; `paceline sync --full` compares them.",
                count.there, count.source, count.here
            ),
        });
    }
    let mut text = String::new();
    sentences.iter().for_each(|sentence| wrap(&mut text, "", sentence, COLUMNS));
    if ledger.pool.entered > 0 {
        text.push_str(&sentence(&ledger.pool, snapshot.clock));
    }
    text
}

/// The pool in a sentence.
pub fn sentence(pool: &Pool, clock: Timestamp) -> String {
    let mut text = String::new();
    let age = match pool.median_age_days(clock) {
        Some(days) => format!(", half of them for {days} days or less"),
        None => String::new(),
    };
    let [yes, no, unknown] = opt_in(pool);
    let programme = pool.members.iter().filter(|member| member.programme.is_some()).count();
    let who = match pool.members.len() {
        0 => String::new(),
        _ => format!(
            " {yes} may be mailed, {no} may not, of {unknown} that is not known; {programme} are in a \
             programme."
        ),
    };
    let sentence = format!(
        "Nurture pool: {}{age}.{who} Of {} that ever were in it {} were handed off again, {} were won.",
        pool.members.len(),
        pool.entered,
        pool.came_back,
        pool.won
    );
    wrap(&mut text, "", &sentence, COLUMNS);
    text
}

/// How many may be mailed, may not, and are not known.
fn opt_in(pool: &Pool) -> [usize; 3] {
    let count = |state| pool.members.iter().filter(|member| member.opt_in == state).count();
    [count(Some(true)), count(Some(false)), count(None)]
}

/// The pool as JSON.
pub fn document(pool: &Pool, clock: Timestamp) -> Value {
    let [yes, no, not_known] = opt_in(pool);
    let rows: Vec<Value> = pool
        .members
        .iter()
        .map(|member| {
            json!({
                "opportunity": member.opportunity.id,
                "source": member.opportunity.source,
                "url": member.url,
                "since": member.since,
                "why": member.why,
                "opt_in": member.opt_in,
                "programme": member.programme,
            })
        })
        .collect();
    json!({
        "size": pool.members.len(),
        "median_age_days": pool.median_age_days(clock),
        "opt_in": {"yes": yes, "no": no, "not_known": not_known},
        "in_programme": pool.members.iter().filter(|member| member.programme.is_some()).count(),
        "entered": pool.entered,
        "came_back": pool.came_back,
        "won": pool.won,
        "rows": rows,
    })
}

/// The pool as a table, the oldest first.
pub fn table(snapshot: &Snapshot<'_>, pool: &Pool) -> Table {
    let zone = &snapshot.settings.company.zone;
    let rows = pool
        .members
        .iter()
        .map(|member| {
            let mail = match member.opt_in {
                Some(true) => "yes",
                Some(false) => "no",
                None => "–",
            };
            vec![
                member.opportunity.id.clone(),
                zone.to_datetime(member.since).date().to_string(),
                member.why.clone(),
                mail.to_owned(),
                member.programme.clone().unwrap_or_else(|| "–".into()),
            ]
        })
        .collect();
    Table { header: vec!["id", "since", "why", "mail", "programme"], rows, texts: &[0, 1, 2, 3, 4] }
}
