//! An alert in words: what is wrong, why, what it costs, until when, whose it is, the next step.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::telling::{News, Standing};
use crate::domain::{
    money::{for_people, thousands},
    notice::{
        AlertNote, Document, Event, EventKind, RecordRef, html_escape, plain, slack_escape, wrap,
    },
    number::from_f64,
    stage::Metric,
};

/// Columns of the plain text.
const TEXT_COLUMNS: usize = 80;
/// Records that a message links to.
const LINKS_MAX: usize = 12;
/// Slack cuts a section's text here; a longer one is an error.
const SLACK_TEXT_MAX: usize = 2_900;

/// `71 %`, with a decimal below ten.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value.abs() < 10.0 && (value - value.round()).abs() > 0.05 {
        return format!("{value:.1} %");
    }
    format!("{value:.0} %")
}

/// A whole count with thousands.
pub fn count_text(value: f64) -> String {
    thousands(&format!("{value:.0}"))
}

/// Money in the company's currency, or a count; the sum of nothing, which is minus zero, is 0.
pub fn amount(metric: Metric, value: f64, currency: &str) -> String {
    match metric {
        Metric::Revenue => for_people(from_f64(value.round()).unwrap_or_default(), currency),
        _ => count_text(value.round_ties_even() + 0.0),
    }
}

/// Money as exactly as plans have it: `14,500 USD`.
pub fn exact_money(value: f64, currency: &str) -> String {
    format!("{} {currency}", count_text(value))
}

/// `Mon 9 Feb`.
pub fn civil_day(day: Date) -> String {
    jiff::fmt::strtime::format("%a %-d %b", day).unwrap_or_else(|_| day.to_string())
}

/// The day of an instant, `Mon 9 Feb`.
pub fn day(at: Timestamp, zone: &TimeZone) -> String {
    civil_day(zone.to_datetime(at).date())
}

/// `Mon 9 Feb 14:05`.
pub fn day_time(at: Timestamp, zone: &TimeZone) -> String {
    let local = zone.to_datetime(at);
    jiff::fmt::strtime::format("%a %-d %b %H:%M", local).unwrap_or_else(|_| local.to_string())
}

/// `Mon 9 Feb 14:05 EST`.
pub fn day_time_zone(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    let text = jiff::fmt::strtime::format("%a %-d %b %H:%M %Z", &local);
    text.unwrap_or_else(|_| day_time(at, zone))
}

/// `26 h`, `3 days`.
pub fn span_text(secs: i64) -> String {
    match secs {
        ..3_600 => format!("{} min", secs / 60),
        3_600..172_800 => format!("{} h", secs / 3_600),
        _ => format!("{} days", secs / 86_400),
    }
}

/// What news is called in a message.
fn prefix(news: News) -> &'static str {
    match news {
        News::Opened => "",
        News::Worse => "Worse: ",
        News::NewRecords => "More: ",
        News::Reminder => "Still: ",
        News::Resolved => "Over: ",
    }
}

/// One alert in a message.
pub struct Part<'a> {
    /// What is new.
    pub news: News,
    /// The alert.
    pub standing: &'a Standing,
    /// The records that its reader has heard of.
    pub heard: Option<&'a BTreeSet<String>>,
}

/// What a message says beside its alerts.
pub struct Frame<'a> {
    /// How far the data is complete.
    pub data_as_of: Option<Timestamp>,
    /// Now.
    pub now: Timestamp,
    /// The company's zone.
    pub zone: &'a TimeZone,
    /// Said at the end: that it is the week's last message, say.
    pub note: Option<String>,
    /// Whether all of its thread is over.
    pub over: bool,
    /// Where it can be looked at and acted on: a label and an address each.
    pub links: Vec<(String, String)>,
}

/// The message about one or several alerts; the first one is told at length.
pub fn document(parts: &[Part<'_>], frame: &Frame<'_>) -> Document {
    let Some(first) = parts.first() else { return Document::default() };
    let others = match parts.len() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    let title = plain(&format!("{}{}", prefix(first.news), first.standing.finding.summary));
    let mut lines = lines_of(first, frame);
    lines.extend(parts[1..].iter().map(|part| also(part, frame)));
    let content = Content {
        subject: format!("{title}{others}"),
        title,
        lines,
        records: records_of(parts),
        records_total: parts.iter().map(|part| part.standing.finding.records_total).sum(),
        footer: footer(parts, first.standing, frame),
        links: &frame.links,
    };
    Document {
        event: Event {
            kind: EventKind::Alert,
            over: frame.over,
            alerts: parts.iter().map(|part| note(part.standing)).collect(),
        },
        text: text(&content),
        html: html(&content),
        blocks: blocks(&content),
        subject: content.subject,
    }
}

fn note(standing: &Standing) -> AlertNote {
    let finding = &standing.finding;
    AlertNote {
        id: standing.alert,
        rule: finding.rule.clone(),
        scope: finding.scope.clone(),
        state: standing.state.name().to_owned(),
        severity: finding.severity.name().to_owned(),
        summary: finding.summary.clone(),
        value: finding.value,
        threshold: finding.threshold,
    }
}

/// A message before it has a form.
struct Content<'a> {
    subject: String,
    title: String,
    lines: Vec<(String, String)>,
    records: Vec<&'a RecordRef>,
    records_total: usize,
    footer: String,
    links: &'a [(String, String)],
}

fn lines_of(part: &Part<'_>, frame: &Frame<'_>) -> Vec<(String, String)> {
    let standing = part.standing;
    match part.news {
        News::Resolved => vec![
            ("Why".to_owned(), standing.reason.clone()),
            ("Lasted".to_owned(), lasted(standing, frame)),
        ],
        News::Reminder => {
            let mut lines = vec![("Again".to_owned(), standing.reason.clone())];
            lines.extend(standing.finding.lines.iter().cloned());
            lines
        }
        _ => standing.finding.lines.clone(),
    }
}

fn lasted(standing: &Standing, frame: &Frame<'_>) -> String {
    let lasted = span_text(frame.now.as_second() - standing.since.as_second());
    format!("{lasted}, since {}", day_time(standing.since, frame.zone))
}

/// One line about an alert that another one stands before.
fn also(part: &Part<'_>, frame: &Frame<'_>) -> (String, String) {
    let finding = &part.standing.finding;
    match part.news {
        News::Resolved => (
            "Over".into(),
            format!("{}; it lasted {}", finding.summary, lasted(part.standing, frame)),
        ),
        _ => {
            let worth = if finding.worth.is_empty() {
                String::new()
            } else {
                format!("; {}", finding.worth)
            };
            let by = match finding.act_by.as_str() {
                "today" => "today".to_owned(),
                day => format!("until {day}"),
            };
            let what =
                format!("{}{}: {}{worth}; {by}", prefix(part.news), finding.owner, finding.task);
            ("Also".into(), what)
        }
    }
}

fn footer(parts: &[Part<'_>], first: &Standing, frame: &Frame<'_>) -> String {
    let complete =
        frame.data_as_of.map_or("not known".to_owned(), |at| day_time_zone(at, frame.zone));
    let ids: Vec<String> = parts.iter().map(|part| part.standing.alert.to_string()).collect();
    let name = if ids.len() == 1 { "Alert" } else { "Alerts" };
    let note = frame.note.as_ref().map_or(String::new(), |note| format!(" {note}"));
    format!(
        "Data complete to {complete}. {name} {}, since {}: paceline alerts show {}{note}",
        ids.join(", "),
        day_time(first.since, frame.zone),
        first.alert
    )
}

/// The alerts' records, as many of each; those that their reader has not heard of stand before the others.
fn records_of<'a>(parts: &[Part<'a>]) -> Vec<&'a RecordRef> {
    let mut records: Vec<&RecordRef> = Vec::new();
    let each = LINKS_MAX.div_ceil(parts.len().max(1));
    for part in parts {
        let known = |id: &str| part.heard.is_some_and(|heard| heard.contains(id));
        let (fresh, old): (Vec<&RecordRef>, Vec<&RecordRef>) =
            part.standing.finding.records.iter().partition(|record| !known(&record.id));
        let own = fresh.into_iter().chain(old);
        let unseen = own.filter(|record| !records.contains(record));
        records.extend(unseen.take(each).collect::<Vec<_>>());
    }
    records.truncate(LINKS_MAX);
    records
}

fn records_title(total: usize, listed: usize) -> String {
    if total > listed {
        return format!("Records ({listed} of {})", thousands(&total.to_string()));
    }
    "Records".to_owned()
}

fn text(content: &Content<'_>) -> String {
    let mut out = String::new();
    wrap(&mut out, "", &content.title, TEXT_COLUMNS);
    out.push('\n');
    for (label, line) in &content.lines {
        wrap(&mut out, &format!("{:<10} ", plain(label)), line, TEXT_COLUMNS);
    }
    if !content.records.is_empty() {
        let title = records_title(content.records_total, content.records.len());
        out.push_str(&format!("\n{title}\n"));
        for record in &content.records {
            let url = record.url.as_deref().unwrap_or_default();
            let line = format!("  {} {} {}", record.object, plain(&record.id), plain(url));
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out.push('\n');
    for (label, url) in content.links {
        out.push_str(&format!("{}: {}\n", plain(label), plain(url)));
    }
    wrap(&mut out, "", &content.footer, TEXT_COLUMNS);
    out
}

fn html(content: &Content<'_>) -> String {
    let rows: String = content
        .lines
        .iter()
        .map(|(label, line)| {
            format!(
                "<tr><td style=\"padding:2px 12px 2px 0;color:#555;vertical-align:top;white-space:nowrap\">{}</td>\
                 <td style=\"padding:2px 0;vertical-align:top\">{}</td></tr>",
                html_escape(label),
                html_escape(line)
            )
        })
        .collect();
    let links: Vec<String> = content.records.iter().map(|record| html_link(record)).collect();
    let mut below = if links.is_empty() {
        String::new()
    } else {
        let title = html_escape(&records_title(content.records_total, links.len()));
        format!("<p style=\"margin:12px 0 0\">{title}: {}</p>", links.join(", "))
    };
    if !content.links.is_empty() {
        let link = |(label, url): &(String, String)| {
            format!("<a href=\"{}\">{}</a>", html_escape(url), html_escape(label))
        };
        let links: Vec<String> = content.links.iter().map(link).collect();
        below.push_str(&format!("<p style=\"margin:12px 0 0\">{}</p>", links.join(" &middot; ")));
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{subject}</title></head>\
         <body style=\"font:15px/1.5 -apple-system,Segoe UI,Helvetica,Arial,sans-serif;margin:16px\">\
         <p style=\"font-size:17px;font-weight:bold;margin:0 0 10px\">{title}</p>\
         <table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\">{rows}</table>{below}\
         <p style=\"color:#666;font-size:13px;margin:14px 0 0\">{footer}</p></body></html>",
        subject = html_escape(&content.subject),
        title = html_escape(&content.title),
        footer = html_escape(&content.footer)
    )
}

fn html_link(record: &RecordRef) -> String {
    let label = html_escape(&record.id);
    match web_link(record) {
        Some(url) => format!("<a href=\"{}\">{label}</a>", html_escape(url)),
        None => label,
    }
}

/// A link only where it is one: a vendor's text may hold `javascript:`.
fn web_link(record: &RecordRef) -> Option<&str> {
    record.url.as_deref().filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}

fn slack_link(label: &str, url: Option<&str>) -> String {
    let label = slack_escape(label);
    match url.filter(|url| !url.contains(['|', '>', '<', ' '])) {
        Some(url) => format!("<{}|{label}>", url.replace('&', "&amp;")),
        None => label,
    }
}

fn blocks(content: &Content<'_>) -> Vec<Value> {
    let body: Vec<String> = content
        .lines
        .iter()
        .map(|(label, line)| format!("*{}*  {}", slack_escape(label), slack_escape(line)))
        .collect();
    let section =
        |text: String| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
    let mut blocks = vec![section(cut(&format!("*{}*", slack_escape(&content.title))))];
    if !body.is_empty() {
        blocks.push(section(cut(&body.join("\n"))));
    }
    let mut links: Vec<String> =
        content.records.iter().map(|record| slack_link(&record.id, web_link(record))).collect();
    // Whole links are dropped, since half a link is none.
    while links.join(", ").chars().count() > SLACK_TEXT_MAX {
        links.pop();
    }
    if !links.is_empty() {
        let title = slack_escape(&records_title(content.records_total, links.len()));
        blocks.push(section(format!("{title}: {}", links.join(", "))));
    }
    if !content.links.is_empty() {
        let link = |(label, url): &(String, String)| slack_link(label, Some(url));
        let links: Vec<String> = content.links.iter().map(link).collect();
        blocks.push(section(links.join("  ·  ")));
    }
    let context = json!({"type": "mrkdwn", "text": cut(&slack_escape(&content.footer))});
    blocks.push(json!({"type": "context", "elements": [context]}));
    blocks
}

/// Cuts at the end of a line where there is one, within Slack's limit.
pub fn cut(text: &str) -> String {
    if text.chars().count() <= SLACK_TEXT_MAX {
        return text.to_owned();
    }
    let short: String = text.chars().take(SLACK_TEXT_MAX).collect();
    let end = short.rfind('\n').unwrap_or(short.len());
    format!("{}\n…", &short[..end])
}
