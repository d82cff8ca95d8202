//! An alert in words: what is wrong, why, what it costs, until when, whose it is, the next step.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    Finding,
    lifecycle::{Kind, Transition},
};
use crate::domain::{
    money::{for_people, thousands},
    notice::{Document, RecordRef, html_escape, plain, slack_escape, wrap},
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

/// What a transition is called in a message.
fn prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::Worse => "Worse: ",
        Kind::NewRecords => "More: ",
        Kind::Resolved => "Over: ",
        _ => "",
    }
}

/// The message of a transition.
pub fn document(
    transition: &Transition,
    alert: i64,
    since: Timestamp,
    data_as_of: Option<Timestamp>,
    now: Timestamp,
    zone: &TimeZone,
) -> Document {
    let finding = &transition.finding;
    let subject = plain(&format!("{}{}", prefix(transition.kind), finding.summary));
    let lines = if transition.kind == Kind::Resolved {
        let lasted = span_text(now.as_second() - since.as_second());
        vec![
            ("Why".to_owned(), transition.reason.clone()),
            ("Lasted".to_owned(), format!("{lasted}, since {}", day_time(since, zone))),
        ]
    } else {
        finding.lines.clone()
    };
    let complete = data_as_of.map_or("not known".to_owned(), |at| day_time_zone(at, zone));
    let footer = format!(
        "Data complete to {complete}. Alert {alert}, first told {}: paceline alerts show {alert}",
        day_time(since, zone)
    );
    let records = newest_first(finding, &transition.new_records);
    Document {
        text: text(&subject, &lines, finding, &records, &footer),
        html: html(&subject, &lines, finding, &records, &footer),
        blocks: blocks(&subject, &lines, finding, &records, &footer),
        subject,
    }
}

/// Records that no message named yet come first.
fn newest_first<'a>(finding: &'a Finding, new: &[String]) -> Vec<&'a RecordRef> {
    let (mut fresh, old): (Vec<&RecordRef>, Vec<&RecordRef>) =
        finding.records.iter().partition(|record| new.contains(&record.id));
    fresh.extend(old);
    fresh.truncate(LINKS_MAX);
    fresh
}

fn records_title(finding: &Finding, listed: usize) -> String {
    match finding.records_total {
        total if total > listed => {
            format!("Records ({listed} of {})", thousands(&total.to_string()))
        }
        _ => "Records".to_owned(),
    }
}

fn text(
    subject: &str,
    lines: &[(String, String)],
    finding: &Finding,
    records: &[&RecordRef],
    footer: &str,
) -> String {
    let mut out = String::new();
    wrap(&mut out, "", subject, TEXT_COLUMNS);
    out.push('\n');
    for (label, line) in lines {
        wrap(&mut out, &format!("{:<10} ", plain(label)), line, TEXT_COLUMNS);
    }
    if !records.is_empty() {
        out.push_str(&format!("\n{}\n", records_title(finding, records.len())));
        for record in records {
            let url = record.url.as_deref().unwrap_or_default();
            let line = format!("  {} {} {}", record.object, plain(&record.id), plain(url));
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out.push('\n');
    wrap(&mut out, "", footer, TEXT_COLUMNS);
    out
}

fn html(
    subject: &str,
    lines: &[(String, String)],
    finding: &Finding,
    records: &[&RecordRef],
    footer: &str,
) -> String {
    let rows: String = lines
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
    let links: Vec<String> = records.iter().map(|record| html_link(record)).collect();
    let links = if links.is_empty() {
        String::new()
    } else {
        let title = html_escape(&records_title(finding, records.len()));
        format!("<p style=\"margin:12px 0 0\">{title}: {}</p>", links.join(", "))
    };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title></head>\
         <body style=\"font:15px/1.5 -apple-system,Segoe UI,Helvetica,Arial,sans-serif;margin:16px\">\
         <p style=\"font-size:17px;font-weight:bold;margin:0 0 10px\">{title}</p>\
         <table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\">{rows}</table>{links}\
         <p style=\"color:#666;font-size:13px;margin:14px 0 0\">{footer}</p></body></html>",
        title = html_escape(subject),
        footer = html_escape(footer)
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

fn slack_link(record: &RecordRef) -> String {
    let label = slack_escape(&record.id);
    match web_link(record).filter(|url| !url.contains(['|', '>', '<', ' '])) {
        Some(url) => format!("<{}|{label}>", url.replace('&', "&amp;")),
        None => label,
    }
}

fn blocks(
    subject: &str,
    lines: &[(String, String)],
    finding: &Finding,
    records: &[&RecordRef],
    footer: &str,
) -> Vec<Value> {
    let body: Vec<String> = lines
        .iter()
        .map(|(label, line)| format!("*{}*  {}", slack_escape(label), slack_escape(line)))
        .collect();
    let section =
        |text: String| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
    let mut blocks = vec![section(cut(&format!("*{}*", slack_escape(subject))))];
    if !body.is_empty() {
        blocks.push(section(cut(&body.join("\n"))));
    }
    let mut links: Vec<String> = records.iter().map(|record| slack_link(record)).collect();
    // Whole links are dropped, since half a link is none.
    while links.join(", ").chars().count() > SLACK_TEXT_MAX {
        links.pop();
    }
    if !links.is_empty() {
        let title = slack_escape(&records_title(finding, links.len()));
        blocks.push(section(format!("{title}: {}", links.join(", "))));
    }
    let context = json!({"type": "mrkdwn", "text": cut(&slack_escape(footer))});
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
