//! The questions of the evaluation, on companies of which the answer is known.

mod support;

use jiff::ToSpan;
use jiff::civil::date;
use paceline::evaluate::{
    Snapshot,
    diagnosing::diagnose,
    questioning::{Answer, Question, questions},
};
use support::{instant, synced};

const CONFIG: &str = r#"
[company]
name = "C"
time_zone = "UTC"
[team.field]
owners = ["ann"]
[source.crm]
kind = "csv"
[[source.crm.file]]
path = "leads.csv"
object = "lead"
columns = { id = "id", created_at = "created" }
[[source.crm.file]]
path = "deals.csv"
object = "opportunity"
[source.crm.file.columns]
id = "id"
lead = "lead"
created_at = "created"
closed_at = "closed"
outcome = "outcome"
amount = "amount"
channel = "channel"
owner = { const = "ann" }
[[source.crm.file]]
path = "calls.csv"
object = "activity"
columns = { id = "id", opportunity = "deal", at = "at", owner = { const = "ann" }, kind = { const = "call" } }
[plan]
file = "plan.toml"
"#;

/// How a company was, quarter by quarter of two years: of ten leads a day, how many of a hundred pass, how
/// many of a hundred of these are won when called at once, how many when called a week later, and how many
/// of a hundred are called at once.
#[derive(Clone, Copy)]
struct Quarter {
    pass: u32,
    prompt_won: u32,
    late_won: u32,
    prompt: u32,
}

const USUAL: Quarter = Quarter { pass: 30, prompt_won: 30, late_won: 30, prompt: 70 };

async fn asked(quarters: impl Fn(usize) -> Quarter) -> Vec<Question> {
    let mut leads = String::from("id,created\n");
    let mut deals = String::from("id,lead,created,closed,outcome,amount,channel\n");
    let mut calls = String::from("id,deal,at\n");
    // Even spread without chance: the same steps give each share its due.
    let due = |n: u32, share: u32| (n + 1) * share / 100 > n * share / 100;
    let (mut n, mut passed, mut called) = (0_u32, 0_u32, [0_u32; 2]);
    let mut day = date(2025, 1, 1);
    while day < date(2026, 12, 1) {
        let number = (day.year() - 2025) as usize * 4 + (day.month() as usize - 1) / 3;
        let quarter = quarters(number);
        let weekday = day.weekday().to_monday_zero_offset() < 5;
        for _ in 0..if weekday { 10 } else { 0 } {
            n += 1;
            leads.push_str(&format!("l{n},{day}\n"));
            if !due(n, quarter.pass) {
                continue;
            }
            passed += 1;
            let prompt = due(passed, quarter.prompt);
            let side = usize::from(!prompt);
            called[side] += 1;
            let won = due(called[side], if prompt { quarter.prompt_won } else { quarter.late_won });
            let closed = day.saturating_add(20.days());
            let outcome = if won { "won" } else { "lost" };
            let channel = if passed.is_multiple_of(2) { "web" } else { "fair" };
            deals.push_str(&format!(
                "d{n},l{n},{day}T10:00:00Z,{closed},{outcome},1000,{channel}\n"
            ));
            let call = day.saturating_add(if prompt { 0.days() } else { 7.days() });
            calls.push_str(&format!("c{n},d{n},{call}T11:00:00Z\n"));
        }
        day = day.saturating_add(1.day());
    }
    let plan = "[[goal]]\nname = \"q4\"\nfrom = \"2026-10-01\"\nto = \"2027-01-01\"\nwins = 59\n\
                [goal.assume]\nwin_rate = 0.30\nlead_to_opportunity = 0.30\n\
                average_deal_value = 1000\nwithin = { win_rate = \"30d\" }\n";
    let files = [
        ("leads.csv", leads.as_str()),
        ("deals.csv", &deals),
        ("calls.csv", &calls),
        ("plan.toml", plan),
    ];
    let now = instant("2026-12-01T00:00:00Z");
    let (_folder, settings, store) = synced(CONFIG, &files, now).await;
    let snapshot = Snapshot::load(&settings, &store, now, None).await.unwrap();
    questions(&snapshot, &diagnose(&snapshot).await.unwrap()).await.unwrap()
}

fn of<'a>(asked: &'a [Question], name: &str) -> (Answer, &'a [String]) {
    let found = asked.iter().find(|question| question.name == name).unwrap();
    (found.answer, &found.says)
}

#[tokio::test]
async fn what_late_follow_up_costs_is_told_where_it_costs() {
    let asked = asked(|_| Quarter { prompt_won: 40, late_won: 10, ..USUAL }).await;
    let (answer, says) = of(&asked, "late_follow_up");
    assert_eq!(answer, Answer::Yes, "{says:?}");
    assert!(
        says[0].contains("are won 30.0 points more often") || says[0].contains("29."),
        "{says:?}"
    );
    // About 260 business days, three a day of which three in ten are late, at 30 points.
    assert!(says[1].starts_with("the 2") && says[1].contains("deals"), "{says:?}");
    assert_eq!(of(&asked, "follow_up").0, Answer::No);
    assert_eq!(of(&asked, "criteria").0, Answer::Yes, "the mix did not change");
}

#[tokio::test]
async fn where_late_ones_are_won_as_often_no_cost_is_shown() {
    let asked = asked(|_| USUAL).await;
    let (answer, says) = of(&asked, "late_follow_up");
    assert_eq!(answer, Answer::NotDecidable);
    assert!(says[1].contains("not shown by this data"), "{says:?}");
    assert_eq!(of(&asked, "close_ratio").0, Answer::Yes);
    assert_eq!(of(&asked, "data").0, Answer::Yes);
}

#[tokio::test]
async fn late_ones_that_are_won_more_often_cost_nothing() {
    let asked = asked(|_| Quarter { prompt_won: 10, late_won: 40, ..USUAL }).await;
    let (answer, says) = of(&asked, "late_follow_up");
    assert_eq!(answer, Answer::No, "{says:?}");
    assert!(says[0].contains("points less often"), "{says:?}");
}

#[tokio::test]
async fn criteria_that_got_tighter_or_looser_are_told_from_slow_follow_up() {
    // The last grown quarters are the second and the third of 2026: numbers 5 and 6.
    let changed = |change: Quarter| move |number: usize| if number >= 5 { change } else { USUAL };
    for (change, word) in [
        (Quarter { pass: 20, prompt_won: 45, late_won: 45, prompt: 70 }, "too tight"),
        (Quarter { pass: 45, prompt_won: 18, late_won: 18, prompt: 70 }, "too loose: more pass"),
        (Quarter { pass: 45, prompt_won: 18, late_won: 18, prompt: 30 }, "followed up too slowly"),
    ] {
        let asked = asked(changed(change)).await;
        let (answer, says) = of(&asked, "criteria");
        assert_eq!(answer, Answer::No, "{word}: {says:?}");
        assert!(says.iter().any(|line| line.contains(word)), "{word}: {says:?}");
    }
    // Fewer are won, but no more pass: that is not the criteria.
    let asked = asked(changed(Quarter { prompt_won: 15, late_won: 15, ..USUAL })).await;
    assert_eq!(of(&asked, "criteria").0, Answer::Yes);
    let (answer, says) = of(&asked, "close_ratio");
    assert_eq!(answer, Answer::No, "{says:?}");
    assert!(says.iter().any(|line| line.contains("planned 30 %")), "{says:?}");
    assert_eq!(of(&asked, "sales_goal").0, Answer::No);
}
