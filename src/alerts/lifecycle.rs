//! The life of an alert: what it was, what was found, what follows. A pure function with a reason.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Finding, Status};

/// An alert that has not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAlert {
    /// Its number.
    pub id: i64,
    /// The rule.
    pub rule: String,
    /// What it is about.
    pub scope: String,
    /// Whether its data stopped.
    pub stale: bool,
    /// The worst step so far.
    pub level: usize,
    /// The records that a message has named.
    pub told: BTreeSet<String>,
    /// The last finding.
    pub finding: Finding,
}

/// What happens to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It starts.
    Opened,
    /// It crossed the next step.
    Worse,
    /// More records fall under it.
    NewRecords,
    /// Its data stopped; neither better nor worse is known.
    Stale,
    /// Its data is back, and it still holds.
    Fresh,
    /// It is over.
    Resolved,
    /// Nothing to say; the figures are kept.
    Unchanged,
}

impl Kind {
    /// Whether people hear of it.
    pub fn is_told(self) -> bool {
        matches!(self, Kind::Opened | Kind::Worse | Kind::NewRecords | Kind::Resolved)
    }

    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Opened => "opened",
            Kind::Worse => "worse",
            Kind::NewRecords => "new_records",
            Kind::Stale => "stale",
            Kind::Fresh => "fresh",
            Kind::Resolved => "resolved",
            Kind::Unchanged => "unchanged",
        }
    }
}

/// A change and its reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The alert, or none where one starts.
    pub alert: Option<i64>,
    /// What happens.
    pub kind: Kind,
    /// Why.
    pub reason: String,
    /// The finding that it rests on.
    pub finding: Finding,
    /// The worst step so far.
    pub level: usize,
    /// The records that no message has named yet.
    pub new_records: Vec<String>,
}

/// Decides what follows from the findings of one check. What rests on a stale source is held back:
/// neither opened nor resolved; and so is what an unchecked rule (a plan that cannot be worked out)
/// says nothing about.
pub fn decide(
    open: &[OpenAlert],
    findings: &[Finding],
    stale_sources: &BTreeSet<String>,
    unchecked_rules: &BTreeSet<&str>,
) -> Vec<Transition> {
    let mut by_scope: BTreeMap<(&str, &str), &OpenAlert> =
        open.iter().map(|alert| ((alert.rule.as_str(), alert.scope.as_str()), alert)).collect();
    let mut transitions = Vec::new();
    for finding in findings {
        let known = by_scope.remove(&(finding.rule.as_str(), finding.scope.as_str()));
        let stopped: Vec<&str> =
            finding.rests_on.intersection(stale_sources).map(String::as_str).collect();
        transitions.extend(if stopped.is_empty() {
            step(known, finding)
        } else {
            known.filter(|alert| !alert.stale).map(|alert| {
                let reason = format!("no complete data from {}", stopped.join(", "));
                transition(Some(alert), Kind::Stale, reason, &alert.finding)
            })
        });
    }
    // Whatever no rule speaks of any more is over: a rule switched off, a goal taken from the plan.
    for alert in by_scope.into_values() {
        if unchecked_rules.contains(alert.rule.as_str()) {
            if !alert.stale {
                let reason = "it could not be checked".to_owned();
                transitions.push(transition(Some(alert), Kind::Stale, reason, &alert.finding));
            }
            continue;
        }
        let reason = "it is no longer checked".to_owned();
        transitions.push(transition(Some(alert), Kind::Resolved, reason, &alert.finding));
    }
    transitions
}

fn step(known: Option<&OpenAlert>, finding: &Finding) -> Option<Transition> {
    match (&finding.status, known) {
        (Status::Breach(level), None) => {
            let reason = format!("step {level} of its thresholds is crossed");
            Some(transition(None, Kind::Opened, reason, finding))
        }
        (Status::Breach(level), Some(alert)) if *level > alert.level => {
            let reason = format!("step {level} is crossed, after step {}", alert.level);
            Some(transition(Some(alert), Kind::Worse, reason, finding))
        }
        (Status::Breach(_), Some(alert))
            if finding.tells_new_records && has_new(alert, finding) =>
        {
            let reason = "records that were not named yet".to_owned();
            Some(transition(Some(alert), Kind::NewRecords, reason, finding))
        }
        (Status::Breach(_) | Status::Holding, Some(alert)) if alert.stale => {
            let reason = "the data is back, and it still holds".to_owned();
            Some(transition(Some(alert), Kind::Fresh, reason, finding))
        }
        (Status::Breach(_) | Status::Holding, Some(alert)) => {
            Some(transition(Some(alert), Kind::Unchanged, String::new(), finding))
        }
        (Status::Clear, Some(alert)) => {
            let reason = "it is well again".to_owned();
            Some(transition(Some(alert), Kind::Resolved, reason, finding))
        }
        (Status::Ended(reason), Some(alert)) => {
            Some(transition(Some(alert), Kind::Resolved, reason.clone(), finding))
        }
        (Status::Holding | Status::Clear | Status::Ended(_), None) => None,
    }
}

fn has_new(alert: &OpenAlert, finding: &Finding) -> bool {
    finding.records.iter().any(|record| !alert.told.contains(&record.id))
}

fn transition(
    alert: Option<&OpenAlert>,
    kind: Kind,
    reason: String,
    finding: &Finding,
) -> Transition {
    let found = if let Status::Breach(level) = finding.status { level } else { 0 };
    let told = |id: &String| alert.is_some_and(|alert| alert.told.contains(id));
    Transition {
        alert: alert.map(|alert| alert.id),
        kind,
        reason,
        finding: finding.clone(),
        level: found.max(alert.map_or(0, |alert| alert.level)),
        new_records: finding.records.iter().map(|r| r.id.clone()).filter(|id| !told(id)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{Audience, Severity};
    use crate::domain::notice::RecordRef;

    fn finding(status: Status, ids: &[&str]) -> Finding {
        let record = |id: &&str| RecordRef {
            source: "crm".into(),
            object: "opportunity".into(),
            id: (*id).into(),
            url: None,
        };
        Finding {
            rule: "r".into(),
            scope: "s".into(),
            status,
            severity: Severity::Warning,
            audience: Audience::EveryTeam,
            value: 0.0,
            threshold: 0.0,
            summary: String::new(),
            task: String::new(),
            owner: "somebody".into(),
            act_by: "today".into(),
            worth: String::new(),
            lines: Vec::new(),
            records: ids.iter().map(record).collect(),
            records_total: ids.len(),
            tells_new_records: true,
            rests_on: BTreeSet::from(["crm".to_owned()]),
        }
    }

    fn open(level: usize, stale: bool, told: &[&str]) -> OpenAlert {
        OpenAlert {
            id: 7,
            rule: "r".into(),
            scope: "s".into(),
            stale,
            level,
            told: told.iter().map(|id| (*id).to_owned()).collect(),
            finding: finding(Status::Breach(level), told),
        }
    }

    fn kind(known: Option<OpenAlert>, status: Status, ids: &[&str], stale: bool) -> Option<Kind> {
        let known: Vec<_> = known.into_iter().collect();
        let stopped = if stale { BTreeSet::from(["crm".to_owned()]) } else { BTreeSet::new() };
        let all_checked = BTreeSet::new();
        decide(&known, &[finding(status, ids)], &stopped, &all_checked).first().map(|t| t.kind)
    }

    #[test]
    fn a_message_goes_out_at_start_step_new_record_and_end_and_not_at_every_check() {
        use Status::{Breach, Clear, Holding};
        assert_eq!(kind(None, Breach(1), &["a"], false), Some(Kind::Opened));
        assert_eq!(
            kind(Some(open(1, false, &["a"])), Breach(1), &["a"], false),
            Some(Kind::Unchanged)
        );
        assert_eq!(kind(Some(open(1, false, &["a"])), Breach(2), &["a"], false), Some(Kind::Worse));
        // Back from step 2 to step 1 and up again is not news.
        assert_eq!(
            kind(Some(open(2, false, &["a"])), Breach(2), &["a"], false),
            Some(Kind::Unchanged)
        );
        let more = kind(Some(open(1, false, &["a"])), Breach(1), &["a", "b"], false);
        assert_eq!(more, Some(Kind::NewRecords));
        assert_eq!(
            kind(Some(open(1, false, &["a"])), Holding, &["a"], false),
            Some(Kind::Unchanged)
        );
        assert_eq!(kind(Some(open(1, false, &["a"])), Clear, &[], false), Some(Kind::Resolved));
        assert_eq!(kind(None, Holding, &["a"], false), None);
    }

    #[test]
    fn stale_data_neither_opens_nor_resolves() {
        use Status::{Breach, Clear};
        assert_eq!(kind(None, Breach(1), &["a"], true), None);
        assert_eq!(kind(Some(open(1, false, &["a"])), Clear, &[], true), Some(Kind::Stale));
        assert_eq!(kind(Some(open(1, true, &["a"])), Clear, &[], true), None);
        assert_eq!(kind(Some(open(1, true, &["a"])), Breach(1), &["a"], false), Some(Kind::Fresh));
    }

    #[test]
    fn what_no_rule_speaks_of_any_more_is_over() {
        let kind = |unchecked: &[&'static str]| {
            let unchecked = unchecked.iter().copied().collect();
            decide(&[open(1, false, &["a"])], &[], &BTreeSet::new(), &unchecked)[0].kind
        };
        assert_eq!(kind(&[]), Kind::Resolved);
        assert_eq!(kind(&["r"]), Kind::Stale);
    }
}
