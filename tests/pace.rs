//! Plan to date, actual and state, worked by hand.

mod support;

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use paceline::config::{document::Document, plan_file};
use paceline::domain::{
    BusinessCalendar, CurrencyRates, Facts, Metric, Object, Record, scope::Names,
};
use paceline::pacing::{PaceRow, State, actual::Actuals, judge::Usual, rows};
use paceline::plan::{GoalPlan, Measured, lay_out};
use proptest::prelude::*;
use support::instant;

fn calendar() -> BusinessCalendar {
    BusinessCalendar::standard(TimeZone::get("America/New_York").unwrap())
}

fn plan(goal: &str) -> GoalPlan {
    let text = format!("[[goal]]\nname = \"g\"\n{goal}");
    let document = Document::from_text(std::path::Path::new("plan.toml"), &text, None).unwrap();
    let goal = plan_file::from_document(&document).unwrap().remove(0);
    lay_out(&goal, &Measured::default(), &calendar(), Default::default()).unwrap()
}

fn won(facts: &mut Facts, count: usize, closed: &str, amount: &str, currency: &str) {
    for _ in 0..count {
        let id = format!("d{}", facts.opportunities.len());
        let mut record = Record::empty(Object::Opportunity, id);
        let fields = [
            ("created_at", "2026-01-02"),
            ("closed_at", closed),
            ("outcome", "won"),
            ("amount", amount),
            ("currency", currency),
        ];
        for (field, value) in fields {
            record.set(field, Some(value.to_owned()).filter(|value| !value.is_empty()));
        }
        facts.add("crm", &record, None);
    }
}

fn pace(plan: &GoalPlan, facts: &Facts, clock: Timestamp) -> Vec<PaceRow> {
    let mut currency = CurrencyRates { company: "USD".into(), ..Default::default() };
    currency
        .rates
        .entry("EUR".into())
        .or_default()
        .insert(jiff::civil::date(2026, 1, 1), "1.25".parse().unwrap());
    let calendar = calendar();
    let (words, teams) = Default::default();
    let names = Names { words: &words, teams: &teams };
    let actuals = Actuals { facts, calendar: &calendar, currency: &currency, names, scope: None };
    let complete: BTreeMap<Metric, Timestamp> =
        Metric::ALL.into_iter().map(|metric| (metric, clock)).collect();
    rows(plan, &[], &actuals, &complete, clock)
}

fn row(plan: &GoalPlan, facts: &Facts, clock: &str, metric: Metric) -> PaceRow {
    let rows = pace(plan, facts, instant(clock));
    rows.into_iter().find(|row| row.metric == metric).unwrap()
}

/// 22 business days in June 2026.
const JUNE: &str = "from = \"2026-06-01\"\nto = \"2026-07-01\"\nwins = 44\n";

#[test]
fn a_running_business_day_counts_by_its_elapsed_hours() {
    let plan = plan(JUNE);
    let to_date = |clock| row(&plan, &Facts::default(), clock, Metric::Wins).plan_to_date;
    assert_eq!(to_date("2026-06-01T08:00:00-04:00"), 0.0);
    // Nine business days are over, and a quarter of the tenth: 9.25 · 2.
    assert!((to_date("2026-06-12T11:00:00-04:00") - 18.5).abs() < 1e-9);
    assert!((to_date("2026-06-13T11:00:00-04:00") - 20.0).abs() < 1e-9);
    assert_eq!(to_date("2026-07-01T00:00:00-04:00"), 44.0);
    assert_eq!(to_date("2026-05-31T12:00:00-04:00"), 0.0);
}

#[test]
fn an_event_known_by_its_day_counts_from_the_close_of_business() {
    let plan = plan(JUNE);
    let mut facts = Facts::default();
    won(&mut facts, 3, "2026-06-12", "1", "");
    let actual = |clock| row(&plan, &facts, clock, Metric::Wins).actual;
    assert_eq!(actual("2026-06-12T16:59:59-04:00"), 0.into());
    assert_eq!(actual("2026-06-12T17:00:00-04:00"), 3.into());
    // A Saturday counts from noon.
    let mut facts = Facts::default();
    won(&mut facts, 1, "2026-06-13", "1", "");
    let actual = |clock| row(&plan, &facts, clock, Metric::Wins).actual;
    assert_eq!(
        (actual("2026-06-13T11:59:00-04:00"), actual("2026-06-13T12:00:00-04:00")),
        (0.into(), 1.into())
    );
}

/// Eight months before June with ten wins in each of their first four weeks.
fn history(facts: &mut Facts) {
    for month in
        ["2025-10", "2025-11", "2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05"]
    {
        for day in ["03", "10", "17", "24"] {
            won(facts, 10, &format!("{month}-{day}T15:00:00Z"), "1", "");
        }
    }
}

/// The boundaries at the looks of 8, 15 and 22 June were worked out with scipy's distributions: at
/// most 1, 11, 22 wins or at least 25, 34, 45 cross.
#[test]
fn states_follow_the_evidence_of_weekly_looks() {
    let plan = plan(JUNE);
    // What is more than twenty comes after the first look, where there is one behind it.
    let judged = |count: usize, clock: &str| {
        let after_first = instant(clock) > instant("2026-06-14T00:00:00Z");
        let later = if after_first { "2026-06-10T15:00:00Z" } else { "2026-06-01T15:00:00Z" };
        let mut facts = Facts::default();
        history(&mut facts);
        let first = count.min(20);
        won(&mut facts, first, "2026-06-01T15:00:00Z", "1", "");
        won(&mut facts, count - first, later, "1", "");
        row(&plan, &facts, clock, Metric::Wins)
    };
    let state = |count: usize, clock: &str| judged(count, clock).state();
    assert_eq!(state(0, "2026-05-20T12:00:00Z"), State::Undecided, "not begun");
    assert_eq!(state(0, "2026-06-02T21:00:00Z"), State::Undecided, "4 expected");
    for (clock, behind, ahead) in [
        ("2026-06-08T03:59:00Z", 0, 50),
        ("2026-06-08T04:00:00Z", 1, 25),
        ("2026-06-13T16:00:00Z", 1, 25),
        ("2026-06-16T16:00:00Z", 11, 34),
    ] {
        if behind > 0 {
            assert_eq!(state(behind, clock), State::Behind, "{clock}");
            assert_eq!(state(ahead, clock), State::Ahead, "{clock}");
        }
        assert_eq!(state(behind + 1, clock), State::OnTrack, "{clock}");
        assert_eq!(state(ahead - 1, clock), State::OnTrack, "{clock}");
    }
    assert_eq!(state(43, "2026-07-02T12:00:00Z"), State::Behind, "over, and short by one");
    assert_eq!(state(44, "2026-07-02T12:00:00Z"), State::Ahead);
    let judgement = judged(11, "2026-06-16T16:00:00Z").judgement;
    assert_eq!(judgement.usual, Usual::History { periods: 8, events: 320.0 });
    assert!((judgement.dispersion - 1.125).abs() < 1e-12);
    assert_eq!(judgement.crossed_at, Some(instant("2026-06-15T00:00:00-04:00")));
    assert!(judgement.p_value.is_some_and(|p| p <= 0.05));
    assert_eq!(judgement.looks, (2, 3));
}

/// With nothing to learn from, linear (7 and 17) and back-loaded (1 and 9) must both be crossed.
#[test]
fn without_history_only_what_no_curve_explains_is_behind() {
    let plan = plan(JUNE);
    let row_of = |count: usize, clock: &str| {
        let mut facts = Facts::default();
        won(&mut facts, count, "2026-06-01T15:00:00Z", "1", "");
        row(&plan, &facts, clock, Metric::Wins)
    };
    let state = |count: usize, clock: &str| row_of(count, clock).state();
    assert_eq!(state(1, "2026-06-16T16:00:00Z"), State::Behind);
    assert_eq!(state(2, "2026-06-16T16:00:00Z"), State::Undecided);
    assert_eq!(state(9, "2026-06-23T16:00:00Z"), State::Behind);
    assert_eq!(state(10, "2026-06-23T16:00:00Z"), State::Undecided);
    assert_eq!(row_of(9, "2026-06-23T16:00:00Z").judgement.usual, Usual::Linear);
}

#[test]
fn what_was_behind_stays_so_until_the_plan_is_reached() {
    let plan = plan(JUNE);
    let mut facts = Facts::default();
    history(&mut facts);
    won(&mut facts, 1, "2026-06-02T15:00:00Z", "1", "");
    won(&mut facts, 18, "2026-06-12T15:00:00Z", "1", "");
    let state = |facts: &Facts| row(&plan, facts, "2026-06-13T16:00:00Z", Metric::Wins).state();
    assert_eq!(state(&facts), State::Behind, "19 of 20, and the first look had crossed");
    won(&mut facts, 1, "2026-06-12T16:00:00Z", "1", "");
    assert_eq!(state(&facts), State::OnTrack);
}

#[test]
fn revenue_is_exact_at_the_dated_rate_and_takes_the_state_of_its_wins() {
    let plan = plan(
        "from = \"2026-06-01\"\nto = \"2026-07-01\"\nrevenue = 44000\n[goal.assume]\n\
         average_deal_value = 1000\n",
    );
    let mut facts = Facts::default();
    won(&mut facts, 7, "2026-06-01T15:00:00Z", "1000.10", "");
    won(&mut facts, 1, "2026-06-01T15:00:00Z", "100", "EUR");
    won(&mut facts, 1, "2026-06-01T15:00:00Z", "100", "CHF");
    let revenue = row(&plan, &facts, "2026-06-23T16:00:00Z", Metric::Revenue);
    assert_eq!(revenue.actual, "7125.70".parse().unwrap(), "no rate for CHF: left out");
    assert!((revenue.plan_to_date - 32_750.0).abs() < 1e-6);
    assert_eq!(revenue.state(), State::Behind, "9 wins of 30");
}

#[test]
fn money_that_is_there_at_the_end_is_there_however_few_brought_it() {
    let plan = plan(
        "from = \"2026-06-01\"\nto = \"2026-07-01\"\nrevenue = 44000\n[goal.assume]\n\
         average_deal_value = 1000\n",
    );
    let mut facts = Facts::default();
    won(&mut facts, 40, "2026-06-10T15:00:00Z", "1200", "");
    let state = |metric| row(&plan, &facts, "2026-07-02T12:00:00Z", metric).state();
    assert_eq!((state(Metric::Wins), state(Metric::Revenue)), (State::Behind, State::Ahead));
}

#[test]
fn upstream_rows_run_over_the_days_that_were_moved_back() {
    let plan = plan(
        "from = \"2026-06-01\"\nto = \"2026-07-01\"\nwins = 44\n[goal.assume]\nwin_rate = 0.5\n\
         sales_cycle = \"2 months\"\n",
    );
    let created = row(&plan, &Facts::default(), "2026-05-10T12:00:00Z", Metric::Opportunities);
    assert_eq!(created.goal_value, 88.into());
    assert_eq!(created.period.from, jiff::civil::date(2026, 4, 1));
    assert_eq!(created.period.to, jiff::civil::date(2026, 5, 1));
    assert_eq!(created.state(), State::Behind, "its days are over and nothing was created");
    let wins = row(&plan, &Facts::default(), "2026-05-10T12:00:00Z", Metric::Wins);
    assert_eq!((wins.state(), wins.pace), (State::Undecided, None));
}

#[test]
fn each_step_has_its_own_lag() {
    let plan = plan(
        "from = \"2026-06-01\"\nto = \"2026-07-01\"\nwins = 44\n[goal.assume]\nwin_rate = 0.5\n\
         lead_to_mql = 0.5\nmql_to_opportunity = 0.5\nsales_cycle = \"2 months\"\n\
         lags = { mql_to_opportunity = \"1 month\", lead_to_mql = \"1 month\" }\n",
    );
    let from = |metric| plan.counted_over(metric).from.to_string();
    let metrics = [Metric::Leads, Metric::Mqls, Metric::Opportunities, Metric::Wins];
    assert_eq!(metrics.map(from), ["2026-01-27", "2026-02-27", "2026-04-01", "2026-06-01"]);
    assert!(metrics.iter().all(|metric| plan.in_goal_share_of(*metric) == 1.0));
    // A goal of opportunities does not wait for wins, but its leads come before it.
    let own = self::plan(
        "from = \"2026-06-01\"\nto = \"2026-07-01\"\nopportunities = 22\n[goal.assume]\n\
         win_rate = 0.5\nlead_to_opportunity = 0.5\nsales_cycle = \"2 months\"\n\
         [goal.assume.lags]\nlead_to_opportunity = \"1 month\"\n",
    );
    let from = |metric| own.counted_over(metric).from.to_string();
    assert_eq!(from(Metric::Opportunities), "2026-06-01");
    assert_eq!(from(Metric::Leads), "2026-05-01");
}

#[test]
fn a_lag_of_no_step_and_one_that_cannot_be_measured_are_refused() {
    let error = |lags: &str| {
        let text = format!(
            "[[goal]]\nname = \"g\"\nfrom = \"2026-06-01\"\nto = \"2026-07-01\"\nwins = 4\n\
             [goal.assume]\n{lags}\n"
        );
        let document = Document::from_text(std::path::Path::new("plan.toml"), &text, None).unwrap();
        match plan_file::from_document(&document) {
            Ok(goals) => lay_out(&goals[0], &Measured::default(), &calendar(), Default::default())
                .unwrap_err()
                .to_string(),
            Err(problems) => problems.to_string(),
        }
    };
    let unused = error("lags = { lead_to_mql = \"2d\" }");
    assert!(unused.contains("`lead_to_mql` in `lags` is no step of this plan"), "{unused}");
    assert!(unused.contains("lead_to_opportunity, win_rate"), "{unused}");
    let unknown = error("sales_cycle = \"actual\"");
    assert!(unknown.contains("how long `win_rate` takes is to be measured"), "{unknown}");
    let twice = error("sales_cycle = \"60d\"\nlags = { win_rate = \"50d\" }");
    assert!(twice.contains("`sales_cycle` is given too"), "{twice}");
    let wrong = error("sales_cycle = { median = \"90d\", p90 = \"60d\" }");
    assert!(wrong.contains("must be longer than the median"), "{wrong}");
    assert!(error("lags = { win_rate = \"soon\" }").contains("a span like"));
}

/// What enters by the plan is sent forward through its lags, one by one: as many land in the goal as it
/// asks for, and not many more.
#[test]
fn with_lags_that_vary_at_two_steps_the_plan_reaches_its_goal() {
    let plan = plan(
        "from = \"2026-04-01\"\nto = \"2026-07-01\"\nwins = 1000\n[goal.assume]\nwin_rate = 0.5\n\
         lead_to_opportunity = 0.5\nsales_cycle = { median = \"60d\", p90 = \"120d\" }\n\
         lags = { lead_to_opportunity = { median = \"30d\", p90 = \"90d\" } }\n",
    );
    let mut rng = paceline::simulate::Rng::of(7, "lags", 0);
    let mut wait = |median: f64, p90: f64| rng.log_normal(median, (p90 / median).ln() / 1.2816);
    let lands = |created: jiff::civil::Date, days: f64| {
        let to_end = created.until(plan.goal.period.to).unwrap().get_days();
        let to_begin = created.until(plan.goal.period.from).unwrap().get_days();
        (f64::from(to_begin)..f64::from(to_end)).contains(&days)
    };
    let share = |metric: Metric, wait: &mut dyn FnMut() -> f64| -> f64 {
        let draws = 2_000;
        let days = plan.curves[&metric].days();
        days.map(|(day, share)| {
            let landed = (0..draws).filter(|_| lands(day, wait())).count();
            share * landed as f64 / f64::from(draws)
        })
        .sum()
    };
    let wins = |metric: Metric, rate: f64, share: f64| {
        paceline::domain::number::to_f64(plan.chain.required[&metric]) * rate * share
    };
    let deals = share(Metric::Opportunities, &mut || wait(60.0, 120.0));
    assert!((deals - plan.in_goal_share_of(Metric::Opportunities)).abs() < 0.005, "{deals}");
    let leads = share(Metric::Leads, &mut || wait(30.0, 90.0) + wait(60.0, 120.0));
    assert!((leads - plan.in_goal_share_of(Metric::Leads)).abs() < 0.005, "{leads}");
    assert!(leads < deals - 0.03, "two waits spread wins further: {leads} {deals}");
    for (metric, rate, share) in [(Metric::Opportunities, 0.5, deals), (Metric::Leads, 0.25, leads)]
    {
        let wins = wins(metric, rate, share);
        assert!((wins - 1000.0).abs() < 12.0, "{metric:?}: {wins}");
    }
}

#[test]
fn monthly_values_are_booked_for_a_year_or_recognised_by_the_months_left() {
    let goal = |basis: &str| {
        format!(
            "from = \"2026-01-01\"\nto = \"2027-01-01\"\nrevenue = 120000\n[goal.assume]\n\
             average_deal_value = 1000\ndeal_value_is = \"monthly\"\nrevenue_is = \"{basis}\"\n"
        )
    };
    let booked = plan(&goal("booked"));
    assert_eq!(booked.chain.required[&Metric::Wins], 10.into());
    let recognised = plan(&goal("recognised"));
    // A win brings 6.5 months on average, by business days a little less or more: 19 wins.
    assert_eq!(recognised.chain.required[&Metric::Wins], 19.into());
    let mut facts = Facts::default();
    won(&mut facts, 1, "2026-11-10T15:00:00Z", "1000", "");
    let revenue =
        |plan: &GoalPlan| row(plan, &facts, "2026-12-01T16:00:00Z", Metric::Revenue).actual;
    assert_eq!((revenue(&booked), revenue(&recognised)), (12_000.into(), 2_000.into()));
}

proptest! {
    /// The plan run forward reaches its goal, its counts add up, and its curve grows from 0 to 1.
    #[test]
    fn plans_hold_together(
        wins in 1_u32..5_000,
        win_rate in 1_u32..=100,
        opportunity_rate in 1_u32..=100,
        lag_months in 0_u32..14,
        from in 0_i32..700,
        days in 1_i32..500,
        every in prop::sample::select(vec!["week", "month", "quarter"]),
        hour in 0_i64..20_000,
    ) {
        let start = jiff::civil::date(2026, 1, 1) + jiff::Span::new().days(from);
        // At least one business day.
        let end = start + jiff::Span::new().days(days + 3);
        let text = format!(
            "from = \"{start}\"\nto = \"{end}\"\nwins = {wins}\nevery = \"{every}\"\n[goal.assume]\n\
             win_rate = {}\nlead_to_opportunity = {}\nsales_cycle = \"{lag_months} months\"\n",
            f64::from(win_rate) / 100.0, f64::from(opportunity_rate) / 100.0,
        );
        let plan = plan(&text);
        let number = |metric| paceline::domain::number::to_f64(plan.chain.required[&metric]);
        let forward = number(Metric::Leads) * f64::from(opportunity_rate) / 100.0;
        prop_assert!(forward >= number(Metric::Opportunities) - 1e-6);
        prop_assert!(number(Metric::Opportunities) * f64::from(win_rate) / 100.0 >= f64::from(wins) - 1e-6);
        prop_assert!(plan.goal.period.from <= plan.curves[&Metric::Wins].span().unwrap().from);
        for (metric, total) in &plan.chain.required {
            let sum: rust_decimal::Decimal = plan.periods.iter().map(|p| p.numbers[metric]).sum();
            prop_assert_eq!(sum, *total);
        }
        for pair in plan.periods.windows(2) {
            prop_assert_eq!(pair[0].period.to, pair[1].period.from);
        }
        let calendar = calendar();
        let at = |h: i64| instant("2025-06-01T00:00:00Z") + jiff::Span::new().hours(h);
        let curve = &plan.curves[&Metric::Leads];
        let (early, later) = (curve.share_at(at(hour), &calendar), curve.share_at(at(hour + 7), &calendar));
        prop_assert!((0.0..=1.0 + 1e-12).contains(&early) && early <= later + 1e-12);
    }
}
