//! What is asked of the searches: the request, once it has been read and found good.

use jiff::civil::Date;
use serde_json::Value;

use super::message::{choice, items, only, plain, text, whole};
use super::pattern::Pattern;
use super::ranges::{days, iso_day};
use super::refusals::wrong;
use super::wire::Answer;

const FIELDS: [&str; 10] = [
    "startDate",
    "endDate",
    "dimensions",
    "dimensionFilterGroups",
    "aggregationType",
    "type",
    "searchType",
    "dataState",
    "rowLimit",
    "startRow",
];
const KINDS: [&str; 6] = ["web", "image", "video", "news", "discover", "googleNews"];
const MOST_ROWS: i64 = 25_000;
const USUAL_ROWS: i64 = 1_000;

/// By what searches are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Date,
    Query,
    Page,
    Country,
    Device,
}

const GROUPS: [(&str, Group); 5] = [
    ("date", Group::Date),
    ("query", Group::Query),
    ("page", Group::Page),
    ("country", Group::Country),
    ("device", Group::Device),
];

/// How a filter compares.
#[derive(Debug, Clone)]
enum How {
    Equals,
    Contains,
    Matches(Pattern),
}

/// A filter by a dimension.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) group: Group,
    how: How,
    negated: bool,
    wanted: String,
}

/// A request for searches.
#[derive(Debug)]
pub(super) struct SearchAsked {
    pub(super) first: Date,
    pub(super) last: Date,
    pub(super) groups: Vec<Group>,
    pub(super) conditions: Vec<Condition>,
    pub(super) by_page: bool,
    pub(super) kind: &'static str,
    /// Days that may still change are wanted as well.
    pub(super) fresh: bool,
    pub(super) limit: usize,
    pub(super) start: usize,
}

fn group(told: &Value, place: &str) -> Result<Group, Answer> {
    let name = told.as_str().map(plain).unwrap_or_default();
    match GROUPS.iter().find(|known| known.0 == name) {
        Some(known) => Ok(known.1),
        None if ["hour", "searchappearance"].contains(&name.as_str()) => {
            Err(wrong(&format!("The dimension {told} is not simulated.")))
        }
        None => Err(wrong(&format!("Invalid value for {place}: {told} is not a valid dimension."))),
    }
}

fn condition(told: &Value) -> Result<Condition, Answer> {
    only(told, "filters", &["dimension", "operator", "expression"])?;
    let group = group(&told["dimension"], "dimension")?;
    if group == Group::Date {
        return Err(wrong("Searches cannot be filtered by date."));
    }
    let names =
        ["equals", "notEquals", "contains", "notContains", "includingRegex", "excludingRegex"];
    let at = choice(&told["operator"], "operator", &names)?;
    let wanted = text(told, "expression")?;
    if wanted.is_empty() {
        return Err(wrong("A filter requires an expression."));
    }
    let how = match at {
        0 | 1 => How::Equals,
        2 | 3 => How::Contains,
        _ => match Pattern::read(wanted) {
            Some(pattern) => How::Matches(pattern),
            None => return Err(wrong(&format!("Invalid regular expression: {wanted}"))),
        },
    };
    let wanted = match how {
        How::Matches(_) => wanted.to_owned(),
        _ => wanted.to_lowercase(),
    };
    Ok(Condition { group, how, negated: at % 2 == 1, wanted })
}

impl Condition {
    /// Whether a value passes.
    pub(super) fn passes(&self, value: &str) -> bool {
        let found = match &self.how {
            How::Equals => value.to_lowercase() == self.wanted,
            How::Contains => value.to_lowercase().contains(&self.wanted),
            How::Matches(pattern) => pattern.matches(value, false),
        };
        found != self.negated
    }
}

fn conditions(request: &Value) -> Result<Vec<Condition>, Answer> {
    let mut all = Vec::new();
    for told in items(request, "dimensionFilterGroups")? {
        only(told, "dimension_filter_groups", &["groupType", "filters"])?;
        if choice(&told["groupType"], "group_type", &["and"]).is_err() {
            return Err(wrong(&format!("Invalid value for groupType: {}.", told["groupType"])));
        }
        for filter in items(told, "filters")? {
            all.push(condition(filter)?);
        }
    }
    Ok(all)
}

fn day(request: &Value, name: &str) -> Result<Date, Answer> {
    match text(request, name)? {
        "" => Err(wrong(&format!("{name} field is required."))),
        told => iso_day(told).ok_or_else(|| {
            wrong(&format!("Invalid value for {name}: '{told}' is no date of the form YYYY-MM-DD."))
        }),
    }
}

fn by_page(request: &Value, groups: &[Group], conditions: &[Condition]) -> Result<bool, Answer> {
    let names = ["auto", "byProperty", "byPage", "byNewsShowcasePanel"];
    let about_pages = groups.contains(&Group::Page)
        || conditions.iter().any(|condition| condition.group == Group::Page);
    match choice(&request["aggregationType"], "aggregation_type", &names)? {
        1 if about_pages => Err(wrong(
            "'BY_PROPERTY' is not a valid aggregation type in the context of the request.",
        )),
        3 => Err(wrong(
            "'BY_NEWS_SHOWCASE_PANEL' is not a valid aggregation type in the context of the request.",
        )),
        at => Ok(about_pages || at == 2),
    }
}

fn rows(request: &Value) -> Result<(usize, usize), Answer> {
    let (limit, start) = (whole(request, "rowLimit")?, whole(request, "startRow")?);
    let limit = if request["rowLimit"].is_null() { USUAL_ROWS } else { limit };
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(wrong(&format!(
            "Invalid value '{limit}'. Values must be within the range: [1, {MOST_ROWS}]"
        )));
    }
    if start < 0 {
        return Err(wrong(&format!(
            "Invalid value '{start}'. Values must be within the range: [0, 2147483647]"
        )));
    }
    Ok((usize::try_from(limit).unwrap_or(0), usize::try_from(start).unwrap_or(0)))
}

impl SearchAsked {
    /// Reads a request.
    pub(super) fn read(request: &Value) -> Result<SearchAsked, Answer> {
        only(request, "", &FIELDS)?;
        let (first, last) = (day(request, "startDate")?, day(request, "endDate")?);
        if last < first {
            return Err(wrong(&format!("startDate {first} is after endDate {last}.")));
        }
        let mut groups = Vec::new();
        for told in items(request, "dimensions")? {
            let group = group(told, "dimensions")?;
            if groups.contains(&group) {
                return Err(wrong(&format!("The dimension {told} is there twice.")));
            }
            groups.push(group);
        }
        let conditions = conditions(request)?;
        let told =
            if request["type"].is_null() { &request["searchType"] } else { &request["type"] };
        let states = ["data_state_unspecified", "final", "all", "hourly_all"];
        let state = choice(&request["dataState"], "data_state", &states)?;
        if state == 3 {
            return Err(wrong("'HOURLY_ALL' requires the dimension HOUR, which is not simulated."));
        }
        let (limit, start) = rows(request)?;
        Ok(SearchAsked {
            first,
            last,
            by_page: by_page(request, &groups, &conditions)?,
            kind: KINDS[choice(told, "type", &KINDS)?],
            fresh: state == 2,
            groups,
            conditions,
            limit,
            start,
        })
    }

    /// What it costs: more for many days, and most for pages together with queries.
    pub(super) fn load(&self) -> u64 {
        let is_about = |group: Group| {
            let filtered = self.conditions.iter().any(|condition| condition.group == group);
            u64::from(self.groups.contains(&group) || filtered)
        };
        let (queries, pages) = (is_about(Group::Query), is_about(Group::Page));
        days(self.first, self.last) * (1 + 4 * (queries + pages) + 8 * queries * pages)
    }
}
