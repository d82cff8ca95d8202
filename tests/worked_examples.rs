//! The four worked examples of `config/examples/` come out as their comments say.

use std::path::Path;

use jiff::tz::TimeZone;
use paceline::config::plan_file;
use paceline::domain::{BusinessCalendar, Metric, period::FiscalStart};
use paceline::plan::{GoalPlan, Measured, lay_out};
use rust_decimal::Decimal;

fn plans(name: &str) -> Vec<GoalPlan> {
    let file = Path::new("config/examples").join(name);
    let calendar = BusinessCalendar::standard(TimeZone::UTC);
    plan_file::load(&file)
        .unwrap()
        .iter()
        .map(|goal| lay_out(goal, &Measured::default(), &calendar, FiscalStart::default()).unwrap())
        .collect()
}

fn required(plan: &GoalPlan, metric: Metric) -> Option<String> {
    plan.chain.required.get(&metric).map(|n| n.normalize().to_string())
}

/// Every metric in the order of the funnel.
fn chain(plan: &GoalPlan) -> Vec<Option<String>> {
    Metric::ALL.into_iter().map(|metric| required(plan, metric)).collect()
}

fn text(values: [Option<&str>; 6]) -> Vec<Option<String>> {
    values.into_iter().map(|value| value.map(str::to_owned)).collect()
}

#[test]
fn smarketing_needs_ten_clients_five_hundred_leads_and_twenty_thousand_visits() {
    let plan = &plans("smarketing.toml")[0];
    let expected = [Some("20000"), Some("500"), None, None, Some("10"), Some("500000")];
    assert_eq!(chain(plan), text(expected));
}

#[test]
fn lean_consulting_needs_thirty_four_opportunities_each_three_months_before() {
    let plan = &plans("lean-consulting.toml")[0];
    assert_eq!(required(plan, Metric::Opportunities).as_deref(), Some("34"));
    let created = plan.curves[&Metric::Opportunities].span().unwrap();
    assert_eq!(created.from, jiff::civil::date(2027, 1, 1));
    assert_eq!(created.to, jiff::civil::date(2027, 3, 31));
    let by_month: Vec<_> = plan
        .periods
        .iter()
        .map(|p| {
            (p.period.from.month(), p.numbers[&Metric::Opportunities], p.numbers[&Metric::Wins])
        })
        .collect();
    let d = Decimal::from;
    assert_eq!(by_month.iter().map(|(month, ..)| *month).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(by_month.iter().map(|(_, opps, _)| *opps).sum::<Decimal>(), d(34));
    assert!(by_month[3..].iter().all(|(_, opps, _)| opps.is_zero()));
    assert!(by_month[..3].iter().all(|(_, _, wins)| wins.is_zero()));
    assert_eq!(by_month.iter().map(|(_, _, wins)| *wins).sum::<Decimal>(), d(10));
}

#[test]
fn msp_runs_sixty_leads_forward_at_the_named_defaults() {
    let plans = plans("msp.toml");
    let forward = &plans[0];
    let expected = [None, Some("60"), None, Some("9"), Some("2.97"), Some("5940")];
    assert_eq!(chain(forward), text(expected));
    let arithmetic = forward.chain.arithmetic.join("\n");
    assert_eq!(arithmetic.matches("the DEFAULT").count(), 2, "{arithmetic}");
    assert!(arithmetic.contains("new monthly recurring revenue"), "{arithmetic}");
    let backward = &plans[1];
    // 720,000 / (12 x 2,000) = 30; 30 / 0.33 = 90.9…; 91 / 0.15 = 606.6…
    let expected = [None, Some("607"), None, Some("91"), Some("30"), Some("720000")];
    assert_eq!(chain(backward), text(expected));
}

#[test]
fn colocation_keeps_thirty_six_of_sixty_clients_and_wins_twenty_four() {
    let plan = &plans("colocation.toml")[0];
    let expected = [None, Some("1500"), None, Some("300"), Some("24"), Some("15000000")];
    assert_eq!(chain(plan), text(expected));
    assert_eq!(plan.chain.clients_needed, Some(Decimal::from(60)));
    assert_eq!(plan.chain.retained.map(|n| n.normalize()), Some(Decimal::from(36)));
}

#[test]
fn whole_counts_of_all_periods_add_up_to_their_total() {
    for name in ["smarketing.toml", "lean-consulting.toml", "msp.toml", "colocation.toml"] {
        for plan in plans(name) {
            for (metric, total) in &plan.chain.required {
                let sum: Decimal = plan.periods.iter().map(|p| p.numbers[metric]).sum();
                assert!(
                    (sum - total).abs() < Decimal::new(1, 6),
                    "{name} {metric:?} {sum} {total}"
                );
            }
        }
    }
}
