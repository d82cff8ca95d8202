//! What `paceline followups` says beyond the first touch, and the nurture pool.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::output::{COLUMNS, Table};
use crate::domain::notice::wrap;
use crate::evaluate::Snapshot;
use crate::handoff::{Ledger, Pool, beyond};

/// Acceptance, criteria, late entries, the sources' own counts and the pool, each a sentence where it is known.
pub fn beyond(snapshot: &Snapshot<'_>, ledger: &Ledger) -> String {
    let mut sentences = beyond::sentences(&ledger.rows.iter().collect::<Vec<_>>());
    for count in &snapshot.counts {
        let day = snapshot.settings.company.zone.to_datetime(count.at).date();
        let (there, here, source) = (count.there, count.here, &count.source);
        sentences.push(match there == here {
            true => format!("Counted on {day}: {here} opportunities at {source} and here."),
            false => format!(
                "Counted on {day}: {there} opportunities at {source}, {here} here; `paceline sync \
                 --full` compares them."
            ),
        });
    }
    sentences.extend(beyond::pool_sentence(&ledger.pool, snapshot.clock));
    let mut text = String::new();
    sentences.iter().for_each(|sentence| wrap(&mut text, "", sentence, COLUMNS));
    text
}

/// The pool in a sentence.
pub fn sentence(pool: &Pool, clock: Timestamp) -> String {
    let sentence = beyond::pool_sentence(pool, clock);
    let sentence = sentence.unwrap_or_else(|| {
        "Nothing is to be nurtured: every hand-off meets `[handoff.criteria]`, and none was given back.".into()
    });
    let mut text = String::new();
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
