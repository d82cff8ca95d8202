//! A simulated year: six teams with habits and hours of their own, a CRM in files and a HubSpot account, holidays,
//! both changes of the clocks, two days without the CRM, an import flood, reassignments, merges, and a plan that is
//! edited in the middle of quarters.

mod business;
mod oracle;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use paceline::clock::Clock;
use paceline::config::Settings;
use paceline::daemon::{self, Ground};
use paceline::simulate::hubspot::{Faults, Portal, Simulator};
use paceline::store::Store;
use tempfile::TempDir;

use super::support::{settings_of, write};
use business::Event;

const CONFIG: &str = r#"
[company]
name = "C"
time_zone = "America/New_York"
[company.business_hours]
holidays = ["2026-01-01", "2027-01-01", "2026-05-25", "2026-07-03", "2026-09-07", "2026-11-26", "2026-12-25"]
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
[source.hub]
kind = "hubspot"
base_url = "BASE"
token = { file = "token" }
rate_limit = "none"
every = "1m"
[handoff]
since = "2026-01-01"
first_touch_within = "4 business hours"
[alerts]
messages_per_week = 2
critical_passes = false
[operator]
file = "operator.txt"
[digest]
schedule = "mon 08:00"
[plan]
file = "plan.toml"
[team.north]
owners = ["n1", "n2", "73"]
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
[team.hub]
owners = ["71", "72"]
file = "hub.txt"
[team.lazy]
owners = ["l1"]
file = "lazy.txt"
"#;

/// A slot is a quarter of an hour; an allowance of four hours is sixteen of them.
const SLOT_SECS: i64 = 900;
const ALLOWANCE_SLOTS: usize = 16;
const BUDGET: usize = 2;
/// Leads come at this rate on business days, which is what each quarter's goal asks for.
const LEADS_A_DAY: f64 = 6.0;
/// The CRM answers nothing on these days; the flood comes on that one.
pub const DOWN: [&str; 2] = ["2026-04-14", "2026-04-15"];
const FLOOD: &str = "2026-08-18";
/// The second quarter's goal is edited and stays within reach; the last one's is doubled.
const EDITED: Date = jiff::civil::date(2026, 5, 11);
const DOUBLED: Date = jiff::civil::date(2026, 11, 9);
/// Looks of a day, in UTC: before, in and after the hours of most teams.
pub const LOOKS: [(i8, i8); 4] = [(8, 30), (13, 30), (18, 0), (22, 30)];

/// A hand-off as it really was.
struct Deal {
    source: &'static str,
    owner: &'static str,
    team: &'static str,
    created: Timestamp,
    due: Timestamp,
    touched: Option<Timestamp>,
    /// When it was merged into its double.
    merged: Option<Timestamp>,
}

/// What happened in a year.
#[derive(Debug, Default)]
pub struct Tally {
    pub deals: usize,
    pub reassigned: usize,
    pub merged: usize,
    pub overdue_told: usize,
    pub messages: usize,
    pub in_digest_only: usize,
    pub floods: usize,
    pub outages: usize,
    /// Healthy quarters that were looked at, and those of which an alert said that they were behind.
    pub healthy: usize,
    pub false_alarms: usize,
    /// Whether the goal that was doubled was found to be behind.
    pub doubled_told: bool,
}

/// One year of a company.
pub struct Year {
    folder: TempDir,
    settings: Settings,
    store: Store,
    random: rand_pcg::Pcg64Mcg,
    deals: BTreeMap<String, Deal>,
    leads: Vec<(String, Timestamp)>,
    portal: Arc<Mutex<Portal>>,
    /// What happens in the HubSpot account, in its order.
    events: BTreeMap<(Timestamp, usize), Event>,
    noted: usize,
    now: Arc<Mutex<Timestamp>>,
    _simulator: Simulator,
    /// When the CRM was last read.
    read: Timestamp,
    pub tally: Tally,
}

fn utc(day: Date, (hour, minute): (i8, i8)) -> Timestamp {
    day.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
}

impl Year {
    /// A company that nothing is known of yet.
    pub async fn new(seed: u64) -> Year {
        let portal = Arc::new(Mutex::new(Portal::empty()));
        let now = Arc::new(Mutex::new(Timestamp::UNIX_EPOCH));
        let clock = {
            let now = Arc::clone(&now);
            Arc::new(move || *now.lock().unwrap())
        };
        let faults = Faults::from_toml("[limits]\nenforce = false\nheaders = false\n").unwrap();
        let simulator = Simulator::start(Arc::clone(&portal), faults, clock, 0).await.unwrap();
        let (folder, settings) = settings_of(&CONFIG.replace("BASE", &simulator.base_url()));
        write(folder.path(), "token", "good-token\n");
        let store = Store::open(&settings.database).await.unwrap();
        Year {
            folder,
            settings,
            store,
            random: rand_pcg::Pcg64Mcg::new(u128::from(seed) * 2 + 1),
            deals: BTreeMap::new(),
            leads: Vec::new(),
            portal,
            events: BTreeMap::new(),
            noted: 0,
            now,
            _simulator: simulator,
            read: Timestamp::UNIX_EPOCH,
            tally: Tally::default(),
        }
    }

    async fn step(&mut self, now: Timestamp) {
        *self.now.lock().unwrap() = now;
        let up = self.export(now);
        self.tally.outages += usize::from(!up);
        for job in ["sync:crm", "sync:hub", "evaluate", "deliver"] {
            self.store.bring_forward(job, now).await.unwrap();
        }
        let ground = Ground::new(&self.settings, &self.store, Clock::Fixed(now), daemon::silent());
        let step = daemon::step_on(&ground, false).await.unwrap();
        assert_eq!(step.evaluation_error, None, "{now}");
        for (source, result) in &step.synced {
            assert_eq!(result.is_ok(), up || source == "hub", "{now}: {source}: {result:?}");
        }
        if up {
            self.read = now;
        }
    }

    /// The quarters' goals: what comes in is what they ask for, but where the last one was doubled.
    fn plan(&self, day: Date) {
        let mut plan = String::new();
        for (quarter, month) in [1_i8, 4, 7, 10].into_iter().enumerate() {
            let from = jiff::civil::date(2026, month, 1);
            let to = from.saturating_add(3.months());
            let days = from.series(1.day()).take_while(|day| *day < to);
            let days = days.filter(|day| oracle::is_business_day(*day)).count();
            let mut leads = (days as f64 * LEADS_A_DAY) as i64;
            leads += i64::from(quarter == 1 && day >= EDITED);
            leads *= if quarter == 3 && day >= DOUBLED { 2 } else { 1 };
            let name = quarter + 1;
            plan.push_str(&format!(
                "[[goal]]\nname = \"q{name}\"\nfrom = \"{from}\"\nto = \"{to}\"\nleads = {leads}\n"
            ));
        }
        write(self.folder.path(), "plan.toml", &plan);
    }

    /// Lives from a day to another one; leads are known from the beginning of the first quarter on.
    pub async fn live(&mut self, from: Date, to: Date) {
        let month = (from.month() - 1) / 3 * 3 + 1;
        let before = jiff::civil::date(from.year(), month, 1).series(1.day());
        for day in before.take_while(|day| *day < from) {
            self.leads_of(day);
        }
        self.plan(from);
        for day in from.series(1.day()).take_while(|day| *day < to) {
            if [EDITED, DOUBLED].contains(&day) {
                self.plan(day);
            }
            self.business(day);
            for look in LOOKS {
                self.step(utc(day, look)).await;
            }
            self.check_ledger(utc(day, (22, 30))).await;
            if day.day() == 28 {
                self.check_messages(utc(day, (22, 30))).await;
            }
        }
        let end = utc(to.yesterday().unwrap(), (22, 30));
        self.check_messages(end).await;
        self.tally.deals = self.deals.len();
        self.check_pace(from, end).await;
    }
}
