//! Beyond the first touch: what counts as one, whether sales took the hand-off on, the agreed criteria, and
//! the nurture pool.

#[path = "support/account.rs"]
mod account;
#[path = "support/handoffs.rs"]
mod handoffs;
mod support;

use account::{Account, deal, properties};
use handoffs::{World, one_deal, record, world};
use jiff::{ToSpan, civil::date};
use paceline::alerts::Status;
use paceline::domain::{Allowance, Object, RecordKey};
use paceline::evaluate::{Snapshot, finding::findings};
use paceline::handoff::criteria::{Criterion, Test};
use paceline::handoff::{Decision, HandOff, Verdict};
use paceline::simulate::hubspot::{Object as Kind, Portal};
use paceline::sync::Full;
use support::{instant, synced};

fn first(world: &World) -> HandOff {
    world.ledger().rows.remove(0)
}

fn call(world: &mut World, id: &str, at: &str, more: &[(&str, &str)]) {
    let fields = [("opportunity", "d"), ("kind", "call"), ("at", at), ("owner", "ada")];
    world.facts.add("crm", &record(Object::Activity, id, &[&fields, more].concat()), None);
}

#[test]
fn what_a_program_did_stops_no_clock() {
    let mut world = one_deal();
    call(&mut world, "a", "2026-11-23T16:00:00Z", &[("automated", "true")]);
    assert_eq!(world.verdict(), Verdict::Overdue);
    call(&mut world, "b", "2026-11-23T16:30:00Z", &[("automated", "false")]);
    assert_eq!(world.verdict(), Verdict::InTime);
}

#[test]
fn a_touch_that_was_entered_after_the_time_was_up_counts_and_is_flagged() {
    // Due on Monday at 14:00 in New York.
    let flags = |logged: &str| {
        let mut world = one_deal();
        call(&mut world, "a", "2026-11-23T18:00:00Z", &[("logged_at", logged)]);
        let row = first(&world);
        assert_eq!(row.verdict, Verdict::InTime, "the verdict goes by what the source says");
        (row.backdated, row.logged_late)
    };
    assert_eq!(flags("2026-11-23T18:30:00Z"), (false, false));
    assert_eq!(flags("2026-11-23T19:30:00Z"), (true, false), "entered after 14:00");
    assert_eq!(flags("2026-11-24T18:00:00Z"), (true, true), "and a whole day later");
    assert_eq!(flags("2026-11-23"), (false, false), "of a day only a later one is late");
    assert_eq!(flags("2026-11-24"), (true, true));
}

#[test]
fn where_the_source_does_not_say_when_it_was_entered_the_syncs_that_did_not_see_it_tell() {
    let mut world = one_deal();
    call(&mut world, "a", "2026-11-23T18:00:00Z", &[]);
    assert!(!first(&world).backdated, "nothing is known of it");
    // A nightly sync: the last one was before the touch.
    world.facts.activities[0].entered_after = Some(instant("2026-11-23T05:00:00Z"));
    assert!(!first(&world).backdated);
    world.facts.activities[0].entered_after = Some(instant("2026-11-23T19:30:00Z"));
    assert!(!first(&world).backdated, "a vendor may show it some minutes late");
    world.facts.activities[0].entered_after = Some(instant("2026-11-23T21:00:00Z"));
    assert!(first(&world).backdated);
    world.watched = false;
    assert!(!first(&world).backdated, "a file may be older than its sync");
}

#[test]
fn a_call_that_led_to_the_hand_off_is_listed_and_counts_where_that_was_agreed() {
    let mut world = one_deal();
    // Friday afternoon, within one business day of Monday 10:00.
    call(&mut world, "a", "2026-11-20T20:00:00Z", &[]);
    let row = first(&world);
    assert_eq!(row.pre_touch_at, Some(instant("2026-11-20T20:00:00Z")));
    assert_eq!(row.verdict, Verdict::Overdue);
    world.settings.count_touch_before = Some(Allowance::Minutes(60));
    assert_eq!(world.verdict(), Verdict::Overdue, "two business hours ago are more than one");
    world.settings.count_touch_before = Some(Allowance::Days(1));
    let row = first(&world);
    assert_eq!((row.verdict, row.first_touch_at), (Verdict::InTime, Some(row.handed_off_at)));
    // Four business days before: it counts where that was agreed, and is not listed.
    let mut world = one_deal();
    call(&mut world, "a", "2026-11-17T20:00:00Z", &[]);
    world.settings.count_touch_before = Some(Allowance::Days(5));
    let row = first(&world);
    assert_eq!((row.verdict, row.pre_touch_at), (Verdict::InTime, None));
}

#[test]
fn before_activities_were_recorded_nobody_is_overdue() {
    let mut world = one_deal();
    world.activities_from = Some(date(2026, 11, 24));
    assert_eq!(world.verdict(), Verdict::Unknown);
    world.activities_from = Some(date(2026, 11, 23));
    assert_eq!(world.verdict(), Verdict::Overdue);
}

#[test]
fn waiting_for_an_owner_is_not_the_owners_delay() {
    let mut world = world();
    // Created on Friday at 16:00, given to Ada on Monday at 10:00: two hours of work.
    world.deal("d", &[("created_at", "2026-11-20T21:00:00Z"), ("owner", "ada")]);
    world.owner_change("d", "2026-11-23T15:00:00Z", "ada");
    world.touch("d", "2026-11-23T16:00:00Z", "ada");
    let row = first(&world);
    assert_eq!((row.unowned_secs, row.touched_secs), (2 * 3600, Some(3600)));
}

/// Handed off on Monday 23 November at 10:00 in New York; to be decided within a business day.
fn deciding(fields: &[(&str, &str)]) -> World {
    let mut world = world();
    let own = [("created_at", "2026-11-23T15:00:00Z"), ("owner", "ada")];
    world.deal("d", &[&own, fields].concat());
    world.settings.decide_within = Some(Allowance::Days(1));
    world.filled = ["accepted_at", "rejected_at"].map(String::from).into();
    world
}

#[test]
fn sales_takes_a_hand_off_on_or_gives_it_back_in_time_or_not() {
    let decision = |fields: &[(&str, &str)]| first(&deciding(fields)).decided.decision;
    let (soon, late) = ("2026-11-24T14:00:00Z", "2026-11-24T16:00:00Z");
    assert_eq!(decision(&[("accepted_at", soon)]), Decision::Accepted);
    assert_eq!(decision(&[("accepted_at", late)]), Decision::AcceptedLate);
    assert_eq!(decision(&[("rejected_at", soon)]), Decision::Rejected);
    assert_eq!(decision(&[("rejected_at", late)]), Decision::RejectedLate);
    assert_eq!(decision(&[("accepted_at", soon), ("rejected_at", late)]), Decision::Accepted);
    assert_eq!(decision(&[("accepted_at", "2026-11-24")]), Decision::Accepted, "the due day");
    assert_eq!(decision(&[("accepted_at", "2026-11-25")]), Decision::AcceptedLate, "has begun");
    assert_eq!(decision(&[("accepted_at", "2026-11-26")]), Decision::Overdue, "has not");
    assert_eq!(decision(&[("accepted_at", "2026-11-23")]), Decision::Accepted);
    assert_eq!(decision(&[]), Decision::Overdue);
    let closed = [("outcome", "lost"), ("closed_at", "2026-11-24T20:00:00Z")];
    assert_eq!(decision(&closed), Decision::Closed, "a third class, not a decision");
    assert_eq!(decision(&[("accepted_at", "2026-11-23T14:00:00Z")]), Decision::Overdue, "before");
    let mut world = deciding(&[]);
    world.clock = instant("2026-11-24T14:00:00Z");
    assert_eq!(first(&world).decided.decision, Decision::Waiting);
    world.filled.clear();
    assert_eq!(first(&world).decided.decision, Decision::NotKnown);
}

#[test]
fn what_is_known_by_its_day_is_decided_on_any_hour_of_it() {
    let mut world = deciding(&[("accepted_at", "2026-11-23T15:00:00Z")]);
    world.deal(
        "d",
        &[("created_at", "2026-11-23"), ("owner", "ada"), ("accepted_at", "2026-11-23T15:00:00Z")],
    );
    assert_eq!(first(&world).decided.decision, Decision::Accepted);
}

#[test]
fn what_sales_gives_back_in_time_is_no_debt_and_is_nurtured_also_after_it_was_accepted() {
    let back = [("rejected_at", "2026-11-23T18:00:00Z"), ("rejected_reason", "too early")];
    let row = first(&deciding(&back));
    assert_eq!((row.decided.decision, row.verdict), (Decision::Rejected, Verdict::Excused));
    let late = [("rejected_at", "2026-11-23T19:30:00Z")];
    assert_eq!(first(&deciding(&late)).verdict, Verdict::Overdue, "after 14:00 it is one");
    let accepted = [("accepted_at", "2026-11-23T16:00:00Z")];
    let world = deciding(&[&accepted[..], &back].concat());
    let row = first(&world);
    assert_eq!(row.decided.decision, Decision::Accepted, "the first answer");
    assert!(row.is_given_back());
    assert_eq!(world.ledger().pool.members[0].why, "given back: too early");
}

#[test]
fn each_hand_off_of_one_opportunity_has_its_own_decision() {
    let mut world = deciding(&[
        ("rejected_at", "2026-11-23T18:00:00Z"),
        ("rejected_reason", "no budget"),
        ("accepted_at", "2026-11-25T15:30:00Z"),
    ]);
    world.owner_change("d", "2026-11-23T15:00:00Z", "ada");
    world.owner_change("d", "2026-11-23T18:00:00Z", "");
    world.owner_change("d", "2026-11-25T15:00:00Z", "ben");
    let rows = world.ledger().rows;
    let told: Vec<Decision> = rows.iter().map(|row| row.decided.decision).collect();
    assert_eq!(told, [Decision::Rejected, Decision::Accepted]);
    assert_eq!(rows[0].decided.reason.as_deref(), Some("no budget"));
    // It was given back and came again: the pool had it, and has it no more.
    let pool = world.ledger().pool;
    assert_eq!((pool.entered, pool.came_back, pool.members.len()), (1, 1, 0));
}

fn agreed() -> Vec<Criterion> {
    let industry = Test::In(vec!["software".into(), "retail".into()]);
    vec![
        Criterion { field: "industry".into(), tests: vec![industry] },
        Criterion { field: "sponsor".into(), tests: vec![Test::Set] },
    ]
}

#[test]
fn what_does_not_meet_the_criteria_is_to_be_nurtured_until_it_does_or_is_closed() {
    let mut world = world();
    world.settings.criteria = agreed();
    world.filled = ["industry", "sponsor"].map(String::from).into();
    let deal = |attributes: &'static str, more: &[(&'static str, &'static str)]| {
        let own = [("created_at", "2026-11-03T15:00:00Z"), ("owner", "ada")];
        [&own, &[("attributes", attributes)][..], more].concat()
    };
    let lead = [("created_at", "2026-10-01"), ("opt_in", "true"), ("nurture", "autumn")];
    world.facts.add("crm", &record(Object::Lead, "l", &lead), None);
    let other = [("created_at", "2026-10-01"), ("opt_in", "false")];
    world.facts.add("crm", &record(Object::Lead, "m", &other), None);
    let fits = r#"{"industry":"Software","sponsor":"set"}"#;
    let fails = r#"{"industry":"farming"}"#;
    world.deal("fits", &deal(fits, &[]));
    world.deal("fails", &deal(fails, &[("lead", "l")]));
    world.deal("lost", &deal(fails, &[("outcome", "lost"), ("closed_at", "2026-11-09")]));
    world.deal("won", &deal(fails, &[("outcome", "won"), ("closed_at", "2026-11-09")]));
    world.deal("again", &deal(fails, &[("lead", "m")]));
    world.deal(
        "better",
        &[
            ("created_at", "2026-11-10T15:00:00Z"),
            ("owner", "ada"),
            ("attributes", fits),
            ("lead", "m"),
        ],
    );
    let ledger = world.ledger();
    let row = ledger.rows.iter().find(|row| row.opportunity.id == "fails").unwrap();
    let audit = row.audit.as_ref().unwrap();
    assert_eq!(audit.failed, ["industry in software, retail", "sponsor is set"]);
    let pool = &ledger.pool;
    assert_eq!((pool.entered, pool.came_back, pool.won), (4, 1, 1));
    let [member] = pool.members.as_slice() else { panic!("{:?}", pool.members) };
    assert_eq!(member.opportunity, RecordKey { source: "crm".into(), id: "fails".into() });
    assert_eq!((member.opt_in, member.programme.as_deref()), (Some(true), Some("autumn")));
    assert_eq!(pool.median_age_days(world.clock), Some(22));
    // A criterion of channels goes by the company's own names.
    let channel = |name: &str| {
        let test = Test::In(vec![name.to_owned()]);
        let mut world = handoffs::world();
        world.settings.criteria = vec![Criterion { field: "channel".into(), tests: vec![test] }];
        world.filled = ["channel".to_owned()].into();
        world.deal("d", &[("created_at", "2026-11-03"), ("owner", "ada"), ("channel", "ADS")]);
        first(&world).audit.unwrap().met()
    };
    assert_eq!((channel("paid search"), channel("mail")), (Some(true), Some(false)));
    // Where the source does not say, nothing is held against anybody.
    world.filled.remove("sponsor");
    let audit = first(&world).audit.unwrap();
    assert!(audit.not_known == ["sponsor is set"]);
}

const COMPANY: &str = r#"
[company]
time_zone = "UTC"
[handoff]
decide_within = "1 business day"
[handoff.criteria]
sponsor = "set"
amount = { at_least = 1000 }
[handoff.criteria.industry]
in = ["software"]
[source.crm]
kind = "csv"
[[source.crm.file]]
path = "deals.csv"
object = "opportunity"
[source.crm.file.columns]
id = "id"
created_at = "created"
owner = "owner"
amount = "amount"
accepted_at = "accepted"
rejected_at = "rejected"
rejected_reason = "reason"
next_step = "next"
attributes = { industry = "industry", sponsor = "sponsor" }
"#;

#[tokio::test]
async fn a_csv_export_fills_acceptance_next_steps_and_criteria_and_keeps_no_names() {
    let deals = "id,created,owner,amount,accepted,rejected,reason,next,industry,sponsor\n\
         a,2026-11-02T09:00:00Z,ada,5000,2026-11-02T12:00:00Z,,,Call Mrs Miller,Software,J. Miller\n\
         b,2026-11-02T09:00:00Z,ada,500,,2026-11-02T12:00:00Z,too small,,software,\n";
    let now = instant("2026-11-05T12:00:00Z");
    let (_folder, settings, store) = synced(COMPANY, &[("deals.csv", deals)], now).await;
    let snapshot = Snapshot::load(&settings, &store, now, None).await.unwrap();
    let ledger = snapshot.ledger().await.unwrap();
    let row = |id: &str| ledger.rows.iter().find(|row| row.opportunity.id == id).unwrap();
    assert_eq!(row("a").decided.decision, Decision::Accepted);
    assert_eq!((row("a").next_step, row("b").next_step), (Some(true), Some(false)));
    assert_eq!(row("a").audit.as_ref().unwrap().met(), Some(true));
    let failed = &row("b").audit.as_ref().unwrap().failed;
    assert_eq!(failed, &["amount at least 1000", "sponsor is set"]);
    assert_eq!(row("b").decided.reason.as_deref(), Some("too small"));
    let kept = &snapshot.facts.opportunities[&row("a").opportunity].attributes;
    assert_eq!((kept["industry"].as_str(), kept["sponsor"].as_str()), ("Software", "set"));
    store.close().await;
    let bytes = std::fs::read(&settings.database).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("too small") && !holds("Miller"), "what somebody is called is not kept");
}

#[tokio::test]
async fn hubspot_fills_them_from_the_portals_own_properties() {
    let keys = "rate_limit = \"190/10s\"\n\
                [source.crm.fields.opportunity]\naccepted_at = \"sales_accepted\"\n\
                attributes = { industry = \"industry_of_deal\", sponsor = \"sponsor_name\" }\n\
                [source.crm.fields.activity]\nautomated = \"is_sequence\"\n\
                [handoff.criteria]\nsponsor = \"set\"\nindustry = { in = [\"software\"] }\n";
    let account = Account::with("", Portal::empty(), keys).await;
    let at = account.now();
    {
        let mut portal = account.portal();
        let out = [("hs_email_optout", "true")];
        portal.create_with_id(Kind::Contact, 1, properties(&out), at);
        let own = [
            ("hubspot_owner_id", "7"),
            ("sales_accepted", "2026-11-02T09:00:30Z"),
            ("industry_of_deal", "Software"),
            ("sponsor_name", "J. Miller"),
            ("notes_next_activity_date", "2026-11-03T09:00:00Z"),
        ];
        deal(&mut portal, 9, at, &own);
        portal.associate((Kind::Deal, 9), (Kind::Contact, 1));
        let call = [
            ("hs_timestamp", "2026-11-02T09:00:10Z"),
            ("hubspot_owner_id", "7"),
            ("is_sequence", "true"),
        ];
        portal.create_with_id(Kind::Call, 3, properties(&call), at + 1.second());
        portal.associate((Kind::Call, 3), (Kind::Deal, 9));
    }
    account.pass(5);
    account.sync().await;
    let facts = account.facts().await;
    let lead = facts.leads.values().next().unwrap();
    assert_eq!(lead.opt_in, Some(false), "who unsubscribed is out");
    let activity = &facts.activities[0];
    assert!(activity.automated && activity.logged_at.is_some(), "{activity:?}");
    let clock = account.now() + 1.hour();
    let snapshot = Snapshot::load(&account.settings, &account.store, clock, None).await.unwrap();
    let row = snapshot.ledger().await.unwrap().rows.remove(0);
    assert_eq!(row.decided.decision, Decision::Accepted);
    assert_eq!((row.next_step, row.audit.unwrap().met()), (Some(true), Some(true)));
    assert_eq!(snapshot.facts.opportunities[&row.opportunity].attributes["sponsor"], "set");
}

const ASKING: &str = r#"
[company]
time_zone = "UTC"
[handoff]
since = "2026-11-01"
decide_within = "1 business day"
[handoff.criteria]
industry = { not_in = ["farming"] }
[alerts.next_step_missing]
enabled = true
[team.sales]
owners = ["ada"]
[source.crm]
kind = "csv"
[[source.crm.file]]
path = "leads.csv"
object = "lead"
[source.crm.file.columns]
id = "id"
created_at = "created"
opt_in = "mail"
opted_out_at = "out"
[[source.crm.file]]
path = "deals.csv"
object = "opportunity"
[source.crm.file.columns]
id = "id"
lead = "lead"
created_at = "created"
owner = "owner"
accepted_at = "accepted"
next_step = "next"
attributes = { industry = "industry" }
[[source.crm.file]]
path = "mails.csv"
object = "activity"
[source.crm.file.columns]
id = "id"
lead = "lead"
kind = { const = "email_out" }
at = "at"
owner = "owner"
"#;

#[tokio::test]
async fn what_is_not_decided_has_no_next_step_or_should_not_have_been_handed_off_alerts() {
    let leads = "id,created,mail,out\n\
                 l,2026-10-01,no,2026-11-03T12:00:00Z\nm,2026-10-01,no,\nn,2026-10-01,yes,\n";
    let deals = "id,lead,created,owner,accepted,next,industry\n\
                 slow,l,2026-11-02T09:00:00Z,ada,,,retail\n\
                 good,m,2026-11-02T09:00:00Z,ada,2026-11-02T10:00:00Z,call,retail\n\
                 kept,n,2026-11-02T09:00:00Z,ada,2026-11-02T10:00:00Z,call,Farming\n\
                 bad,n,2026-11-05T09:00:00Z,ada,,call,Farming\n";
    let mails = "id,lead,at,owner\n1,l,2026-11-03T11:00:00Z,ada\n2,l,2026-11-03T13:00:00Z,ada\n\
                 3,m,2026-11-03T13:00:00Z,ada\n4,n,2026-11-03T13:00:00Z,ada\n";
    let files = [("leads.csv", leads), ("deals.csv", deals), ("mails.csv", mails)];
    let now = instant("2026-11-05T12:00:00Z");
    let (_folder, settings, store) = synced(ASKING, &files, now).await;
    let snapshot = Snapshot::load_present(&settings, &store, now).await.unwrap();
    let (found, _) = findings(&snapshot).await.unwrap();
    let told = |rule: &str| {
        let finding = found.iter().find(|finding| finding.rule == rule).unwrap();
        let ids: Vec<&str> = finding.records.iter().map(|record| record.id.as_str()).collect();
        (finding.status.clone(), ids.join(" "), finding.summary.clone())
    };
    let of = |ids: &str, summary: &str| (Status::Breach(1), ids.to_owned(), summary.to_owned());
    assert_eq!(
        told("acceptance_overdue"),
        of("slow", "1 hand-off is still to be accepted or given back by ada")
    );
    assert_eq!(
        told("next_step_missing"),
        of("slow", "1 hand-off is still to be given a next step by ada")
    );
    // What sales took on all the same is nobody's task.
    assert_eq!(told("criteria_unmet"), of("bad", "1 hand-off does not meet the agreed criteria"));
    // The first mail came before the person opted out; of the other person the first sync saw it later.
    assert_eq!(told("mailed_after_opt_out"), of("2", "A mail went to somebody who had opted out"));
}

/// A task that claims to have been done in the morning, and that the sync at noon did not see.
#[tokio::test]
async fn what_was_entered_late_is_told_by_the_last_sync_that_did_not_see_it() {
    let account = Account::new("").await;
    account.sync().await;
    account.pass(180);
    let noon = account.now();
    account.sync().await;
    account.pass(60);
    let task = [
        ("hs_task_status", "COMPLETED"),
        ("hs_task_completion_date", "2026-11-02T09:30:00Z"),
        ("hubspot_owner_id", "7"),
    ];
    let now = account.now();
    account.portal().create_with_id(Kind::Task, 5, properties(&task), now);
    account.pass(60);
    account.sync().await;
    let facts = account.facts().await;
    let known = facts.activities[0].entered_after.unwrap();
    assert!(known >= noon && known < now, "{known}: after {noon} and before {now}");
}

#[tokio::test]
async fn the_ledger_is_held_against_the_accounts_own_count() {
    let account = Account::new("").await;
    let at = account.now();
    (1..=3).for_each(|id| deal(&mut account.portal(), id, at, &[]));
    account.pass(120);
    account.try_sync(Full::Checked).await.unwrap();
    let counted = || async {
        let counts = account.store.count_checks().await.unwrap();
        counts.iter().map(|count| (count.there, count.here)).collect::<Vec<_>>()
    };
    assert_eq!(counted().await, [(3, 3)]);
    let later = account.now();
    deal(&mut account.portal(), 4, later, &[]);
    account.pass(5);
    account.try_sync(Full::Checked).await.unwrap();
    assert_eq!(counted().await, [(3, 3)], "what is younger than an hour is in neither");
}
