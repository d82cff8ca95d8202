//! The past once more, day by day, as it was known on each day: which alerts the rules would have told,
//! and what came of each.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan, civil::Date};
use serde::Serialize;

use super::{
    Snapshot,
    finding::{findings, unchecked_rules},
    snapshot::EvaluateError,
};
use crate::alerts::{
    Finding,
    lifecycle::{Check, Kind, OpenAlert, State, Transition, decide},
    rules::{followup_due_soon, followup_overdue, pace_behind, rate_below_plan},
    telling::{House, News, Person, Recipient, Standing, tell},
};
use crate::config::Settings;
use crate::domain::{heard::Heard, number::to_f64};
use crate::handoff::Verdict;
use crate::store::Store;

/// An alert that comes with more of its plan behind it than this share comes too late.
const TOO_LATE: f64 = 0.9;
/// A period that ended with less than this share of its goal, and of which nobody heard, was missed.
const MISSED: f64 = 0.9;
/// More days than this are not replayed at once.
const DAYS_MAX: usize = 1_500;

/// What came of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was as the alert said.
    Right,
    /// It was not.
    False,
    /// It was, and nothing could be done any more.
    TooLate,
    /// It is not over.
    Open,
    /// Nothing later says whether it was right.
    NotJudged,
}

impl Outcome {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Outcome::Right => "right",
            Outcome::False => "false",
            Outcome::TooLate => "too late",
            Outcome::Open => "not over yet",
            Outcome::NotJudged => "not judged",
        }
    }
}

/// An alert that would have been.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    /// The rule.
    pub rule: String,
    /// The scope.
    pub scope: String,
    /// When it would have been told first.
    pub told: Timestamp,
    /// When it would have been over.
    pub ended: Option<Timestamp>,
    /// What it would have said.
    pub summary: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Why.
    pub because: String,
    /// The records that it named first.
    #[serde(skip)]
    records: BTreeSet<String>,
    /// The share of its plan that lay behind it, for the pace of goals.
    #[serde(skip)]
    elapsed: Option<f64>,
}

/// What a replay found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Replay {
    /// Days that were looked at.
    pub days: usize,
    /// Messages that would have gone out, to all.
    pub messages: usize,
    /// The alerts, in their order.
    pub alerts: Vec<Replayed>,
    /// Goals that ended short without a word.
    pub missed: Vec<String>,
}

/// Replays `[from, to)`, one check each business day when it opens.
///
/// # Errors
/// See [`EvaluateError`].
pub async fn replay(
    settings: &Settings,
    store: &Store,
    (from, to): (Date, Date),
    now: Timestamp,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Replay, EvaluateError> {
    let mut settings = settings.clone();
    // What was handed off before the daemon came is looked at as well.
    settings.handoff.since = Some(from);
    let states = store.source_states().await?;
    let first = states.values().filter_map(|state| state.first_complete).min();
    let hours = settings.company.hours.clone();
    let mut run = Run::default();
    for day in hours.business_days(from, to).take(DAYS_MAX) {
        let Some((clock, _)) = hours.opening(day).filter(|(open, _)| *open <= now) else { break };
        let known = first.map_or(clock, |first| first.max(clock));
        let snapshot = Snapshot::load(&settings, store, clock, Some(known)).await?;
        run.day(&snapshot).await?;
        run.replay.days += 1;
        progress(run.replay.days);
    }
    let snapshot = Snapshot::load(&settings, store, now, None).await?;
    run.judge(&snapshot).await?;
    Ok(run.replay)
}

/// The alerts of a replay, in memory.
#[derive(Default)]
struct Run {
    open: Vec<OpenAlert>,
    since: BTreeMap<i64, Timestamp>,
    ended: BTreeMap<i64, Timestamp>,
    heard: BTreeMap<(i64, String), Heard>,
    /// Messages of a week by recipient.
    used: BTreeMap<(String, Recipient), usize>,
    /// Where an alert stands in the replay's list.
    places: BTreeMap<i64, usize>,
    next: i64,
    replay: Replay,
}

impl Run {
    async fn day(&mut self, snapshot: &Snapshot<'_>) -> Result<(), EvaluateError> {
        let (findings, stale) = findings(snapshot).await?;
        let unchecked = unchecked_rules(snapshot);
        let check = Check {
            now: snapshot.clock,
            stale_sources: &stale,
            unchecked_rules: &unchecked,
            patience: &snapshot.settings.alerts.patience,
        };
        let transitions = decide(&self.open, &findings, &check);
        let standings: Vec<Standing> =
            transitions.into_iter().map(|transition| self.follow(transition, check.now)).collect();
        let people = self.people(snapshot);
        let house = House {
            people: &people,
            silences: &[],
            now: snapshot.clock,
            shadow: false,
            critical_passes: true,
        };
        let told = tell(&standings, &self.heard, &house);
        for message in &told.messages {
            self.replay.messages += 1;
            *self.used.entry((week_of(snapshot), message.to.clone())).or_default() += 1;
            for (index, news) in &message.parts {
                self.hear(&standings[*index], &message.to, *news, snapshot);
            }
        }
        for (index, to, news) in &told.digest_only {
            self.hear(&standings[*index], to, *news, snapshot);
        }
        Ok(())
    }

    /// Puts a transition into the list of what goes on.
    fn follow(&mut self, transition: Transition, now: Timestamp) -> Standing {
        let id = transition.alert.unwrap_or_else(|| {
            self.next += 1;
            self.next
        });
        let since = *self.since.entry(id).or_insert(now);
        self.open.retain(|alert| alert.id != id);
        if transition.state == State::Resolved {
            self.ended.insert(id, now);
        } else {
            self.open.push(OpenAlert {
                id,
                rule: transition.finding.rule.clone(),
                scope: transition.finding.scope.clone(),
                state: transition.state,
                level: transition.level,
                streak: transition.streak,
                ack: None,
                finding: transition.finding.clone(),
            });
        }
        Standing {
            alert: id,
            thread: transition.finding.group.clone(),
            state: transition.state,
            level: transition.level,
            since,
            reason: transition.reason,
            reminded: (transition.kind == Kind::AckEnded).then_some(now),
            escalates: false,
            finding: transition.finding,
        }
    }

    /// Everybody can be reached, and works.
    fn people(&self, snapshot: &Snapshot<'_>) -> BTreeMap<Recipient, Person> {
        let settings = snapshot.settings;
        let teams = settings.teams.keys().map(|name| Recipient::Team(name.clone()));
        let limit = settings.alerts.messages_per_week;
        let person = |who: Recipient| {
            let used = self.used.get(&(week_of(snapshot), who.clone())).copied().unwrap_or(0);
            let left = (who != Recipient::Operator).then(|| limit.saturating_sub(used));
            (who, Person { closed: None, left, reads_digest: true })
        };
        teams.chain([Recipient::Operator]).map(person).collect()
    }

    fn hear(&mut self, standing: &Standing, to: &Recipient, news: News, snapshot: &Snapshot<'_>) {
        let key = (standing.alert, to.name());
        let mut records =
            self.heard.get(&key).map(|heard| heard.records.clone()).unwrap_or_default();
        records.extend(standing.finding.records.iter().map(|record| record.id.clone()));
        let ended = news == News::Resolved;
        let heard = Heard { at: snapshot.clock, level: standing.level, records, ended };
        self.heard.insert(key, heard);
        if self.places.contains_key(&standing.alert) {
            return;
        }
        self.places.insert(standing.alert, self.replay.alerts.len());
        self.replay.alerts.push(replayed(standing, snapshot));
    }

    /// Looks from today at what was said.
    async fn judge(&mut self, snapshot: &Snapshot<'_>) -> Result<(), EvaluateError> {
        for (id, place) in &self.places {
            self.replay.alerts[*place].ended = self.ended.get(id).copied();
        }
        let (now, _) = findings(snapshot).await?;
        let verdicts: BTreeMap<String, Verdict> = snapshot
            .ledger()
            .await?
            .rows
            .iter()
            .filter(|row| row.sequence == 1)
            .map(|row| (row.opportunity.id.clone(), row.verdict))
            .collect();
        for alert in &mut self.replay.alerts {
            (alert.outcome, alert.because) = match alert.rule.as_str() {
                pace_behind::NAME => of_pace(alert, snapshot),
                followup_overdue::NAME | followup_due_soon::NAME => of_followup(alert, &verdicts),
                rate_below_plan::NAME => of_rate(alert, &now),
                _ => (Outcome::NotJudged, String::new()),
            };
        }
        self.replay.missed = missed(snapshot, &self.replay.alerts);
        Ok(())
    }
}

fn week_of(snapshot: &Snapshot<'_>) -> String {
    let day = snapshot.settings.company.zone.to_datetime(snapshot.clock).date();
    crate::digest::Week::of(day).to_string()
}

fn replayed(standing: &Standing, snapshot: &Snapshot<'_>) -> Replayed {
    let finding = &standing.finding;
    let rows = snapshot.pace_known();
    let row = rows.iter().find(|row| scope_of(&row.goal, row.metric.name()) == finding.scope);
    Replayed {
        rule: finding.rule.clone(),
        scope: finding.scope.clone(),
        told: snapshot.clock,
        ended: None,
        summary: finding.summary.clone(),
        outcome: Outcome::NotJudged,
        because: String::new(),
        records: finding.records.iter().map(|record| record.id.clone()).collect(),
        elapsed: row.map(|row| row.plan_to_date / to_f64(row.goal_value).max(1.0)),
    }
}

fn scope_of(goal: &str, metric: &str) -> String {
    format!("goal:{goal}/{metric}")
}

/// By how the period ended.
fn of_pace(alert: &Replayed, snapshot: &Snapshot<'_>) -> (Outcome, String) {
    let rows = snapshot.pace_known();
    let row = rows.iter().find(|row| scope_of(&row.goal, row.metric.name()) == alert.scope);
    let Some(row) = row else { return (Outcome::NotJudged, "the goal is gone".into()) };
    let today = snapshot.settings.company.zone.to_datetime(row.at).date();
    if today < row.period.to {
        return (Outcome::Open, String::new());
    }
    let (actual, goal) = (to_f64(row.actual), to_f64(row.goal_value));
    let because = format!("it ended with {actual:.0} of {goal:.0}");
    match alert.elapsed {
        _ if actual >= goal => (Outcome::False, because),
        Some(elapsed) if elapsed >= TOO_LATE => (Outcome::TooLate, because),
        _ => (Outcome::Right, because),
    }
}

/// By what is known of the hand-offs today: a call may have been logged late.
fn of_followup(alert: &Replayed, verdicts: &BTreeMap<String, Verdict>) -> (Outcome, String) {
    let known = alert.records.iter().filter_map(|id| verdicts.get(id));
    let known: Vec<Verdict> = known.copied().collect();
    let late = known.iter().filter(|v| matches!(v, Verdict::Late | Verdict::Overdue)).count();
    let because = format!("{late} of {} were late or never touched", known.len());
    match (known.is_empty(), late) {
        (true, _) => (Outcome::NotJudged, String::new()),
        (false, 0) => (Outcome::False, because),
        _ => (Outcome::Right, because),
    }
}

/// By the newest cohort that has grown.
fn of_rate(alert: &Replayed, now: &[Finding]) -> (Outcome, String) {
    let same = |f: &&Finding| f.rule == alert.rule && f.scope == alert.scope;
    match now.iter().find(same) {
        Some(finding) if finding.summary == alert.summary => (Outcome::Open, String::new()),
        Some(finding) if finding.value < finding.threshold => {
            (Outcome::Right, "a later cohort is below the plan as well".into())
        }
        Some(_) => (Outcome::False, "a later cohort is on plan".into()),
        None => (Outcome::NotJudged, String::new()),
    }
}

/// Goals whose days are over, that ended short, and of which nobody would have heard.
fn missed(snapshot: &Snapshot<'_>, alerts: &[Replayed]) -> Vec<String> {
    let mut missed = Vec::new();
    for row in snapshot.pace_known().iter().filter(|row| row.own && row.part_of.is_none()) {
        let today = snapshot.settings.company.zone.to_datetime(row.at).date();
        let (actual, goal) = (to_f64(row.actual), to_f64(row.goal_value));
        let of_goal = format!("goal:{}/", row.goal);
        let told = alerts.iter().any(|alert| alert.scope.starts_with(&of_goal));
        if today >= row.period.to && actual < MISSED * goal && !told {
            missed.push(format!("{}: {actual:.0} of {goal:.0} {}", row.goal, row.metric.title()));
        }
    }
    missed
}

/// The days that are replayed where none are named: thirteen weeks.
pub fn usual_days(today: Date) -> (Date, Date) {
    (today.saturating_sub(91.days()), today)
}
