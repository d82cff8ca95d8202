//! How mails and positions stand against what is wanted.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::State;
use crate::domain::{calendar::BusinessCalendar, moment::Moment, period::Period};
use crate::plan::target::{Target, Wanted};

/// Days of which the trend of a position is taken.
const TREND_DAYS: i64 = 90;
/// Fewer positions than this have no trend.
const POSITIONS_MIN: usize = 3;

/// Days over which positions that were counted by the day are put together.
const WEEK_DAYS: i64 = 7;
/// A week in which a keyword was shown less often says nothing about its position.
const IMPRESSIONS_MIN: u64 = 10;

/// How a target stands.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetRow {
    /// Its name.
    pub name: String,
    /// `emails` or `position`.
    pub metric: &'static str,
    /// The days it runs over.
    pub period: Period,
    /// What is wanted in the end.
    pub wanted: f64,
    /// What should be there by now; of a position none.
    pub by_now: Option<f64>,
    /// What is there; none where nothing is known.
    pub actual: Option<f64>,
    /// Where the trend leads by the end; of mails none.
    pub expected: Option<f64>,
    /// How it stands.
    pub state: State,
}

/// Mails by `at`: those sent in the target's days, against its business days that are over.
pub fn emails(
    target: &Target,
    sends: &[(Moment, u64)],
    at: Timestamp,
    calendar: &BusinessCalendar,
) -> TargetRow {
    let Wanted::Emails { count, .. } = &target.wanted else { return nothing(target) };
    let zone = &calendar.zone;
    let in_time =
        |moment: &Moment| moment.is_seen(at, zone) && target.period.contains(moment.date(zone));
    let sent: u64 = sends.iter().filter(|(at, _)| in_time(at)).map(|(_, count)| count).sum();
    let (sent, wanted) = (sent as f64, *count as f64);
    let today = zone.to_datetime(at).date();
    let days = |from: Date, to: Date| calendar.business_days(from, to).count() as f64;
    let all = days(target.period.from, target.period.to);
    let over = days(target.period.from, today.clamp(target.period.from, target.period.to));
    let by_now = if all > 0.0 { wanted * over / all } else { 0.0 };
    let state = match () {
        () if sent >= wanted => State::Ahead,
        () if today >= target.period.to => State::Behind,
        () if today < target.period.from => State::Undecided,
        () if sent >= by_now => State::OnTrack,
        () => State::AtRisk,
    };
    TargetRow {
        metric: "emails",
        wanted,
        by_now: Some(by_now),
        actual: Some(sent),
        state,
        ..nothing(target)
    }
}

/// A position by `today`: the last one known, and where the straight line through the last ninety days leads.
/// A day without a position is a day of which nothing is known, and no bad position.
pub fn position(target: &Target, seen: &[(Date, f64)], today: Date) -> TargetRow {
    let Wanted::Position { position, .. } = &target.wanted else { return nothing(target) };
    let mut known: Vec<(Date, f64)> =
        seen.iter().copied().filter(|(day, _)| *day <= today && *day < target.period.to).collect();
    known.sort_by_key(|(day, _)| *day);
    let now = known.last().map(|(_, position)| *position);
    let first = today.checked_sub(SignedDuration::from_hours(24 * TREND_DAYS)).unwrap_or(today);
    known.retain(|(day, _)| *day >= first);
    let expected = trend(&known, target.period.to);
    let reached = now.is_some_and(|now| now <= *position);
    let state = match () {
        () if reached => State::Ahead,
        () if today >= target.period.to => State::Behind,
        () if today < target.period.from => State::Undecided,
        () => match expected {
            None => State::Undecided,
            // Half a position is nothing that anybody can see.
            Some(expected) if expected <= position + 0.5 => State::OnTrack,
            Some(_) => State::AtRisk,
        },
    };
    TargetRow {
        metric: "position",
        wanted: *position,
        actual: now,
        expected,
        state,
        ..nothing(target)
    }
}

/// Positions as they are judged. One that was counted by the day is an average over whoever saw it: those of seven
/// days, back from the last one, are put together, each as often as it was seen.
pub fn weekly(seen: &[(Date, f64, Option<u64>)]) -> Vec<(Date, f64)> {
    let mut known: Vec<(Date, f64)> = Vec::new();
    let counted =
        seen.iter().filter_map(|(day, position, times)| Some((*day, *position, (*times)?)));
    let Some(last) = counted.clone().map(|(day, ..)| day).max() else {
        return seen.iter().map(|(day, position, _)| (*day, *position)).collect();
    };
    let mut weeks: BTreeMap<i64, (Date, f64, u64)> = BTreeMap::new();
    for (day, position, times) in counted {
        let back = day.until(last).map_or(0, |span| i64::from(span.get_days())) / WEEK_DAYS;
        let week = weeks.entry(back).or_insert((day, 0.0, 0));
        *week = (week.0.max(day), week.1 + position * times as f64, week.2 + times);
    }
    let judged = weeks.into_values().filter(|(.., times)| *times >= IMPRESSIONS_MIN);
    known.extend(judged.map(|(day, sum, times)| (day, sum / times as f64)));
    known.extend(seen.iter().filter(|row| row.2.is_none()).map(|(day, at, _)| (*day, *at)));
    known
}

/// The least-squares line through the positions, at the end; never better than the first.
fn trend(known: &[(Date, f64)], end: Date) -> Option<f64> {
    if known.len() < POSITIONS_MIN {
        return None;
    }
    let day = |day: Date| known[0].0.until(day).map_or(0.0, |span| f64::from(span.get_days()));
    let many = known.len() as f64;
    let (x, y) = known.iter().fold((0.0, 0.0), |(x, y), (at, p)| (x + day(*at), y + p));
    let (x, y) = (x / many, y / many);
    let (xy, xx) = known.iter().fold((0.0, 0.0), |(xy, xx), (at, p)| {
        let dx = day(*at) - x;
        (xy + dx * (p - y), xx + dx * dx)
    });
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    Some((y + slope * (day(end) - x)).max(1.0))
}

fn nothing(target: &Target) -> TargetRow {
    TargetRow {
        name: target.name.clone(),
        metric: "",
        period: target.period,
        wanted: 0.0,
        by_now: None,
        actual: None,
        expected: None,
        state: State::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    /// 22 business days in June 2026.
    fn target(wanted: Wanted) -> Target {
        let period = Period { from: date(2026, 6, 1), to: date(2026, 7, 1) };
        Target { name: "t".into(), wanted, period, place: String::new() }
    }

    #[test]
    fn mails_are_held_against_the_business_days_that_are_over() {
        let target = target(Wanted::Emails { campaign: None, count: 2_200 });
        let calendar = BusinessCalendar::standard(TimeZone::UTC);
        let sends = [
            (Moment::Day(date(2026, 5, 31)), 9_000),
            (Moment::Day(date(2026, 6, 2)), 600),
            (Moment::Day(date(2026, 6, 12)), 700),
        ];
        let row = |at: &str| emails(&target, &sends, at.parse().unwrap(), &calendar);
        let tenth = row("2026-06-10T00:00:00Z");
        assert_eq!((tenth.by_now, tenth.actual), (Some(700.0), Some(600.0)));
        assert_eq!(tenth.state, State::AtRisk);
        assert_eq!(row("2026-06-13T00:00:00Z").state, State::OnTrack);
        assert_eq!(row("2026-07-01T00:00:00Z").state, State::Behind);
        assert_eq!(row("2026-05-30T00:00:00Z").state, State::Undecided);
    }

    #[test]
    fn positions_of_days_are_put_together_by_the_week_as_often_as_they_were_seen() {
        let day = |day: i8| date(2026, 6, day);
        let seen = [
            (day(14), 2.0, Some(30)),
            (day(13), 8.0, Some(10)),
            // Nothing is known of the days between, and that is no position.
            (day(8), 5.0, Some(40)),
            (day(7), 60.0, Some(3)),
            (day(5), 9.0, None),
        ];
        let mut weekly = weekly(&seen);
        weekly.sort_by_key(|(day, _)| *day);
        assert_eq!(weekly, [(day(5), 9.0), (day(14), 4.25)]);
        assert_eq!(super::weekly(&seen[4..]), [(day(5), 9.0)]);
    }

    #[test]
    fn a_position_is_held_against_where_its_trend_leads() {
        let target = target(Wanted::Position { keyword: "k".into(), position: 1.0 });
        let weekly = |step: f64| -> Vec<(Date, f64)> {
            let day = |week: i64| date(2026, 5, 16).saturating_add(jiff::Span::new().weeks(week));
            (0..4).map(|week| (day(week), 9.0 - step * week as f64)).collect()
        };
        let better = position(&target, &weekly(2.0), date(2026, 6, 8));
        assert_eq!((better.actual, better.state), (Some(3.0), State::OnTrack));
        assert_eq!(better.expected, Some(1.0), "by the line it would be past the first");
        let slow = position(&target, &weekly(0.5), date(2026, 6, 8));
        assert_eq!(slow.state, State::AtRisk);
        assert!((slow.expected.unwrap() - (7.5 - 0.5 * 25.0 / 7.0)).abs() < 1e-9, "{slow:?}");
        assert_eq!(position(&target, &weekly(0.5), date(2026, 7, 2)).state, State::Behind);
        assert_eq!(position(&target, &[], date(2026, 6, 8)).state, State::Undecided);
        let reached = [(date(2026, 6, 3), 1.0)];
        assert_eq!(position(&target, &reached, date(2026, 7, 2)).state, State::Ahead);
    }
}
