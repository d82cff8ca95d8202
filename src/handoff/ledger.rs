//! Every hand-off with its due time, its first touch and its verdict.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    episode::{Episode, History, instant},
    settings::Settings,
};
use crate::domain::{
    calendar::BusinessCalendar,
    facts::{Activity, Facts, Opportunity, Outcome, RecordKey},
    team::Teams,
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
    /// Business seconds from the hand-off to the first touch.
    pub touched_secs: Option<i64>,
    /// Business seconds from the due time to the first touch, or to now where there is none: the clock goes
    /// on after the breach. 0 of what is neither late nor overdue.
    pub late_secs: i64,
    /// Touches within ten days of the hand-off.
    pub attempts: usize,
    /// The last owner who took it over untouched, with a clock of their own. The verdict does not change.
    pub reassigned: Option<Reassigned>,
    /// The vendor's value of the channel.
    pub channel: Option<String>,
    /// Whether the source no longer has it: it stays in the ledger, and nobody can call it any more.
    pub deleted: bool,
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
    /// Sources that fill `handed_off_at`.
    pub mapped_sources: &'a BTreeSet<String>,
    /// Excuses by opportunity and sequence.
    pub excuses: &'a BTreeMap<(RecordKey, i64), Excuse>,
    /// Now.
    pub clock: Timestamp,
    /// How far the activities are complete; none when no source has any.
    pub activities_complete: Option<Timestamp>,
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
        let mapped = input.mapped_sources.contains(&opportunity.key.source);
        let episodes = history.episodes(opportunity, &input.settings.when, mapped, input.hours);
        for (index, episode) in episodes.iter().enumerate() {
            if episode.handed_off_at <= input.clock {
                let sequence = index as i64 + 1;
                ledger.rows.push(judge(input, opportunity, &history, episode, sequence, &touches));
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
    ledger
}

fn judge(
    input: &LedgerInput<'_>,
    opportunity: &Opportunity,
    history: &History<'_>,
    episode: &Episode,
    sequence: i64,
    touches: &Touches<'_>,
) -> HandOff {
    let handed_off_at = episode.handed_off_at;
    let owner = history.owner_at_hand_off(opportunity, handed_off_at, input.hours);
    let team = owner.and_then(|owner| input.teams.team_of(owner));
    let hours = input.teams.hours_of(team, input.hours);
    let due_at = hours.due(handed_off_at, input.settings.first_touch_within);
    let touched = touches.all(input, opportunity, history, handed_off_at, owner);
    let first_touch_at = touched.first().copied();
    let key = (opportunity.key.clone(), sequence);
    let withdrawn = [episode.returned_at, opportunity.deleted_at]
        .into_iter()
        .flatten()
        .any(|at| at <= due_at && at <= input.clock && first_touch_at.is_none_or(|t| t > at));
    let verdict = if first_touch_at.is_some_and(|touch| touch <= due_at) {
        Verdict::InTime
    } else if input.excuses.contains_key(&key) || withdrawn {
        Verdict::Excused
    } else if input.clock <= due_at {
        Verdict::Waiting
    } else if input.activities_complete.is_none_or(|complete| complete < due_at) {
        Verdict::Unknown
    } else if first_touch_at.is_some() {
        Verdict::Late
    } else {
        Verdict::Overdue
    };
    let lead = input.facts.lead_of(opportunity);
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
        touched_secs: first_touch_at.map(|touch| hours.seconds_open(handed_off_at, touch)),
        late_secs: match verdict {
            Verdict::Overdue => hours.seconds_open(due_at, input.clock),
            Verdict::Late => hours.seconds_open(due_at, first_touch_at.unwrap_or(input.clock)),
            _ => 0,
        },
        attempts: touched
            .iter()
            .filter(|at| at.as_second() - handed_off_at.as_second() <= ATTEMPTS_SECS)
            .count(),
        reassigned: reassigned(input, history, handed_off_at, first_touch_at, owner),
        channel: opportunity.channel.clone().or_else(|| lead?.channel.clone()),
        deleted: opportunity.deleted_at.is_some_and(|at| at <= input.clock),
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

/// The activities that can be touches, by what they are linked to.
struct Touches<'a> {
    by_opportunity: HashMap<(&'a str, &'a str), Vec<&'a Activity>>,
    by_lead: HashMap<(&'a str, &'a str), Vec<&'a Activity>>,
    contacts: HashMap<&'a RecordKey, Vec<&'a str>>,
}

impl<'a> Touches<'a> {
    fn new(input: &LedgerInput<'a>) -> Touches<'a> {
        let mut touches = Touches {
            by_opportunity: HashMap::new(),
            by_lead: HashMap::new(),
            contacts: HashMap::new(),
        };
        let counts = |activity: &&Activity| input.settings.counts_as_touch.contains(&activity.kind);
        let activities: HashMap<&RecordKey, &Activity> =
            input.facts.activities.iter().filter(counts).map(|a| (&a.key, a)).collect();
        for activity in activities.values() {
            let links = (activity.opportunity.as_deref(), activity.lead.as_deref());
            touches.link(activity, links);
        }
        for link in &input.facts.activity_links {
            if let Some(activity) = activities.get(&link.activity) {
                touches.link(activity, (link.opportunity.as_deref(), link.lead.as_deref()));
            }
        }
        for role in &input.facts.contact_roles {
            touches.contacts.entry(&role.opportunity).or_default().push(&role.lead);
        }
        touches
    }

    fn link(
        &mut self,
        activity: &'a Activity,
        (opportunity, lead): (Option<&'a str>, Option<&'a str>),
    ) {
        let source = activity.key.source.as_str();
        if let Some(id) = opportunity {
            self.by_opportunity.entry((source, id)).or_default().push(activity);
        }
        if let Some(id) = lead {
            self.by_lead.entry((source, id)).or_default().push(activity);
        }
    }

    /// The touches at or after the hand-off, by somebody of the team then or at the time of the touch, in
    /// their order.
    fn all(
        &self,
        input: &LedgerInput<'_>,
        opportunity: &Opportunity,
        history: &History<'_>,
        handed_off_at: Timestamp,
        owner: Option<&str>,
    ) -> Vec<Timestamp> {
        let source = opportunity.key.source.as_str();
        let own = self.by_opportunity.get(&(source, opportunity.key.id.as_str()));
        let others = self.contacts.get(&opportunity.key).into_iter().flatten().copied();
        let contacts = opportunity.lead.as_deref().into_iter().chain(others);
        let of_contacts = contacts.filter_map(|lead| self.by_lead.get(&(source, lead)));
        // An activity may be linked to the opportunity and to its contact.
        let mut seen = std::collections::HashSet::new();
        let mut found: Vec<Timestamp> = own
            .into_iter()
            .chain(of_contacts)
            .flatten()
            .filter(|activity| seen.insert(&activity.key))
            .filter_map(|activity| {
                let at = instant(activity.at, input.hours);
                if at < handed_off_at || at > input.clock {
                    return None;
                }
                let by = activity.owner.as_deref()?;
                let then = history.owner_at(opportunity, at, input.hours);
                let ours = [owner, then].into_iter().flatten();
                ours.into_iter().any(|owner| input.teams.same_team(owner, by)).then_some(at)
            })
            .collect();
        found.sort_unstable();
        found
    }
}
