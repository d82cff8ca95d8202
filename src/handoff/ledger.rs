//! Every hand-off with its due time, its first touch and its verdict.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{Timestamp, civil::Date};
use serde::Serialize;

use super::{
    criteria::{self, Audit},
    decision::{Decided, DecisionInput, decide},
    episode::{Episode, History, instant},
    nurture::{self, Pool},
    settings::Settings,
    touches::{Sought, Touches},
};
use crate::domain::{
    calendar::BusinessCalendar,
    facts::{Facts, Opportunity, Outcome, RecordKey},
    money::CurrencyRates,
    team::Teams,
    vocabulary::Vocabulary,
};

/// Attempts are counted for ten days.
const ATTEMPTS_SECS: i64 = 10 * 86_400;

/// How a hand-off stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Touched by its due time.
    InTime,
    /// Touched after it.
    Late,
    /// Not due yet.
    Waiting,
    /// Due, and not touched.
    Overdue,
    /// Activities are not known up to the due time.
    Unknown,
    /// Somebody gave a reason, or it was withdrawn before it was due.
    Excused,
}

impl Verdict {
    /// All of them, in the order of the contract.
    pub const ALL: [Verdict; 6] = [
        Verdict::InTime,
        Verdict::Late,
        Verdict::Waiting,
        Verdict::Overdue,
        Verdict::Unknown,
        Verdict::Excused,
    ];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::InTime => "in_time",
            Verdict::Late => "late",
            Verdict::Waiting => "waiting",
            Verdict::Overdue => "overdue",
            Verdict::Unknown => "unknown",
            Verdict::Excused => "excused",
        }
    }
}

/// Somebody took a hand-off out of the count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excuse {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOff {
    /// The opportunity.
    pub opportunity: RecordKey,
    /// A link to it.
    pub url: Option<String>,
    /// Who owned it at the hand-off.
    pub owner: Option<String>,
    /// The owner's team then; an owner in no team is a team of one.
    pub team: Option<String>,
    /// 1 for the first hand-off, 2 when it was returned and handed off again.
    pub sequence: i64,
    /// The hand-off.
    pub handed_off_at: Timestamp,
    /// When the allowance is used up.
    pub due_at: Timestamp,
    /// The first touch.
    pub first_touch_at: Option<Timestamp>,
    /// When it was given back to marketing.
    pub returned_at: Option<Timestamp>,
    /// How it stands.
    pub verdict: Verdict,
    /// The team's last touch before the hand-off, where that was within a business day.
    pub pre_touch_at: Option<Timestamp>,
    /// The first touch says that it was in time, and was entered after the time was up.
    pub backdated: bool,
    /// The first touch was entered later than the time that a touch may take.
    pub logged_late: bool,
    /// Business seconds from the opportunity's creation to the hand-off: the delay that is nobody's in sales.
    pub unowned_secs: i64,
    /// Business seconds from the hand-off to the first touch.
    pub touched_secs: Option<i64>,
    /// Business seconds from the due time to the first touch, or to now where there is none: the clock goes
    /// on after the breach. 0 of what is neither late nor overdue.
    pub late_secs: i64,
    /// Touches within ten days of the hand-off.
    pub attempts: usize,
    /// Whether the ten days are over.
    pub attempts_final: bool,
    /// The last owner who took it over untouched, with a clock of their own. The verdict does not change.
    pub reassigned: Option<Reassigned>,
    /// The vendor's value of the channel.
    pub channel: Option<String>,
    /// Whether the source no longer has it: it stays in the ledger, and nobody can call it any more.
    pub deleted: bool,
    /// Whether sales took it on.
    pub decided: Decided,
    /// Whether a next step is on record; none where its source does not say.
    pub next_step: Option<bool>,
    /// How it stands to the agreed criteria; none where there are none.
    pub audit: Option<Audit>,
}

/// A hand-off that another owner took over before anybody touched it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassigned {
    /// To whom.
    pub to: String,
    /// When.
    pub at: Timestamp,
    /// When that owner's own allowance is used up.
    pub due_at: Timestamp,
}

/// An opportunity that has had no owner for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unowned {
    /// The opportunity.
    pub opportunity: RecordKey,
    /// A link to it.
    pub url: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// The whole ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Every hand-off, the oldest first.
    pub rows: Vec<HandOff>,
    /// Opportunities beside it that nobody owns.
    pub unowned: Vec<Unowned>,
    /// What is to be nurtured.
    pub pool: Pool,
}

/// What the ledger is made from.
pub struct LedgerInput<'a> {
    /// The facts.
    pub facts: &'a Facts,
    /// Who belongs to whom.
    pub teams: &'a Teams,
    /// The company's hours.
    pub hours: &'a BusinessCalendar,
    /// `[handoff]`
    pub settings: &'a Settings,
    /// The fields of opportunities that each source fills, of those that matter here.
    pub filled: &'a BTreeMap<String, BTreeSet<String>>,
    /// The sources of which it is known what they had when they were read.
    pub watched: &'a BTreeSet<String>,
    /// Vendor values to channels.
    pub words: &'a Vocabulary,
    /// Amounts in one currency.
    pub currency: &'a CurrencyRates,
    /// From when on activities are known at all.
    pub activities_from: Option<Date>,
    /// How far opportunities are complete.
    pub opportunities_complete: Option<Timestamp>,
    /// Excuses by opportunity and sequence.
    pub excuses: &'a BTreeMap<(RecordKey, i64), Excuse>,
    /// Now.
    pub clock: Timestamp,
    /// How far the activities are complete; none when no source has any.
    pub activities_complete: Option<Timestamp>,
}

impl HandOff {
    /// Whether marketing has it back: there is nothing to follow up on any more.
    pub fn is_given_back(&self) -> bool {
        self.returned_at.is_some() || self.decided.given_back_at.is_some()
    }
}

impl LedgerInput<'_> {
    fn fills(&self, source: &str, field: &str) -> bool {
        self.filled.get(source).is_some_and(|fields| fields.contains(field))
    }

    fn audit(&self, opportunity: &Opportunity, handed_off_at: Timestamp) -> Audit {
        let day = self.hours.zone.to_datetime(handed_off_at).date();
        let worth = opportunity.worth(self.currency, day);
        let lead = self.facts.lead_of(opportunity);
        let fills = |field: &str| self.fills(&opportunity.key.source, field);
        let facts = criteria::Audited { opportunity, lead, worth, words: self.words };
        criteria::audit(&self.settings.criteria, &facts, fills)
    }
}

/// Judges every hand-off up to the clock.
pub fn ledger(input: &LedgerInput<'_>) -> Ledger {
    let mut histories: HashMap<&RecordKey, History<'_>> = HashMap::new();
    for change in &input.facts.owner_changes {
        histories.entry(&change.opportunity).or_default().owners.push(change);
    }
    for change in &input.facts.stage_changes {
        histories.entry(&change.opportunity).or_default().stages.push(change);
    }
    let touches = Touches::new(input);
    let mut ledger = Ledger::default();
    for opportunity in input.facts.opportunities.values() {
        let gone = opportunity.deleted_at.is_some_and(|at| at <= input.clock);
        if gone && input.facts.merged.contains(&opportunity.key) {
            continue;
        }
        let mut history = histories.remove(&opportunity.key).unwrap_or_default();
        history.sort(input.hours);
        let mapped = input.fills(&opportunity.key.source, "handed_off_at");
        let episodes = history.episodes(opportunity, &input.settings.when, mapped, input.hours);
        for (index, episode) in episodes.iter().enumerate() {
            if episode.handed_off_at <= input.clock {
                let sequence = index as i64 + 1;
                let next = episodes.get(index + 1).map(|next| next.handed_off_at);
                let numbered = Numbered { episode, sequence, next };
                ledger.rows.push(judge(input, opportunity, &history, &numbered, &touches));
            }
        }
        ledger.unowned.extend(unowned(input, opportunity, &history));
    }
    ledger.rows.sort_by(|a, b| {
        (a.handed_off_at, &a.opportunity, a.sequence).cmp(&(
            b.handed_off_at,
            &b.opportunity,
            b.sequence,
        ))
    });
    ledger.pool = nurture::pool(&ledger.rows, input.facts, input.clock, &input.hours.zone);
    // Nobody's on purpose is not forgotten.
    let pool = ledger.pool.members.iter().map(|member| &member.opportunity);
    let pool: BTreeSet<&RecordKey> = pool.collect();
    ledger.unowned.retain(|row| !pool.contains(&row.opportunity));
    ledger
}

fn decided(
    input: &LedgerInput<'_>,
    opportunity: &Opportunity,
    episode: &Episode,
    next: Option<Timestamp>,
    team: Option<&str>,
) -> Decided {
    let source = &opportunity.key.source;
    let told = DecisionInput {
        hours: input.hours,
        team_hours: input.teams.hours_of(team, input.hours),
        within: input.settings.decide_within,
        is_told: input.fills(source, "accepted_at") || input.fills(source, "rejected_at"),
        clock: input.clock,
        complete: input.opportunities_complete,
    };
    decide(&told, opportunity, episode, next)
}

/// One of the hand-offs of an opportunity.
struct Numbered<'a> {
    episode: &'a Episode,
    sequence: i64,
    /// When the next one came.
    next: Option<Timestamp>,
}

fn judge(
    input: &LedgerInput<'_>,
    opportunity: &Opportunity,
    history: &History<'_>,
    numbered: &Numbered<'_>,
    touches: &Touches<'_>,
) -> HandOff {
    let Numbered { episode, sequence, next } = *numbered;
    let handed_off_at = episode.handed_off_at;
    let owner = history.owner_at_hand_off(opportunity, handed_off_at, input.hours);
    let team = owner.and_then(|owner| input.teams.team_of(owner));
    let hours = input.teams.hours_of(team, input.hours);
    let due_at = hours.due(handed_off_at, input.settings.first_touch_within);
    let sought = Sought { opportunity, history, handed_off_at, owner, hours };
    let touched = touches.of(input, &sought);
    let first = touched.first(&sought, input.settings.count_touch_before);
    let first_touch_at = first.map(|touch| touch.at);
    let decided = decided(input, opportunity, episode, next, team);
    let withdrawn_at = [episode.returned_at, decided.given_back_at, opportunity.deleted_at];
    let withdrawn_at = withdrawn_at.into_iter().flatten().min();
    let key = (opportunity.key.clone(), sequence);
    let verdict = verdict(input, &key, episode, withdrawn_at, (due_at, first_touch_at));
    let lead = input.facts.lead_of(opportunity);
    let recorded_at = first.and_then(|touch| touch.recorded_at);
    let source = &opportunity.key.source;
    let audit = || input.audit(opportunity, handed_off_at);
    let created_at = opportunity.created_at.map(|at| instant(at, input.hours));
    HandOff {
        opportunity: opportunity.key.clone(),
        url: opportunity.url.clone(),
        owner: owner.map(str::to_owned),
        team: team.map(str::to_owned),
        sequence,
        handed_off_at,
        due_at,
        first_touch_at,
        returned_at: episode.returned_at.filter(|at| *at <= input.clock),
        verdict,
        pre_touch_at: touched.listed_before(&sought),
        backdated: verdict == Verdict::InTime && recorded_at.is_some_and(|at| at > due_at),
        logged_late: first.zip(recorded_at).is_some_and(|(touch, recorded)| {
            recorded > hours.due(touch.at, input.settings.first_touch_within)
        }),
        unowned_secs: created_at
            .filter(|at| sequence == 1 && *at < handed_off_at)
            .map_or(0, |at| hours.seconds_open(at, handed_off_at)),
        touched_secs: first_touch_at.map(|touch| hours.seconds_open(handed_off_at, touch)),
        late_secs: match verdict {
            Verdict::Overdue => hours.seconds_open(due_at, input.clock),
            Verdict::Late => hours.seconds_open(due_at, first_touch_at.unwrap_or(input.clock)),
            _ => 0,
        },
        attempts: touched
            .after
            .iter()
            .filter(|touch| touch.at.as_second() - handed_off_at.as_second() <= ATTEMPTS_SECS)
            .count(),
        attempts_final: input.clock.as_second() - handed_off_at.as_second() > ATTEMPTS_SECS,
        reassigned: reassigned(input, history, handed_off_at, first_touch_at, owner),
        channel: opportunity.channel.clone().or_else(|| lead?.channel.clone()),
        deleted: opportunity.deleted_at.is_some_and(|at| at <= input.clock),
        decided,
        next_step: input.fills(source, "next_step").then_some(opportunity.next_step),
        audit: (!input.settings.criteria.is_empty()).then(audit),
    }
}

/// The first that matches, as the contract has them.
fn verdict(
    input: &LedgerInput<'_>,
    key: &(RecordKey, i64),
    episode: &Episode,
    withdrawn_at: Option<Timestamp>,
    (due_at, first_touch_at): (Timestamp, Option<Timestamp>),
) -> Verdict {
    let withdrawn = withdrawn_at.is_some_and(|at| {
        at <= due_at && at <= input.clock && first_touch_at.is_none_or(|t| t > at)
    });
    let day = input.hours.zone.to_datetime(episode.handed_off_at).date();
    let before_records = input.activities_from.is_some_and(|from| day < from);
    if first_touch_at.is_some_and(|touch| touch <= due_at) {
        Verdict::InTime
    } else if input.excuses.contains_key(key) || withdrawn {
        Verdict::Excused
    } else if input.clock <= due_at {
        Verdict::Waiting
    } else if before_records || input.activities_complete.is_none_or(|complete| complete < due_at) {
        Verdict::Unknown
    } else if first_touch_at.is_some() {
        Verdict::Late
    } else {
        Verdict::Overdue
    }
}

/// The last owner of another name who came before the first touch.
fn reassigned(
    input: &LedgerInput<'_>,
    history: &History<'_>,
    handed_off_at: Timestamp,
    first_touch_at: Option<Timestamp>,
    owner: Option<&str>,
) -> Option<Reassigned> {
    let end = first_touch_at.unwrap_or(input.clock).min(input.clock);
    let mut later = history.owners.iter().rev().filter_map(|change| {
        let at = instant(change.at, input.hours);
        let to = change.value.as_deref()?;
        (at > handed_off_at && at <= end).then_some((to, at))
    });
    let (to, at) = later.next().filter(|(to, _)| owner != Some(*to))?;
    let hours = input.teams.hours_of(input.teams.team_of(to), input.hours);
    let due_at = hours.due(at, input.settings.first_touch_within);
    Some(Reassigned { to: to.to_owned(), at, due_at })
}

fn unowned(
    input: &LedgerInput<'_>,
    opportunity: &Opportunity,
    history: &History<'_>,
) -> Option<Unowned> {
    let closed = opportunity.outcome != Outcome::Open
        && opportunity.closed_at.is_some_and(|at| at.is_seen(input.clock, &input.hours.zone));
    let deleted = opportunity.deleted_at.is_some_and(|at| at <= input.clock);
    if closed || deleted || history.owner_at(opportunity, input.clock, input.hours).is_some() {
        return None;
    }
    let before = history.owners.iter().rfind(|c| instant(c.at, input.hours) <= input.clock);
    let since = before.map(|change| change.at).or(opportunity.created_at)?;
    let since = instant(since, input.hours);
    let late = input.hours.due(since, input.settings.unowned_after) < input.clock;
    late.then(|| Unowned {
        opportunity: opportunity.key.clone(),
        url: opportunity.url.clone(),
        since,
    })
}
