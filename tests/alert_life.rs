//! The life of an alert from the files of a CRM to what people receive: hours, acknowledgements, silences,
//! the ladder, the budget; and each check is kept with why nothing was sent.

mod support;

use std::fmt::Write as _;

use jiff::Timestamp;
use paceline::clock::Clock;
use paceline::config::Settings;
use paceline::daemon::{self, Ground};
use paceline::domain::silence::Silence;
use paceline::evaluate::acting::{self, Reach};
use paceline::store::Store;
use support::{instant, settings_of, write};
use tempfile::TempDir;

const CONFIG: &str = r#"
[company]
name = "C"
time_zone = "America/New_York"
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
[handoff]
since = "2026-11-01"
first_touch_within = "4 business hours"
[team.sales]
owners = ["ben", "eva"]
file = "sales.txt"
[operator]
file = "operator.txt"
"#;

/// A CRM's files, the daemon and its store.
struct World {
    folder: TempDir,
    settings: Settings,
    store: Store,
    deals: String,
    calls: String,
}

impl World {
    async fn new(more: &str) -> World {
        let (folder, settings) = settings_of(&format!("{CONFIG}{more}"));
        let store = Store::open(&settings.database).await.unwrap();
        let (deals, calls) = ("id,created,owner\n".to_owned(), "id,deal,at,owner\n".to_owned());
        World { folder, settings, store, deals, calls }
    }

    fn deal(&mut self, id: &str, created: &str, owner: &str) {
        writeln!(self.deals, "{id},{created},{owner}").unwrap();
    }

    fn call(&mut self, deal: &str, at: &str, owner: &str) {
        let id = self.calls.lines().count();
        writeln!(self.calls, "c{id},{deal},{at},{owner}").unwrap();
    }

    /// The daemon at an instant: it reads, checks and delivers.
    async fn at(&self, at: &str) {
        write(self.folder.path(), "deals.csv", &self.deals);
        write(self.folder.path(), "calls.csv", &self.calls);
        let clock = Clock::Fixed(instant(at));
        for job in ["sync:crm", "evaluate", "deliver"] {
            self.store.bring_forward(job, instant(at)).await.unwrap();
        }
        let ground = Ground::new(&self.settings, &self.store, clock, daemon::silent());
        let step = daemon::step_on(&ground, false).await.unwrap();
        assert!(step.checked.is_some() && step.evaluation_error.is_none(), "{step:?}");
    }

    /// The alert messages that reached somebody: `team.sales`, `escalation`, a mailbox. Digests are others.
    async fn to(&self, who: &str) -> Vec<String> {
        let all = self.store.messages_since(instant("2026-01-01T00:00:00Z")).await.unwrap();
        let own = all.into_iter().filter(|(key, state, _)| {
            let sent = state == "sent" || key.contains(":email:");
            key.starts_with("alert:") && key.ends_with(&format!(":{who}")) && sent
        });
        own.map(|(_, _, message)| message.text).collect()
    }

    /// How many alert messages reached the team.
    async fn messages(&self) -> usize {
        self.to("team.sales").await.len()
    }

    /// How often they hold a text.
    async fn told(&self, text: &str) -> usize {
        self.to("team.sales").await.iter().map(|message| message.matches(text).count()).sum()
    }

    async fn states(&self) -> Vec<String> {
        let all = self
            .store
            .alerts_between(instant("2026-01-01T00:00:00Z"), instant("2027-01-01T00:00:00Z"));
        all.await.unwrap().into_iter().map(|row| row.state).collect()
    }

    async fn why(&self, rule: &str) -> String {
        let now = instant("2027-01-01T00:00:00Z");
        let rows = self.store.checks_of(rule, None, now, 50).await.unwrap();
        rows.into_iter()
            .map(|row| format!("{} {}: {}\n", row.checks, row.status, row.outcome))
            .collect()
    }
}

/// Friday 20 November; a hand-off of 10:00 in New York is due at 14:00.
const HANDED_OFF: &str = "2026-11-20T15:00:00Z";
const FRIDAY_EVENING: &str = "2026-11-21T00:00:00Z";
const SUNDAY: &str = "2026-11-22T15:00:00Z";
const MONDAY_MORNING: &str = "2026-11-23T14:00:00Z";

#[tokio::test]
async fn a_message_waits_for_the_teams_hours_and_tells_what_is_still_true() {
    let mut world = World::new("").await;
    world.deal("d-1", HANDED_OFF, "ben");
    world.at(FRIDAY_EVENING).await;
    assert_eq!((world.states().await, world.messages().await), (vec!["firing".to_owned()], 0));
    world.deal("d-2", HANDED_OFF, "ben");
    world.at(SUNDAY).await;
    assert_eq!(world.messages().await, 0);
    let why = world.why("followup_overdue").await;
    assert!(why.contains("step 1: firing, waits: working hours begin Mon 23 Nov 09:00"), "{why}");
    world.at(MONDAY_MORNING).await;
    assert_eq!(world.messages().await, 1);
    assert_eq!(world.told("2 hand-offs wait for a first touch by ben").await, 1);
    world.at("2026-11-23T14:10:00Z").await;
    assert_eq!(world.messages().await, 1, "once");
}

#[tokio::test]
async fn what_began_and_ended_while_nobody_worked_is_told_to_nobody() {
    let mut world = World::new("").await;
    world.deal("d-1", HANDED_OFF, "ben");
    world.at(FRIDAY_EVENING).await;
    world.call("d-1", "2026-11-21T12:00:00Z", "ben");
    world.at(SUNDAY).await;
    assert_eq!(world.states().await, ["resolved"]);
    world.at(MONDAY_MORNING).await;
    assert_eq!(world.messages().await, 0);
}

#[tokio::test]
async fn an_end_is_told_in_the_morning_and_not_at_all_where_it_began_again() {
    let mut world = World::new("").await;
    world.deal("d-1", HANDED_OFF, "ben");
    world.at("2026-11-20T20:00:00Z").await;
    assert_eq!(world.messages().await, 1);
    world.call("d-1", "2026-11-21T00:00:00Z", "ben");
    world.at(FRIDAY_EVENING).await;
    assert_eq!((world.states().await, world.messages().await), (vec!["resolved".to_owned()], 1));
    // The call turns out to be another deal's: nobody heard that it was over, so nobody hears again.
    world.calls = "id,deal,at,owner\nc1,d-9,2026-11-21T00:00:00Z,ben\n".into();
    world.at(SUNDAY).await;
    world.at(MONDAY_MORNING).await;
    assert_eq!(world.messages().await, 1);
    world.call("d-1", "2026-11-23T14:05:00Z", "ben");
    world.at("2026-11-23T14:10:00Z").await;
    assert_eq!((world.messages().await, world.told("Over: ").await), (2, 1));
    // To everybody it was one alert, so it is one conversation.
    let rows = world
        .store
        .alerts_between(instant("2026-01-01T00:00:00Z"), instant("2027-01-01T00:00:00Z"));
    let threads: Vec<String> = rows.await.unwrap().into_iter().map(|row| row.thread).collect();
    assert_eq!(threads, ["alert:1", "alert:1"]);
}

#[tokio::test]
async fn an_acknowledgement_holds_new_records_are_told_and_a_forgotten_one_comes_back() {
    let mut world = World::new("").await;
    world.deal("d-1", HANDED_OFF, "ben");
    world.at("2026-11-20T20:00:00Z").await;
    let zone = world.settings.company.zone.clone();
    let now = instant("2026-11-20T20:05:00Z");
    let until = acting::until("2026-11-23", now, &zone).unwrap();
    let ack = |id| {
        acting::acknowledge(
            &world.store,
            (id, Reach::One),
            ("dana", "calls on Monday"),
            until,
            now,
            &world.settings,
        )
    };
    assert!(ack(99).await.unwrap_err().to_string().contains("there is no alert 99"));
    ack(1).await.unwrap();
    assert_eq!(world.states().await, ["acknowledged"]);
    world.at("2026-11-20T20:10:00Z").await;
    assert_eq!(
        (world.states().await, world.messages().await),
        (vec!["acknowledged".to_owned()], 1)
    );
    world.deal("d-2", "2026-11-20T16:00:00Z", "ben");
    world.at("2026-11-20T20:20:00Z").await;
    assert_eq!((world.messages().await, world.told("More: ").await), (2, 1));
    // The day is over, and they still wait.
    world.at("2026-11-24T14:00:00Z").await;
    assert_eq!(
        (world.states().await, world.told("Still: 2 hand-offs").await),
        (vec!["firing".to_owned()], 1)
    );
    assert_eq!(world.told("dana had it until now, and it still goes on").await, 1);
    world.at("2026-11-24T14:10:00Z").await;
    assert_eq!(world.messages().await, 3);
}

#[tokio::test]
async fn two_teams_with_one_mailbox_get_one_copy() {
    let more = "[email]\nsmtp = \"smtp://127.0.0.1:9\"\nfrom = \"p@example.com\"\n\
                [plan]\nfile = \"plan.toml\"\n\
                [team.west]\nowners = [\"zoe\"]\nemail = [\"lead@example.com\"]\n\
                [team.east]\nowners = [\"yan\"]\nemail = [\"lead@example.com\"]\n";
    let mut world = World::new(more).await;
    let goal = "[[goal]]\nname = \"q4\"\nfrom = \"2026-10-01\"\nto = \"2027-01-01\"\n\
                opportunities = 1000\n";
    write(world.folder.path(), "plan.toml", goal);
    world.deal("d-1", "2026-10-01T15:00:00Z", "zoe");
    world.at("2026-11-20T20:00:00Z").await;
    let told = world.to("lead@example.com").await;
    assert!(told.len() == 1 && told[0].contains("Behind plan"), "{told:?}");
    assert_eq!(world.to("team.sales").await.len(), 1, "and the team by file its own");
}

/// Who follows the link of a message means all that stood in it.
#[tokio::test]
async fn an_acknowledgement_by_a_message_is_for_all_that_stood_in_it() {
    let pager = "[team.sales.pagerduty]\nrouting_key = { file = \"key\" }\nbase_url = \"http://127.0.0.1:9\"\n";
    let mut world = World::new(pager).await;
    write(world.folder.path(), "key", "0123456789abcdef0123456789abcdef");
    world.deal("d-1", HANDED_OFF, "ben");
    world.deal("d-2", HANDED_OFF, "eva");
    world.at("2026-11-20T20:00:00Z").await;
    assert_eq!(world.states().await.len(), 2);
    let (zone, now) = (world.settings.company.zone.clone(), instant("2026-11-20T20:05:00Z"));
    let which = (2, Reach::Thread);
    let until = now + jiff::SignedDuration::from_hours(72);
    let done =
        acting::acknowledge(&world.store, which, ("dana", "calls"), until, now, &world.settings);
    let done = done.await.unwrap();
    assert_eq!(done.ids, [2, 1]);
    let sentence = done.sentence(&zone);
    assert!(sentence.starts_with("dana looks after alerts 2, 1 until Mon 23 Nov"), "{sentence}");
    assert_eq!(world.states().await, ["acknowledged", "acknowledged"]);
    // Whoever is on call hears that somebody does.
    let messages = world.store.messages_since(Timestamp::UNIX_EPOCH).await.unwrap();
    let told = messages.iter().filter(|(key, _, _)| key.starts_with("ack:"));
    let told: Vec<(i64, &str)> = told
        .flat_map(|(_, _, message)| &message.event.alerts)
        .map(|note| (note.id, note.state.as_str()))
        .collect();
    assert_eq!(told, [(2, "acknowledged"), (1, "acknowledged")]);
}

#[tokio::test]
async fn a_silence_keeps_still_and_what_goes_on_is_told_when_it_ends() {
    let mut world = World::new("").await;
    let silence = |rule: Option<&str>| Silence {
        id: 0,
        rule: rule.map(str::to_owned),
        scope: None,
        team: None,
        by: "dana".into(),
        why: "the fair".into(),
        from: instant("2026-11-20T12:00:00Z"),
        until: instant("2026-11-20T20:30:00Z"),
    };
    assert!(acting::silence(&world.store, silence(None)).await.is_err(), "of everything");
    acting::silence(&world.store, silence(Some("followup_overdue"))).await.unwrap();
    world.deal("d-1", HANDED_OFF, "ben");
    world.at("2026-11-20T20:00:00Z").await;
    assert_eq!((world.states().await, world.messages().await), (vec!["firing".to_owned()], 0));
    let why = world.why("followup_overdue").await;
    assert!(why.contains("firing, waits: silence 1 by dana: the fair"), "{why}");
    world.at("2026-11-20T20:30:00Z").await;
    assert_eq!(world.messages().await, 1);
}

#[tokio::test]
async fn the_owner_hears_before_it_is_late_the_team_when_it_is_and_the_head_of_sales_after() {
    let ladder = r#"
[[source.crm.file]]
path = "owners.csv"
object = "owner"
[source.crm.file.columns]
id = "id"
email = "email"
[email]
smtp = "smtp://127.0.0.1:1"
from = "paceline@example.com"
[escalation]
owners = true
after = "4 business hours"
file = "head.txt"
"#;
    let mut world = World::new("").await;
    let (folder, settings) =
        settings_of(&CONFIG.replace("[handoff]", &format!("{ladder}\n[handoff]")));
    write(folder.path(), "owners.csv", "id,email\nben,ben@example.com\n");
    world =
        World { store: Store::open(&settings.database).await.unwrap(), folder, settings, ..world };
    world.deal("d-1", HANDED_OFF, "ben");
    let mails = async |world: &World| world.to("ben@example.com").await.len();
    let head = async |world: &World| world.to("escalation").await.len();
    // 12:59 and 13:00 in New York: it is due at 14:00.
    world.at("2026-11-20T17:59:00Z").await;
    assert_eq!((mails(&world).await, world.messages().await), (0, 0));
    world.at("2026-11-20T18:00:00Z").await;
    world.at("2026-11-20T18:30:00Z").await;
    assert_eq!((mails(&world).await, world.messages().await), (1, 0));
    world.at("2026-11-20T19:01:00Z").await;
    world.at("2026-11-20T20:01:00Z").await;
    assert_eq!((world.messages().await, head(&world).await), (1, 0));
    // Three hours of Friday and one of Monday are four.
    world.at("2026-11-23T14:30:00Z").await;
    assert_eq!(head(&world).await, 0);
    world.at("2026-11-23T15:05:00Z").await;
    world.at("2026-11-23T16:05:00Z").await;
    assert_eq!((mails(&world).await, world.messages().await, head(&world).await), (1, 1, 1));
}

#[tokio::test]
async fn over_the_weeks_budget_the_digest_tells_the_rest() {
    let mut world = World::new("[alerts]\nmessages_per_week = 1\n").await;
    world.deal("d-1", HANDED_OFF, "ben");
    world.at("2026-11-20T20:00:00Z").await;
    assert_eq!(world.told("This was the last of this week's 1 messages").await, 1);
    world.deal("d-2", "2026-11-20T15:30:00Z", "eva");
    world.at("2026-11-20T20:10:00Z").await;
    assert_eq!((world.states().await.len(), world.messages().await), (2, 1));
    let why = world.why("followup_overdue").await;
    assert!(why.contains("left to the digest: the week's messages are used up"), "{why}");
    let now = instant("2026-11-23T13:00:00Z");
    let week = "2026-W47".parse().unwrap();
    let digest = paceline::evaluate::digesting::digest_of(&world.settings, &world.store, week, now);
    let digest = digest.await.unwrap();
    let of_eva: Vec<_> =
        digest.alerts.iter().filter(|alert| alert.summary.contains("eva")).collect();
    assert!(of_eva.len() == 1 && of_eva[0].detail.contains("told here only"), "{of_eva:?}");
    // A new week has messages again, and what the digest told is known.
    world.at(MONDAY_MORNING).await;
    assert_eq!(world.told("eva").await, 0);
}

#[tokio::test]
async fn one_message_tells_a_team_of_all_its_owners() {
    let pager = "[team.sales.pagerduty]\nrouting_key = { file = \"key\" }\nbase_url = \"http://127.0.0.1:9\"\n";
    let mut world = World::new(pager).await;
    write(world.folder.path(), "key", "0123456789abcdef0123456789abcdef");
    world.deal("d-1", HANDED_OFF, "ben");
    world.deal("d-2", HANDED_OFF, "eva");
    world.at("2026-11-20T20:00:00Z").await;
    assert_eq!(world.messages().await, 1);
    assert_eq!(world.told("1 hand-off waits for a first touch by ben\n").await, 1);
    assert_eq!(
        world.told("Also       eva (sales): 1 hand-off without a first touch: d-2").await,
        1
    );
}
