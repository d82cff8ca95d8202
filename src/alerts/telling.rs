//! Who hears of what: the difference between what somebody has heard of an alert and how it stands.
//! What is held back (outside hours, silenced) stays owed, and is told later if it is still true.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::lifecycle::State;
use super::{Audience, Finding, Severity};
use crate::domain::{heard::Heard, silence::Silence};

/// Somebody who can be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipient {
    /// A team.
    Team(String),
    /// An owner of opportunities, before their team hears of it.
    Owner(String),
    /// Whoever hears of what a team did not mend.
    Escalation,
    /// Whoever runs the daemon.
    Operator,
}

impl Recipient {
    /// The name in the store, and of the ways in the configuration.
    pub fn name(&self) -> String {
        match self {
            Recipient::Team(name) => format!("team.{name}"),
            Recipient::Owner(id) => format!("owner.{id}"),
            Recipient::Escalation => "escalation".into(),
            Recipient::Operator => "operator".into(),
        }
    }
}

/// An alert after a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Its number.
    pub alert: i64,
    /// Its messages belong together with others'.
    pub thread: String,
    /// How it stands.
    pub state: State,
    /// The worst step so far.
    pub level: usize,
    /// When it started.
    pub since: Timestamp,
    /// Why it is in its state.
    pub reason: String,
    /// When an acknowledgement ran out, last.
    pub reminded: Option<Timestamp>,
    /// Whether it has gone on for so long that others hear of it.
    pub escalates: bool,
    /// What was found.
    pub finding: Finding,
}

/// What is new to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// It goes on, and they have not heard of it.
    Opened,
    /// It is worse than they heard.
    Worse,
    /// Nobody looks after it any more.
    Reminder,
    /// Records that they have not heard of.
    NewRecords,
    /// It is over.
    Resolved,
}

/// What one person or team can be told at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// Why nothing but what is critical is told now.
    pub closed: Option<String>,
    /// Messages that are left of this week's; none where there is no limit.
    pub left: Option<usize>,
    /// Whether they get the week's digest, which has what there was no message left for.
    pub reads_digest: bool,
}

/// What holds for every alert.
pub struct House<'a> {
    /// Who can be reached, and how they stand.
    pub people: &'a BTreeMap<Recipient, Person>,
    /// What nobody wants to hear of for a while.
    pub silences: &'a [Silence],
    /// Now.
    pub now: Timestamp,
    /// Nothing is told at all.
    pub shadow: bool,
    /// Critical alerts do not wait for anybody's hours.
    pub critical_passes: bool,
}

/// A message to one recipient: places in the list of standings, the most urgent first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// To whom.
    pub to: Recipient,
    /// Its thread.
    pub thread: String,
    /// What it says.
    pub parts: Vec<(usize, News)>,
    /// Whether it is the last one of this week.
    pub last: bool,
}

/// What comes of it all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    /// Messages that leave now.
    pub messages: Vec<Message>,
    /// What only the digest will tell.
    pub digest_only: Vec<(usize, Recipient, News)>,
    /// What is owed, and why it waits.
    pub held: Vec<(usize, String)>,
}

/// Decides who is told what.
pub fn tell(
    standings: &[Standing],
    heard: &BTreeMap<(i64, String), Heard>,
    house: &House<'_>,
) -> Telling {
    let mut telling = Telling::default();
    let mut grouped: BTreeMap<(Recipient, String), Vec<(usize, News)>> = BTreeMap::new();
    for (index, standing) in standings.iter().enumerate() {
        let recipients = recipients(standing, heard, house.people);
        if recipients.is_empty() && standing.state == State::Firing {
            telling.held.push((index, "nobody can be reached".into()));
        }
        for recipient in recipients {
            let known = heard
                .get(&(standing.alert, recipient.name()))
                .or_else(|| heard.get(&(standing.alert, "*".to_owned())));
            let Some(news) = news(known, standing) else { continue };
            match held_back(standing, &recipient, house) {
                Some(reason) => telling.held.push((index, reason)),
                None => {
                    let key = (recipient, standing.thread.clone());
                    grouped.entry(key).or_default().push((index, news));
                }
            }
        }
    }
    let urgency = |(index, news): &(usize, News)| urgency(&standings[*index], *news);
    let mut messages: Vec<Message> = grouped
        .into_iter()
        .map(|((to, thread), mut parts)| {
            parts.sort_by_key(urgency);
            Message { to, thread, parts, last: false }
        })
        .collect();
    // Where not all can go out, the most urgent do.
    messages.sort_by_key(|message| urgency(&message.parts[0]));
    let mut left: BTreeMap<Recipient, Option<usize>> =
        house.people.iter().map(|(who, person)| (who.clone(), person.left)).collect();
    for mut message in messages {
        let left = left.entry(message.to.clone()).or_default();
        match left {
            Some(0) => over_budget(message, house, &mut telling),
            Some(count) => {
                *count -= 1;
                message.last = *count == 0;
                telling.messages.push(message);
            }
            None => telling.messages.push(message),
        }
    }
    telling
}

/// An end waits for the next week, since it closes what was opened at the other side.
fn over_budget(message: Message, house: &House<'_>, telling: &mut Telling) {
    let reads_digest = house.people.get(&message.to).is_some_and(|person| person.reads_digest);
    for (index, news) in message.parts {
        if reads_digest && news != News::Resolved {
            telling.digest_only.push((index, message.to.clone(), news));
        } else {
            let reason = format!("{} had all its messages of this week", message.to.name());
            telling.held.push((index, reason));
        }
    }
}

/// What sorts first is told first: what goes on before what is over, the critical before the rest.
fn urgency(
    standing: &Standing,
    news: News,
) -> (bool, std::cmp::Reverse<Severity>, std::cmp::Reverse<usize>, i64) {
    let severity = std::cmp::Reverse(standing.finding.severity);
    (news == News::Resolved, severity, std::cmp::Reverse(standing.level), standing.alert)
}

/// Who is to hear of an alert. Of an end it is whoever heard of the beginning, whatever the plan and the teams
/// are now. A team that cannot be reached is the operator's business.
fn recipients(
    standing: &Standing,
    heard: &BTreeMap<(i64, String), Heard>,
    people: &BTreeMap<Recipient, Person>,
) -> BTreeSet<Recipient> {
    let knows = |name: &str| heard.contains_key(&(standing.alert, name.to_owned()));
    if standing.state == State::Resolved && !knows("*") {
        return people.keys().filter(|who| knows(&who.name())).cloned().collect();
    }
    let reachable = |who: &Recipient| people.contains_key(who);
    let mut found: BTreeSet<Recipient> = match &standing.finding.audience {
        Audience::Team(name) => BTreeSet::from([Recipient::Team(name.clone())]),
        Audience::EveryTeam => {
            let team = |who: &&Recipient| matches!(who, Recipient::Team(_));
            people.keys().filter(team).cloned().collect()
        }
        // Before it is late nobody but the owner is bothered.
        Audience::Owner(id) => {
            let owner = Recipient::Owner(id.clone());
            return [owner].into_iter().filter(reachable).collect();
        }
        Audience::Operator => BTreeSet::from([Recipient::Operator]),
    };
    found.retain(reachable);
    if found.is_empty() {
        found.extend([Recipient::Operator].into_iter().filter(reachable));
    }
    if standing.escalates && reachable(&Recipient::Escalation) {
        found.insert(Recipient::Escalation);
    }
    found
}

/// What is new to somebody, if anything.
pub fn news(heard: Option<&Heard>, standing: &Standing) -> Option<News> {
    match (standing.state, heard) {
        (State::Resolved, Some(heard)) if !heard.ended && !standing.finding.quiet_end => {
            Some(News::Resolved)
        }
        (State::Firing, None) => Some(News::Opened),
        // They heard that it was over, and it began again.
        (State::Firing, Some(heard)) if heard.ended => Some(News::Opened),
        (_, Some(heard)) if heard.ended => None,
        (State::Firing, Some(heard)) if standing.level > heard.level => Some(News::Worse),
        (State::Firing, Some(heard)) if standing.reminded.is_some_and(|at| at > heard.at) => {
            Some(News::Reminder)
        }
        // Who acknowledged an alert did not know of these.
        (State::Firing | State::Acknowledged, Some(heard)) if has_new(heard, &standing.finding) => {
            Some(News::NewRecords)
        }
        _ => None,
    }
}

fn has_new(heard: &Heard, finding: &Finding) -> bool {
    let new = |id: &str| !heard.records.contains(id);
    finding.tells_new_records && finding.records.iter().any(|record| new(&record.id))
}

fn held_back(standing: &Standing, to: &Recipient, house: &House<'_>) -> Option<String> {
    if house.shadow {
        return Some("`[alerts] mode` is \"shadow\"".into());
    }
    let finding = &standing.finding;
    if let Some(silence) = silenced(house.silences, finding, to, house.now) {
        return Some(format!("silence {} by {}: {}", silence.id, silence.by, silence.why));
    }
    let passes = house.critical_passes && finding.severity == Severity::Critical;
    house.people.get(to)?.closed.clone().filter(|_| !passes)
}

/// The silence that keeps a finding from somebody.
fn silenced<'a>(
    silences: &'a [Silence],
    finding: &Finding,
    to: &Recipient,
    now: Timestamp,
) -> Option<&'a Silence> {
    silences.iter().find(|silence| {
        let team = silence.team.as_ref();
        let for_them = team.is_none_or(|team| matches!(to, Recipient::Team(name) if name == team));
        silence.holds(now) && for_them && silence.covers(&finding.rule, &finding.scope)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Status;
    use crate::alerts::tests::finding;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-23T{text}:00Z").parse().unwrap()
    }

    fn standing(alert: i64, state: State, level: usize) -> Standing {
        Standing {
            alert,
            thread: "alert:1".into(),
            state,
            level,
            since: at("09:00"),
            reason: String::new(),
            reminded: None,
            escalates: false,
            finding: Finding {
                audience: Audience::Team("sales".into()),
                ..finding(Status::Breach(level), &["a"])
            },
        }
    }

    fn heard(level: usize, records: &[&str]) -> Heard {
        let records = records.iter().map(|id| (*id).to_owned()).collect();
        Heard { at: at("10:00"), level, records, ended: false }
    }

    fn people(left: Option<usize>, closed: Option<&str>) -> BTreeMap<Recipient, Person> {
        let person = Person { left, closed: closed.map(str::to_owned), reads_digest: true };
        let operator = Person::default();
        BTreeMap::from([
            (Recipient::Team("sales".into()), person.clone()),
            (Recipient::Escalation, operator.clone()),
            (Recipient::Operator, operator),
        ])
    }

    fn told(standings: &[Standing], people: &BTreeMap<Recipient, Person>) -> Telling {
        let house =
            House { people, silences: &[], now: at("12:00"), shadow: false, critical_passes: true };
        tell(standings, &BTreeMap::new(), &house)
    }

    #[test]
    fn news_is_the_difference_between_what_was_heard_and_what_is() {
        use State::{Acknowledged, Firing, Pending, Recovering, Resolved, Stale};
        let of =
            |known: Option<Heard>, state, level| news(known.as_ref(), &standing(1, state, level));
        assert_eq!(of(None, Firing, 1), Some(News::Opened));
        assert_eq!(of(Some(heard(1, &["a"])), Firing, 1), None);
        assert_eq!(of(Some(heard(1, &["a"])), Firing, 2), Some(News::Worse));
        assert_eq!(of(Some(heard(1, &[])), Firing, 1), Some(News::NewRecords));
        assert_eq!(of(Some(heard(1, &[])), Acknowledged, 1), Some(News::NewRecords));
        assert_eq!(of(Some(heard(1, &["a"])), Resolved, 1), Some(News::Resolved));
        // Who never heard of the beginning hears nothing of the end.
        assert_eq!(of(None, Resolved, 1), None);
        for state in [Pending, Stale, Recovering, Acknowledged] {
            assert_eq!(of(None, state, 1), None, "{state:?}");
        }
        let forgotten = Standing { reminded: Some(at("11:00")), ..standing(1, Firing, 1) };
        assert_eq!(news(Some(&heard(1, &["a"])), &forgotten), Some(News::Reminder));
    }

    #[test]
    fn one_message_tells_a_team_all_of_one_thread_the_worst_first() {
        let telling = told(
            &[
                standing(1, State::Firing, 1),
                standing(2, State::Firing, 3),
                Standing { thread: "alert:3".into(), ..standing(3, State::Firing, 1) },
            ],
            &people(None, None),
        );
        let threads: Vec<_> =
            telling.messages.iter().map(|m| (m.thread.as_str(), &m.parts)).collect();
        let opened = |index| (index, News::Opened);
        assert_eq!(
            threads,
            [("alert:1", &vec![opened(1), opened(0)]), ("alert:3", &vec![opened(2)])]
        );
    }

    #[test]
    fn outside_hours_only_what_is_critical_is_told_and_the_rest_is_owed() {
        let mut critical = standing(2, State::Firing, 1);
        critical.finding.severity = Severity::Critical;
        let closed = people(None, Some("its hours begin Mon 09:00"));
        let telling = told(&[standing(1, State::Firing, 1), critical], &closed);
        assert_eq!(telling.messages.len(), 1);
        assert_eq!(telling.messages[0].parts, [(1, News::Opened)]);
        assert_eq!(telling.held, [(0, "its hours begin Mon 09:00".to_owned())]);
    }

    #[test]
    fn over_the_budget_the_digest_tells_and_the_last_message_says_so() {
        let other = Standing { thread: "alert:2".into(), ..standing(2, State::Firing, 2) };
        let telling = told(&[standing(1, State::Firing, 1), other], &people(Some(1), None));
        assert_eq!(telling.messages.len(), 1);
        assert!(telling.messages[0].last && telling.messages[0].parts == [(1, News::Opened)]);
        let team = Recipient::Team("sales".into());
        assert_eq!(telling.digest_only, [(0, team, News::Opened)]);
    }

    #[test]
    fn an_end_reaches_whoever_heard_of_the_beginning_and_nobody_twice() {
        let mut heard_by = BTreeMap::new();
        let mut know = |who: &str, ended| {
            let known = Heard { ended, ..heard(1, &["a"]) };
            heard_by.insert((1, who.to_owned()), known);
        };
        know("escalation", false);
        know("team.gone", false);
        know("team.sales", true);
        let everybody = people(None, None);
        let house = House {
            people: &everybody,
            silences: &[],
            now: at("12:00"),
            shadow: false,
            critical_passes: true,
        };
        let to = |heard_by: &BTreeMap<(i64, String), Heard>, state| -> Vec<Recipient> {
            let told = tell(&[standing(1, state, 1)], heard_by, &house);
            told.messages.into_iter().map(|message| message.to).collect()
        };
        assert_eq!(to(&heard_by, State::Resolved), [Recipient::Escalation]);
        // It began again: who heard of the end hears of it.
        assert_eq!(to(&heard_by, State::Firing), [Recipient::Team("sales".into())]);
        // What was told before recipients were kept: everybody knows, but for those who heard the end.
        heard_by.insert((1, "*".to_owned()), heard(1, &["a"]));
        assert_eq!(to(&heard_by, State::Resolved), []);
        heard_by.remove(&(1, "team.sales".to_owned()));
        assert_eq!(to(&heard_by, State::Resolved), [Recipient::Team("sales".into())]);
    }

    #[test]
    fn an_end_over_the_budget_waits_for_the_next_week() {
        let known = BTreeMap::from([((1, "team.sales".to_owned()), heard(1, &["a"]))]);
        let everybody = people(Some(0), None);
        let house = House {
            people: &everybody,
            silences: &[],
            now: at("12:00"),
            shadow: false,
            critical_passes: true,
        };
        let told = tell(&[standing(1, State::Resolved, 1)], &known, &house);
        assert!(told.messages.is_empty() && told.digest_only.is_empty());
        assert_eq!(told.held.len(), 1);
    }

    #[test]
    fn the_ladder_goes_from_the_owner_to_the_team_to_the_head_of_sales() {
        let mut people = people(None, None);
        people.insert(Recipient::Owner("ben".into()), Person::default());
        let to = |standing: Standing| -> Vec<Recipient> {
            told(&[standing], &people).messages.into_iter().map(|m| m.to).collect()
        };
        let mut soon = standing(1, State::Firing, 1);
        soon.finding.audience = Audience::Owner("ben".into());
        assert_eq!(to(soon.clone()), [Recipient::Owner("ben".into())]);
        soon.finding.audience = Audience::Owner("unknown".into());
        assert_eq!(to(soon), []);
        let team = Recipient::Team("sales".into());
        assert_eq!(to(standing(1, State::Firing, 1)), std::slice::from_ref(&team));
        let late = Standing { escalates: true, ..standing(1, State::Firing, 1) };
        assert_eq!(to(late), [team, Recipient::Escalation]);
        let mut unreachable = standing(1, State::Firing, 1);
        unreachable.finding.audience = Audience::Team("nobody".into());
        assert_eq!(to(unreachable), [Recipient::Operator]);
    }
}
