//! The questions that compare hand-offs and quarters: the criteria, and what late follow-up costs.

use std::collections::HashMap;

use jiff::{Timestamp, ToSpan, civil::Date};

use super::{
    Snapshot,
    questioning::{Answer, Question},
    snapshot::EvaluateError,
    tallies::{cut_of, total},
};
use crate::alerts::CriteriaView;
use crate::alerts::message::{amount, count_text, percent};
use crate::diagnose::criteria::{Change, Criteria, Share, judge};
use crate::diagnose::late::{Comparison, Seen, compare};
use crate::domain::{
    period::{Every, Period},
    stage::{Metric, Stage},
};
use crate::handoff::{Ledger, Verdict, ledger::HandOff, summarise};
use crate::rates::{Tally, measured::horizon_days};

/// Quarters that are looked at, and those before them that they are compared with.
const QUARTERS: (usize, usize) = (2, 4);

/// How shares moved from some quarters to the next ones.
struct Moved {
    /// Whose share passes.
    first: Stage,
    /// The first day of the later quarters.
    since: Date,
    /// Of `first`, who became an opportunity.
    pass: Change,
    /// Of opportunities, which were won.
    won: Change,
    /// Of hand-offs, which were touched in time.
    in_time: Change,
}

impl Moved {
    fn judged(&self) -> Criteria {
        judge(&self.pass, &self.won, Some(&self.in_time))
    }

    /// The shares, and what they come to.
    fn says(&self) -> Vec<String> {
        let text = |change: &Change| {
            let (before, lately) = (change.before, change.lately);
            format!(
                "{} of {} before, {} of {} since {}",
                percent(before.share),
                count_text(before.size.round()),
                percent(lately.share),
                count_text(lately.size.round()),
                self.since
            )
        };
        let mut says = Vec::new();
        for (pair, change) in [
            (format!("{} to opportunity", self.first.name()), &self.pass),
            ("opportunity to won".to_owned(), &self.won),
        ] {
            let known = change.before.size > 0.0 && change.lately.size > 0.0;
            let text = if known { text(change) } else { "too little is known".into() };
            says.push(format!("{pair}: {text}"));
        }
        let verdict = match self.judged() {
            Criteria::NotDecidable | Criteria::Fit => None,
            Criteria::TooTight => Some("too tight: fewer pass, and more of them are won"),
            Criteria::TooLoose => Some("too loose: more pass, and fewer of them are won"),
            Criteria::LooseOrSlow => Some("too loose, or followed up too slowly: both got worse"),
        };
        says.extend(verdict.map(str::to_owned));
        says
    }
}

/// Whether too few or too many pass.
///
/// # Errors
/// When the store cannot be read.
pub async fn criteria(snapshot: &Snapshot<'_>, ledger: &Ledger) -> Result<Question, EvaluateError> {
    let mut asked = Question {
        name: "criteria",
        asks: "Do the criteria of an opportunity fit?",
        owner: "marketing and sales",
        answer: Answer::NotDecidable,
        says: Vec::new(),
    };
    let Some(moved) = moved(snapshot, ledger).await? else { return Ok(asked) };
    asked.answer = match moved.judged() {
        Criteria::NotDecidable => Answer::NotDecidable,
        Criteria::Fit => Answer::Yes,
        Criteria::TooTight | Criteria::TooLoose | Criteria::LooseOrSlow => Answer::No,
    };
    asked.says = moved.says();
    Ok(asked)
}

/// The same for the rule that looks at it.
///
/// # Errors
/// When the store cannot be read.
pub async fn criteria_view(
    snapshot: &Snapshot<'_>,
    ledger: &Ledger,
) -> Result<Option<CriteriaView>, EvaluateError> {
    let Some(moved) = moved(snapshot, ledger).await? else { return Ok(None) };
    let judged = moved.judged();
    Ok(Some(CriteriaView {
        is_too_tight: (judged != Criteria::NotDecidable).then_some(judged == Criteria::TooTight),
        passed_before: moved.pass.before.share,
        passed_lately: moved.pass.lately.share,
        says: moved.says(),
    }))
}

async fn moved(snapshot: &Snapshot<'_>, ledger: &Ledger) -> Result<Option<Moved>, EvaluateError> {
    let uses_mqls =
        snapshot.plans.iter().any(|plan| plan.chain.required.contains_key(&Metric::Mqls));
    let first = if uses_mqls { Stage::Mql } else { Stage::Lead };
    let (Ok(cut), Ok(_)) = (
        cut_of(snapshot, Stage::Opportunity, Stage::Won),
        cut_of(snapshot, first, Stage::Opportunity),
    ) else {
        return Ok(None);
    };
    let zone = &snapshot.settings.company.zone;
    let today = zone.to_datetime(cut).date();
    let wins = total(snapshot, Stage::Opportunity, Stage::Won, cut).await?;
    let passes = total(snapshot, first, Stage::Opportunity, cut).await?;
    let window = horizon_days(&wins, today);
    let Some((before, lately)) = spans(snapshot, today.saturating_sub(window.days())) else {
        return Ok(None);
    };
    let change = |of: &dyn Fn(Period) -> Share| Change { before: of(before), lately: of(lately) };
    let rate = |tally: &Tally, window: i64, period: Period| {
        let row = tally.between(period.from, period.to).row(Some(window), today);
        Share { share: row.rate.unwrap_or(0.0), size: row.size }
    };
    let in_time = |period: Period| {
        let day = |row: &&HandOff| period.contains(zone.to_datetime(row.handed_off_at).date());
        let summary = summarise(ledger.rows.iter().filter(day));
        let judged = [Verdict::InTime, Verdict::Late, Verdict::Overdue];
        let size: usize = judged.into_iter().map(|verdict| summary.count(verdict)).sum();
        Share { share: summary.in_time_share().unwrap_or(0.0), size: size as f64 }
    };
    let pass_window = horizon_days(&passes, today).min(window);
    Ok(Some(Moved {
        first,
        since: lately.from,
        pass: change(&|period| rate(&passes, pass_window, period)),
        won: change(&|period| rate(&wins, window, period)),
        in_time: change(&in_time),
    }))
}

/// The quarters that are wholly grown by a day: the latest, and those before them.
fn spans(snapshot: &Snapshot<'_>, grown: Date) -> Option<(Period, Period)> {
    let fiscal = snapshot.settings.company.fiscal_start;
    let mut from = Every::Quarter.cell(grown, fiscal).from;
    let end = from;
    let back = |from: Date| Some(Every::Quarter.cell(from.yesterday().ok()?, fiscal).from);
    for _ in 0..QUARTERS.0 {
        from = back(from)?;
    }
    let lately = Period { from, to: end };
    for _ in 0..QUARTERS.1 {
        from = back(from)?;
    }
    Some((Period { from, to: lately.from }, lately))
}

/// What late follow-up costs here.
///
/// # Errors
/// When the store cannot be read.
pub async fn cost_of_late(
    snapshot: &Snapshot<'_>,
    ledger: &Ledger,
) -> Result<Question, EvaluateError> {
    let mut asked = Question {
        name: "late_follow_up",
        asks: "Does late follow-up cost deals here?",
        owner: "sales",
        answer: Answer::NotDecidable,
        says: Vec::new(),
    };
    let Ok(cut) = cut_of(snapshot, Stage::Opportunity, Stage::Won) else { return Ok(asked) };
    let zone = &snapshot.settings.company.zone;
    let today = zone.to_datetime(cut).date();
    let wins = total(snapshot, Stage::Opportunity, Stage::Won, cut).await?;
    let window = horizon_days(&wins, today);
    let judged: Vec<(&HandOff, bool)> = grown(snapshot, ledger, cut, window);
    // The hour of the week first; where that leaves too few, the channel alone.
    let by_hour = compare(&seen(snapshot, &judged, true));
    let (found, within) = match by_hour {
        Some(found) => (Some(found), "the same channel and hour of the week"),
        None => (compare(&seen(snapshot, &judged, false)), "the same channel"),
    };
    let Some(found) = found else {
        asked.says.push("too few late or prompt hand-offs are comparable".into());
        return Ok(asked);
    };
    asked.says.push(format!(
        "within {within}, {} prompt ones are won {} points {} often than {} late ones within \
         {window} days ({} to {})",
        found.prompt,
        points(found.difference.abs()),
        if found.difference < 0.0 { "less" } else { "more" },
        found.late,
        points(found.low),
        points(found.high)
    ));
    asked.answer = if found.is_decided() && found.difference > 0.0 {
        asked.says.push(cost(snapshot, ledger, &found, cut, today));
        Answer::Yes
    } else {
        asked.says.push("a cost is not shown by this data".into());
        if found.is_decided() { Answer::No } else { Answer::NotDecidable }
    };
    Ok(asked)
}

fn points(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// First hand-offs that can be judged and were seen for the whole window, and whether they were won in it.
fn grown<'a>(
    snapshot: &Snapshot<'_>,
    ledger: &'a Ledger,
    cut: Timestamp,
    window: i64,
) -> Vec<(&'a HandOff, bool)> {
    let zone = &snapshot.settings.company.zone;
    let day = |at: Timestamp| zone.to_datetime(at).date();
    let last = day(cut).saturating_sub(window.days());
    let seen = |row: &&HandOff| row.sequence == 1 && !row.deleted && day(row.handed_off_at) <= last;
    let judged =
        |row: &&HandOff| matches!(row.verdict, Verdict::InTime | Verdict::Late | Verdict::Overdue);
    let won = |row: &'a HandOff| {
        let deal = snapshot.facts.opportunities.get(&row.opportunity)?;
        let won = deal.won_at().filter(|at| at.is_seen(cut, zone)).map(|at| at.date(zone));
        let by = day(row.handed_off_at).saturating_add(window.days());
        Some((row, won.is_some_and(|won| won <= by)))
    };
    ledger.rows.iter().filter(seen).filter(judged).filter_map(won).collect()
}

fn seen(snapshot: &Snapshot<'_>, judged: &[(&HandOff, bool)], by_hour: bool) -> Vec<Seen> {
    let company = &snapshot.settings.company;
    let mut hours: HashMap<Timestamp, String> = HashMap::new();
    let one = |(row, won): &(&HandOff, bool)| {
        let channel = row.channel.as_deref().unwrap_or_default();
        let channel = snapshot.words.channel(channel);
        let hour = hours.entry(row.handed_off_at).or_insert_with(|| {
            let local = company.zone.to_datetime(row.handed_off_at);
            format!("{:?} {}", local.weekday(), local.hour())
        });
        let stratum = if by_hour { format!("{channel} {hour}") } else { channel.to_owned() };
        Seen { stratum, prompt: row.verdict == Verdict::InTime, won: *won }
    };
    judged.iter().map(one).collect()
}

/// What the late ones of the last year would have brought.
fn cost(
    snapshot: &Snapshot<'_>,
    ledger: &Ledger,
    found: &Comparison,
    cut: Timestamp,
    today: Date,
) -> String {
    let zone = &snapshot.settings.company.zone;
    let year = today.saturating_sub(1.year());
    let late = ledger.rows.iter().filter(|row| {
        matches!(row.verdict, Verdict::Late | Verdict::Overdue)
            && row.sequence == 1
            && !row.deleted
            && zone.to_datetime(row.handed_off_at).date() > year
    });
    let late = late.count() as f64;
    let won = snapshot.actuals(None);
    let won = won.won_values(cut).filter(|(day, _)| *day > year);
    let values: Vec<f64> = won.map(|(_, value)| value).collect();
    let lost = [found.difference, found.low, found.high].map(|difference| late * difference);
    let deals = lost.map(|deals| format!("{deals:.1}"));
    let mut text = format!(
        "the {} late ones of the last year cost about {} deals ({} to {})",
        count_text(late),
        deals[0],
        deals[1],
        deals[2]
    );
    if !values.is_empty() {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let currency = &snapshot.settings.company.currency;
        let money = lost.map(|deals| amount(Metric::Revenue, deals * mean, currency));
        text.push_str(&format!(", {} ({} to {})", money[0], money[1], money[2]));
    }
    text
}
