//! `[company]` and `[handoff]`.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::{criteria, reader::Reader, span};
use crate::domain::{
    calendar::{Allowance, BusinessCalendar},
    period::FiscalStart,
    record::ACTIVITY_KINDS,
};
use crate::handoff::settings::{Settings as Handoff, When};

/// Who the company is and when it works.
#[derive(Clone, Debug, PartialEq)]
pub struct Company {
    /// Its name, at the head of every digest.
    pub name: String,
    /// Days, periods and schedules are in this zone.
    pub zone: TimeZone,
    /// Reporting currency, ISO 4217.
    pub currency: String,
    /// Where fiscal quarters begin.
    pub fiscal_start: FiscalStart,
    /// `[company.business_hours]`
    pub hours: BusinessCalendar,
}

/// Reads `[company]`.
pub fn read(root: &Reader<'_>) -> Company {
    let mut company = Company {
        name: "The company".into(),
        zone: TimeZone::UTC,
        currency: "USD".into(),
        fiscal_start: FiscalStart::default(),
        hours: BusinessCalendar::standard(TimeZone::UTC),
    };
    let Some(table) = root.table("company") else { return company };
    if let Some(name) = table.text("name") {
        company.name = name;
    }
    if let Some(zone) = zone(&table) {
        company.zone = zone;
    }
    if let Some(currency) = table.parsed("currency", "a currency code like \"USD\"", |text| {
        (text.len() == 3 && text.chars().all(|c| c.is_ascii_uppercase())).then(|| text.to_owned())
    }) {
        company.currency = currency;
    }
    let start = table.parsed("fiscal_year_start", "month and day, like \"02-01\"", |text| {
        let (month, day) = text.split_once('-')?;
        let (month, day) = (month.parse().ok()?, day.parse().ok()?);
        ((1..=12).contains(&month) && (1..=28).contains(&day)).then_some(FiscalStart { month, day })
    });
    company.fiscal_start = start.unwrap_or_default();
    company.hours = table
        .table("business_hours")
        .map(|hours| read_hours(&hours, company.zone.clone()))
        .unwrap_or_else(|| BusinessCalendar::standard(company.zone.clone()));
    table.finish();
    company
}

/// Reads `time_zone`.
pub fn zone(table: &Reader<'_>) -> Option<TimeZone> {
    table.parsed("time_zone", "an IANA zone like \"America/New_York\"", |text| {
        TimeZone::get(text).ok()
    })
}

/// Reads a `business_hours` table; what is absent is Monday to Friday, 09:00 to 17:00.
pub fn read_hours(table: &Reader<'_>, zone: TimeZone) -> BusinessCalendar {
    let mut hours = BusinessCalendar::standard(zone);
    if let Some(zone) = self::zone(table) {
        hours.zone = zone;
    }
    if let Some(days) = table.list("days") {
        let known: Option<BTreeSet<i8>> = days.iter().map(|day| span::weekday(day)).collect();
        match known.filter(|days| !days.is_empty()) {
            Some(days) => hours.days = days,
            None => table.problem(
                "days",
                "must name weekdays",
                "write `days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]`",
            ),
        }
    }
    let minute = |key| table.parsed(key, "a time like \"09:00\"", span::minute_of_day);
    hours.open_minute = minute("from").unwrap_or(hours.open_minute);
    hours.close_minute = minute("to").unwrap_or(hours.close_minute);
    if hours.close_minute <= hours.open_minute {
        table.problem("to", "business must close after it opens", "write a later time");
    }
    for day in table.list("holidays").unwrap_or_default() {
        match day.parse() {
            Ok(day) => {
                hours.holidays.insert(day);
            }
            Err(_) => table.problem(
                "holidays",
                format!("`{day}` is no date"),
                "write dates like \"2026-12-25\"",
            ),
        }
    }
    table.finish();
    hours
}

/// Reads `[handoff]`.
pub fn read_handoff(root: &Reader<'_>) -> Handoff {
    let mut handoff = Handoff {
        since: None,
        unowned_after: Allowance::Days(1),
        when: When::Owned,
        first_touch_within: Allowance::Minutes(240),
        counts_as_touch: ["call", "meeting", "email_out", "task_done"].map(String::from).to_vec(),
        count_touch_before: None,
        decide_within: None,
        criteria: Vec::new(),
    };
    let Some(table) = root.table("handoff") else { return handoff };
    handoff.since = table.parsed("since", "a date like \"2026-11-01\"", |text| text.parse().ok());
    let allowance =
        |key| table.parsed(key, "\"4 business hours\" or \"1 business day\"", Allowance::parse);
    handoff.unowned_after = allowance("unowned_after").unwrap_or(handoff.unowned_after);
    handoff.first_touch_within =
        allowance("first_touch_within").unwrap_or(handoff.first_touch_within);
    handoff.count_touch_before = allowance("count_touch_before");
    handoff.decide_within = allowance("decide_within");
    handoff.criteria = criteria::read(&table);
    let when =
        table.parsed("when", "\"owned\", \"created\" or \"stage:<stage id>\"", |text| match text {
            "owned" => Some(When::Owned),
            "created" => Some(When::Created),
            _ => text
                .strip_prefix("stage:")
                .filter(|stage| !stage.is_empty())
                .map(|stage| When::Stage(stage.to_owned())),
        });
    handoff.when = when.unwrap_or(handoff.when);
    if let Some(kinds) = table.list("counts_as_touch") {
        for kind in kinds.iter().filter(|kind| !ACTIVITY_KINDS.contains(&kind.as_str())) {
            table.problem(
                "counts_as_touch",
                format!("`{kind}` is no kind of activity"),
                format!("use some of: {}", ACTIVITY_KINDS.join(", ")),
            );
        }
        handoff.counts_as_touch = kinds;
    }
    table.finish();
    handoff
}
