//! The plan file: `[[goal]]` tables, each with its assumptions.

use std::cell::RefCell;
use std::path::Path;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{document::Document, plan_lags, problem::Problems, reader::Reader, span};
use crate::domain::{
    dimension::Dimension,
    period::{Every, Period},
    scope::{Part, REST, Scope},
    stage::Metric,
};
use crate::plan::{
    Assume, Given, Goal, Pair, ValueBasis,
    target::{Target, Wanted},
};

/// Reads the goals of a plan file.
///
/// # Errors
/// Every problem, with its place and its mend.
pub fn load(file: &Path) -> Result<Vec<Goal>, Problems> {
    from_document(&Document::load(file, None)?)
}

/// Reads the targets of a plan file.
///
/// # Errors
/// Every problem, with its place and its mend.
pub fn load_targets(file: &Path) -> Result<Vec<Target>, Problems> {
    Ok(read(&Document::load(file, None)?)?.1)
}

/// The text of a plan file; nothing where it cannot be read, which [`load`] tells.
pub fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

/// Reads the goals of a document that is at hand.
///
/// # Errors
/// Every problem, with its place and its mend.
pub fn from_document(document: &Document) -> Result<Vec<Goal>, Problems> {
    Ok(read(document)?.0)
}

fn read(document: &Document) -> Result<(Vec<Goal>, Vec<Target>), Problems> {
    let problems = RefCell::default();
    let root = Reader::root(document, &problems);
    let goals: Vec<Goal> = root.array("goal").iter().filter_map(read_goal).collect();
    let targets: Vec<Target> = root.array("target").iter().filter_map(read_target_table).collect();
    if !root.has("goal") && !root.has("target") {
        root.problem(
            "goal",
            "the plan has no goal",
            "add `[[goal]]` with a name, dates and a target",
        );
    }
    root.finish();
    for (index, goal) in goals.iter().enumerate() {
        if goals[..index].iter().any(|other| other.name == goal.name) {
            root.problem(
                "goal",
                format!("two goals are called `{}`", goal.name),
                "give each goal a name of its own",
            );
        }
    }
    let found = problems.into_inner();
    if found.is_empty() { Ok((goals, targets)) } else { Err(Problems(found)) }
}

fn read_goal(table: &Reader<'_>) -> Option<Goal> {
    let name = table.required("name", "name = \"new-business-2027\"", table.text("name"));
    let period = read_period(table);
    let target = read_target(table);
    let every = table.parsed("every", "\"week\", \"month\" or \"quarter\"", |text| match text {
        "week" => Some(Every::Week),
        "month" => Some(Every::Month),
        "quarter" => Some(Every::Quarter),
        _ => None,
    });
    let shape = read_shape(table);
    let team = table.text("team");
    let scope = read_scope(table);
    let shares = read_shares(table, scope.is_some());
    let assume = table.table("assume").map(|assume| read_assume(&assume)).unwrap_or_default();
    table.finish();
    let (metric, target) = target?;
    Some(Goal {
        name: name?,
        period: period?,
        metric,
        target,
        every: every.unwrap_or(Every::Month),
        shape,
        team,
        scope,
        shares,
        part_of: None,
        assume,
        place: table.place("name"),
    })
}

/// `[[target]]`: mails to be sent, or a position for a keyword.
fn read_target_table(table: &Reader<'_>) -> Option<Target> {
    let name = table.required("name", "name = \"autumn mailing\"", table.text("name"));
    let period = read_period(table);
    let emails = table.parsed("emails", "a whole number above 0", |text| {
        text.replace('_', "").parse::<u64>().ok().filter(|count| *count > 0)
    });
    let campaign = table.text("campaign");
    let keyword = table.text("keyword");
    let position = table.parsed("position", "a position from 1 on", |text| {
        text.parse::<f64>().ok().filter(|position| *position >= 1.0)
    });
    table.finish();
    let wanted = match (emails, keyword, position) {
        (Some(count), None, None) => Some(Wanted::Emails { campaign, count }),
        (None, Some(keyword), Some(position)) if campaign.is_none() => {
            Some(Wanted::Position { keyword, position })
        }
        _ => {
            let mend = "write `emails = 12000`, where you like with `campaign = \"…\"`, or \
                        `keyword = \"…\"` with `position = 1`";
            table.problem("name", "a target is one thing", mend);
            None
        }
    };
    Some(Target { name: name?, wanted: wanted?, period: period?, place: table.place("name") })
}

fn read_period(table: &Reader<'_>) -> Option<Period> {
    let date = |key, example| {
        let day = table.parsed(key, "a date like \"2027-01-01\"", |text| text.parse::<Date>().ok());
        table.required(key, example, day)
    };
    let (from, to) = (date("from", "from = \"2027-01-01\""), date("to", "to = \"2028-01-01\""));
    let period = Period { from: from?, to: to? };
    if period.from >= period.to {
        table.problem("to", "the goal ends before it begins", "`to` is the day after the last");
        return None;
    }
    Some(period)
}

fn read_target(table: &Reader<'_>) -> Option<(Metric, Decimal)> {
    let mut targets = Vec::new();
    for metric in Metric::ALL {
        let value = table.parsed(metric.name(), "a number above 0", |text| {
            decimal(text).filter(|n| *n > Decimal::ZERO)
        });
        if let Some(value) = value {
            if metric != Metric::Revenue && !value.fract().is_zero() {
                table.problem(metric.name(), "a count must be whole", "write a whole number");
            }
            targets.push((metric, value));
        }
    }
    let named = Metric::ALL.into_iter().filter(|metric| table.has(metric.name())).count();
    match (targets.len(), named) {
        (1, 1) => targets.pop(),
        (_, 0) => {
            table.problem(
                "revenue",
                "the goal has no target",
                "add one of: revenue, wins, opportunities, mqls, leads, visits",
            );
            None
        }
        (_, 1) => None,
        _ => {
            table.problem("name", "the goal has several targets", "split it into several goals");
            None
        }
    }
}

fn read_shape(table: &Reader<'_>) -> Option<Vec<Decimal>> {
    let texts = table.list("shape")?;
    let shares: Option<Vec<Decimal>> =
        texts.iter().map(|text| decimal(text).filter(|n| *n >= Decimal::ZERO)).collect();
    let Some(shares) = shares else {
        table.problem("shape", "must be shares", "write `shape = [0.15, 0.25, 0.60]`");
        return None;
    };
    let sum: Decimal = shares.iter().sum();
    if sum != Decimal::ONE {
        let mend = "write shares that add up to 1, like `shape = [0.15, 0.25, 0.60]`";
        table.problem("shape", format!("the shares add up to {sum}, not to 1"), mend);
        return None;
    }
    Some(shares)
}

/// `scope = { channel = "paid search" }`
fn read_scope(table: &Reader<'_>) -> Option<Scope> {
    let scope = table.table("scope")?;
    let named: Vec<Scope> = Dimension::ALL
        .into_iter()
        .filter_map(|by| Some(Scope { by, part: Part::Key(scope.text(by.name())?) }))
        .collect();
    scope.finish();
    if named.len() != 1 {
        let mend = "write one of channel, campaign, owner, team, segment: \
                    scope = { channel = \"paid search\" }";
        table.problem("scope", "a goal is of one thing", mend);
    }
    named.into_iter().next()
}

/// `[goal.shares.channel]`: parts and their shares; `"*"` is all that is not named.
fn read_shares(table: &Reader<'_>, scoped: bool) -> Vec<(Scope, Decimal)> {
    let mut all = Vec::new();
    let Some(shares) = table.table("shares") else { return all };
    if scoped {
        table.problem("shares", "a goal with a scope has no parts", "make each part its own goal");
    }
    for by in Dimension::ALL {
        let Some(parts) = shares.table(by.name()) else { continue };
        let entries = parts.entries();
        let named = || entries.iter().map(|(key, _)| key.clone()).filter(|key| key != REST);
        let mut sum = Decimal::ZERO;
        for (key, text) in &entries {
            let Some(share) = decimal(text).filter(|n| is_rate(*n)) else {
                let mend = "write a share like 0.4";
                parts.problem(key, format!("`{text}` is no share above 0 and at most 1"), mend);
                continue;
            };
            sum += share;
            let part =
                if key == REST { Part::Rest(named().collect()) } else { Part::Key(key.clone()) };
            all.push((Scope { by, part }, share));
        }
        if sum != Decimal::ONE {
            let rest = Decimal::ONE - sum;
            let mend = if rest > Decimal::ZERO && !entries.iter().any(|(key, _)| key == REST) {
                format!("add `\"*\" = {rest}` for all others, or change the shares")
            } else {
                "write shares that add up to 1".to_owned()
            };
            shares.problem(by.name(), format!("the shares add up to {sum}, not to 1"), mend);
        }
    }
    shares.finish();
    all
}

fn read_assume(table: &Reader<'_>) -> Assume {
    let mut assume = Assume::default();
    for pair in Pair::ALL {
        if let Some(given) = given(table, pair.key(), "a rate above 0 and at most 1", is_rate) {
            assume.rates.insert(pair, given);
        }
    }
    let value = given(table, "average_deal_value", "a value above 0", |n| n > Decimal::ZERO);
    assume.average_deal_value = value.unwrap_or_default();
    assume.lags = plan_lags::read(table);
    if let Some(within) = table.table("within") {
        for pair in Pair::ALL {
            let window = within.parsed(pair.key(), "a window like \"90d\"", span::window_days);
            assume.within_days.extend(window.map(|days| (pair, days)));
        }
        within.finish();
    }
    let number = |key, check: fn(Decimal) -> bool, expected: &str| {
        table.parsed(key, expected, |text| decimal(text).filter(|n| check(*n)))
    };
    let not_negative: fn(Decimal) -> bool = |n| n >= Decimal::ZERO;
    let share: fn(Decimal) -> bool = |n| n >= Decimal::ZERO && n <= Decimal::ONE;
    let clients = given(table, "current_clients", "a number from 0 on", not_negative);
    assume.current_clients = clients.unwrap_or_default();
    let retention = given(table, "retention_rate", "a share from 0 to 1", share);
    assume.retention_rate = retention.unwrap_or_default();
    assume.client_lifetime_value =
        number("client_lifetime_value", |n| n > Decimal::ZERO, "a value above 0");
    assume.gross_margin = number("gross_margin", share, "a share from 0 to 1");
    assume.value_basis = read_basis(table);
    table.finish();
    assume
}

fn read_basis(table: &Reader<'_>) -> ValueBasis {
    let monthly = table.parsed("deal_value_is", "\"whole\" or \"monthly\"", |text| match text {
        "whole" => Some(false),
        "monthly" => Some(true),
        _ => None,
    });
    let recognised =
        table.parsed("revenue_is", "\"booked\" or \"recognised\"", |text| match text {
            "booked" => Some(false),
            "recognised" => Some(true),
            _ => None,
        });
    match (monthly.unwrap_or(false), recognised.unwrap_or(false)) {
        (true, false) => ValueBasis::MonthlyBooked,
        (true, true) => ValueBasis::MonthlyRecognised,
        (false, true) => {
            let mend = "add `deal_value_is = \"monthly\"`";
            table.problem("revenue_is", "only monthly values are recognised over months", mend);
            ValueBasis::Whole
        }
        (false, false) => ValueBasis::Whole,
    }
}

fn given(
    table: &Reader<'_>,
    key: &'static str,
    expected: &str,
    check: impl Fn(Decimal) -> bool,
) -> Option<Given> {
    table.parsed(key, &format!("{expected}, or \"actual\""), |text| {
        if text == "actual" {
            return Some(Given::Actual);
        }
        decimal(text).filter(|n| check(*n)).map(Given::Value)
    })
}

fn is_rate(n: Decimal) -> bool {
    n > Decimal::ZERO && n <= Decimal::ONE
}

fn decimal(text: &str) -> Option<Decimal> {
    text.replace('_', "").parse().ok()
}
