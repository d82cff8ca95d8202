//! The digest as plain text, 80 columns wide.

use std::fmt::Write;

use super::Digest;
use crate::alerts::message::civil_day;
use crate::domain::notice::{self, plain};

/// The width of the page.
const COLUMNS: usize = 80;
/// Cells of a pace bar; the tenth is the plan.
const BAR_CELLS: usize = 12;

/// Writes the digest.
pub fn render(digest: &Digest) -> String {
    let mut out = String::new();
    let last = digest.to.yesterday().unwrap_or(digest.to);
    wrap(
        &mut out,
        "",
        &format!(
            "{} · week {}, {} to {}",
            digest.company,
            &digest.week[6..],
            civil_day(digest.from),
            civil_day(last)
        ),
    );
    line(&mut out, &format!("data complete to {}", digest.data_as_of_text));
    for note in &digest.notes {
        wrap(&mut out, "! ", note);
    }
    actions(&mut out, digest);
    goals(&mut out, digest);
    title(&mut out, "HAND-OFFS");
    wrap(&mut out, "", &digest.followups.sentence);
    followups(&mut out, digest);
    title(&mut out, "CHANGED SINCE LAST WEEK");
    digest.changed.iter().for_each(|text| wrap(&mut out, "- ", text));
    if !digest.restated.is_empty() {
        title(&mut out, "RESTATED");
        digest.restated.iter().for_each(|text| wrap(&mut out, "- ", text));
    }
    rates(&mut out, digest);
    if !digest.alerts.is_empty() || !digest.watched.is_empty() {
        title(&mut out, "ALERTS");
        wrap(&mut out, "", &digest.watched);
        for alert in &digest.alerts {
            let text = format!("{} (alert {}, {})", alert.summary, alert.id, alert.detail);
            wrap(&mut out, &format!("{:<7} ", alert.what), &text);
        }
    }
    title(&mut out, "DATA");
    digest.sources.iter().for_each(|text| wrap(&mut out, "- ", text));
    for (kind, count) in &digest.faults {
        wrap(&mut out, "- ", &format!("{count} x {}: paceline faults", kind.replace('_', " ")));
    }
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn title(out: &mut String, text: &str) {
    out.push('\n');
    line(out, text);
}

/// Writes words within the page.
fn wrap(out: &mut String, lead: &str, text: &str) {
    notice::wrap(out, lead, text, COLUMNS);
}

fn actions(out: &mut String, digest: &Digest) {
    title(out, "THIS WEEK");
    if digest.actions.is_empty() {
        line(out, "Nothing to do: nobody is behind, and every hand-off was followed up.");
    }
    for (index, action) in digest.actions.iter().enumerate() {
        let worth =
            if action.worth.is_empty() { String::new() } else { format!("; {}", action.worth) };
        let text = format!("{}: {}, {}{worth}", action.who, action.what, action.by);
        wrap(out, &format!("{}  ", index + 1), &text);
    }
}

fn goals(out: &mut String, digest: &Digest) {
    if digest.goals.is_empty() {
        return;
    }
    title(out, "GOALS                so far    by now   in all   pace                state");
    let mut goal = "";
    for row in &digest.goals {
        if row.goal != goal {
            goal = &row.goal;
            line(out, &plain(goal));
        }
        line(
            out,
            &format!(
                "  {:<15} {:>9} {:>9} {:>8} {:>6} {} {}",
                row.metric,
                row.actual,
                row.planned,
                row.goal_value,
                row.pace_text,
                bar(row.pace),
                row.state
            ),
        );
    }
    for text in &digest.outlooks {
        wrap(out, "", text);
    }
}

/// The pace as a bar: the mark stands at the plan.
fn bar(pace: Option<f64>) -> String {
    let filled = pace.map_or(0, |pace| (pace * 10.0).round().max(0.0) as usize);
    let mut bar = String::from("▏");
    for cell in 0..BAR_CELLS {
        if cell == 10 {
            bar.push('│');
        }
        bar.push(if cell < filled.min(BAR_CELLS) { '█' } else { ' ' });
    }
    bar
}

fn followups(out: &mut String, digest: &Digest) {
    if digest.followups.rows.is_empty() {
        return;
    }
    line(out, "                          all  in time  late  waiting  overdue  other   median");
    for row in &digest.followups.rows {
        let who = if row.is_team { row.who.clone() } else { format!("  {}", row.who) };
        let who: String = plain(&who).chars().take(24).collect();
        line(
            out,
            &format!(
                "{who:<24} {:>4} {:>8} {:>5} {:>8} {:>8} {:>6} {:>10}",
                row.handed_off,
                row.in_time,
                row.late,
                row.waiting,
                row.overdue,
                row.other,
                row.median
            ),
        );
    }
}

fn rates(out: &mut String, digest: &Digest) {
    for rate in &digest.rates {
        title(out, &format!("RATE: {}", plain(&rate.title)));
        wrap(out, "", &format!("planned {}; measured {}", rate.planned, rate.measured));
        for [channel, value, interval, size] in &rate.channels {
            let channel: String = plain(channel).chars().take(28).collect();
            let mut row = String::new();
            // Writing to a String cannot fail.
            let _ = write!(row, "  {channel:<28} {value:>7}  {interval:<18} n = {size}");
            line(out, &row);
        }
    }
}
