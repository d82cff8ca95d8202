//! A simulated year of hand-offs and alerts, with an oracle that knows the truth: five teams with habits and
//! hours of their own, holidays, both changes of the clocks, a CRM that is down for two days, an import flood.
//!
//! `cargo test --test alert_year` lives one year; `PACELINE_YEARS=200 cargo test --release --test alert_year --
//! --nocapture` lives two hundred, and prints what happened.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::{Timestamp, ToSpan, civil::Date, civil::Weekday, tz::TimeZone};
use paceline::clock::Clock;
use paceline::config::Settings;
use paceline::daemon::{self, Ground};
use paceline::evaluate::Snapshot;
use paceline::store::Store;
use rand_distr::{Distribution, Uniform};
use support::{settings_of, write};
use tempfile::TempDir;

const CONFIG: &str = r#"
[company]
name = "C"
time_zone = "America/New_York"
[company.business_hours]
holidays = ["2026-01-01", "2026-05-25", "2026-07-03", "2026-09-07", "2026-11-26", "2026-12-25"]
[source.crm]
kind = "csv"
every = "1m"
[[source.crm.file]]
path = "deals.csv"
object = "opportunity"
[source.crm.file.columns]
id = "id"
created_at = "created"
owner = "owner"
[[source.crm.file]]
path = "calls.csv"
object = "activity"
[source.crm.file.columns]
id = "id"
opportunity = "deal"
kind = { const = "call" }
at = "at"
owner = "owner"
[[source.crm.file]]
path = "leads.csv"
object = "lead"
[source.crm.file.columns]
id = "id"
created_at = "created"
[handoff]
since = "2026-01-01"
first_touch_within = "4 business hours"
[alerts]
messages_per_week = 6
critical_passes = false
[operator]
file = "operator.txt"
[digest]
schedule = "mon 08:00"
[plan]
file = "plan.toml"
[team.north]
owners = ["n1", "n2"]
file = "north.txt"
[team.south]
owners = ["s1", "s2"]
file = "south.txt"
[team.night]
owners = ["g1"]
file = "night.txt"
[team.night.business_hours]
days = ["mon", "tue", "wed", "thu", "fri", "sat"]
from = "12:00"
to = "20:00"
[team.berlin]
owners = ["b1", "b2"]
time_zone = "Europe/Berlin"
file = "berlin.txt"
[team.lazy]
owners = ["l1"]
file = "lazy.txt"
"#;

/// Leads that are there all the time, and wins that never come: that is critical, and waits for hours too here.
const PLAN: &str =
    "[[goal]]\nname = \"leads\"\nfrom = \"FROM\"\nto = \"2027-06-01\"\nleads = 1000\n";

/// Owner, team, and how many of a hundred hand-offs are touched in time, late, and never.
const OWNERS: [(&str, &str, [usize; 3]); 8] = [
    ("n1", "north", [97, 2, 1]),
    ("n2", "north", [90, 8, 2]),
    ("s1", "south", [80, 15, 5]),
    ("s2", "south", [95, 4, 1]),
    ("g1", "night", [85, 10, 5]),
    ("b1", "berlin", [92, 6, 2]),
    ("b2", "berlin", [70, 25, 5]),
    ("l1", "lazy", [30, 40, 30]),
];

/// A slot is a quarter of an hour; an allowance of four hours is sixteen of them.
const SLOT_SECS: i64 = 900;
const ALLOWANCE_SLOTS: usize = 16;
const BUDGET: usize = 6;
/// The CRM answers nothing on these days; the flood comes on that one.
const DOWN: [&str; 2] = ["2026-04-14", "2026-04-15"];
const FLOOD: &str = "2026-08-18";
/// Looks of a day, in UTC: before, in and after the hours of most teams.
const LOOKS: [(i8, i8); 4] = [(8, 30), (13, 30), (18, 0), (22, 30)];

struct Deal {
    owner: &'static str,
    team: &'static str,
    created: Timestamp,
    due: Timestamp,
    touched: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Tally {
    deals: usize,
    overdue_told: usize,
    messages: usize,
    in_digest_only: usize,
    floods: usize,
    outages: usize,
}

struct Year {
    folder: TempDir,
    settings: Settings,
    store: Store,
    random: rand_pcg::Pcg64Mcg,
    deals: BTreeMap<String, Deal>,
    leads: Vec<(String, Timestamp)>,
    /// When the CRM was last read.
    read: Timestamp,
    tally: Tally,
}

/// Whether a team works in a slot, by the wall clock of its zone: written anew, beside the program's calendar.
fn works(team: &str, at: Timestamp) -> bool {
    let zone = if team == "berlin" { "Europe/Berlin" } else { "America/New_York" };
    let local = TimeZone::get(zone).unwrap().to_datetime(at);
    let (hours, saturday) = if team == "night" { (12..20, true) } else { (9..17, false) };
    let weekday = match local.weekday() {
        Weekday::Sunday => false,
        Weekday::Saturday => saturday,
        _ => true,
    };
    // Teams with hours of their own have holidays of their own, which are none.
    let holidays = ["01-01", "05-25", "07-03", "09-07", "11-26", "12-25"];
    let day = format!("{:02}-{:02}", local.month(), local.day());
    let holiday = team != "night" && holidays.contains(&day.as_str());
    weekday && !holiday && hours.contains(&local.hour())
}

/// The end of the sixteenth working slot.
fn due(team: &str, created: Timestamp) -> Timestamp {
    let mut at = created;
    let mut left = ALLOWANCE_SLOTS;
    loop {
        left -= usize::from(works(team, at));
        at += SLOT_SECS.seconds();
        if left == 0 {
            return at;
        }
    }
}

impl Year {
    async fn new(seed: u64, from: Date) -> Year {
        let (folder, settings) = settings_of(CONFIG);
        write(folder.path(), "plan.toml", &PLAN.replace("FROM", &from.to_string()));
        let store = Store::open(&settings.database).await.unwrap();
        Year {
            folder,
            settings,
            store,
            random: rand_pcg::Pcg64Mcg::new(u128::from(seed) * 2 + 1),
            deals: BTreeMap::new(),
            leads: Vec::new(),
            read: Timestamp::UNIX_EPOCH,
            tally: Tally::default(),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        Uniform::new(0, end).unwrap().sample(&mut self.random)
    }

    /// What people do on a day: leads come, deals are handed off, and touched as their owners do.
    fn business(&mut self, day: Date) {
        let midnight = day.to_zoned(TimeZone::UTC).unwrap().timestamp();
        let weekday = !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let leads = if day.to_string() == FLOOD { 400 } else { 6 * usize::from(weekday) };
        for _ in 0..leads {
            let at = midnight + (self.below(20 * 4) as i64 * SLOT_SECS).seconds();
            self.leads.push((format!("L{}", self.leads.len()), at));
        }
        for _ in 0..self.below(4) {
            let (owner, team, [in_time, late, _]) = OWNERS[self.below(OWNERS.len())];
            let created = midnight + ((48 + self.below(40)) as i64 * SLOT_SECS).seconds();
            let due = due(team, created);
            let luck = self.below(100);
            let span = (due.as_second() - created.as_second()) / SLOT_SECS;
            let slots = match luck {
                luck if luck < in_time => Some(self.below(span as usize + 1) as i64),
                luck if luck < in_time + late => Some(span + 1 + self.below(200) as i64),
                _ => None,
            };
            let touched = slots.map(|slots| created + (slots * SLOT_SECS).seconds());
            let id = format!("D{}", self.deals.len());
            self.deals.insert(id, Deal { owner, team, created, due, touched });
        }
    }

    /// The CRM writes what there is by now, or is down.
    fn export(&mut self, now: Timestamp) -> bool {
        let path = self.folder.path().to_owned();
        let day = TimeZone::UTC.to_datetime(now).date().to_string();
        if DOWN.contains(&day.as_str()) {
            let _ = std::fs::remove_file(path.join("deals.csv"));
            return false;
        }
        let (mut deals, mut calls) =
            ("id,created,owner\n".to_owned(), "id,deal,at,owner\n".to_owned());
        for (id, deal) in self.deals.iter().filter(|(_, deal)| deal.created <= now) {
            writeln!(deals, "{id},{},{}", deal.created, deal.owner).unwrap();
            if let Some(at) = deal.touched.filter(|at| *at <= now) {
                writeln!(calls, "c{id},{id},{at},{}", deal.owner).unwrap();
            }
        }
        let mut leads = "id,created\n".to_owned();
        for (id, at) in self.leads.iter().filter(|(_, at)| *at <= now) {
            writeln!(leads, "{id},{at}").unwrap();
        }
        write(&path, "deals.csv", &deals);
        write(&path, "calls.csv", &calls);
        write(&path, "leads.csv", &leads);
        true
    }

    async fn step(&mut self, now: Timestamp) {
        let up = self.export(now);
        self.tally.outages += usize::from(!up);
        for job in ["sync:crm", "evaluate", "deliver"] {
            self.store.bring_forward(job, now).await.unwrap();
        }
        let ground = Ground::new(&self.settings, &self.store, Clock::Fixed(now), daemon::silent());
        let step = daemon::step_on(&ground, false).await.unwrap();
        assert_eq!(step.evaluation_error, None, "{now}");
        assert_eq!(step.synced.iter().all(|(_, result)| result.is_ok()), up, "{now}: {step:?}");
        if up {
            self.read = now;
        }
    }

    /// The truth about each hand-off, beside the ledger.
    async fn check_ledger(&self, now: Timestamp) {
        let snapshot = Snapshot::load_present(&self.settings, &self.store, now).await.unwrap();
        let ledger = snapshot.ledger().await.unwrap();
        let known = |deal: &&Deal| deal.created <= self.read;
        assert_eq!(ledger.rows.len(), self.deals.values().filter(known).count(), "{now}");
        let ids: BTreeSet<&str> =
            ledger.rows.iter().map(|row| row.opportunity.id.as_str()).collect();
        assert_eq!(ids.len(), ledger.rows.len(), "{now}: nothing is counted twice");
        for row in &ledger.rows {
            let deal = &self.deals[&row.opportunity.id];
            let touched = deal.touched.filter(|at| *at <= self.read);
            let truth = match touched {
                Some(at) if at <= deal.due => "in_time",
                _ if now <= deal.due => "waiting",
                _ if self.read < deal.due => "unknown",
                Some(_) => "late",
                None => "overdue",
            };
            let place = format!("{now}: {} of {}", row.opportunity.id, deal.team);
            assert_eq!((row.due_at, row.verdict.name()), (deal.due, truth), "{place}");
            assert_eq!(row.team.as_deref(), Some(deal.team), "{place}");
        }
    }

    /// No message at night, none over the budget, none twice, and none missing.
    async fn check_messages(&mut self, now: Timestamp) {
        let all = self.store.messages_since(Timestamp::UNIX_EPOCH).await.unwrap();
        let alerts: Vec<_> = all.iter().filter(|(key, _, _)| key.starts_with("alert:")).collect();
        let keys: BTreeSet<&String> = alerts.iter().map(|(key, _, _)| key).collect();
        assert_eq!(keys.len(), alerts.len());
        let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (key, state, message) in &alerts {
            assert_eq!(state, "sent", "{now}: {key}");
            if let Some(team) = key.split(":file:team.").nth(1) {
                let ids = message.event.alerts.iter().map(|alert| alert.id.to_string());
                named.entry(team).or_default().extend(ids);
            }
        }
        self.tally.messages = alerts.len();
        let mut weeks: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (recipient, at) in self.store.alert_message_times().await.unwrap() {
            let Some(team) = recipient.strip_prefix("team.") else { continue };
            let mut said = all.iter().filter(|(key, _, _)| key.ends_with(&format!(":team.{team}")));
            let said = said.next_back().map(|(_, _, message)| message.text.clone());
            assert!(works(team, at), "{recipient} was told at {at}: {said:?}");
            let day = self.settings.company.zone.to_datetime(at).date();
            let week = paceline::digest::Week::of(day).to_string();
            *weeks.entry((recipient, week)).or_default() += 1;
        }
        assert!(weeks.values().all(|count| *count <= BUDGET), "{weeks:?}");
        // Each hand-off that was overdue for a day of its team's work was told, or left to the digest.
        let from = Timestamp::UNIX_EPOCH;
        let rows = self.store.alerts_between(from, now).await.unwrap();
        let mut told: BTreeSet<String> = BTreeSet::new();
        for row in rows.iter().filter(|row| row.rule == "followup_overdue") {
            for (_, heard) in self.store.heard_of(row.id).await.unwrap() {
                told.extend(heard.records);
            }
        }
        let mut overdue = 0;
        for (id, deal) in &self.deals {
            let end = deal.touched.unwrap_or(Timestamp::MAX).min(self.read);
            // Seen at a look in the team's hours, with the data of that look.
            let looks = self.looks_between(deal.due, end);
            if looks.iter().any(|at| works(deal.team, *at) && *at > deal.due && *at < end) {
                overdue += 1;
                assert!(
                    told.contains(id),
                    "{now}: {id} of {} ({}) was never told",
                    deal.team,
                    deal.due
                );
            }
        }
        self.tally.overdue_told = overdue;
        let told_by_digest = self.store.told_by_digest(from, now).await.unwrap();
        self.tally.in_digest_only = told_by_digest.len();
    }

    /// The looks at which the CRM was up.
    fn looks_between(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let first = TimeZone::UTC.to_datetime(from).date();
        let mut looks = Vec::new();
        for day in first.series(1.day()).take(10) {
            if DOWN.contains(&day.to_string().as_str()) {
                continue;
            }
            looks.extend(LOOKS.map(|(hour, minute)| {
                day.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
            }));
        }
        looks.retain(|at| *at > from && *at < to);
        looks
    }

    async fn live(&mut self, from: Date, to: Date) {
        for day in from.series(1.day()).take_while(|day| *day < to) {
            self.business(day);
            for (hour, minute) in LOOKS {
                let now = day.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
                self.step(now).await;
            }
            let end = day.at(22, 30, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
            self.check_ledger(end).await;
            if day.day() == 28 {
                self.check_messages(end).await;
            }
        }
        let end = to.yesterday().unwrap().at(22, 30, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        self.check_messages(end.timestamp()).await;
        self.tally.deals = self.deals.len();
        let rows = self.store.alerts_between(Timestamp::UNIX_EPOCH, end.timestamp()).await.unwrap();
        self.tally.floods = rows.iter().filter(|row| row.rule == "source_unusual").count();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_of_hand_offs_loses_nothing_and_wakes_nobody() {
    let years: u64 = std::env::var("PACELINE_YEARS").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let date = jiff::civil::date;
    if years == 0 {
        // Ten weeks with the change of the clocks, and the two days without a CRM.
        let mut year = Year::new(1, date(2026, 2, 16)).await;
        year.live(date(2026, 2, 16), date(2026, 4, 27)).await;
        let tally = &year.tally;
        assert!(tally.deals > 60 && tally.overdue_told > 5 && tally.messages > 5, "{tally:?}");
        assert_eq!(tally.outages, DOWN.len() * LOOKS.len());
        return;
    }
    for seed in 1..=years {
        let mut year = Year::new(seed, date(2026, 1, 5)).await;
        year.live(date(2026, 1, 5), date(2027, 1, 4)).await;
        println!("seed {seed}: {:?}", year.tally);
        assert!(year.tally.floods == 1, "{:?}", year.tally);
    }
}
