//! An opportunity of Tryton, with its revisions, as canonical records: pure.
//!
//! `state` is a plain field that imports write as they like, so any jump is possible; nothing here
//! presumes the usual way.

use jiff::Timestamp;
use serde_json::Value;

use super::rpc::untagged;
use crate::domain::{Object, Record};
use crate::sources::history;

/// States in which it is with sales.
const WITH_SALES: [&str; 3] = ["opportunity", "converted", "won"];

/// An opportunity as it stands, or stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub id: i64,
    /// `lead`, `opportunity`, `converted`, `won`, `lost` or `cancelled`.
    pub state: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// Its amount.
    pub amount: Option<String>,
    /// The code of the amount's currency.
    pub currency: Option<String>,
    /// The name of the source.
    pub channel: Option<String>,
    /// The name of the campaign.
    pub campaign: Option<String>,
    /// The name of the medium.
    pub segment: Option<String>,
    /// Why it was lost; kept by Tryton when it is reopened.
    pub lost_reason: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it changed last.
    pub changed_at: Option<Timestamp>,
}

/// What an opportunity was from an instant on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Since when.
    pub at: Timestamp,
    /// Its state.
    pub state: String,
    /// Its owner.
    pub owner: Option<String>,
}

impl Row {
    /// A row of an answer; none where it has no number.
    pub fn parse(value: &Value) -> Option<Row> {
        let text = |name: &str| {
            let text = value.get(name)?.as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        // A dotted field stands in an object whose name ends with a dot.
        let of = |relation: &str, field: &str| {
            Some(value.get(format!("{relation}."))?.get(field)?.as_str()?.to_owned())
        };
        Some(Row {
            id: value.get("id")?.as_i64()?,
            state: text("state").unwrap_or_default(),
            owner: value.get("employee").and_then(Value::as_i64).map(|id| id.to_string()),
            amount: value.get("amount").and_then(decimal),
            currency: of("currency", "code"),
            channel: of("marketing_source", "name"),
            campaign: of("marketing_campaign", "name"),
            segment: of("marketing_medium", "name"),
            lost_reason: text("lost_reason"),
            created_at: value.get("create_date").and_then(untagged),
            changed_at: value.get("last_modified_at").and_then(untagged),
        })
    }
}

/// A tagged decimal, without trailing zeros; a negative one is left out.
fn decimal(value: &Value) -> Option<String> {
    let amount: rust_decimal::Decimal = value.get("decimal")?.as_str()?.parse().ok()?;
    (!amount.is_sign_negative() || amount.is_zero()).then(|| amount.normalize().to_string())
}

/// The lead, the opportunity if it became one, and its changes; revisions from the oldest on.
pub fn records(row: &Row, revisions: &[Revision]) -> Vec<Record> {
    let id = row.id.to_string();
    let became = revisions.iter().position(|r| WITH_SALES.contains(&r.state.as_str()));
    let entered = entered_state(revisions);
    let given_up = became.is_none() && ["lost", "cancelled"].contains(&row.state.as_str());
    let mut lead = Record::empty(Object::Lead, id.as_str());
    lead.set("created_at", told(row.created_at));
    lead.set("disqualified_at", told(entered.filter(|_| given_up)));
    lead.set("channel", row.channel.clone());
    lead.set("campaign", row.campaign.clone());
    lead.set("segment", row.segment.clone());
    lead.set("owner", row.owner.clone());
    let mut records = vec![lead];
    let Some(became) = became else { return records };
    let outcome = match row.state.as_str() {
        "won" => "won",
        "lost" | "cancelled" => "lost",
        _ => "open",
    };
    let mut deal = Record::empty(Object::Opportunity, id.as_str());
    deal.set("lead", Some(id.clone()));
    deal.set("created_at", Some(revisions[became].at.to_string()));
    deal.set("outcome", Some(outcome.to_owned()));
    deal.set("closed_at", told(entered.filter(|_| outcome != "open")));
    deal.set("lost_reason", row.lost_reason.clone().filter(|_| outcome == "lost"));
    deal.set("stage", Some(row.state.clone()));
    deal.set("owner", row.owner.clone());
    deal.set("amount", row.amount.clone());
    deal.set("currency", row.currency.clone());
    records.push(deal);
    records.extend(stage_changes(&id, &revisions[became..]));
    records.extend(owner_changes(&id, revisions));
    records
}

fn told(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// When it came into the state that it is in: later edits in that state do not move it.
fn entered_state(revisions: &[Revision]) -> Option<Timestamp> {
    let last = revisions.last()?;
    let since = revisions.iter().rev().take_while(|revision| revision.state == last.state);
    since.last().map(|revision| revision.at)
}

fn stage_changes(id: &str, revisions: &[Revision]) -> Vec<Record> {
    let known = revisions.iter().filter(|revision| !revision.state.is_empty());
    history::stage_changes(id, known.map(|one| (one.at.to_string(), one.state.clone())))
}

/// Changes of the owner, those of its time as a lead included: the hand-off is the later of creation
/// and first owner.
fn owner_changes(id: &str, revisions: &[Revision]) -> Vec<Record> {
    let owners = revisions.iter().map(|one| (one.at.to_string(), one.owner.clone()));
    history::owner_changes(id, owners)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).unwrap()
    }

    fn told_by(states: &[(&str, Option<&str>)]) -> Vec<Record> {
        let revision = |(minute, (state, owner)): (usize, &(&str, Option<&str>))| Revision {
            at: at(minute as i64),
            state: (*state).to_owned(),
            owner: owner.map(str::to_owned),
        };
        let revisions: Vec<Revision> = states.iter().enumerate().map(revision).collect();
        let last = revisions.last().unwrap();
        let row = Row {
            id: 7,
            state: last.state.clone(),
            owner: last.owner.clone(),
            lost_reason: Some("price".into()),
            created_at: Some(at(0)),
            ..Row::default()
        };
        records(&row, &revisions)
    }

    #[test]
    fn a_lead_that_is_given_up_never_was_an_opportunity() {
        let told = told_by(&[("lead", None), ("lead", Some("1")), ("lost", Some("1"))]);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].get("disqualified_at"), Some(at(2).to_string().as_str()));
    }

    #[test]
    fn an_edit_after_the_closing_does_not_move_it() {
        let states = [("opportunity", Some("1")), ("converted", Some("1")), ("won", Some("1"))];
        let told = told_by(&[&states[..], &[("won", Some("2"))]].concat());
        let deal = &told[1];
        assert_eq!(deal.get("closed_at"), Some(at(2).to_string().as_str()));
        assert_eq!((deal.get("outcome"), deal.get("lost_reason")), (Some("won"), None));
        let kinds: Vec<&str> = told.iter().map(|record| record.object.name()).collect();
        assert_eq!(
            kinds[2..],
            ["stage_change", "stage_change", "stage_change", "owner_change", "owner_change"]
        );
    }

    #[test]
    fn one_that_is_reopened_is_open_again_and_stays_an_opportunity() {
        let told = told_by(&[
            ("lead", None),
            ("opportunity", Some("1")),
            ("lost", Some("1")),
            ("lead", Some("1")),
        ]);
        let deal = &told[1];
        assert_eq!((deal.get("outcome"), deal.get("closed_at")), (Some("open"), None));
        assert_eq!(deal.get("created_at"), Some(at(1).to_string().as_str()));
        assert_eq!(told[0].get("disqualified_at"), None);
    }
}
