//! The past once more: what the rules would have told of it, as it was known, and what came of that.

#[path = "support/company.rs"]
mod company;
mod support;

use company::{SECOND_MONDAY, World};
use jiff::civil::date;
use paceline::evaluate::{
    Snapshot,
    replay::{Outcome, replay},
    trial::trials,
};
use support::instant;

#[tokio::test]
async fn the_past_is_replayed_and_each_alert_is_judged_by_what_came_of_it() {
    let world = World::new(|toml| toml).await;
    world.export(SECOND_MONDAY);
    world.step(SECOND_MONDAY).await;
    // Six weeks into the fourth quarter, in the days in which it falls behind.
    let days = (date(2026, 10, 26), date(2026, 11, 14));
    let run = async |now| replay(&world.settings, &world.store, days, now, &|_| {}).await.unwrap();
    let found = run(instant(SECOND_MONDAY)).await;
    assert_eq!(found.days, 15);
    let pace: Vec<_> = found.alerts.iter().filter(|alert| alert.rule == "pace_behind").collect();
    assert!(!pace.is_empty(), "{:?}", found.alerts);
    assert!(pace.iter().all(|alert| alert.outcome == Outcome::Open), "{pace:?}");
    let overdue: Vec<_> =
        found.alerts.iter().filter(|alert| alert.rule == "followup_overdue").collect();
    assert!(overdue.iter().any(|alert| alert.outcome == Outcome::Right), "{overdue:?}");
    assert!(found.messages >= 2 && found.messages <= found.alerts.len() * 3, "{}", found.messages);
    // Nothing of it was kept or sent.
    let told = world.told("marketing");
    run(instant(SECOND_MONDAY)).await;
    assert_eq!(world.told("marketing"), told);
}

#[tokio::test]
async fn an_alert_of_a_goal_that_is_over_was_right_false_or_too_late() {
    let world = World::new(|toml| toml).await;
    let goal = |name: &str, count: u32| {
        format!(
            "[[goal]]\nname = \"{name}\"\nfrom = \"2026-07-01\"\nto = \"2026-10-01\"\n\
             opportunities = {count}\nevery = \"month\"\nteam = \"marketing\"\n\
             [goal.assume]\nlead_to_opportunity = 0.15\n"
        )
    };
    let plan = goal("too much", 900) + &goal("easy", 50);
    support::write(world.folder.path(), "plan.toml", &plan);
    world.export(SECOND_MONDAY);
    world.step(SECOND_MONDAY).await;
    let outcomes = async |from, to| {
        let now = instant(SECOND_MONDAY);
        let days = (from, to);
        let found = replay(&world.settings, &world.store, days, now, &|_| {}).await.unwrap();
        let of_pace = found.alerts.iter().filter(|a| a.scope.ends_with("/opportunities"));
        let of_pace: Vec<_> = of_pace.map(|a| (a.scope.clone(), a.outcome)).collect();
        (of_pace, found.missed)
    };
    let scope = "goal:too much/opportunities".to_owned();
    let (found, missed) = outcomes(date(2026, 8, 17), date(2026, 8, 26)).await;
    assert_eq!((found, missed.len()), (vec![(scope.clone(), Outcome::Right)], 0));
    let (found, _) = outcomes(date(2026, 9, 24), date(2026, 9, 29)).await;
    assert_eq!(found, [(scope, Outcome::TooLate)]);
    let (found, missed) = outcomes(date(2026, 7, 1), date(2026, 7, 3)).await;
    assert_eq!(found, []);
    assert!(missed.len() == 1 && missed[0].starts_with("too much: "), "{missed:?}");
}

#[tokio::test]
async fn a_goal_is_tried_on_its_own_past_before_it_speaks() {
    let world = World::new(|toml| toml).await;
    world.export(SECOND_MONDAY);
    world.step(SECOND_MONDAY).await;
    let clock = instant(SECOND_MONDAY);
    let snapshot = Snapshot::load(&world.settings, &world.store, clock, None).await.unwrap();
    let found = trials(&snapshot);
    let quarter = found.iter().find(|trial| trial.goal == "opportunities Q4").unwrap();
    assert!(quarter.periods >= 3, "{quarter:?}");
    assert!(quarter.wrong <= quarter.fired && quarter.fired + quarter.missed <= quarter.periods);
}
