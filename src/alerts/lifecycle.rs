//! The life of an alert: what it was, what was found, what follows. A pure function with a reason.
//! Who hears of it is another matter ([`super::telling`]).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Finding, Status};

/// How an alert stands. One that is well has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Bad, and not yet for as many checks as its rule asks for.
    Pending,
    /// It goes on.
    Firing,
    /// It goes on, and somebody looks after it.
    Acknowledged,
    /// Well again, and not yet for as many checks as its rule asks for.
    Recovering,
    /// Its data stopped: neither better nor worse is known.
    Stale,
    /// It is over.
    Resolved,
}

impl State {
    /// The name in the store and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Firing => "firing",
            State::Acknowledged => "acknowledged",
            State::Recovering => "recovering",
            State::Stale => "stale",
            State::Resolved => "resolved",
        }
    }

    /// The state of a name.
    pub fn of(name: &str) -> Option<State> {
        use State::{Acknowledged, Firing, Pending, Recovering, Resolved, Stale};
        let all = [Pending, Firing, Acknowledged, Recovering, Stale, Resolved];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// Somebody looks after an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Who.
    pub by: String,
    /// Why it need not be told again.
    pub why: String,
    /// Since when.
    pub at: Timestamp,
    /// Until when; if it still goes on then, it is told again.
    pub until: Timestamp,
}

/// An alert that has not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAlert {
    /// Its number.
    pub id: i64,
    /// The rule.
    pub rule: String,
    /// What it is about.
    pub scope: String,
    /// How it stands.
    pub state: State,
    /// The worst step so far.
    pub level: usize,
    /// For how many checks in a row it has been pending or recovering.
    pub streak: usize,
    /// Who looks after it.
    pub ack: Option<Ack>,
    /// The last finding.
    pub finding: Finding,
}

/// What happens to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It may start: not yet for enough checks.
    Pending,
    /// It was well again before it started.
    Dropped,
    /// It starts.
    Opened,
    /// It crossed the next step.
    Worse,
    /// Its data stopped; neither better nor worse is known.
    Stale,
    /// Its data is back, and it still holds.
    Fresh,
    /// Well again, not yet for enough checks.
    Recovering,
    /// Not well after all.
    Relapsed,
    /// Nobody looks after it any more, and it still goes on.
    AckEnded,
    /// It is over.
    Resolved,
    /// Nothing to say; the figures are kept.
    Unchanged,
}

impl Kind {
    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Pending => "pending",
            Kind::Dropped => "dropped",
            Kind::Opened => "opened",
            Kind::Worse => "worse",
            Kind::Stale => "stale",
            Kind::Fresh => "fresh",
            Kind::Recovering => "recovering",
            Kind::Relapsed => "relapsed",
            Kind::AckEnded => "ack_ended",
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
    /// How it stands from now on.
    pub state: State,
    /// Why.
    pub reason: String,
    /// The finding that it rests on.
    pub finding: Finding,
    /// The worst step so far.
    pub level: usize,
    /// For how many checks in a row it has been pending or recovering.
    pub streak: usize,
    /// Who looks after it from now on.
    pub ack: Option<Ack>,
}

/// For how many checks in a row something must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Before it starts.
    pub enter: usize,
    /// Before it is over.
    pub leave: usize,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { enter: 1, leave: 1 }
    }
}

/// What a check knows beside its findings.
pub struct Check<'a> {
    /// Now.
    pub now: Timestamp,
    /// Sources that are too old to rest on.
    pub stale_sources: &'a BTreeSet<String>,
    /// Rules that could not be checked, as their plan cannot be worked out.
    pub unchecked_rules: &'a BTreeSet<&'a str>,
    /// The patience of rules; the others have none.
    pub patience: &'a BTreeMap<String, Patience>,
}

/// Decides what follows from the findings of one check. What rests on a stale source is held back:
/// neither opened nor resolved; and so is what an unchecked rule says nothing about.
pub fn decide(open: &[OpenAlert], findings: &[Finding], check: &Check<'_>) -> Vec<Transition> {
    let mut by_scope: BTreeMap<(&str, &str), &OpenAlert> =
        open.iter().map(|alert| ((alert.rule.as_str(), alert.scope.as_str()), alert)).collect();
    let mut transitions = Vec::new();
    for finding in findings {
        let known = by_scope.remove(&(finding.rule.as_str(), finding.scope.as_str()));
        let stopped: Vec<&str> =
            finding.rests_on.intersection(check.stale_sources).map(String::as_str).collect();
        transitions.extend(match (stopped.is_empty(), known) {
            (true, known) => step(known, finding, check),
            (false, Some(alert)) => {
                hold(alert, format!("no complete data from {}", stopped.join(", ")))
            }
            (false, None) => None,
        });
    }
    // Whatever no rule speaks of any more is over: a rule switched off, a goal taken from the plan.
    for alert in by_scope.into_values() {
        if check.unchecked_rules.contains(alert.rule.as_str()) {
            transitions.extend(hold(alert, "it could not be checked".to_owned()));
        } else {
            let reason = "it is no longer checked".to_owned();
            transitions.push(ended(alert, &alert.finding, reason));
        }
    }
    transitions
}

/// Its data stopped. One that has not started yet waits as it is.
fn hold(alert: &OpenAlert, reason: String) -> Option<Transition> {
    let waits = matches!(alert.state, State::Stale | State::Pending);
    (!waits).then(|| Transition {
        kind: Kind::Stale,
        state: State::Stale,
        reason,
        ..kept(alert, &alert.finding)
    })
}

/// The alert as it was, with a new finding.
fn kept(alert: &OpenAlert, finding: &Finding) -> Transition {
    Transition {
        alert: Some(alert.id),
        kind: Kind::Unchanged,
        state: alert.state,
        reason: String::new(),
        finding: finding.clone(),
        level: alert.level,
        streak: 0,
        ack: alert.ack.clone(),
    }
}

fn ended(alert: &OpenAlert, finding: &Finding, reason: String) -> Transition {
    let kind = if alert.state == State::Pending { Kind::Dropped } else { Kind::Resolved };
    Transition { kind, state: State::Resolved, reason, ack: None, ..kept(alert, finding) }
}

fn step(known: Option<&OpenAlert>, finding: &Finding, check: &Check<'_>) -> Option<Transition> {
    let patience = check.patience.get(&finding.rule).copied().unwrap_or_default();
    let Some(alert) = known else {
        let Status::Breach(level) = finding.status else { return None };
        let new = Transition {
            alert: None,
            kind: Kind::Opened,
            state: State::Firing,
            reason: format!("step {level} of its thresholds is crossed"),
            finding: finding.clone(),
            level,
            streak: 1,
            ack: None,
        };
        return Some(if patience.enter > 1 { pending(new, patience.enter) } else { new });
    };
    Some(match (&finding.status, alert.state) {
        (Status::Ended(reason), _) => ended(alert, finding, reason.clone()),
        (Status::Breach(level), State::Pending) => {
            let streak = alert.streak + 1;
            let now = Transition { level: *level, streak, ..kept(alert, finding) };
            if streak >= patience.enter {
                let reason = format!("step {level} of its thresholds held for {streak} checks");
                // Somebody may have seen it while it was pending.
                let held = now.ack.as_ref().is_some_and(|ack| ack.until > check.now);
                let state = if held { State::Acknowledged } else { State::Firing };
                Transition { kind: Kind::Opened, state, reason, ..now }
            } else {
                pending(now, patience.enter)
            }
        }
        (Status::Holding | Status::Clear, State::Pending) => {
            ended(alert, finding, "it was well again before it was sure".to_owned())
        }
        (Status::Breach(level), _) if *level > alert.level => Transition {
            kind: Kind::Worse,
            state: State::Firing,
            reason: format!("step {level} is crossed, after step {}", alert.level),
            level: *level,
            // An acknowledgement was given for less than this.
            ack: None,
            ..kept(alert, finding)
        },
        (Status::Clear, _) => recovering(alert, finding, patience.leave),
        (Status::Breach(_) | Status::Holding, _) => goes_on(alert, finding, check.now),
    })
}

fn pending(transition: Transition, enter: usize) -> Transition {
    let kind = if transition.alert.is_none() { Kind::Pending } else { Kind::Unchanged };
    let reason = format!("{} of {enter} checks in a row", transition.streak);
    Transition { kind, state: State::Pending, reason, ..transition }
}

fn recovering(alert: &OpenAlert, finding: &Finding, leave: usize) -> Transition {
    let streak = if alert.state == State::Recovering { alert.streak + 1 } else { 1 };
    if streak >= leave {
        return ended(alert, finding, "it is well again".to_owned());
    }
    let kind = if alert.state == State::Recovering { Kind::Unchanged } else { Kind::Recovering };
    let reason = format!("well in {streak} of {leave} checks in a row");
    Transition { kind, state: State::Recovering, reason, streak, ..kept(alert, finding) }
}

/// Still bad, or between its two thresholds.
fn goes_on(alert: &OpenAlert, finding: &Finding, now: Timestamp) -> Transition {
    let same = kept(alert, finding);
    let forgotten = alert.ack.as_ref().filter(|ack| ack.until <= now);
    if let Some(ack) = forgotten {
        let reason = format!("{} had it until now, and it still goes on", ack.by);
        return Transition {
            kind: Kind::AckEnded,
            state: State::Firing,
            reason,
            ack: None,
            ..same
        };
    }
    let state = if alert.ack.is_some() { State::Acknowledged } else { State::Firing };
    let (kind, reason) = match alert.state {
        State::Stale => (Kind::Fresh, "the data is back, and it still holds"),
        State::Recovering => (Kind::Relapsed, "it did not stay well"),
        _ => (Kind::Unchanged, ""),
    };
    Transition { kind, state, reason: reason.to_owned(), ..same }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::tests::finding;
    use Status::{Breach, Clear, Holding};

    const NOW: &str = "2026-11-23T13:00:00Z";

    fn open(state: State, level: usize, streak: usize) -> OpenAlert {
        OpenAlert {
            id: 7,
            rule: "r".into(),
            scope: "s".into(),
            state,
            level,
            streak,
            ack: None,
            finding: finding(Breach(level), &["a"]),
        }
    }

    fn acknowledged(until: &str) -> OpenAlert {
        let (by, why) = ("dana".to_owned(), "on it".to_owned());
        let (at, until) = (NOW.parse().unwrap(), until.parse().unwrap());
        OpenAlert { ack: Some(Ack { by, why, at, until }), ..open(State::Acknowledged, 1, 0) }
    }

    /// What follows, where the rule `r` asks for that many checks to begin and to end.
    fn next(
        known: Option<OpenAlert>,
        status: Status,
        stale: bool,
        checks: usize,
    ) -> Option<(Kind, State)> {
        let known: Vec<_> = known.into_iter().collect();
        let stale_sources =
            if stale { BTreeSet::from(["crm".to_owned()]) } else { BTreeSet::new() };
        let patience =
            BTreeMap::from([("r".to_owned(), Patience { enter: checks, leave: checks })]);
        let check = Check {
            now: NOW.parse().unwrap(),
            stale_sources: &stale_sources,
            unchecked_rules: &BTreeSet::new(),
            patience: &patience,
        };
        let decided = decide(&known, &[finding(status, &["a"])], &check);
        decided.first().map(|t| (t.kind, t.state))
    }

    #[test]
    fn an_alert_starts_worsens_and_ends_and_is_the_same_between() {
        let firing = |level| Some(open(State::Firing, level, 0));
        assert_eq!(next(None, Breach(1), false, 1), Some((Kind::Opened, State::Firing)));
        assert_eq!(next(None, Holding, false, 1), None);
        assert_eq!(next(firing(1), Breach(1), false, 1), Some((Kind::Unchanged, State::Firing)));
        assert_eq!(next(firing(1), Breach(2), false, 1), Some((Kind::Worse, State::Firing)));
        // Back from step 2 to step 1 and up again is not news.
        assert_eq!(next(firing(2), Breach(2), false, 1), Some((Kind::Unchanged, State::Firing)));
        assert_eq!(next(firing(1), Holding, false, 1), Some((Kind::Unchanged, State::Firing)));
        assert_eq!(next(firing(1), Clear, false, 1), Some((Kind::Resolved, State::Resolved)));
    }

    #[test]
    fn a_patient_rule_waits_before_it_starts_and_before_it_ends() {
        let waiting = |streak| Some(open(State::Pending, 1, streak));
        assert_eq!(next(None, Breach(1), false, 2), Some((Kind::Pending, State::Pending)));
        assert_eq!(next(waiting(1), Breach(1), false, 2), Some((Kind::Opened, State::Firing)));
        assert_eq!(next(waiting(1), Breach(1), false, 3), Some((Kind::Unchanged, State::Pending)));
        assert_eq!(next(waiting(1), Holding, false, 2), Some((Kind::Dropped, State::Resolved)));
        let firing = Some(open(State::Firing, 1, 0));
        assert_eq!(next(firing, Clear, false, 2), Some((Kind::Recovering, State::Recovering)));
        let well = |streak| Some(open(State::Recovering, 1, streak));
        assert_eq!(next(well(1), Clear, false, 2), Some((Kind::Resolved, State::Resolved)));
        assert_eq!(next(well(1), Breach(1), false, 2), Some((Kind::Relapsed, State::Firing)));
    }

    #[test]
    fn an_acknowledgement_holds_until_it_is_worse_or_forgotten() {
        let (later, now) = ("2026-11-24T00:00:00Z", NOW);
        let held = next(Some(acknowledged(later)), Breach(1), false, 1);
        assert_eq!(held, Some((Kind::Unchanged, State::Acknowledged)));
        let worse = next(Some(acknowledged(later)), Breach(2), false, 1);
        assert_eq!(worse, Some((Kind::Worse, State::Firing)));
        let forgotten = next(Some(acknowledged(now)), Holding, false, 1);
        assert_eq!(forgotten, Some((Kind::AckEnded, State::Firing)));
        let over = next(Some(acknowledged(now)), Clear, false, 1);
        assert_eq!(over, Some((Kind::Resolved, State::Resolved)));
        let seen = OpenAlert { state: State::Pending, streak: 1, ..acknowledged(later) };
        let seen = next(Some(seen), Breach(1), false, 2);
        assert_eq!(seen, Some((Kind::Opened, State::Acknowledged)));
        let back = OpenAlert { state: State::Stale, ..acknowledged(later) };
        let back = next(Some(back), Breach(1), false, 1);
        assert_eq!(back, Some((Kind::Fresh, State::Acknowledged)));
    }

    #[test]
    fn stale_data_neither_opens_nor_resolves() {
        let firing = || Some(open(State::Firing, 1, 0));
        let stale = || Some(open(State::Stale, 1, 0));
        assert_eq!(next(None, Breach(1), true, 1), None);
        assert_eq!(next(firing(), Clear, true, 1), Some((Kind::Stale, State::Stale)));
        assert_eq!(next(stale(), Clear, true, 1), None);
        assert_eq!(next(stale(), Breach(1), false, 1), Some((Kind::Fresh, State::Firing)));
        assert_eq!(next(Some(open(State::Pending, 1, 1)), Clear, true, 2), None);
    }

    #[test]
    fn what_is_no_longer_checked_ends_and_what_could_not_be_checked_waits() {
        let kind = |unchecked: &[&'static str]| {
            let unchecked_rules = unchecked.iter().copied().collect();
            let check = Check {
                now: NOW.parse().unwrap(),
                stale_sources: &BTreeSet::new(),
                unchecked_rules: &unchecked_rules,
                patience: &BTreeMap::new(),
            };
            decide(&[open(State::Firing, 1, 0)], &[], &check)[0].kind
        };
        assert_eq!(kind(&[]), Kind::Resolved);
        assert_eq!(kind(&["r"]), Kind::Stale);
    }
}
