//! Goals of a part and parts of a goal: what belongs to them, that shares add up, and that a part that
//! dries up is told even where the whole does not show it. And what stands beside the chain.

mod support;

use jiff::civil::date;
use paceline::alerts::{Finding, Status};
use paceline::config::{document::Document, plan_file};
use paceline::domain::{BusinessCalendar, Metric, number::to_f64};
use paceline::evaluate::{Snapshot, finding::findings, targeting};
use paceline::pacing::{PaceRow, State};
use paceline::plan::{GoalPlan, Measured, lay_out, parts};
use proptest::prelude::*;
use rust_decimal::Decimal;
use support::{instant, synced, write};

const CONFIG: &str = r#"
[company]
name = "C"
time_zone = "UTC"
[channels]
PPC = "paid search"
[team.field]
owners = ["ann"]
[source.crm]
kind = "csv"
[[source.crm.file]]
path = "deals.csv"
object = "opportunity"
[source.crm.file.columns]
id = "id"
created_at = "created"
closed_at = "closed"
outcome = "outcome"
amount = "amount"
channel = "channel"
product = "product"
market = "market"
owner = "owner"
[plan]
file = "plan.toml"
"#;

/// Opportunities on every business day from October 2024 on, two a day of each channel; in the last
/// quarter `paid` of ten of the one and `organic` of ten of the other. One in four is won at once.
fn deals(paid: u32, organic: u32) -> String {
    let mut text = String::from("id,created,closed,outcome,amount,channel,product,market,owner\n");
    let calendar = BusinessCalendar::standard(jiff::tz::TimeZone::UTC);
    let days = calendar.business_days(date(2024, 10, 1), date(2026, 12, 7));
    let mut number = 0_u32;
    for (n, day) in days.enumerate() {
        for (channel, of_ten, product) in [("PPC", paid, "rack"), ("ORGANIC", organic, "cage")] {
            let times = if day < date(2026, 10, 1) { 20 } else { 2 * of_ten };
            // Spread over the days without chance.
            let count = (n as u32 + 1) * times / 10 - n as u32 * times / 10;
            for _ in 0..count {
                number += 1;
                let end = if number.is_multiple_of(4) {
                    format!("{day},won,1000")
                } else {
                    ",open,".to_owned()
                };
                let owner = if number.is_multiple_of(2) { "ann" } else { "" };
                text.push_str(&format!("d{number},{day},{end},{channel},{product},EU,{owner}\n"));
            }
        }
    }
    text
}

async fn evaluated(plan: &str, deals: &str) -> (Vec<PaceRow>, Vec<Finding>) {
    let now = instant(NOW);
    let files = [("deals.csv", deals), ("plan.toml", plan)];
    let (_folder, settings, store) = synced(CONFIG, &files, now).await;
    let snapshot = Snapshot::load(&settings, &store, now, None).await.unwrap();
    assert_eq!(snapshot.plan_errors, [""; 0]);
    (snapshot.pace().unwrap(), findings(&snapshot).await.unwrap().0)
}

const NOW: &str = "2026-12-07T00:00:00Z";
const QUARTER: &str = "[[goal]]\nname = \"q4\"\nfrom = \"2026-10-01\"\nto = \"2027-01-01\"\n";

fn row<'a>(rows: &'a [PaceRow], goal: &str, metric: Metric) -> &'a PaceRow {
    let found = rows.iter().find(|row| row.goal == goal && row.metric == metric);
    found.unwrap_or_else(|| panic!("{goal} {}", metric.name()))
}

fn breach<'a>(findings: &'a [Finding], scope: &str) -> Option<&'a Finding> {
    let found = findings.iter().find(|finding| finding.scope == scope).unwrap();
    matches!(found.status, Status::Breach(_)).then_some(found)
}

#[tokio::test]
async fn a_part_that_dries_up_is_told_though_the_whole_is_on_plan() {
    let plan = format!(
        "{QUARTER}opportunities = 250\n[goal.shares.channel]\n\"paid search\" = 0.5\n\"*\" = 0.5\n"
    );
    let (rows, findings) = evaluated(&plan, &deals(4, 16)).await;
    let (whole, paid) = (row(&rows, "q4", Metric::Opportunities), "q4, paid search");
    let (paid, rest) =
        (row(&rows, paid, Metric::Opportunities), row(&rows, "q4, other channels", whole.metric));
    assert_eq!(whole.actual, paid.actual + rest.actual);
    assert_eq!(to_f64(whole.goal_value), 250.0);
    assert_eq!((whole.state(), paid.state()), (State::OnTrack, State::Behind));
    assert_eq!(rest.state(), State::Ahead);
    let told = breach(&findings, "goal:q4, paid search/opportunities").expect("an alert");
    assert!(told.summary.contains("q4, paid search"), "{}", told.summary);
    assert!(breach(&findings, "goal:q4/opportunities").is_none());
    let json = paceline::pacing::row_json(paid, "USD");
    assert_eq!((&json["goal"], &json["scope"]), (&"q4".into(), &"channel=paid search".into()));
}

#[tokio::test]
async fn a_whole_that_is_behind_tells_of_its_parts_and_they_keep_still() {
    let plan = format!(
        "{QUARTER}opportunities = 264\n[goal.shares.channel]\n\"paid search\" = 0.5\n\
         ORGANIC = 0.5\n"
    );
    let (rows, findings) = evaluated(&plan, &deals(3, 10)).await;
    assert_eq!(row(&rows, "q4, paid search", Metric::Opportunities).state(), State::Behind);
    assert_eq!(row(&rows, "q4, ORGANIC", Metric::Opportunities).state(), State::OnTrack);
    let told = breach(&findings, "goal:q4/opportunities").expect("an alert");
    let place = told.lines.iter().find(|(label, _)| label == "Where").unwrap();
    assert!(place.1.starts_with("paid search 2"), "{place:?}");
    assert!(breach(&findings, "goal:q4, paid search/opportunities").is_none());
}

#[tokio::test]
async fn a_goal_of_a_part_counts_only_what_belongs_to_it() {
    let of = |scope: &str| QUARTER.replace("q4", scope) + "wins = 20\n";
    let scopes = ["channel=paid search", "product=cage", "market=EU", "market=US", "team=field"];
    let plan: String = scopes
        .iter()
        .map(|scope| {
            let (by, key) = scope.split_once('=').unwrap();
            format!("{}scope = {{ {by} = \"{key}\" }}\n", of(scope))
        })
        .collect();
    let (rows, _) = evaluated(&format!("{}{plan}", of("all")), &deals(10, 10)).await;
    let wins = |goal: &str| to_f64(row(&rows, goal, Metric::Wins).actual);
    assert!(wins("all") > 40.0);
    assert_eq!(wins("market=EU"), wins("all"));
    assert_eq!(wins("market=US"), 0.0);
    assert_eq!(wins("team=field"), wins("all"), "every fourth is won, every second is Ann's");
    assert_eq!(wins("channel=paid search") + wins("product=cage"), wins("all"));
    // A goal of its own has a forecast of its own.
    let paid = row(&rows, "channel=paid search", Metric::Wins).forecast.unwrap();
    let all = row(&rows, "all", Metric::Wins).forecast.unwrap();
    assert!(paid.p50 < 0.7 * all.p50, "{} {}", paid.p50, all.p50);
}

#[tokio::test]
async fn a_stage_whose_records_have_no_such_value_says_nothing_about_a_part() {
    let plan = format!(
        "{QUARTER}opportunities = 264\n[goal.assume]\nlead_to_opportunity = 0.5\n\
         [goal.shares.product]\nrack = 0.5\n\"*\" = 0.5\n{}\
         scope = {{ product = \"cage\" }}\nopportunities = 132\n",
        QUARTER.replace("q4", "cages")
    );
    let leads: String = (0..50).map(|n| format!("l{n},2026-10-05\n")).collect();
    let config = CONFIG.replace(
        "[[source.crm.file]]",
        "[[source.crm.file]]\npath = \"leads.csv\"\nobject = \"lead\"\n\
         columns = { id = \"id\", created_at = \"created\" }\n[[source.crm.file]]",
    );
    let leads = format!("id,created\n{leads}");
    let deals = deals(10, 10);
    let files = [("leads.csv", leads.as_str()), ("deals.csv", &deals), ("plan.toml", &plan)];
    let (_folder, settings, store) = synced(&config, &files, instant(NOW)).await;
    let snapshot = Snapshot::load(&settings, &store, instant(NOW), None).await.unwrap();
    let rows = snapshot.pace().unwrap();
    let leads: Vec<&str> = rows
        .iter()
        .filter(|row| row.metric == Metric::Leads)
        .map(|row| row.goal.as_str())
        .collect();
    assert_eq!(leads, ["q4"], "of a product there are no leads to count");
    assert!(rows.iter().any(|row| row.goal == "cages" && row.metric == Metric::Opportunities));
}

fn goal(text: &str) -> Result<GoalPlan, String> {
    let text = format!("{QUARTER}{text}");
    let document = Document::from_text(std::path::Path::new("plan.toml"), &text, None).unwrap();
    let goal = plan_file::from_document(&document).map_err(|error| error.to_string())?.remove(0);
    let calendar = BusinessCalendar::standard(jiff::tz::TimeZone::UTC);
    Ok(lay_out(&goal, &Measured::default(), &calendar, Default::default()).unwrap())
}

#[test]
fn shares_that_do_not_add_up_are_named_with_what_is_missing() {
    for (text, expected) in [
        ("[goal.shares.channel]\na = 0.5\nb = 0.4\n", "add `\"*\" = 0.1` for all others"),
        ("[goal.shares.team]\na = 0.5\n\"*\" = 0.4\n", "the shares add up to 0.9, not to 1"),
        ("[goal.shares.channel]\na = 1.5\n", "is no share above 0 and at most 1"),
        ("[goal.shares.colour]\na = 1\n", "is not a known key"),
        ("scope = { channel = \"a\" }\n[goal.shares.channel]\na = 1\n", "make each part its own"),
        ("scope = { channel = \"a\", team = \"b\" }\n", "a goal is of one thing"),
        ("scope = { colour = \"a\" }\n", "a goal is of one thing"),
    ] {
        let error = goal(&format!("wins = 10\n{text}")).unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("plan.toml:"), "{error}");
    }
}

proptest! {
    #[test]
    fn parts_add_up_to_their_whole_in_every_number(
        revenue in 1_000_u32..9_000_000,
        cuts in prop::collection::btree_set(1_u32..1_000, 1..6),
    ) {
        let ends: Vec<u32> = cuts.iter().copied().chain([1_000]).collect();
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        let shares: String = starts
            .zip(&ends)
            .map(|(from, to)| format!("c{to} = {}\n", Decimal::new(i64::from(to - from), 3)))
            .collect();
        let whole = goal(&format!(
            "revenue = {revenue}.37\n[goal.assume]\naverage_deal_value = 999\nwin_rate = 0.3\n\
             lead_to_opportunity = 0.15\n[goal.shares.channel]\n{shares}"
        )).unwrap();
        let parts = parts(&whole);
        prop_assert_eq!(parts.len(), ends.len());
        for (metric, total) in &whole.chain.required {
            let sum: Decimal = parts.iter().map(|part| part.chain.required[metric]).sum();
            prop_assert_eq!(sum, *total, "{}", metric.name());
            for part in &parts {
                let own = part.chain.required[metric];
                let laid_out: Decimal =
                    part.periods.iter().map(|period| period.numbers[metric]).sum();
                prop_assert_eq!(laid_out, own, "{} of a part", metric.name());
            }
        }
    }
}

const SENT: &str = r#"
[company]
name = "C"
time_zone = "UTC"
[source.mail]
kind = "csv"
[[source.mail.file]]
path = "sends.csv"
object = "email_send"
columns = { id = "id", campaign = "campaign", at = "at", count = "count" }
[[source.mail.file]]
path = "positions.csv"
object = "ranking"
columns = { keyword = "keyword", at = "at", position = "position" }
[plan]
file = "plan.toml"
"#;

#[tokio::test]
async fn mails_and_positions_stand_beside_the_chain() {
    let sends = "id,campaign,at,count\n1,c17,2026-10-05,4000\n2,c17,2026-11-02,4500\n\
                 3,c18,2026-11-03,900\n";
    let weeks = (0..8).map(|week| {
        let day = date(2026, 10, 12).saturating_add(jiff::Span::new().weeks(week));
        format!("racks,{day},{}\n", 12 - week)
    });
    let positions = format!("keyword,at,position\n{}", weeks.collect::<String>());
    let days = "from = \"2026-10-01\"\nto = \"2027-01-01\"\n";
    let plan = format!(
        "[[target]]\nname = \"mailing\"\n{days}emails = 12_000\ncampaign = \"c17\"\n\
         [[target]]\nname = \"first\"\n{days}keyword = \"racks\"\nposition = 1\n"
    );
    let files = [("sends.csv", sends), ("positions.csv", &positions), ("plan.toml", plan.as_str())];
    let (folder, settings, store) = synced(SENT, &files, instant(NOW)).await;
    let snapshot = Snapshot::load(&settings, &store, instant(NOW), None).await.unwrap();
    let rows = targeting::targets(&snapshot).await.unwrap();
    let texts: Vec<String> = rows.iter().map(targeting::sentence).collect();
    assert_eq!(
        texts,
        [
            "mailing: 8,500 of 12,000 mails by Thu 31 Dec, 8,546 by now: at risk",
            "first: position 5.0, 1 wanted by Thu 31 Dec, 1.0 then by its trend: on track",
        ]
    );
    write(
        folder.path(),
        "plan.toml",
        &format!("[[target]]\nname = \"both\"\n{days}emails = 5\nposition = 1\n"),
    );
    let error = plan_file::load_targets(settings.plan.as_ref().unwrap()).unwrap_err().to_string();
    assert!(error.contains("a target is one thing") && error.contains("plan.toml:2"), "{error}");
}
