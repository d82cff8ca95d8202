//! One verdict for every hand-off, in the order of the contract, adding up to 100 %.

#[path = "support/handoffs.rs"]
mod handoffs;
mod support;

use handoffs::{World, one_deal, record, world};
use jiff::tz::TimeZone;
use paceline::domain::{BusinessCalendar, Object, RecordKey};
use paceline::handoff::settings::When;
use paceline::handoff::{Excuse, Verdict, summarise};
use proptest::prelude::*;
use support::instant;

#[test]
fn a_touch_by_the_due_time_is_in_time_and_one_second_later_is_late() {
    let mut world = one_deal();
    assert_eq!(world.ledger().rows[0].due_at, instant("2026-11-23T19:00:00Z"));
    world.touch("d", "2026-11-23T19:00:00Z", "ada");
    assert_eq!(world.verdict(), Verdict::InTime);
    let mut world = one_deal();
    world.touch("d", "2026-11-23T19:00:01Z", "ada");
    assert_eq!(world.verdict(), Verdict::Late);
}

#[test]
fn nobody_is_overdue_before_the_time_is_up_or_where_activities_are_not_known() {
    let mut world = one_deal();
    assert_eq!(world.verdict(), Verdict::Overdue);
    world.clock = instant("2026-11-23T19:00:00Z");
    assert_eq!(world.verdict(), Verdict::Waiting);
    let mut world = one_deal();
    world.activities_complete = Some(instant("2026-11-23T18:59:00Z"));
    assert_eq!(world.verdict(), Verdict::Unknown);
    // Even a later touch does not show that there was none before.
    world.touch("d", "2026-11-24T15:00:00Z", "ada");
    assert_eq!(world.verdict(), Verdict::Unknown);
    world.activities_complete = None;
    assert_eq!(world.verdict(), Verdict::Unknown);
}

#[test]
fn only_a_touch_of_the_team_after_the_hand_off_counts() {
    let mut world = one_deal();
    world.touch("d", "2026-11-23T14:59:00Z", "ada");
    world.touch("d", "2026-11-23T16:00:00Z", "eva");
    assert_eq!(world.verdict(), Verdict::Overdue, "before the hand-off, and by another team");
    world.touch("d", "2026-11-23T17:00:00Z", "ben");
    assert_eq!(world.verdict(), Verdict::InTime, "a colleague");
}

#[test]
fn after_a_reassignment_both_teams_may_touch_and_the_verdict_stays_with_the_first() {
    let mut world = world();
    world.deal("d", &[("created_at", "2026-11-23T15:00:00Z"), ("owner", "eva")]);
    world.owner_change("d", "2026-11-23T15:00:00Z", "ada");
    world.owner_change("d", "2026-11-23T16:00:00Z", "eva");
    world.touch("d", "2026-11-23T17:00:00Z", "eva");
    let row = &world.ledger().rows[0];
    assert_eq!((row.verdict, row.owner.as_deref()), (Verdict::InTime, Some("ada")));
    assert_eq!(row.team.as_deref(), Some("inside"));
}

#[test]
fn a_touch_linked_to_the_lead_counts() {
    let mut world = world();
    let fields = [("created_at", "2026-11-23T15:00:00Z"), ("owner", "ada"), ("lead", "l")];
    world.deal("d", &fields);
    let fields =
        [("lead", "l"), ("kind", "email_out"), ("at", "2026-11-23T16:00:00Z"), ("owner", "ada")];
    world.facts.add("crm", &record(Object::Activity, "a", &fields), None);
    assert_eq!(world.verdict(), Verdict::InTime);
}

#[test]
fn an_excuse_needs_no_touch_and_a_loss_is_no_excuse() {
    let mut world = one_deal();
    let key = RecordKey { source: "crm".into(), id: "d".into() };
    world.excuses.insert((key, 1), Excuse { by: "dana".into(), reason: "a test".into() });
    assert_eq!(world.verdict(), Verdict::Excused);
    let mut world = world_with_loss();
    assert_eq!(world.verdict(), Verdict::Overdue);
    world.touch("d", "2026-11-23T16:00:00Z", "ada");
    assert_eq!(world.verdict(), Verdict::InTime);
}

fn world_with_loss() -> World {
    let mut world = world();
    world.deal(
        "d",
        &[
            ("created_at", "2026-11-23T15:00:00Z"),
            ("owner", "ada"),
            ("outcome", "lost"),
            ("closed_at", "2026-11-23T16:00:00Z"),
        ],
    );
    world
}

#[test]
fn deleted_or_returned_before_it_was_due_is_excused_and_after_it_is_not() {
    let deal = record(
        Object::Opportunity,
        "d",
        &[("created_at", "2026-11-23T15:00:00Z"), ("owner", "ada")],
    );
    for (deleted, verdict) in
        [("2026-11-23T18:00:00Z", Verdict::Excused), ("2026-11-24T18:00:00Z", Verdict::Overdue)]
    {
        let mut world = world();
        world.facts.add("crm", &deal, Some(instant(deleted)));
        assert_eq!(world.verdict(), verdict);
    }
    let mut world = one_deal();
    world.owner_change("d", "2026-11-23T15:00:00Z", "ada");
    world.owner_change("d", "2026-11-23T17:00:00Z", "");
    assert_eq!(world.verdict(), Verdict::Excused);
}

#[test]
fn returned_and_handed_off_again_is_a_second_row() {
    let mut world = world();
    world.deal("d", &[("created_at", "2026-11-23T15:00:00Z"), ("owner", "eva")]);
    world.owner_change("d", "2026-11-23T15:30:00Z", "ada");
    world.owner_change("d", "2026-11-23T20:00:00Z", "");
    world.owner_change("d", "2026-11-24T15:00:00Z", "eva");
    world.touch("d", "2026-11-24T16:00:00Z", "eva");
    let ledger = world.ledger();
    let rows: Vec<_> = ledger
        .rows
        .iter()
        .map(|row| (row.sequence, row.handed_off_at.to_string(), row.owner.clone().unwrap()))
        .collect();
    let expected = [
        (1, "2026-11-23T15:30:00Z".to_owned(), "ada".to_owned()),
        (2, "2026-11-24T15:00:00Z".to_owned(), "eva".to_owned()),
    ];
    assert_eq!(rows, expected);
    assert_eq!(ledger.rows[1].verdict, Verdict::InTime);
}

#[test]
fn the_hand_off_is_the_later_of_creation_and_first_owner_or_what_the_source_says() {
    let mut world = one_deal();
    world.owner_change("d", "2026-11-23T12:00:00Z", "ada");
    assert_eq!(world.ledger().rows[0].handed_off_at, instant("2026-11-23T15:00:00Z"));
    world.settings.when = When::Stage("sql".into());
    assert!(world.ledger().rows.is_empty());
    let fields = [("opportunity", "d"), ("at", "2026-11-24T15:00:00Z"), ("to", "sql")];
    world.facts.add("crm", &record(Object::StageChange, "s", &fields), None);
    assert_eq!(world.ledger().rows[0].handed_off_at, instant("2026-11-24T15:00:00Z"));
    let mut world = one_deal();
    world.filled.insert("handed_off_at".into());
    assert!(world.ledger().rows.is_empty(), "the source says that it was not handed off");
    let fields = [("handed_off_at", "2026-11-23T17:00:00Z"), ("owner", "ada")];
    world.deal("d", &fields);
    assert_eq!(world.ledger().rows[0].handed_off_at, instant("2026-11-23T17:00:00Z"));
}

#[test]
fn an_owner_known_by_the_day_only_is_the_owner_at_the_hand_off() {
    let mut world = one_deal();
    world.owner_change("d", "2026-11-23", "ada");
    world.touch("d", "2026-11-23T16:00:00Z", "ben");
    let row = &world.ledger().rows[0];
    assert_eq!((row.owner.as_deref(), row.verdict), (Some("ada"), Verdict::InTime));
    assert_eq!(row.handed_off_at, instant("2026-11-23T15:00:00Z"));
}

#[test]
fn given_and_taken_back_before_it_existed_is_no_hand_off() {
    let mut world = world();
    world.deal("d", &[("created_at", "2026-11-23T15:00:00Z"), ("owner", "ada")]);
    world.owner_change("d", "2026-11-23T12:00:00Z", "eva");
    world.owner_change("d", "2026-11-23T13:00:00Z", "");
    world.owner_change("d", "2026-11-23T14:00:00Z", "ada");
    let owners: Vec<_> = world.ledger().rows.into_iter().map(|row| row.owner.unwrap()).collect();
    assert_eq!(owners, ["ada"]);
}

#[test]
fn a_team_has_its_own_hours_and_zone() {
    let mut world = one_deal();
    let berlin = BusinessCalendar::standard(TimeZone::get("Europe/Berlin").unwrap());
    world.teams.hours.insert("inside".into(), berlin);
    // 10:00 in New York is 16:00 in Berlin: one hour on Monday, three on Tuesday morning.
    assert_eq!(world.ledger().rows[0].due_at, instant("2026-11-24T11:00:00Z"));
}

#[test]
fn opportunities_without_an_owner_stand_beside_the_ledger() {
    let mut world = world();
    world.deal("d", &[("created_at", "2026-11-23T15:00:00Z")]);
    let ledger = world.ledger();
    assert!(ledger.rows.is_empty());
    assert_eq!(ledger.unowned.len(), 1);
    world.clock = instant("2026-11-24T14:00:00Z");
    assert!(world.ledger().unowned.is_empty(), "not yet a business day");
}

proptest! {
    /// Whatever happens, the verdicts add up, and at most the waiting ones may still change.
    #[test]
    fn verdicts_add_up_to_the_hand_offs(
        deals in prop::collection::vec((0_i64..10_000, 0_usize..4, 0_i64..20_000, 0_usize..4), 1..30),
        now in 0_i64..30_000,
        known in 0_i64..30_000,
    ) {
        let base = instant("2026-11-01T00:00:00Z");
        let at = |minutes: i64| (base + jiff::Span::new().minutes(minutes)).to_string();
        let owners = ["ada", "ben", "eva", ""];
        let mut world = world();
        world.clock = at(now).parse().unwrap();
        world.activities_complete = Some(at(known.min(now)).parse().unwrap());
        for (index, (created, owner, touched, by)) in deals.iter().enumerate() {
            let id = format!("d{index}");
            let created = at(*created);
            let mut fields = vec![("created_at", created.as_str())];
            if !owners[*owner].is_empty() {
                fields.push(("owner", owners[*owner]));
            }
            world.deal(&id, &fields);
            world.touch(&id, &at(*touched), owners[*by]);
        }
        let ledger = world.ledger();
        let summary = summarise(ledger.rows.iter());
        let sum: usize = Verdict::ALL.into_iter().map(|verdict| summary.count(verdict)).sum();
        prop_assert_eq!(sum, summary.handed_off);
        prop_assert_eq!(summary.handed_off, ledger.rows.len());
        for row in &ledger.rows {
            prop_assert!(row.due_at > row.handed_off_at);
            prop_assert!(row.handed_off_at <= world.clock);
        }
    }
}

#[test]
fn a_new_owner_has_a_clock_of_their_own_and_the_verdict_stays() {
    let mut world = world();
    world.deal("d", &[("created_at", "2026-11-23T15:00:00Z"), ("owner", "eva")]);
    world.owner_change("d", "2026-11-23T15:00:00Z", "ada");
    world.owner_change("d", "2026-11-24T15:00:00Z", "eva");
    let row = world.ledger().rows.remove(0);
    let new = row.reassigned.unwrap();
    assert_eq!((row.verdict, row.owner.as_deref()), (Verdict::Overdue, Some("ada")));
    assert_eq!((new.to.as_str(), new.due_at), ("eva", instant("2026-11-24T19:00:00Z")));
    // Touched before it changed hands: nobody takes over a clock that has stopped.
    world.touch("d", "2026-11-24T14:00:00Z", "ada");
    assert_eq!(world.ledger().rows[0].reassigned, None);
}

#[test]
fn the_clock_goes_on_after_the_breach_and_attempts_are_counted_for_ten_days() {
    let mut world = one_deal();
    world.clock = instant("2026-12-31T18:00:00Z");
    world.activities_complete = Some(world.clock);
    // Due on Monday at 14:00, touched on Tuesday at 10:00: three hours and one are late.
    world.touch("d", "2026-11-24T15:00:00Z", "ada");
    world.touch("d", "2026-11-25T15:00:00Z", "ada");
    world.touch("d", "2026-12-03T14:00:00Z", "ada");
    world.touch("d", "2026-12-03T16:00:00Z", "ada");
    let row = world.ledger().rows.remove(0);
    assert_eq!((row.verdict, row.late_secs, row.attempts), (Verdict::Late, 4 * 3_600, 3));
}

#[test]
fn a_sum_says_within_which_time_nine_of_ten_were_touched_and_who_never_was() {
    let mut world = world();
    for n in 1..=10 {
        let id = format!("d{n}");
        world.deal(&id, &[("created_at", "2026-11-23T15:00:00Z"), ("owner", "ada")]);
        world.touch(&id, &format!("2026-11-23T15:{n:02}:00Z"), "ada");
    }
    world.deal("never", &[("created_at", "2026-11-23T15:00:00Z"), ("owner", "ada")]);
    let sum = summarise(world.ledger().rows.iter());
    assert_eq!((sum.median_secs, sum.p90_secs, sum.never_touched), (Some(300), Some(540), 1));
}
