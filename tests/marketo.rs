//! Marketo: leads, when they qualified, programs, mails that show up late, exports, and every fault. The numbers
//! are those of public issues: airbyte, tap-marketo.

#[path = "support/reading.rs"]
mod reading;
mod support;

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use paceline::domain::{Lead, Object};
use paceline::simulate::marketo::{Faults, Instance, Simulator};
use paceline::sync::Full;
use reading::{Reading, START, Time};
use serde_json::{Value, json};
use support::{assert_same, dump, instant, rollups};

/// An instance with what reads it.
struct Marketing {
    reading: Reading,
    simulator: Simulator,
    instance: Arc<Mutex<Instance>>,
}

const MQL: &str =
    "[source.crm.fields.lead]\nmql_at = { attribute = \"Lead Status\", becomes = \"MQL\" }\n";

impl std::ops::Deref for Marketing {
    type Target = Reading;

    fn deref(&self) -> &Reading {
        &self.reading
    }
}

impl Marketing {
    async fn with(faults: &str, instance: Instance, keys: &str) -> Marketing {
        let time = Time::new();
        let instance = Arc::new(Mutex::new(instance));
        let faults = Faults::from_toml(faults).unwrap();
        let shared = Arc::clone(&instance);
        let simulator = Simulator::start(shared, faults, time.clock(), 0).await.unwrap();
        let toml = format!(
            "[source.crm]\nkind = \"marketo\"\nbase_url = \"{}\"\nclient_id = \"paceline\"\n\
             client_secret = {{ file = \"secret\" }}\nsince = \"2026-08-20\"\n{keys}",
            simulator.base_url()
        );
        let reading = Reading::new(&toml, time).await;
        std::fs::write(reading.folder.path().join("secret"), "good-secret\n").unwrap();
        Marketing { reading, simulator, instance }
    }

    fn instance(&self) -> MutexGuard<'_, Instance> {
        self.instance.lock().unwrap()
    }

    async fn lead(&self, id: u64) -> Lead {
        let facts = self.reading.facts().await;
        facts.leads.into_values().find(|lead| lead.key.id == id.to_string()).unwrap()
    }

    /// Mails by campaign, day and count.
    async fn mails(&self) -> Vec<(String, String, u64)> {
        let sends = self.reading.store.email_sends().await.unwrap();
        let told = sends
            .into_iter()
            .map(|(of, at, count)| (of.unwrap_or_default(), at.to_string(), count));
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    }

    async fn sync(&self) {
        self.reading.sync().await;
    }
}

fn ago(days: i64, hours: i64) -> Timestamp {
    instant(START) - SignedDuration::from_hours(24 * days + hours)
}

fn lead(instance: &mut Instance, source: &str, at: Timestamp) -> u64 {
    instance.create_lead(&[("leadSource", json!(source)), ("leadStatus", json!("New"))], at)
}

/// Leads over two windows of exports, with a program, a mailing and somebody who qualified twice.
fn story() -> (Instance, Vec<u64>) {
    let mut instance = Instance::empty();
    let program = instance.add_program("Rack notes", "Email Send", ago(70, 0));
    instance.add_cost(program, "2026-09", 300.0);
    instance.add_cost(program, "2026-10", 50.0);
    let mut leads = Vec::new();
    for number in 0..8 {
        let id = lead(&mut instance, "Webinar", ago(60 - 7 * number, 0));
        instance.set(id, "acquisitionProgramId", json!(program), ago(60 - 7 * number, 0));
        leads.push(id);
    }
    instance.change(leads[0], "leadStatus", json!("MQL"), ago(50, 0));
    instance.change(leads[0], "leadStatus", json!("Recycled"), ago(40, 0));
    instance.change(leads[0], "leadStatus", json!("MQL"), ago(30, 0));
    instance.set_member(program, leads[1], "Sent", ago(20, 0));
    let email = instance.add_email("November", Some(program), ago(6, 0));
    for id in &leads[..5] {
        instance.send_email(*id, email, ago(5, 0), ago(5, 0));
    }
    (instance, leads)
}

#[tokio::test]
async fn a_first_load_has_leads_programs_qualifications_and_mails_and_a_second_changes_nothing() {
    let (instance, leads) = story();
    let marketing = Marketing::with("", instance, &format!("touches = true\n{MQL}")).await;
    marketing.sync().await;
    let first = marketing.lead(leads[0]).await;
    assert_eq!(first.channel.as_deref(), Some("Webinar"));
    assert_eq!(first.mql_at.unwrap().to_string(), ago(50, 0).to_string(), "the first time counts");
    assert_eq!(marketing.lead(leads[1]).await.mql_at, None);
    let facts = marketing.reading.facts().await;
    let (id, program) = facts.campaigns.first_key_value().unwrap();
    assert_eq!(
        (program.name.as_str(), program.channel.as_deref()),
        ("Rack notes", Some("Email Send"))
    );
    assert_eq!(program.cost.unwrap().to_string(), "350");
    assert_eq!(first.campaign.as_ref(), Some(id));
    let day = ago(5, 0).to_string()[..10].to_owned();
    assert_eq!(marketing.mails().await, [("Rack notes".to_owned(), day, 5)]);
    let touches = marketing.reading.store.touches().await.unwrap();
    assert!(touches.iter().any(|touch| touch.lead.as_deref() == Some(&leads[1].to_string())));
    let before = dump(&marketing.reading.store).await;
    for (minutes, full) in [(10, Full::No), (70, Full::No), (24 * 60, Full::Checked)] {
        marketing.reading.pass(minutes);
        marketing.reading.try_sync(full).await.unwrap();
        assert_same(&dump(&marketing.reading.store).await, &before, "after a while");
    }
}

#[tokio::test]
async fn what_changes_comes_by_the_feeds() {
    let (instance, leads) = story();
    let marketing = Marketing::with("", instance, MQL).await;
    marketing.sync().await;
    marketing.reading.pass(30);
    let now = marketing.reading.now();
    let new = {
        let mut instance = marketing.instance();
        let new = lead(&mut instance, "Fair", now);
        instance.change(new, "leadStatus", json!("MQL"), now + SignedDuration::from_secs(30));
        instance.change(leads[1], "leadSource", json!("Referral"), now);
        instance.change(leads[0], "leadStatus", json!("MQL"), now);
        instance.merge_leads(leads[2], &[leads[3]], now);
        instance.delete_lead(leads[4], now);
        new
    };
    marketing.reading.pass(10);
    marketing.sync().await;
    let found = marketing.lead(new).await;
    assert_eq!(found.channel.as_deref(), Some("Fair"));
    assert!(found.mql_at.is_some());
    assert_eq!(marketing.lead(leads[1]).await.channel.as_deref(), Some("Referral"));
    let kept = marketing.lead(leads[0]).await.mql_at.unwrap().to_string();
    assert_eq!(kept, ago(50, 0).to_string(), "who qualifies again qualified before");
    assert!(marketing.lead(leads[3]).await.deleted_at.is_some());
    assert!(marketing.lead(leads[4]).await.deleted_at.is_some());
    assert_eq!(marketing.reading.living().await.0.len(), 7);
    // What leaves no trace among the activities is found once a day.
    marketing.instance().set(leads[5], "leadSource", json!("Quiet"), marketing.reading.now());
    marketing.reading.pass(60);
    marketing.sync().await;
    assert_eq!(marketing.lead(leads[5]).await.channel.as_deref(), Some("Webinar"));
    marketing.reading.try_sync(Full::Checked).await.unwrap();
    assert_eq!(marketing.lead(leads[5]).await.channel.as_deref(), Some("Quiet"));
    let kept = rollups(&marketing.reading.store).await;
    let zone = &marketing.reading.settings.company.zone;
    paceline::sync::rollup::rebuild(&marketing.reading.store, zone).await.unwrap();
    assert_same(&rollups(&marketing.reading.store).await, &kept, "roll-ups");
}

/// Adobe's own example: of 20,000 mails 5,000 were missed, since their rows were written after the token had passed.
#[tokio::test]
async fn mails_that_are_committed_late_are_counted_and_none_twice() {
    let (instance, leads) = story();
    let marketing = Marketing::with("[limits]\nslice_rows = 5\n", instance, "").await;
    marketing.sync().await;
    let (email, now) = {
        let mut instance = marketing.instance();
        (instance.add_email("December", None, marketing.reading.now()), marketing.reading.now())
    };
    for (place, minutes) in [0, 25, 55, 100, 170].into_iter().enumerate() {
        let late = now + SignedDuration::from_mins(minutes);
        let at = now + SignedDuration::from_secs(60 + place as i64);
        marketing.instance().send_email(leads[place], email, at, late.max(at));
    }
    let mut counts = Vec::new();
    for _ in 0..10 {
        marketing.reading.pass(30);
        marketing.sync().await;
        let mails = marketing.mails().await;
        counts
            .push(mails.iter().filter(|mail| mail.0 == "December").map(|mail| mail.2).sum::<u64>());
    }
    assert!(counts.is_sorted(), "{counts:?}");
    assert_eq!(counts.last(), Some(&5), "{counts:?}");
    for _ in 0..4 {
        marketing.reading.pass(7 * 60);
        marketing.reading.try_sync(Full::Checked).await.unwrap();
    }
    let mails = marketing.mails().await;
    assert_eq!(mails.iter().find(|mail| mail.0 == "December").map(|mail| mail.2), Some(5));
}

#[tokio::test]
async fn a_status_of_a_program_may_make_a_lead_a_qualified_one() {
    let (mut instance, leads) = story();
    let program = instance.add_program("Webinar: Racks", "Webinar", ago(50, 0));
    instance.set_member(program, leads[0], "Registered", ago(45, 0));
    instance.set_member(program, leads[0], "Attended", ago(44, 0));
    instance.shift_type_ids(100);
    let keys = "[source.crm.fields.lead]\nmql_at = { program_status = \"Attended\" }\n";
    let marketing = Marketing::with("", instance, keys).await;
    marketing.sync().await;
    assert_eq!(marketing.lead(leads[0]).await.mql_at.unwrap().to_string(), ago(44, 0).to_string());
    marketing.reading.pass(10);
    let now = marketing.reading.now();
    marketing.instance().set_member(program, leads[2], "Attended", now);
    marketing.reading.pass(10);
    marketing.sync().await;
    assert_eq!(
        marketing.lead(leads[2]).await.mql_at.unwrap().to_string(),
        now.strftime("%FT%TZ").to_string()
    );
}

#[tokio::test]
async fn odd_values_in_files_stay_in_their_columns() {
    let dirt = "[subscription]\ndirt = [\"cr\", \"nul\", \"line_separator\"]\n";
    let (instance, _) = story();
    let clean = Marketing::with("", instance.clone(), MQL).await;
    let dirty = Marketing::with(dirt, instance, MQL).await;
    clean.sync().await;
    dirty.sync().await;
    assert_eq!(dirty.reading.living().await, clean.reading.living().await);
    assert_eq!(dirty.mails().await, clean.mails().await);
}

#[tokio::test]
async fn deletions_that_were_missed_are_found_by_comparing_ids() {
    let (instance, leads) = story();
    // A small database has no filter for what changed (tap-marketo: 1035).
    let marketing =
        Marketing::with("[subscription]\nupdated_filter = false\n", instance, MQL).await;
    marketing.sync().await;
    marketing.instance().delete_lead(leads[6], marketing.reading.now());
    marketing.instance().purge_activities(instant("2026-12-30T00:00:00Z"));
    marketing.reading.pass(20 * 24 * 60);
    marketing.reading.try_sync(Full::Checked).await.unwrap();
    assert!(marketing.lead(leads[6]).await.deleted_at.is_some());
    assert_eq!(marketing.reading.living().await.0.len(), 7);
}

#[tokio::test]
async fn what_qualifies_may_be_said_later_or_otherwise_and_the_past_follows() {
    let (instance, leads) = story();
    let plain = Marketing::with("", instance, "").await;
    plain.sync().await;
    let later = plain.reading.now() + SignedDuration::from_mins(5);
    plain.instance().change(leads[1], "leadStatus", json!("MQL"), later);
    plain.reading.pass(24 * 60);
    plain.sync().await;
    assert_eq!(plain.lead(leads[1]).await.mql_at, None);
    let url = plain.simulator.base_url();
    let asked = |becomes: &str| {
        let toml = format!(
            "[source.crm]\nkind = \"marketo\"\nbase_url = \"{url}\"\nclient_id = \"paceline\"\n\
             client_secret = {{ file = \"secret\" }}\nsince = \"2026-08-20\"\n{}",
            MQL.replace("MQL", becomes)
        );
        support::settings_in(plain.reading.folder.path(), &toml).unwrap()
    };
    plain.reading.pass(10);
    let sync = async |settings: paceline::config::Settings| {
        let zone = &settings.company.zone;
        let clock = paceline::clock::Clock::Fixed(plain.reading.now());
        let environment =
            paceline::sources::http::Environment { clock, ..plain.reading.environment.clone() };
        let source =
            paceline::sources::open_in("crm", &settings.sources["crm"], zone, &environment);
        let sync = paceline::sync::Sync {
            store: &plain.reading.store,
            name: "crm",
            source: source.as_ref(),
            full: Full::No,
            warns: false,
            people: None,
            clock: &clock,
            zone,
        };
        paceline::sync::run(&sync, &|_| {}).await.unwrap();
    };
    sync(asked("MQL")).await;
    assert_eq!(plain.lead(leads[0]).await.mql_at.unwrap().to_string(), ago(50, 0).to_string());
    assert!(plain.lead(leads[1]).await.mql_at.is_some(), "also between the first load and now");
    plain.reading.pass(10);
    sync(asked("Recycled")).await;
    assert_eq!(plain.lead(leads[0]).await.mql_at.unwrap().to_string(), ago(40, 0).to_string());
    assert_eq!(plain.lead(leads[1]).await.mql_at, None, "nobody keeps what qualifies no more");
}

#[tokio::test]
async fn leads_from_before_the_first_day_stay_out_and_a_losers_qualification_goes_to_the_winner() {
    let (mut instance, leads) = story();
    let old = lead(&mut instance, "Webinar", ago(400, 0));
    instance.change(old, "leadStatus", json!("MQL"), ago(390, 0));
    let marketing = Marketing::with("", instance, MQL).await;
    marketing.sync().await;
    marketing.reading.pass(30);
    let now = marketing.reading.now();
    marketing.instance().change(old, "leadStatus", json!("Recycled"), now);
    marketing.instance().change(old, "leadStatus", json!("MQL"), now);
    marketing.instance().merge_leads(leads[3], &[leads[0]], now);
    marketing.reading.pass(10);
    marketing.sync().await;
    assert_eq!(marketing.reading.living().await.0.len(), 7, "its first time was never read");
    assert_eq!(marketing.lead(leads[3]).await.mql_at.unwrap().to_string(), ago(50, 0).to_string());
}

#[tokio::test]
async fn leads_that_come_while_ids_are_compared_and_jobs_that_nobody_knows_do_no_harm() {
    let (instance, _) = story();
    let marketing =
        Marketing::with("[subscription]\nupdated_filter = false\n", instance, MQL).await;
    marketing.sync().await;
    marketing.reading.pass(24 * 60);
    let during = marketing.reading.now() + SignedDuration::from_secs(1);
    let new = lead(&mut marketing.instance(), "Fair", during);
    marketing.reading.try_sync(Full::Checked).await.unwrap();
    let buried = marketing.reading.facts().await;
    assert!(buried.leads.values().all(|lead| lead.deleted_at.is_none()));
    marketing.reading.pass(10);
    marketing.sync().await;
    assert!(
        marketing.lead(new).await.deleted_at.is_none(),
        "it was created while the export was made"
    );
    let (instance, _) = story();
    let fault = "[[fault]]\non = \"bulk_status\"\nanswer = 611\ntimes = 0\n";
    let marketing = Marketing::with(fault, instance, MQL).await;
    marketing.reading.try_sync(Full::No).await.unwrap_err();
    let gone = "[[fault]]\non = \"bulk_status\"\nanswer = 1013\ntimes = 1\n";
    marketing.simulator.set_faults(Faults::from_toml(gone).unwrap());
    marketing.sync().await;
    assert_eq!(marketing.reading.living().await.0.len(), 8);
}

/// The faults that pass, of all endpoints.
const PASSING: [&str; 14] = [
    "\"html_503\"",
    "\"slow\"",
    "\"cut\"",
    "\"truncated_json\"",
    "\"empty\"",
    "\"null\"",
    "\"wrong_type\"",
    "602",
    "604",
    "606",
    "608",
    "611",
    "615",
    "503",
];
const ENDPOINTS: [&str; 9] = [
    "paging_token",
    "activities",
    "lead_changes",
    "deleted_leads",
    "types",
    "describe",
    "programs",
    "bulk_create",
    "bulk_status",
];

#[tokio::test]
async fn faults_that_pass_change_nothing() {
    let (instance, _) = story();
    let good = Marketing::with("", instance.clone(), MQL).await;
    good.sync().await;
    let expected = dump(&good.reading.store).await;
    for on in ENDPOINTS {
        for answer in PASSING {
            let delay = if answer == "\"slow\"" { "delay_ms = 4000\n" } else { "" };
            let fault = format!("[[fault]]\non = \"{on}\"\nanswer = {answer}\ntimes = 1\n{delay}");
            let web = Marketing::with(&fault, instance.clone(), MQL).await;
            let ended = web.reading.try_sync(Full::No).await;
            ended.unwrap_or_else(|error| panic!("{on} {answer}: {error}"));
            assert_same(&dump(&web.reading.store).await, &expected, &format!("{on} {answer}"));
        }
    }
}

#[tokio::test]
async fn wherever_a_first_load_is_cut_off_it_ends_as_one_that_is_left_alone() {
    let keys = format!("touches = true\n{MQL}");
    reading::cut_off_anywhere(async || Marketing::with("", story().0, &keys).await).await;
}

#[tokio::test]
async fn wherever_an_increment_is_cut_off_it_ends_as_one_that_is_left_alone() {
    let keys = format!("touches = true\n{MQL}");
    reading::cut_off_anywhere(async || {
        let (instance, leads) = story();
        let web = Marketing::with("[limits]\nslice_rows = 5\n", instance, &keys).await;
        web.sync().await;
        let now = web.reading.now();
        {
            let mut instance = web.instance();
            for number in 0..40 {
                let at = now + SignedDuration::from_secs(60 * number);
                let id = lead(&mut instance, "Fair", at);
                if number % 4 == 0 {
                    instance.change(
                        id,
                        "leadStatus",
                        json!("MQL"),
                        at + SignedDuration::from_secs(9),
                    );
                }
            }
            let email = instance.add_email("December", None, now);
            for id in &leads {
                instance.send_email(*id, email, now, now);
            }
        }
        web.reading.pass(300);
        web
    })
    .await;
}

#[tokio::test]
async fn jobs_that_fail_and_queues_that_are_full_cost_time_and_nothing_else() {
    let (instance, _) = story();
    let good = Marketing::with("", instance.clone(), MQL).await;
    good.sync().await;
    let expected = dump(&good.reading.store).await;
    for (on, answer) in [
        ("bulk_create", "\"queue_full\""),
        ("bulk_enqueue", "\"already_queued\""),
        ("bulk_enqueue", "\"failed_job\""),
        ("bulk_file", "404"),
        ("bulk_file", "\"cut\""),
        ("bulk_status", "\"no_result\""),
    ] {
        let fault = format!("[[fault]]\non = \"{on}\"\nanswer = {answer}\ntimes = 2\n");
        let web = Marketing::with(&fault, instance.clone(), MQL).await;
        let ended = web.reading.try_sync(Full::No).await;
        ended.unwrap_or_else(|error| panic!("{on} {answer}: {error}"));
        assert_same(&dump(&web.reading.store).await, &expected, &format!("{on} {answer}"));
    }
}

#[tokio::test]
async fn lasting_faults_end_the_run_as_incomplete_and_the_next_one_goes_on() {
    let (instance, _) = story();
    let good = Marketing::with("", instance.clone(), MQL).await;
    good.sync().await;
    let expected = dump(&good.reading.store).await;
    let all = good.simulator.requests().bulk;
    // Of jobs the first question is answered; the others are asked once each.
    for (on, skip) in [
        ("activities", 0),
        ("lead_changes", 0),
        ("deleted_leads", 0),
        ("bulk_file", 1),
        ("bulk_status", 1),
        ("programs", 0),
    ] {
        for answer in ["611", "503", "\"cut\""] {
            let fault =
                format!("[[fault]]\non = \"{on}\"\nanswer = {answer}\nskip = {skip}\ntimes = 0\n");
            let web = Marketing::with(&fault, instance.clone(), MQL).await;
            let ended = web.reading.try_sync(Full::No).await;
            ended.expect_err(&format!("{on} {answer} lasts"));
            assert!(web.reading.complete_to().await.is_none(), "{on} {answer}");
            let before = web.simulator.requests().bulk;
            web.simulator.set_faults(Faults::none());
            web.sync().await;
            assert_same(&dump(&web.reading.store).await, &expected, &format!("{on} {answer}"));
            let after = web.simulator.requests().bulk - before;
            assert!(after < all || on == "programs", "{on} {answer}: {after} of {all} again");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_what_its_checksum_says_ends_the_run_and_is_made_anew() {
    let (instance, _) = story();
    let good = Marketing::with("", instance.clone(), MQL).await;
    good.sync().await;
    let fault = "[[fault]]\non = \"bulk_status\"\nanswer = \"bad_checksum\"\ntimes = 0\n";
    let web = Marketing::with(fault, instance, MQL).await;
    let error = web.reading.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("checksum"), "{error}");
    assert!(web.reading.complete_to().await.is_none());
    web.simulator.set_faults(Faults::none());
    web.sync().await;
    assert_same(&dump(&web.reading.store).await, &dump(&good.reading.store).await, "checksum");
}

#[tokio::test]
async fn refusals_name_the_mend_and_spent_quotas_wait_for_the_next_run() {
    let (instance, _) = story();
    for (on, answer, words) in [
        ("describe", "603", "allow-list"),
        ("any", "607", "the next sync goes on from here"),
        ("bulk_create", "\"quota\"", "the day's quota of exports is spent"),
        ("token", "401", "put a valid secret where `client_secret` points to"),
        ("describe", "\"redirect\"", "set `base_url`"),
        ("types", "1025", "error 1025"),
    ] {
        let fault = format!("[[fault]]\non = \"{on}\"\nanswer = {answer}\ntimes = 0\n");
        let web = Marketing::with(&fault, instance.clone(), MQL).await;
        let error = web.reading.try_sync(Full::No).await.unwrap_err();
        assert!(error.contains(words), "{on} {answer}: {error}");
        assert!(!error.contains("good-secret") && !error.contains("client_secret="), "{error}");
    }
}

#[tokio::test]
async fn of_a_days_calls_and_bytes_at_most_the_share_is_used() {
    let (mut instance, _) = story();
    for number in 0..4_000 {
        lead(&mut instance, "Webinar", ago(20, 0) + SignedDuration::from_secs(number));
    }
    let keys = format!("daily_share = 0.0003\n{MQL}");
    let web = Marketing::with("", instance, &keys).await;
    let error = web.reading.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("the next sync goes on from here"), "{error}");
    let first = web.simulator.requests().total;
    assert!(first <= 16, "a share of fifteen calls: {first}");
    web.reading.pass(10);
    web.reading.try_sync(Full::No).await.unwrap_err();
    assert!(web.simulator.requests().total <= first + 1, "the day is not over");
    web.reading.pass(25 * 60);
    web.reading.try_sync(Full::No).await.unwrap_err();
    assert!(web.simulator.requests().total > first + 1, "the next day has a share of its own");
}

#[tokio::test]
async fn an_empty_instance_is_complete_and_grows() {
    let web = Marketing::with("", Instance::empty(), "").await;
    web.sync().await;
    let begun = web.reading.complete_to().await;
    assert!(begun.is_some());
    web.reading.pass(10);
    let id = lead(&mut web.instance(), "Webinar", web.reading.now());
    web.reading.pass(10);
    web.sync().await;
    assert_eq!(web.lead(id).await.channel.as_deref(), Some("Webinar"));
    assert!(web.reading.complete_to().await > begun);
}

#[tokio::test]
async fn a_vendors_clock_that_is_askew_loses_nothing() {
    for minutes in [-600, -20, 20, 600] {
        let web = Marketing::with("", Instance::empty(), MQL).await;
        web.reading.set_vendor_ahead(minutes);
        lead(&mut web.instance(), "Webinar", web.reading.vendors_now());
        web.sync().await;
        for _ in 0..4 {
            web.reading.pass(10);
            let id = lead(&mut web.instance(), "Webinar", web.reading.vendors_now());
            web.instance().change(id, "leadStatus", json!("MQL"), web.reading.vendors_now());
            web.reading.pass(10);
            web.sync().await;
        }
        web.reading.pass(11 * 60);
        web.sync().await;
        let leads = web.reading.facts().await.leads;
        assert_eq!(leads.len(), 5, "{minutes} minutes askew");
        let qualified = leads.values().filter(|lead| lead.mql_at.is_some()).count();
        assert_eq!(qualified, 4, "{minutes} minutes askew");
    }
}

#[tokio::test]
async fn of_a_days_bytes_of_exports_at_most_the_share_is_used() {
    let (mut instance, _) = story();
    for number in 0..30_000 {
        lead(
            &mut instance,
            "Webinar",
            ago(20 + 30 * (number % 3), 0) + SignedDuration::from_secs(number),
        );
    }
    // 400 KB, and 40 calls.
    let web = Marketing::with("", instance, &format!("daily_share = 0.0008\n{MQL}")).await;
    let (mut days, mut calls) = (0, 0);
    while let Err(error) = web.reading.try_sync(Full::No).await {
        assert!(error.contains("share"), "{error}");
        days += u64::from(error.contains("bytes of exports"));
        calls += u64::from(error.contains("requests"));
        assert!(days + calls < 20, "{error}");
        web.reading.pass(25 * 60);
    }
    assert!(days >= 1, "{days} days ended by bytes, {calls} by calls");
}

#[tokio::test]
async fn check_says_what_is_hidden_and_what_that_means() {
    let (instance, _) = story();
    let hidden = "[subscription]\nhidden_fields = [\"leadSource\", \"leadStatus\"]\n";
    let web = Marketing::with(hidden, instance.clone(), MQL).await;
    let told = web.reading.source().check().await.unwrap().warnings.join("\n");
    assert!(told.contains("sees no field `leadSource`: `channel` stays empty"), "{told}");
    assert!(told.contains("there is no field `Lead Status`: nobody becomes an MQL"), "{told}");
    web.sync().await;
    let web = Marketing::with("[limits]\nused = 30000\n", instance, "").await;
    let told = web.reading.source().check().await.unwrap().warnings.join("\n");
    assert!(told.contains("nothing says when a lead qualifies"), "{told}");
    let found = web.reading.source().discover().await.unwrap();
    assert!(found[&(Object::Campaign, "name")].contains_key("Rack notes"));
}

#[tokio::test]
async fn the_rate_is_kept_and_used() {
    let (mut instance, _) = story();
    for number in 0..3_000 {
        let id = lead(&mut instance, "Webinar", ago(3, 0) + SignedDuration::from_secs(number));
        instance.change(id, "leadScore", Value::from(number), ago(2, 0));
    }
    let web = Marketing::with("[limits]\nslice_rows = 100\n", instance, MQL).await;
    web.sync().await;
    assert_eq!(web.simulator.requests().refused, 0);
    assert!(web.simulator.requests().most_in_20_secs <= 100);
}

/// Of a first load most of the time is the vendor's; so it is what follows that is timed.
#[tokio::test]
async fn at_least_95_percent_of_the_rate_is_used() {
    let keys = format!("rate_limit = \"5/1s\"\n{MQL}");
    let web = Marketing::with("", Instance::empty(), &keys).await;
    web.sync().await;
    web.reading.pass(10);
    for number in 0..60_000 {
        let at = web.reading.now() - SignedDuration::from_millis(number / 100);
        lead(&mut web.instance(), "Webinar", at);
    }
    web.reading.pass(20);
    let (sent, begun) = (web.simulator.requests().total, web.reading.elapsed_ms());
    web.sync().await;
    let sent = web.simulator.requests().total - sent;
    assert!(sent > 100, "{sent}");
    let share = web.reading.share_of_rate(begun, sent, (5, 1_000));
    assert!((0.95..1.0).contains(&share), "{share}");
}
